"""OpenVMS: HP TCP/IP Services (UCX), MultiNet, TCPware, CMU.

``NAME.TXT;3    2/5    20-NOV-2026 12:34:56.78  [GROUP,USER]  (RWED,RWED,RE,)``. A long name has a line of its own, and
its columns follow on the next. Sizes are blocks of 512 bytes, the last one not full: they are not told further. Of
the versions of a file the newest stands for all; ``NAME.DIR`` is a directory, named ``NAME`` in paths.
"""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, decoded, shown
from ftpcli.wire.ftp.listing.times import month_of, seconds_of

NAME = re.compile(rb"([^\s;]{1,255});(\d{1,5})")
COLUMNS = re.compile(
    rb"\s{1,99}(?:\d{1,10}(?:/\d{1,10})?(?:[KMG]B)?\s{1,40})?"  # blocks used/allocated
    rb"(\d\d?)-([A-Za-z]{3})-(\d{4})(?:\s{1,9}(\d\d?):(\d\d)(?::(\d\d)(?:\.\d{1,7})?)?)?"
    rb"(?:\s{1,40}\[([^\]]{1,80})\])?(?:\s{1,40}\([A-Za-z,:= ]{0,60}\))?\s{0,40}"
)
# "%RMS-E-PRV, insufficient privilege …": the name is all that we learn.
HIDDEN = re.compile(rb"\s{1,99}(?:%\S.*|.{0,200}\b[Pp]rivilege\b.{0,200})")
HEADER = re.compile(rb"\s{0,9}(?:Directory )?[\w$:-]{0,99}[\[<][\w$.,^-]{1,255}[\]>]\s{0,9}")
NO_ENTRY = re.compile(rb"\s{0,9}(?:Grand )?[Tt]otal of \d.{0,255}|%DIRECT-W-NOFILES.{0,255}")


def parse(line: bytes, page: Page) -> Entry | None:
    name = None
    if page.pending:
        pending, page.pending = page.pending, b""
        name = NAME.match(pending)
        found = read(name, line, page) if name else None
        if found:
            return found
        page.problem(f"cannot read line {shown(pending)}")
    name = NAME.match(line)
    if name:
        rest = line[name.end() :]
        if not rest.strip():
            page.pending = name[0]
            raise NotAnEntry
        return read(name, rest, page)
    if HEADER.fullmatch(line):
        if page.columns == "vms":
            raise NotAnEntry(f"the listing goes on with another directory: {shown(line)}")
        page.columns = "vms"
        raise NotAnEntry
    if NO_ENTRY.fullmatch(line):
        raise NotAnEntry
    return None


def read(name: re.Match[bytes], rest: bytes, page: Page) -> Entry | None:
    """The entry of a name and the columns behind it."""
    raw, version = name[1], int(name[2])
    mtime, precision, owner = None, 1.0, None
    found = COLUMNS.fullmatch(rest)
    if found:
        day, word, year, hour, minute, second, owner = found.groups()
        month = month_of(word)
        if not month:
            return None
        mtime = seconds_of(int(year), month, int(day), int(hour or 0), int(minute or 0), int(second or 0))
        precision = 1.0 if second else 60.0 if hour else 86400.0
    elif not HIDDEN.fullmatch(rest):
        return None
    kind = Kind.FILE
    if raw[-4:].upper() == b".DIR":
        kind, raw = Kind.DIR, raw[:-4]
        if raw == b"000000":  # the root directory lists itself
            raise NotAnEntry
    text = page.name(raw, kind)
    entry = Entry(text, kind, None, mtime, precision, False, owner=decoded(owner, page.encoding) if owner else None)
    known = page.versions.get((text, kind))
    if known is None:
        page.versions[text, kind] = version, len(page.entries)
        return entry
    if version > known[0]:
        page.versions[text, kind] = version, known[1]
        page.entries[known[1]] = entry
    raise NotAnEntry
