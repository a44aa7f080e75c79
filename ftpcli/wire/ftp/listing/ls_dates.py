"""The dates that ``ls`` prints, with and without a year, in ISO order, and with the month names of many languages."""

from __future__ import annotations

import re
from functools import lru_cache

from ftpcli.wire.ftp.listing.times import month_of, recent, seconds_of

DAY_LONG = 86400.0
"""The precision of a date without a time."""

Stamp = tuple[float | None, float, bool]
"""An entry's mtime, precision and mtime_is_utc."""

# A word, or the month's number with the sign for "month" in UTF-8 or one of its older encodings.
MONTH = (
    rb"(?:[A-Za-z\x80-\xff]{3,14}\.?"
    rb"|\d\d?(?:\xe6\x9c\x88|\xec\x9b\x94|\xb7\xee|\x8c\x8e|\xd4\xc2|\xa4\xeb|\xbf\xf9))"
)
DATED = re.compile(
    rb"(?<!\S)(?P<size>\d{1,10}, {0,9}\d{1,10}|\d{1,19}) {1,40}(?:"
    # Nov 20 12:34 · 20. Nov 12:34 · Nov 20  2025 · Nov 20 12:34:56 2026 (BSD's -T)
    rb"(?:(?P<month>" + MONTH + rb") {1,4}(?P<day>\d\d?)\.?"
    rb"|(?P<day_first>\d\d?)\.? {0,4}(?P<month_last>" + MONTH + rb")) {1,4}"
    rb"(?:(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?: (?P<second_year>\d{4}))?)?|(?P<year>\d{4}))"
    # 2026-11-20 12:34 · 2026-11-20 12:34:56.123456789 +0100 · 2025-11-20 and a space to fill up
    rb"|(?P<date>\d{4}-\d\d-\d\d)"
    rb"(?: (?P<time>\d\d:\d\d)(?::(?P<time_second>\d\d)(?:\.\d{1,9})?)?(?: (?P<zone>[-+]\d{4}))?|(?: (?= ))?)"
    # 11-20 12:34
    rb"|(?P<short>\d\d-\d\d) (?P<short_time>\d\d:\d\d)"
    rb") "
)


@lru_cache(4096)
def year_stamp(year: bytes, month: int, day: bytes) -> Stamp:
    return seconds_of(int(year), month, int(day)), DAY_LONG, False


@lru_cache(4096)
def clock_stamp(month: int, day: bytes, hour: bytes, minute: bytes, now: float) -> Stamp:
    return recent(month, int(day), int(hour), int(minute), now), 60.0, False


def stamp_of(dated: re.Match[bytes], now: float) -> Stamp | None:
    """The time a match of ``DATED`` tells; None where the word in the month's place is none."""
    if dated["date"]:
        return iso_stamp(dated)
    if dated["short"]:
        month, day = dated["short"].split(b"-")
        return clock_stamp(int(month), day, *dated["short_time"].split(b":"), now)
    named = month_of(dated["month"] or dated["month_last"])
    if not named:
        return None
    day = dated["day"] or dated["day_first"]
    if dated["year"]:
        return year_stamp(dated["year"], named, day)
    if not dated["second"]:
        return clock_stamp(named, day, dated["hour"], dated["minute"], now)
    clock = int(dated["hour"]), int(dated["minute"])
    second = int(dated["second"])
    if dated["second_year"]:
        return seconds_of(int(dated["second_year"]), named, int(day), *clock, second), 1.0, False
    return recent(named, int(day), *clock, now, second), 1.0, False


def iso_stamp(dated: re.Match[bytes]) -> Stamp:
    """Only here a line may tell its zone (``ls --full-time``): then the time is UTC for once."""
    year, month, day = map(int, dated["date"].split(b"-"))
    if not dated["time"]:
        return seconds_of(year, month, day), DAY_LONG, False
    hour, minute = map(int, dated["time"].split(b":"))
    seconds = seconds_of(year, month, day, hour, minute, int(dated["time_second"] or 0))
    if seconds is not None and dated["zone"]:
        zone = int(dated["zone"][1:])
        ahead = zone // 100 * 3600 + zone % 100 * 60
        seconds += ahead if dated["zone"].startswith(b"-") else -ahead
    return seconds, 1.0 if dated["time_second"] else 60.0, bool(dated["zone"])
