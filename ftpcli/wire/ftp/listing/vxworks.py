"""VxWorks (dosFs): ``    1234    Nov-20-2026  12:34:56   NAME         <DIR>`` under a header; names are filled up."""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, shown, size_of
from ftpcli.wire.ftp.listing.times import month_of, seconds_of

HEADER = re.compile(
    rb"\s{0,20}size\s{1,20}date\s{1,20}time\s{1,20}name\s{0,20}|\s{0,20}-{3,20}(?:\s{1,20}-{3,20}){3}\s{0,20}"
)
LINE = re.compile(
    rb"\s{0,20}(\d{1,25})\s{1,9}([A-Za-z]{3})-(\d\d?)-(\d{4})\s{1,9}(\d\d?):(\d\d):(\d\d) {1,3}(\S.{0,300}?)"
    rb"(?:\s{1,40}(<DIR>))?\s{0,40}"
)


def parse(line: bytes, page: Page) -> Entry | None:
    if HEADER.fullmatch(line):
        raise NotAnEntry
    found = LINE.fullmatch(line)
    month = month_of(found[2]) if found else None
    if not found or not month:
        return None
    digits, _, day, year, hour, minute, second, raw, tag = found.groups()
    size = size_of(digits)
    if size is None:
        raise NotAnEntry(f"invalid size in {shown(line)}")
    kind = Kind.DIR if tag else Kind.FILE
    mtime = seconds_of(int(year), month, int(day), int(hour), int(minute), int(second))
    return Entry(page.name(raw, kind), kind, size, mtime, 1.0, False)
