"""LIST shows the server's local time and does not say which zone that is; MDTM is UTC. One file tells the difference.

Zones differ from UTC by whole quarters of an hour. In a zone with daylight saving the files of one half of the year
are then still an hour off; a caller who finds nothing but the time different asks for the exact one (``stat``).
"""

from __future__ import annotations

from dataclasses import replace

from ftpcli.model import Entry, Kind, Listing

QUARTER = 900.0
WIDEST = 14 * 3600.0
_FINE_ENOUGH = 60.0


def witness(listing: Listing) -> Entry | None:
    """A file whose time is shown to the minute, if there is one."""
    return next(
        (
            entry
            for entry in listing.entries
            if entry.kind is Kind.FILE
            and entry.mtime is not None
            and not entry.mtime_is_utc
            and entry.precision <= _FINE_ENOUGH
        ),
        None,
    )


def offset(shown: float, utc: float) -> float | None:
    """How far the shown time runs ahead of UTC, in seconds; None where that can be no zone."""
    ahead = round((shown - utc) / QUARTER) * QUARTER
    return ahead if abs(ahead) <= WIDEST and abs(shown - utc - ahead) <= _FINE_ENOUGH else None


def to_utc(listing: Listing, ahead: float) -> Listing:
    """The listing with its local times turned into UTC."""
    entries = tuple(
        entry
        if entry.mtime is None or entry.mtime_is_utc
        else replace(entry, mtime=entry.mtime - ahead, mtime_is_utc=True)
        for entry in listing.entries
    )
    return replace(listing, entries=entries)
