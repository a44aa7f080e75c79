"""Patterns in paths on a server, expanded by the client (``*``, ``?`` and ``[...]``). ``[*]`` matches ``*`` alone."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ftpcli.errors import FtpcliError, ListingInDoubt, NotFound, Refused, TransientRefusal
from ftpcli.model import Entry, Kind
from ftpcli.part_names import is_part
from ftpcli.session.contract import Session

_MAGIC = frozenset("*?[")
_ESCAPED = re.compile(r"\[([*?[])\]")


def _literal(part: str) -> str | None:
    """The only name that a part of a pattern matches; None where it matches several."""
    return None if _MAGIC.intersection(_ESCAPED.sub("", part)) else _ESCAPED.sub(r"\1", part)


@dataclass(frozen=True)
class Expansion:
    """``matches``: paths that match, sorted. ``gaps``: by path, directories where others may be that match too, as they
    could not be listed, or not whole."""

    matches: list[tuple[str, Entry]]
    gaps: Mapping[str, FtpcliError] = field(default_factory=dict)


def expand(session: Session, pattern: str) -> Expansion:
    """Wildcards match neither a slash nor a leading dot. Raises FtpcliError, and NotFound if nothing matches."""
    absolute = pattern.startswith("/")
    parts = [part for part in pattern.split("/") if part]
    gaps: dict[str, FtpcliError] = {}
    found: list[tuple[str, Entry]] = [("/" if absolute else "", Entry("", Kind.DIR))]
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        name = _literal(part)
        if name is not None:
            found = [(_join(base, name), Entry(name, Kind.DIR)) for base, _ in found]
            if last:
                found = _existing(session, found)
        else:
            found = [match for base, _ in found for match in _matches(session, base, part, gaps, last=last)]
    if not found:
        raise next(iter(gaps.values()), NotFound(f"nothing matches {pattern}"))
    return Expansion(sorted(found, key=lambda match: match[0]), gaps)


def _join(base: str, name: str) -> str:
    return posixpath.join(base, name) if base else name


def _existing(session: Session, candidates: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    there = []
    for path, _ in candidates:
        try:
            there.append((path, session.stat(path)))
        except NotFound:
            continue
    return there


def _matches(
    session: Session, base: str, part: str, gaps: dict[str, FtpcliError], *, last: bool
) -> list[tuple[str, Entry]]:
    try:
        listing = session.list(base)
    except NotFound:
        return []
    except TransientRefusal:
        raise
    except Refused as error:
        gaps[base] = error
        return []
    if listing.gap:
        gaps[base] = ListingInDoubt(f"not everything in {base or '.'} is known: {listing.gap}")
    return [
        (_join(base, entry.name), entry)
        for entry in listing.entries
        if fnmatch.fnmatchcase(entry.name, part)
        and (part.startswith(".") or not entry.name.startswith("."))
        and (last or entry.kind in (Kind.DIR, Kind.LINK))
        and not is_part(entry.name)
    ]
