"""Pairs two listings and decides. Pure: no files, no network, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ftpcli.model import Entry, Kind, Listing, Rules
from ftpcli.parts import PART_SUFFIX, is_part

# Zones differ from UTC by whole quarters of an hour, and by 14 hours at most.
_QUARTER = 900.0
_WIDEST_ZONE = 14 * 3600.0
_VAGUE = 60.0
_EXACT = 2.0
_YOUTH = 31 * 86_400.0
_CLOCKS = 3600.0
# The kernel's clock for files lags behind by a tick of its timer, 10 ms at most.
_TICK = 0.02

# Permission bits of owner, group and others; setuid, setgid and sticky bits are never copied.
PERMISSIONS = 0o777

MISSING = "missing"
UP_TO_DATE = "up to date"
TIME_DIFFERS = "time differs"
CONTENT_UNKNOWN = "same size; its digest will tell"
TIME_UNSURE = "same size, and its time is listed to the minute only"


# Comparisons that may take a file for up to date because of its time.
_BY_TIME = frozenset({"auto", "time"})


class What(Enum):
    COPY = "copy"
    LINK = "link"
    CHMOD = "chmod"
    DESCEND = "descend"
    SKIP = "skip"
    DELETE = "delete"
    CONFLICT = "conflict"


class Decision(NamedTuple):
    """What is to be done about one name, and why, for people. ``target`` is what is there already.

    A tuple because there is one for each entry of the tree, and those are made fastest.
    """

    what: What
    name: str
    source: Entry | None
    target: Entry | None
    why: str = ""


def pair(source: Listing, target: Listing) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Entries of the same name, side by side; part files are nobody's business here."""
    there = {
        entry.name: entry
        for entry in target.entries
        if not (entry.name.endswith(PART_SUFFIX) and _is_part(entry))  # the cheap question first
    }
    seen: set[str] = set()
    for entry in source.entries:
        name = entry.name
        # Some servers list a name twice while it is being replaced.
        if name not in seen and not (name.endswith(PART_SUFFIX) and _is_part(entry)):
            seen.add(name)
            yield entry, there.pop(name, None)
    for entry in there.values():
        yield None, entry


def is_empty(listing: Listing) -> bool:
    """True also where there are only part files: those of a run that was killed, or our own marker."""
    return all(_is_part(entry) for entry in listing.entries)


def _is_part(entry: Entry) -> bool:
    return entry.kind in (Kind.FILE, Kind.LINK) and is_part(entry.name)


def decide(source: Entry | None, target: Entry | None, rules: Rules) -> Decision:
    """What to do about one pair; at least one of the two is there."""
    if source is None:
        assert target is not None
        what = What.DELETE if rules.delete else What.SKIP
        return Decision(what, target.name, None, target, "not in the source")
    if source.kind is Kind.LINK and rules.symlinks != "copy":
        return Decision(What.SKIP, source.name, source, target, "symbolic link")
    if source.kind is Kind.OTHER:
        return Decision(What.SKIP, source.name, source, target, "neither a file nor a directory")
    if target is not None and target.kind is not source.kind:
        why = f"it is {_kind(source)}, but {_kind(target)} is in its place; remove that first"
        return Decision(What.CONFLICT, source.name, source, target, why)
    if source.kind is Kind.DIR:
        return Decision(What.DESCEND, source.name, source, target)
    if source.kind is Kind.LINK:
        what = What.SKIP if target is not None and source.target == target.target is not None else What.LINK
        why = "missing" if target is None else UP_TO_DATE if what is What.SKIP else "it leads elsewhere"
        return Decision(what, source.name, source, target, why)
    if rules.newer_only and target is not None and not _is_newer(source, target):
        return Decision(What.SKIP, source.name, source, target, "not newer than what is there")
    why = difference(source, target, rules.compare)
    if why and not (why == TIME_DIFFERS and arrived_later(source, target, rules)):
        return Decision(What.COPY, source.name, source, target, why)
    if rules.perms and (other := other_mode(source, target)):
        return Decision(What.CHMOD, source.name, source, target, other)
    return Decision(What.SKIP, source.name, source, target, UP_TO_DATE)


