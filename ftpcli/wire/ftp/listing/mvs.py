"""IBM z/OS (MVS): data sets, members of a partitioned data set, load modules.

``VOL001 3390   2026/11/20  1   15  FB      80 27920  PO  SOME.LIBRARY`` under a header. The sizes are tracks or lines,
and "Referred" is when a data set was last *used*: neither says how many bytes it has or when it changed.
Files in z/OS Unix are listed as by ``ls``, see ``unix``.
"""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, decoded
from ftpcli.wire.ftp.listing.times import seconds_of

HEADERS = (
    (re.compile(rb"\s{0,9}Volume\s.{0,200}\sDsname\s{0,9}", re.IGNORECASE), "data sets"),
    (re.compile(rb"\s{0,9}Name\s{1,20}VV\.MM\s.{0,200}", re.IGNORECASE), "members"),
    (re.compile(rb"\s{0,9}Name\s{1,20}Size\s{1,20}TTR\s.{0,200}", re.IGNORECASE), "load modules"),
)
NAME = rb"('?[^\s'/]{1,60}'?)\s{0,20}"
DATA_SET = re.compile(
    rb"\S{1,6}\s{1,9}\S{1,9}\s{1,9}(?:\d{4}/\d\d/\d\d|\*\*NONE\*\*)\s{1,9}(?:\S{1,12}\s{1,12}){1,5}"
    rb"(?P<organised>PO(?:-E)?|PS(?:-[EL])?|DA|IS|VS|PSU|POU|DAU|ISU|HFS|ZFS)\s{1,9}" + NAME
)
# Whatever stands before the name where a data set has no attributes to show; compared without regard to case.
BARE = re.compile(
    rb"(?:\S{1,6}\s{1,9}(?:\S{1,9}\s{1,40})?)?(?P<what>Migrated|Pseudo Directory|VSAM|Tape|GDG|PATH|Alias"
    rb"|User catalog connector|Not Direct Access Device|Not Mounted|Error determining attributes)\s{1,60}" + NAME,
    re.IGNORECASE,
)

MEMBER = re.compile(
    rb"\s{0,3}([A-Z0-9@#$]{1,8})(?:\s{1,12}\d\d\.\d\d\s{1,4}\d{4}/\d\d/\d\d\s{1,4}(\d{4})/(\d\d)/(\d\d)"
    rb"\s{1,4}(\d\d):(\d\d)(?::(\d\d))?(?:\s{1,9}\d{1,9}){3}(?:\s{1,9}(\S{1,8}))?)?\s{0,40}"
)
MODULE = re.compile(rb"\s{0,3}([A-Z0-9@#$]{1,8})(?:\s{1,12}[0-9A-F]{6,8}\s.{0,120})?\s{0,40}")

ORGANISED = {
    b"PO": Kind.DIR,
    b"PO-E": Kind.DIR,
    b"POU": Kind.DIR,
    b"VS": Kind.OTHER,
    b"HFS": Kind.OTHER,
    b"ZFS": Kind.OTHER,
}
BARE_KINDS = {b"migrated": Kind.FILE, b"tape": Kind.FILE, b"pseudo directory": Kind.DIR}


def parse(line: bytes, page: Page) -> Entry | None:
    for header, columns in HEADERS:
        if header.fullmatch(line):
            page.columns = columns
            raise NotAnEntry
    if page.columns == "load modules":
        module = MODULE.fullmatch(line)
        return plain(module[1], Kind.FILE, page) if module else None
    member = MEMBER.fullmatch(line)
    if member and (page.columns == "members" or member[2]):
        return with_statistics(member, page)
    data_set = DATA_SET.fullmatch(line)
    if data_set:
        return plain(data_set[2], ORGANISED.get(data_set["organised"], Kind.FILE), page)
    bare = BARE.fullmatch(line)
    if bare and (page.columns == "data sets" or bare["what"] in (b"Migrated", b"VSAM", b"Pseudo Directory")):
        return plain(bare[2], BARE_KINDS.get(bare["what"].lower(), Kind.OTHER), page)
    return None


def plain(raw: bytes, kind: Kind, page: Page) -> Entry:
    """An entry of which the name is all that we can know. A quoted name is one outside the prefix in force."""
    return Entry(page.name(raw.strip(b"'"), kind), kind, mtime_is_utc=False)


def with_statistics(member: re.Match[bytes], page: Page) -> Entry:
    raw, year, month, day, hour, minute, second, owner = member.groups()
    name = page.name(raw, Kind.FILE)
    if not year:
        return plain(raw, Kind.FILE, page)
    mtime = seconds_of(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    precision = 1.0 if second else 60.0
    return Entry(name, Kind.FILE, None, mtime, precision, False, owner=decoded(owner, page.encoding) if owner else None)
