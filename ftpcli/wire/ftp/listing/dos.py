"""``dir`` of Windows: IIS, FileZilla Server's ancestors, Windows CE and other servers that print its lines.

``11-20-26  01:34PM                 1234 name`` and ``2026-11-20  13:34    <DIR>          name``. After a size comes one
space; a ``<TAG>`` is filled up to fifteen columns.
"""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, path_of, shown, size_of
from ftpcli.wire.ftp.listing.times import in_order, seconds_of

LINE = re.compile(
    rb"\s{0,9}(\d{1,4})([-/.])(\d\d?)\2(\d{2,4})\.?,?\s{1,9}"  # date
    rb"(\d\d?):(\d\d)(?::(\d\d))?(?: ?([AaPp])(?:\.?[Mm]\.?)?)?\s{1,40}"  # time
    rb"(?:<([A-Za-z]{3,12})>( {0,15})|(\d{1,3}(?:(?:[.,']|\xc2\xa0|\xe2\x80\xaf|\xa0|\xff)\d{3}){1,6}|\d{1,25}) )(.*)"
)
TAGGED = 15
LINKS = (b"JUNCTION", b"SYMLINK", b"SYMLINKD")


def parse(line: bytes, page: Page) -> Entry | None:
    found = LINE.match(line)
    if not found:
        return None
    first, separator, second, third, hour, minute, seconds, half, tag, padding, digits, raw = found.groups()
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half in b"Pp" else 0)
    days = in_order(int(first), separator, int(second), int(third))
    mtime = seconds_of(*days, hours, int(minute), int(seconds or 0))
    precision = 1.0 if seconds else 60.0
    if tag is None:
        size = size_of(re.sub(rb"\D", b"", digits))
        if size is None:
            raise NotAnEntry(f"invalid size in {shown(line)}")
        return Entry(page.name(raw, Kind.FILE), Kind.FILE, size, mtime, precision, False)
    raw = padding[TAGGED - len(tag) - 2 :] + raw
    kind, target = (Kind.DIR if tag.upper() == b"DIR" else Kind.OTHER), None
    if tag.upper() in LINKS:
        kind = Kind.LINK
        if raw.endswith(b"]") and (cut := raw.find(b" [")) > 0:
            raw, target = raw[:cut], path_of(raw[cut + 2 : -1], page.encoding)
    return Entry(page.name(raw, kind), kind, None, mtime, precision, False, target=target)
