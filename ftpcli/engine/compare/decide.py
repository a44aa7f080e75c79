"""Pairs two listings and decides what to do about each name. Pure: no files, no network, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ftpcli.engine.compare.timekeeping import Timekeeping
from ftpcli.engine.compare.times import same_time
from ftpcli.engine.job import Rules
from ftpcli.model import Entry, Kind, Listing
from ftpcli.part_names import PART_SUFFIX, is_part

# Permission bits of owner, group and others; setuid, setgid and sticky bits are never copied.
PERMISSIONS = 0o777
# The owner needs all of these to change what is in a directory.
OWNERS_BITS = 0o700

# Reasons, shown to people; the planner looks for some of them again.
MISSING = "missing"
UP_TO_DATE = "up to date"
TIME_DIFFERS = "time differs"
TIME_DIFFERS_HERE = "time differs; a dry run does not try out how this server keeps times"
NOT_NEWER = "not newer than what is there"
CONTENT_UNKNOWN = "same size; its digest will tell"
TIME_UNSURE = "same size, and its time is listed to the minute only"


class What(Enum):
    COPY = "copy"
    LINK = "link"
    CHMOD = "chmod"
    DESCEND = "descend"
    SKIP = "skip"
    DELETE = "delete"
    REPLACE = "replace"
    CONFLICT = "conflict"


class Decision(NamedTuple):
    """What to do about one name, and why, for people. ``target`` is the existing target entry.

    A tuple because one is made for each entry of the tree, and tuples are fastest to make.
    """

    what: What
    name: str
    source: Entry | None
    target: Entry | None
    why: str = ""


def pair(source: Listing, target: Listing) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Entries paired by name, without part files."""
    there = {
        entry.name: entry
        for entry in target.entries
        if not (entry.name.endswith(PART_SUFFIX) and _is_part(entry))  # the cheap check first
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
    """True also if there are only part files: those of a killed run, or the marker of ``plan.overlap``."""
    return all(_is_part(entry) for entry in listing.entries)


def _is_part(entry: Entry) -> bool:
    return entry.kind in (Kind.FILE, Kind.LINK) and is_part(entry.name)


def decide(source: Entry | None, target: Entry | None, rules: Rules, keeping: Timekeeping | None = None) -> Decision:
    """What to do about one pair, at least one of which is not None. ``keeping``: what the target does with times, where
    that is known, and the times here are exact enough to go by it."""
    if source is None:
        assert target is not None
        what = What.DELETE if rules.delete else What.SKIP
        return Decision(what, target.name, None, target, "not in the source")
    if source.kind is Kind.LINK and rules.symlinks != "copy":
        return Decision(What.SKIP, source.name, source, target, "symbolic link")
    if source.kind is Kind.OTHER:
        return Decision(What.SKIP, source.name, source, target, "neither a file nor a directory")
    if target is not None and target.kind is not source.kind:
        why = f"it is {_kind(source)}, but {_kind(target)} is in its place"
        # Two spellings of one name: deleting the old one could delete what was just stored.
        by_delete = source.name == target.name and _may_replace(source, target, rules)
        if by_delete and rules.delete:
            return Decision(What.REPLACE, source.name, source, target, why)
        why = f"{why}; remove that first{' (mirror --delete does)' if by_delete else ''}"
        return Decision(What.CONFLICT, source.name, source, target, why)
    if source.kind is Kind.DIR:
        return Decision(What.DESCEND, source.name, source, target)
    if source.kind is Kind.LINK:
        what = What.SKIP if target is not None and source.target == target.target is not None else What.LINK
        why = "missing" if target is None else UP_TO_DATE if what is What.SKIP else "it leads elsewhere"
        return Decision(what, source.name, source, target, why)
    if rules.newer_only and target is not None and not _is_newer(source, target, rules, keeping):
        return Decision(What.SKIP, source.name, source, target, NOT_NEWER)
    why = difference(source, target, rules, keeping)
    if why:
        return Decision(What.COPY, source.name, source, target, why)
    if rules.perms and (other := other_mode(source, target)):
        return Decision(What.CHMOD, source.name, source, target, other)
    return Decision(What.SKIP, source.name, source, target, UP_TO_DATE)


def _may_replace(source: Entry, target: Entry, rules: Rules) -> bool:
    """Whether --delete deletes an entry of another kind to make room. A link in the place of a directory stays: most
    likely it was put there on purpose, as ``current -> releases/7``, unless the run copies links."""
    if target.kind is Kind.OTHER:
        return False
    return not (target.kind is Kind.LINK and source.kind is Kind.DIR and rules.symlinks != "copy")


def other_mode(source: Entry, target: Entry | None) -> str:
    """How the permission bits differ; empty if they do not, or if they are not known on both sides."""
    if target is None or source.mode is None or target.mode is None:
        return ""
    here, there = source.mode & PERMISSIONS, target.mode & PERMISSIONS
    return f"permissions differ: {here:03o} here, {there:03o} there" if here != there else ""


def _is_newer(source: Entry, target: Entry, rules: Rules, keeping: Timekeeping | None) -> bool:
    """True also if a time is not known: an unnecessary copy does less harm than a missing one."""
    if source.mtime is None or target.mtime is None:
        return True
    if is_same_time(source, target, rules):
        return False
    return source.mtime > target.mtime if keeping is None else keeping.newer(source, target)


def is_same_time(source: Entry, target: Entry, rules: Rules) -> bool:
    """``times.same_time``, within what the user allows."""
    return (
        same_time(source, target)
        if rules.modify_window is None
        else same_time(source, target, within=rules.modify_window + 1.0)
    )


def _is_of_same_version(source: Entry, target: Entry, rules: Rules, keeping: Timekeeping | None) -> bool:
    """Whether the target's time is one that a copy of the source would have."""
    if is_same_time(source, target, rules) and (keeping is None or not keeping.is_chance(source)):
        return True
    if keeping is None:
        return False
    if keeping.holds:
        return rules.modify_window is None and keeping.vouches(source, target)
    return rules.compare == "auto" and keeping.vouches(source, target)


def _kind(entry: Entry) -> str:
    return {
        Kind.FILE: "a file",
        Kind.DIR: "a directory",
        Kind.LINK: "a symbolic link",
        Kind.OTHER: "something that is neither file nor directory",
    }[entry.kind]


def difference(source: Entry, target: Entry | None, rules: Rules, keeping: Timekeeping | None = None) -> str:
    """Why a file must be copied; empty if it need not be."""
    compare = rules.compare
    if target is None:
        return MISSING
    if compare == "always":
        return "asked for"
    if compare != "time" and source.size != target.size and None not in (source.size, target.size):
        return f"size differs: {source.size} in the source, {target.size} in the target"
    if compare == "checksum":
        return CONTENT_UNKNOWN
    if compare != "size" and not _is_of_same_version(source, target, rules, keeping):
        return TIME_DIFFERS
    return ""
