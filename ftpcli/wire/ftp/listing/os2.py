"""OS/2's FTP server: ``    1234      A    11-20-26   12:34  name``; directories show ``DIR``."""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, shown, size_of
from ftpcli.wire.ftp.listing.times import in_order, seconds_of

LINE = re.compile(
    rb"\s{0,20}(\d{1,25})\s{1,20}(?:[RHSA]{1,4}\s{1,20})?(DIR\s{1,20})?(?:[RHSA]{1,4}\s{1,20})?"
    rb"(\d\d?)([-/.])(\d\d)\4(\d{2,4})\s{1,9}(\d\d):(\d\d) {1,2}(.*)"
)


def parse(line: bytes, page: Page) -> Entry | None:
    found = LINE.fullmatch(line)
    if not found:
        return None
    digits, tag, first, separator, second, third, hour, minute, raw = found.groups()
    size = size_of(digits)
    if size is None:
        raise NotAnEntry(f"invalid size in {shown(line)}")
    kind = Kind.DIR if tag else Kind.FILE
    mtime = seconds_of(*in_order(int(first), separator, int(second), int(third)), int(hour), int(minute))
    return Entry(page.name(raw, kind), kind, None if tag else size, mtime, 60.0, False)
