"""Sizes, durations and speeds as people read them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def size_text(count: float) -> str:
    """``512 B``, ``1.5 KiB``, ``34 MiB``."""
    if count < 1024:
        return f"{int(count)} B"
    unit, *larger = _UNITS
    count /= 1024
    while count >= 1000 and larger:
        unit, *larger = larger
        count /= 1024
    return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"


def speed_text(count: float, seconds: float) -> str:
    """``12.3 MiB/s``; ``-`` for a duration of 0."""
    return f"{size_text(count / seconds)}/s" if seconds > 0 else "-"


def rate_text(count: float, seconds: float) -> str:
    """``41,000/s``, rounded to two digits; empty below a tenth of a second."""
    if seconds < 0.1:
        return ""
    rate = round(count / seconds)
    return f"{round(rate, min(0, 2 - len(str(rate)))):,}/s"


def duration_text(seconds: float) -> str:
    """``0.4 s``, ``59 s``, ``2 min 05 s``, ``3 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def count_text(count: int, noun: str, nouns: str | None = None) -> str:
    """``1 file``, ``2 files``, ``1,000,000 files``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"
