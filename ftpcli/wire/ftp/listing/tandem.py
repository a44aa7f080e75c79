"""HPE NonStop (Tandem Guardian): ``NAME    O  101    16384 20-Nov-26 12:34:56 244, 10 "nnnn"`` under a header."""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, shown, size_of
from ftpcli.wire.ftp.listing.times import full_year, month_of, seconds_of

HEADER = re.compile(rb"\s{0,9}File\s{1,40}Code\s{1,40}EOF\s{1,40}Last Modif.{0,200}", re.IGNORECASE)
LINE = re.compile(
    rb"\s{0,9}([A-Za-z$#][A-Za-z0-9$#]{0,8})\s{1,20}(?:[O?*]\s{1,20})?(\d{1,6})[A-Z+]{0,3}\s{1,20}(\d{1,25})\s{1,9}"
    rb"(\d\d?)-([A-Za-z]{3})-(\d{2,4})\s{1,9}(\d\d?):(\d\d):(\d\d)\s{1,20}(\d{1,3}) ?, {0,3}(\d{1,3})\s{1,9}"
    rb'"?[-A-Z]{4}"?\s{0,20}',
    re.IGNORECASE,
)
EDIT = b"101"
"""Code of text files, which are stored packed: a transfer moves another number of bytes."""


def parse(line: bytes, page: Page) -> Entry | None:
    if HEADER.fullmatch(line):
        raise NotAnEntry
    found = LINE.fullmatch(line)
    if not found:
        return None
    raw, code, digits, day, word, year, hour, minute, second, group, user = found.groups()
    month = month_of(word)
    if not month:
        return None
    size = size_of(digits)
    if size is None:
        raise NotAnEntry(f"invalid size in {shown(line)}")
    mtime = seconds_of(full_year(int(year)), month, int(day), int(hour), int(minute), int(second))
    owner = f"{int(group)},{int(user)}"
    return Entry(page.name(raw, Kind.FILE), Kind.FILE, None if code == EDIT else size, mtime, 1.0, False, owner=owner)
