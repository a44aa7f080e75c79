"""EPLF, spoken by Bernstein's publicfile and anonftpd: ``+i8388621.29,m824255902,r,s1234,<TAB>name``."""

from __future__ import annotations

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.facts import octal
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, shown, size_of


def parse(line: bytes, page: Page) -> Entry | None:
    if not line.startswith(b"+"):
        return None
    facts, tab, raw = line[1:].partition(b"\t")
    if not tab:
        return None
    kind = Kind.OTHER
    size = mode = None
    mtime: float | None = None
    for fact in facts.split(b","):
        if fact == b"/":
            kind = Kind.DIR
        elif fact == b"r" and kind is Kind.OTHER:
            kind = Kind.FILE
        elif fact.startswith(b"s"):
            size = size_of(fact[1:])
            if size is None:
                raise NotAnEntry(f"invalid size in {shown(line)}")
        elif fact.startswith(b"m") and fact[1:].isdigit() and len(fact) < 13:
            mtime = float(fact[1:])
        elif fact.startswith(b"up"):
            mode = octal(fact[2:])
    return Entry(page.name(raw, kind), kind, size, mtime, mode=mode)
