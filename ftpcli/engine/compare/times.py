"""Compares modification times within the precision of each. Pure: no files, no clock. All values are in seconds."""

from __future__ import annotations

import math

from ftpcli.model import Entry

# Time zones differ from UTC by whole quarters of an hour, and by at most 14 hours.
QUARTER = 900.0
WIDEST_ZONE = 14 * 3600.0
_IMPRECISE = 60.0
_EXACT = 2.0
_RECENT = 31 * 86_400.0
_CLOCKS = 3600.0


# File timestamps lag behind the system clock by a tick of the kernel's timer, at most 10 ms.
_TICK = 0.02


# Ways of comparing that may take a file for up to date because of its time.
_BY_TIME = frozenset({"auto", "time"})


def same_time(one: Entry, other: Entry, *, within: float = 1.0) -> bool:
    """True unless the two are certainly different: each ``mtime`` is the start of an interval of its ``precision``.

    ``within``: what differs by less than that is the same; servers truncate fractions of a second, file systems keep
    them, so it is a second at least. If a time's zone is not known, the zone that brings the two closest is assumed.
    """
    if one.mtime is None or other.mtime is None or one.mtime == other.mtime:
        return True
    apart = one.mtime - other.mtime
    if not (one.mtime_is_utc and other.mtime_is_utc):
        apart -= max(-WIDEST_ZONE, min(WIDEST_ZONE, round(apart / QUARTER) * QUARTER))
        # The start of the interval may be rounded to either side of a quarter.
        return abs(apart) < max(one.precision, other.precision, within)
    return -max(one.precision, within) < apart < max(other.precision, within)


def is_exact(entry: Entry) -> bool:
    """Whether size and time are known so precisely that changed content would show."""
    return entry.size is not None and entry.mtime is not None and entry.mtime_is_utc and entry.precision <= _EXACT


def is_copied_time(source: Entry, target: Entry) -> bool:
    """Whether the target's time is the one that a copy of this source has: the source's, without its fraction of a
    second where the target keeps whole seconds."""
    if not is_exact(source) or not is_exact(target) or source.mtime is None:
        return False
    return target.mtime in (source.mtime, math.floor(source.mtime))


def has_fraction(entry: Entry) -> bool:
    """Whether a time is finer than a second: a file system's own, not one that a tool has set."""
    return entry.mtime is not None and entry.mtime != math.floor(entry.mtime)


def is_young(entry: Entry, now: float) -> bool:
    """Whether the file is so recent that a listing to the minute is not enough: it may change twice in one minute.

    ``now``: seconds since 1970 UTC. For files older than a month the minute has to do.
    """
    return (entry.mtime or 0.0) >= now - _RECENT


def may_change_unseen(entry: Entry, now: float) -> bool:
    """Whether the minute shown in a listing may not be over yet on the server, allowing for its clock and time zone."""
    margin = _CLOCKS if entry.mtime_is_utc else _CLOCKS + WIDEST_ZONE
    return is_imprecise(entry) and (entry.mtime or 0.0) >= now - margin


def settles_in(mtime: float, now: float, compare: str) -> float:
    """Seconds until a further change of a local file must get a later whole second as its mtime, which is all that a
    copy's time preserves.

    0 for a time in the future, as clocks differ, and if ``compare`` does not use times.
    """
    if compare not in _BY_TIME:
        return 0.0
    left = math.floor(mtime) + 1 - now
    return left + _TICK if mtime <= now and left > -_TICK else 0.0


def is_imprecise(entry: Entry | None) -> bool:
    """Whether a listing is less precise than the time that the server knows."""
    return entry is not None and (entry.precision >= _IMPRECISE or not entry.mtime_is_utc)
