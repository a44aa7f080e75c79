"""MLSD and MLST (RFC 3659 §7): ProFTPD, Pure-FTPd, FileZilla Server, pyftpdlib, IIS 10 and most servers of today.

``modify=20261120123456;size=5;type=file; name``: facts end with ``;``, and one space parts them from the name.
"""

from __future__ import annotations

import re

from ftpcli.model import Entry, Kind
from ftpcli.wire.listing.page import NotAnEntry, decoded, name_of, path_of, shown, size_of
from ftpcli.wire.listing.times import seconds_of

KINDS = {b"file": Kind.FILE, b"dir": Kind.DIR, b"cdir": Kind.DIR, b"pdir": Kind.DIR}
OWNER = {b"unix.ownername": 3, b"unix.owner": 2, b"unix.uid": 1}
GROUP = {b"unix.groupname": 3, b"unix.group": 2, b"unix.gid": 1}

# Old servers print the years since 1900 behind a fixed "19": 19126 is 2026.
MODIFY = re.compile(rb"(?:(\d{4})|19(\d{3}))(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9})\d*)?")

# Values that may hold a space, though RFC 3659 forbids it there: the names of owners, and the targets of links.
SPACED = re.compile(rb"(?:^|;)(?:unix\.(?:owner|group)(?:name)?=|type=os\.unix=s(?:ym)?link:)[^;]*$", re.IGNORECASE)


def modified(value: bytes) -> tuple[float | None, float]:
    """A ``modify`` value → seconds since 1970, and how exactly it tells them."""
    if len(value) == 14 and value.isdigit():
        number = int(value)  # faster than a pattern, and nearly every line has one
        days, clock = divmod(number, 1000000)
        months, day = divmod(days, 100)
        hours, second = divmod(clock, 100)
        return seconds_of(months // 100, months % 100, day, hours // 100, hours % 100, second), 1.0
    found = MODIFY.fullmatch(value)
    if not found:
        return None, 1.0
    year, since_1900, *rest, fraction = found.groups()
    seconds = seconds_of(int(year or 1900 + int(since_1900)), *map(int, rest))
    if seconds is None or not fraction:
        return seconds, 1.0
    return seconds + int(fraction) / 10 ** len(fraction), 0.001


def parted(line: bytes) -> tuple[bytes, bytes]:
    """Facts and name."""
    facts, space, name = line.partition(b" ")
    if not facts.endswith(b";") and b"; " in name and SPACED.search(facts):
        facts, space, name = line.partition(b"; ")
    if not space:
        raise NotAnEntry(f"cannot read line {shown(line)}")
    return facts, name


def parse(line: bytes, encoding: str, *, keep_path: bool = False) -> Entry:
    """One line → entry. With ``keep_path`` the line is from an MLST reply, and the name may be a whole path."""
    facts, raw = parted(line[1:] if keep_path and line.startswith(b" ") else line)
    told = size = sizd = target = mode = mtime = None
    precision = 1.0
    owner = group = b""
    owner_rank = group_rank = 0
    for fact in facts.split(b";"):
        key, _, value = fact.partition(b"=")
        key = key.lower()
        if key == b"type":
            told = value
        elif key == b"size":
            size = value
        elif key == b"modify":
            mtime, precision = modified(value)
        elif key == b"unix.mode":
            mode = value
        elif key == b"sizd":
            sizd = value
        elif OWNER.get(key, 0) > owner_rank:
            owner, owner_rank = value, OWNER[key]
        elif GROUP.get(key, 0) > group_rank:
            group, group_rank = value, GROUP[key]
    if told is None:
        raise NotAnEntry(f"no type told in {shown(line)}")
    kind = KINDS.get(told) or KINDS.get(told.lower())
    if kind is None:
        kind, target = unix_kind(told)
    elif not keep_path and told.lower() in (b"cdir", b"pdir"):
        raise NotAnEntry
    name = path_of(raw, encoding) if keep_path else name_of(raw, kind, encoding)
    if kind is Kind.FILE:
        number = None if size is None else size_of(size)
        if size is not None and number is None:
            raise NotAnEntry(f"invalid size in {shown(line)}")
    else:
        number = size_of(sizd or size or b"")
    return Entry(
        name,
        kind,
        number,
        mtime,
        precision,
        True,
        None if mode is None else octal(mode),
        decoded(owner, encoding) if owner else None,
        decoded(group, encoding) if group else None,
        path_of(target, encoding) if target else None,
    )


def unix_kind(told: bytes) -> tuple[Kind, bytes | None]:
    """``OS.unix=slink:/target``, ``OS.unix=symlink`` and the like → kind and target; devices and pipes are OTHER."""
    system, _, what = told.partition(b"=")
    what, _, target = what.partition(b":")
    if system.lower() == b"os.unix" and what.lower() in (b"slink", b"symlink", b"link"):
        return Kind.LINK, target or None
    return Kind.OTHER, None


def octal(digits: bytes) -> int | None:
    """``0644``, ``644``, ``100644`` or pyftpdlib's ``0o644`` → the permission bits."""
    digits = digits.removeprefix(b"0o")
    if not 1 <= len(digits) <= 8 or digits.strip(b"01234567"):
        return None
    return int(digits, 8) & 0o7777
