"""IBM i (OS/400, AS/400): ``QSECOFR      1234 11/20/26 12:34:56 *STMF      name``; directories end with ``/``."""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, decoded, shown, size_of
from ftpcli.wire.ftp.listing.times import in_order, seconds_of

LINE = re.compile(
    rb"(\S{1,10})\s{1,20}(?:(\d{1,25})\s{1,9}(\d{1,4})([-/.,])(\d\d)\4(\d{2,4})\s{1,9}(\d\d)[:.](\d\d)[:.](\d\d)\s{1,9}"
    rb"|\s{20,60})?"
    rb"(\*[A-Z][A-Z0-9]{0,9})( {1,11})(.*)"
)
TYPED = 11
"""The type is filled up to ten columns; one more space follows."""

DIRECTORIES = (b"*DIR", b"*DDIR", b"*LIB", b"*FLR")
FILES = (b"*STMF", b"*DSTMF", b"*DOC", b"*FILE", b"*MEM")


def parse(line: bytes, page: Page) -> Entry | None:
    found = LINE.match(line)
    if not found:
        return None
    owner, digits, first, separator, second, third, hour, minute, seconds, what, padding, raw = found.groups()
    raw = padding[TYPED - len(what) :] + raw
    kind = Kind.OTHER
    if what in DIRECTORIES or raw.endswith(b"/"):
        kind = Kind.DIR
        raw = raw.removesuffix(b"/")
    elif what in FILES:
        kind = Kind.FILE
    elif what == b"*SYMLNK":
        kind = Kind.LINK
    mtime = size = None
    if digits:
        days = in_order(int(first), separator, int(second), int(third))
        mtime = seconds_of(*days, int(hour), int(minute), int(seconds))
        size = size_of(digits)
        if size is None:
            raise NotAnEntry(f"invalid size in {shown(line)}")
    if what in (b"*FILE", b"*MEM"):
        size = None  # a database file's allocation, not the bytes that a transfer moves
    return Entry(page.name(raw, kind), kind, size, mtime, 1.0, False, owner=decoded(owner, page.encoding))
