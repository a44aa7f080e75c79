"""What a target does with the times of its files, as far as that was seen. Pure: no files, no clock; all in seconds.

Most servers keep the time that a file is given. Some keep it to two seconds (FAT), to the minute or to the day; some
take it for local time, or show it as such; some accept it and ignore it (AWS Transfer with SetStatOption), or have no
command for it, so that a file keeps the time of its arrival, by a clock that need not be right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from ftpcli.engine.compare.times import QUARTER, WIDEST_ZONE, same_time
from ftpcli.model import Entry

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
# How far back the time that is tried out lies: listings show the minutes of files of the last six months only.
_BACK = 40 * _DAY
# Not a whole quarter of an hour, nor an even minute or second: whatever is rounded shows.
_PAST_MIDNIGHT = 11 * _HOUR + 23 * _MINUTE + 47
# A clock that is off by less is not worth a word.
_WORTH_TELLING = 5.0


class Bounds(NamedTuple):
    least: float
    most: float


RIGHT = Bounds(0.0, 0.0)
UNKNOWN = Bounds(-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Timekeeping:
    """``holds``: files keep the times that they are given, to within ``precision`` and ``shift`` later; if not, each
    has the time of its arrival. ``ahead``: by how much the target's clock is ahead of this computer's.

    ``since``: what changed before that moment was dealt with by an earlier run. It decides only where two versions of a
    file would show the same time.
    """

    holds: bool
    precision: float = 1.0
    shift: float = 0.0
    ahead: Bounds = RIGHT
    since: float = -math.inf

    @property
    def is_plain(self) -> bool:
        """Whether a file shows the time that it was given."""
        return self.holds and self.precision <= 1 and not self.shift

    def vouches(self, source: Entry, target: Entry) -> bool:
        """Whether the target's time is one that a copy of the source would have, though it is not the source's."""
        if source.mtime is None or target.mtime is None:
            return False
        if self.holds:
            moved = replace(target, mtime=target.mtime - self.shift)
            return same_time(source, moved) or (
                same_time(source, moved, within=self.precision) and source.mtime < self.since
            )
        if source.mtime + source.precision <= target.mtime - self.ahead.most:
            return True
        return source.mtime < min(self.since, target.mtime + target.precision - self.ahead.least)

    def is_chance(self, source: Entry) -> bool:
        """Whether a target that shows the source's time does so by chance: the source changed in the very second in
        which an earlier version of it arrived."""
        return not self.holds and source.mtime is not None and source.mtime >= self.since > -math.inf

    def newer(self, source: Entry, target: Entry) -> bool:
        """Whether the source changed after the target did; their times are known, and differ."""
        assert source.mtime is not None
        assert target.mtime is not None
        if self.vouches(source, target):
            return False
        return not self.holds or source.mtime > target.mtime - self.shift

    def sentence(self) -> str:
        """What is unusual about it, for people; empty if nothing is."""
        if self.holds and self.shift:
            late = f"{_duration(self.shift)} {'later' if self.shift > 0 else 'earlier'}"
            return f"the server shows the times that files are given {late}; compared accordingly"
        if self.holds and self.precision > 1:
            return f"the server keeps times to {_unit(self.precision)} only; compared accordingly"
        ahead = (self.ahead.least + self.ahead.most) / 2
        if self.holds or (self.ahead.least <= _WORTH_TELLING and self.ahead.most >= -_WORTH_TELLING):
            return ""
        return f"the server's clock is {_duration(ahead)} {'ahead' if ahead > 0 else 'behind'}; compared accordingly"


# The time of a file is that of its source.
PLAIN = Timekeeping(holds=True)
# It is that of its arrival, by this computer's clock.
ARRIVAL = Timekeeping(holds=False)


def time_to_try(arrived: float) -> float:
    """A time to give a file that has just arrived, so that what becomes of it tells the most."""
    back = arrived - _BACK if arrived > 2 * _BACK else arrived + _BACK
    return back // _DAY * _DAY + _PAST_MIDNIGHT


def clock_ahead(arrived: Entry, before: float, after: float) -> Bounds:
    """By how much a clock is ahead that shows this time for a file stored between two moments."""
    assert arrived.mtime is not None
    return Bounds(arrived.mtime - after, arrived.mtime + arrived.precision - before)


def seen_from(given: float, shown: Entry, arrived: Entry) -> Timekeeping | None:
    """What a file shows that had one time on arrival and was then given ``time_to_try``; None: it kept the first."""
    assert shown.mtime is not None
    assert arrived.mtime is not None
    off = shown.mtime - given
    if abs(shown.mtime - arrived.mtime) < abs(off):
        return None
    if abs(off) < max(1.0, shown.precision):
        return PLAIN
    if shown.mtime % QUARTER == 0 and abs(off) < _DAY:
        return Timekeeping(holds=True, precision=_HOUR if shown.mtime % _HOUR == 0 and abs(off) < _HOUR else _DAY)
    shift = round(off / QUARTER) * QUARTER
    rest = abs(off - shift)
    if abs(shift) > WIDEST_ZONE or rest >= _MINUTE:
        return None
    precision = 1.0 if rest < max(1.0, shown.precision) else 2.0 if rest < 2 else _MINUTE
    return Timekeeping(holds=True, precision=precision, shift=shift)


def proves_plain(source: Entry, target: Entry) -> bool:
    """Whether this pair shows that times are kept: to the second, and odd seconds are no multiple of anything."""
    if source.mtime is None or target.mtime is None or not target.mtime_is_utc or target.precision > 1:
        return False
    return source.mtime // 1 == target.mtime // 1 and target.mtime // 1 % 2 == 1 and source.size == target.size


def zones_apart(source: Entry, target: Entry, shift: float) -> float:
    """By how many whole quarters of an hour the times differ, besides ``shift``; 0 if by something else."""
    if source.mtime is None or target.mtime is None:
        return 0.0
    off = target.mtime - shift - source.mtime // 1
    quarters = round(off / QUARTER) * QUARTER
    return quarters if abs(off - quarters) <= 2 and abs(quarters) <= WIDEST_ZONE else 0.0


def _duration(seconds: float) -> str:
    """As people say it: ``7 minutes``, ``3 days``, ``1.5 hours``."""
    seconds = abs(seconds)
    units = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1.0, "second"))
    unit, name = next((pair for pair in units if seconds >= pair[0] * 0.99), units[-1])
    count = round(seconds / unit, 1 if unit > 1 else 0)
    return f"{count:g} {name}{'' if count == 1 else 's'}"


def _unit(seconds: float) -> str:
    return {_MINUTE: "the minute", _HOUR: "the hour", _DAY: "the day"}.get(seconds, f"{seconds:g} seconds")
