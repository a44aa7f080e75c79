"""What two modification times say about each other, as finely as each is known. Pure: no files, no clock."""

from __future__ import annotations

import math

from ftpcli.model import Entry

# Zones differ from UTC by whole quarters of an hour, and by 14 hours at most.
_QUARTER = 900.0
_WIDEST_ZONE = 14 * 3600.0
_IMPRECISE = 60.0
_EXACT = 2.0
_YOUTH = 31 * 86_400.0
_CLOCKS = 3600.0


# The kernel's clock for files lags behind by a tick of its timer, 10 ms at most.
_TICK = 0.02


# Comparisons that may take a file for up to date because of its time.
_BY_TIME = frozenset({"auto", "time"})


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
    return is_imprecise(entry) and (entry.mtime or 0.0) >= now - margin


def settles_in(mtime: float, now: float, compare: str) -> float:
    """Seconds until no other version of a local file can get the second that this one has: a copy's time says no more.

    A time to come says nothing: clocks differ. Nothing is waited for where ``compare`` does not go by times.
    """
    if compare not in _BY_TIME:
        return 0.0
    left = math.floor(mtime) + 1 - now
    return left + _TICK if mtime <= now and left > -_TICK else 0.0


def is_imprecise(entry: Entry | None) -> bool:
    """True where a listing shows less of a file's time than the server knows."""
    return entry is not None and (entry.precision >= _IMPRECISE or not entry.mtime_is_utc)
