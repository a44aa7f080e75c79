"""Novell NetWare's FTP server, and Hellsoft's: ``- [RWCEAFMS] owner     1234     Nov 20 12:34    name``."""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.ls_dates import DATED, stamp_of
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, decoded, shown, size_of

HEAD = re.compile(rb"([-d]) ?\[[-A-Z ]{1,12}\]\s{1,20}")
META = 256


def parse(line: bytes, page: Page) -> Entry | None:
    head = HEAD.match(line)
    dated = DATED.search(line, head.end(), META) if head else None
    stamp = stamp_of(dated, page.now) if dated else None
    if not head or not dated or not stamp:
        return None
    kind = Kind.DIR if head[1] == b"d" else Kind.FILE
    size = size_of(dated["size"])
    if size is None:
        raise NotAnEntry(f"invalid size in {shown(line)}")
    owner = line[head.end() : dated.start()].strip()
    raw = line[dated.end() :].lstrip(b" ")  # filled up with spaces; no NetWare name starts with one
    return Entry(page.name(raw, kind), kind, size, *stamp, owner=decoded(owner, page.encoding) if owner else None)
