"""MLSD and MLST (RFC 3659 §7): ProFTPD, Pure-FTPd, FileZilla Server, pyftpdlib, IIS 10 and most servers of today.

``modify=20261120123456;size=5;type=file; name``: facts end with ``;``, and one space parts them from the name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ftpcli.model import Entry, Kind
from ftpcli.wire.ftp.listing.page import Itself, NotAnEntry, decoded, name_of, path_of, shown, size_of
from ftpcli.wire.ftp.listing.times import seconds_of

KINDS = {b"file": Kind.FILE, b"dir": Kind.DIR, b"cdir": Kind.DIR, b"pdir": Kind.DIR}

# Where a fact's value is put. Of owner and group the names come before what may be a number.
_IGNORED, _TYPE, _SIZE, _MODIFY, _MODE, _SIZD, _OWNER, _GROUP = 0, 1, 2, 3, 4, 5, 6, 9
_NOTHING: list[bytes | None] = [None] * 12
_PLACES = {
    b"type": _TYPE,
    b"size": _SIZE,
    b"modify": _MODIFY,
    b"sizd": _SIZD,
    b"unix.mode": _MODE,
    b"unix.ownername": _OWNER,
    b"unix.owner": _OWNER + 1,
    b"unix.uid": _OWNER + 2,
    b"unix.groupname": _GROUP,
    b"unix.group": _GROUP + 1,
    b"unix.gid": _GROUP + 2,
}
# The spellings that servers use, so that hardly a line needs its facts' names put in lower case.
_SPELLINGS = {
    spelling: place
    for name, place in (*_PLACES.items(), (b"perm", _IGNORED), (b"unique", _IGNORED))
    for spelling in (name, name.title(), name.replace(b"unix", b"UNIX"))
}

# Old servers print the years since 1900 behind a fixed "19": 19126 is 2026.
MODIFY = re.compile(rb"(?:(\d{4})|19(\d{3}))(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9})\d*)?")

# Values that may hold a space, though RFC 3659 forbids it there: the names of owners, and the targets of links.
SPACED = re.compile(rb"(?:^|;)(?:unix\.(?:owner|group)(?:name)?=|type=os\.unix=s(?:ym)?link:)[^;]*$", re.IGNORECASE)


def modified(value: bytes) -> tuple[float | None, float]:
    """A ``modify`` value → seconds since 1970, and how exactly it tells them."""
    if len(value) == 14 and value.isdigit():  # faster than a pattern, and nearly every line has one
        midnight = _midnight(value[:8])
        hour, minute, second = int(value[8:10]), int(value[10:12]), int(value[12:])
        if midnight is None or hour > 23 or minute > 59 or second > 60:
            return None, 1.0
        return midnight + (hour * 3600 + minute * 60 + second), 1.0
    found = MODIFY.fullmatch(value)
    if not found:
        return None, 1.0
    year, since_1900, *rest, fraction = found.groups()
    seconds = seconds_of(int(year or 1900 + int(since_1900)), *map(int, rest))
    if seconds is None or not fraction:
        return seconds, 1.0
    return seconds + int(fraction) / 10 ** len(fraction), 0.001


@lru_cache(4096)
def _midnight(digits: bytes) -> float | None:
    return seconds_of(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


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
    values = _NOTHING.copy()
    for fact in facts.split(b";"):
        key, _, value = fact.partition(b"=")
        place = _SPELLINGS.get(key)
        values[_PLACES.get(key.lower(), _IGNORED) if place is None else place] = value
    told, size = values[_TYPE], values[_SIZE]
    if told is None:
        raise NotAnEntry(f"no type told in {shown(line)}")
    target = None
    kind = KINDS.get(told) or KINDS.get(told.lower())
    if kind is None:
        kind, target = unix_kind(told)
    elif not keep_path and told.lower() in (b"cdir", b"pdir"):
        raise Itself if told.lower() == b"cdir" else NotAnEntry
    name = path_of(raw, encoding) if keep_path else name_of(raw, kind, encoding)
    if kind is Kind.FILE:
        number = None if size is None else size_of(size)
        if size is not None and number is None:
            raise NotAnEntry(f"invalid size in {shown(line)}")
    else:
        number = size_of(values[_SIZD] or size or b"")
    modify, mode = values[_MODIFY], values[_MODE]
    mtime, precision = (None, 1.0) if modify is None else modified(modify)
    owner = values[_OWNER] or values[_OWNER + 1] or values[_OWNER + 2]
    group = values[_GROUP] or values[_GROUP + 1] or values[_GROUP + 2]
    return Entry(
        name,
        kind,
        number,
        mtime,
        precision,
        True,
        None if mode is None else octal(mode),
        _holder(owner, encoding) if owner else None,
        _holder(group, encoding) if group else None,
        path_of(target, encoding) if target else None,
    )


@lru_cache(1024)
def _holder(raw: bytes, encoding: str) -> str:
    """An owner's or a group's name: a tree has few of them, and a million entries."""
    return decoded(raw, encoding)


def unix_kind(told: bytes) -> tuple[Kind, bytes | None]:
    """``OS.unix=slink:/target``, ``OS.unix=symlink`` and the like → kind and target; devices and pipes are OTHER."""
    system, _, what = told.partition(b"=")
    what, _, target = what.partition(b":")
    if system.lower() == b"os.unix" and what.lower() in (b"slink", b"symlink", b"link"):
        return Kind.LINK, target or None
    return Kind.OTHER, None


@lru_cache(1024)
def octal(digits: bytes) -> int | None:
    """``0644``, ``644``, ``100644`` or pyftpdlib's ``0o644`` → the permission bits."""
    digits = digits.removeprefix(b"0o")
    if not 1 <= len(digits) <= 8 or digits.strip(b"01234567"):
        return None
    return int(digits, 8) & 0o7777
