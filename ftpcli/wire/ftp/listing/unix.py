"""``ls -l`` in its many dialects: vsftpd, ProFTPD, Pure-FTPd, wu-ftpd, Serv-U, IIS in Unix mode, z/OS Unix and others.

``-rw-r--r--   1 owner    group        1234 Nov 20 12:34 name``. Columns may lack, the date takes many shapes; exactly
one space stands between the date and the name. Most lines match ``PLAIN``; all else goes the slower way of ``parse``,
which looks for the first size with a date behind it and takes the columns before it for what they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.ls_dates import DATED, Stamp, clock_stamp, stamp_of, year_stamp
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page, decoded, path_of, shown, size_of
from ftpcli.wire.ftp.listing.times import ENGLISH

KINDS = {b"-": Kind.FILE, b"d": Kind.DIR, b"l": Kind.LINK, b"C": Kind.FILE, b"m": Kind.FILE}

PLAIN = re.compile(
    rb"([-dl])([-rwxsStTlL]{9})[+.@]? +(?:\d+ +)?(\S+) +(?:(\S+) +)?(\d{1,18}) +"
    rb"([A-Z][a-z]{2}) +(\d\d?) +(?:(\d\d?):(\d\d)|(\d{4})) (.+)"
)
# With `ls -is`, inode and blocks stand in front. The type may be that of a device, a door, a migrated file …
HEAD = re.compile(rb"\s{0,20}(?:\d{1,20}\s{1,20}){0,2}([-dlbcpsDPnCm])([-rwxsStTlLhHp]{9})[-+.@]?")
META = 512
"""All columns before the name stand in so many bytes: bounds the search."""

TOTAL = re.compile(rb"\s*\S{1,20}:? [\d.,]+ ?[KMGT]?\s*")
TOTALS = "total totaal totale totalt insgesamt gesamt celkem razem yhteensä itogo итого toplam 合計 总用量 總計 합계"


def parse(line: bytes, page: Page) -> Entry | None:
    found = PLAIN.match(line)
    if found:
        letter, perms, owner, group, digits, word, day, hour, minute, year, raw = found.groups()
        month = ENGLISH.get(word)
        if month:
            stamp = year_stamp(year, month, day) if year else clock_stamp(month, day, hour, minute, page.now)
            return entry(page, letter, perms, owner, group, int(digits), stamp, raw)
    head = HEAD.match(line)
    if not head:
        if TOTAL.fullmatch(line) and line.split()[0].decode("utf-8", "replace").rstrip(":").lower() in TOTALS.split():
            raise NotAnEntry
        return None
    letter, perms = head.groups()
    for dated in DATED.finditer(line, head.end(), META):
        found_stamp = stamp_of(dated, page.now)
        if found_stamp:
            owner, group = people(line[head.end() : dated.start()])
            size = dated["size"]
            number = size_of(size)
            if number is None and size.isdigit():
                raise NotAnEntry(f"invalid size in {shown(line)}")
            return entry(page, letter, perms, owner, group, number, found_stamp, line[dated.end() :])
    return None


def entry(
    page: Page,
    letter: bytes,
    perms: bytes,
    owner: bytes | None,
    group: bytes | None,
    size: int | None,
    stamp: Stamp,
    raw: bytes,
) -> Entry:
    kind = KINDS.get(letter, Kind.OTHER)
    target = None
    if kind is Kind.LINK:
        raw, target = linked(raw, size, page.encoding)
    return Entry(
        page.name(raw, kind),
        kind,
        size if kind is Kind.FILE or kind is Kind.DIR else None,
        *stamp,
        mode_of(perms),
        decoded(owner, page.encoding) if owner else None,
        decoded(group, page.encoding) if group else None,
        target,
    )


def linked(raw: bytes, size: int | None, encoding: str) -> tuple[bytes, str | None]:
    """``name -> target``. Should a name hold an arrow too, the link's size decides: it is its target's length."""
    cut = len(raw) - (size or 0) - 4
    if not size or cut < 1 or raw[cut : cut + 4] != b" -> ":
        cut = raw.find(b" -> ")
    if cut < 0:
        return raw, None
    return raw[:cut], path_of(raw[cut + 4 :], encoding)


def people(columns: bytes) -> tuple[bytes | None, bytes | None]:
    """Owner and group from the columns between permissions and size: the number of links may stand before them."""
    words = columns.split()
    if len(words) > 1 and words[0].isdigit():
        columns = columns.strip()[len(words[0]) :]
        words = words[1:]
    if len(words) < 2:
        return (words[0] if words else None), None
    wide = re.split(rb" {2,}", columns.strip())
    if len(wide) == 2:
        return wide[0], wide[1]
    return words[0], b" ".join(words[1:])


@lru_cache(1024)
def mode_of(perms: bytes) -> int:
    mode = 0
    for place, letter in enumerate(perms.decode("ascii")):
        if letter in "rwxst":
            mode |= 0o400 >> place
        if letter in "sStTlLH" and place % 3 == 2:
            mode |= 0o4000 >> place // 3
    return mode