def arrived_later(source: Entry, target: Entry | None, rules: Rules) -> bool:
    """Whether another time means nothing: a copy made with --no-times keeps that of its arrival."""
    if rules.times or rules.compare != "auto" or target is None or None in (source.mtime, target.mtime):
        return False
    return not is_vague(source) and not is_vague(target) and _is_newer(target, source)


def other_mode(source: Entry, target: Entry | None) -> str:
    """How the permission bits differ; empty where they do not, or one side does not tell them."""
    if target is None or source.mode is None or target.mode is None:
        return ""
    here, there = source.mode & PERMISSIONS, target.mode & PERMISSIONS
    return f"permissions differ: {here:03o} here, {there:03o} there" if here != there else ""


def _is_newer(source: Entry, target: Entry) -> bool:
    """True also where a time is not known: a copy too much does less harm than one too few."""
    if source.mtime is None or target.mtime is None:
        return True
    return source.mtime > target.mtime and not same_time(source, target)


def _kind(entry: Entry) -> str:
    return {
        Kind.FILE: "a file",
        Kind.DIR: "a directory",
        Kind.LINK: "a symbolic link",
        Kind.OTHER: "something that is neither file nor directory",
    }[entry.kind]


def difference(source: Entry, target: Entry | None, compare: str) -> str:
    """Why a file must be copied; empty where it need not."""
    if target is None:
        return MISSING
    if compare == "always":
        return "asked for"
    if compare != "time" and source.size != target.size and None not in (source.size, target.size):
        return f"size differs: {source.size} in the source, {target.size} in the target"
    if compare == "checksum":
        return CONTENT_UNKNOWN
    if compare != "size" and not same_time(source, target):
        return TIME_DIFFERS
    return ""


def same_time(one: Entry, other: Entry) -> bool:
    """True unless the two are certainly different: each ``mtime`` begins an interval of its ``precision``.

    Where a time's zone is not known, the zone that would bring the two closest is assumed.
    """
    if one.mtime is None or other.mtime is None or one.mtime == other.mtime:
        return True
    apart = one.mtime - other.mtime
    if not (one.mtime_is_utc and other.mtime_is_utc):
        apart -= max(-_WIDEST_ZONE, min(_WIDEST_ZONE, round(apart / _QUARTER) * _QUARTER))
        # The start of the interval may be rounded to either side of a quarter.
        return abs(apart) < max(one.precision, other.precision, 1.0)
    # Servers cut fractions off, file systems keep them: a second is the finest that means anything.
    return -max(one.precision, 1.0) < apart < max(other.precision, 1.0)


def is_exact(entry: Entry) -> bool:
    """True where size and time are told so finely that another content would show."""
    return entry.size is not None and entry.mtime is not None and entry.mtime_is_utc and entry.precision <= _EXACT


def is_young(entry: Entry, now: float) -> bool:
    """True where a listing's minute is not enough to go by: what changes now may change again in the same minute.

    ``now``: seconds since 1970 UTC. Where nobody looks for longer than this, the minute has to do.
    """
    return (entry.mtime or 0.0) >= now - _YOUTH


def may_change_unseen(entry: Entry, now: float) -> bool:
    """True where the minute that a listing shows may not be over yet on the server, whatever its clock and zone."""
    margin = _CLOCKS if entry.mtime_is_utc else _CLOCKS + _WIDEST_ZONE
    return is_vague(entry) and (entry.mtime or 0.0) >= now - margin


def settles_in(mtime: float, now: float, compare: str) -> float:
    """Seconds until no other version of a local file can get the second that this one has: a copy's time says no more.

    A time to come says nothing: clocks differ. Nothing is waited for where ``compare`` does not go by times.
    """
    if compare not in _BY_TIME:
        return 0.0
    left = math.floor(mtime) + 1 - now
    return left + _TICK if mtime <= now and left > -_TICK else 0.0


def is_vague(entry: Entry | None) -> bool:
    """True where a listing shows less of a file's time than the server knows."""
    return entry is not None and (entry.precision >= _VAGUE or not entry.mtime_is_utc)
