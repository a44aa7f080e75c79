"""Names that the target treats as equal although their case or Unicode normal form differs. Pure.

Some file systems (APFS, HFS+, NTFS, vfat) fold names when they look one up. Two such names cannot exist in one
directory there, and a name may be listed in another form than it was written. What a server does is in ``aliases``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ftpcli.engine.compare.decide import Decision, What, pair
from ftpcli.model import Entry, Kind, Listing


class SameNames(Protocol):
    """Which names are one in a directory of the target; false if no two of those that matter are."""

    def key(self, name: str) -> str:
        """Equal for names that are one."""
        ...

    def __bool__(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Folding:
    """What a local file system ignores in a name."""

    case: bool = False
    form: bool = False

    def key(self, name: str) -> str:
        """Equal for names that the file system treats as equal."""
        if self.form:
            name = unicodedata.normalize("NFC", name)
        if self.case:
            name = name.casefold()
            if self.form:
                name = unicodedata.normalize("NFC", name)  # casefold() may denormalise
        return name

    def __bool__(self) -> bool:
        return self.case or self.form


# Control characters and undecodable bytes, and what servers write in their place.
_ODD = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")
_ODD_THERE = re.compile(r"[_?\ufffd]")

EXACT = Folding()
_ANYTHING = Folding(case=True, form=True)


def has_twins(names: Iterable[str]) -> bool:
    """Whether two of these names could be equal on some file system, so that the target's must be examined."""
    distinct = set(names)
    return len({_ANYTHING.key(name) for name in distinct}) < len(distinct)


def pair_folded(source: Listing, target: Listing, folding: SameNames) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Like ``decide.pair``, by folded names. If several source names match a target name, the exact one wins."""
    if not folding:
        yield from pair(source, target)
        return
    there = {folding.key(entry.name): entry for entry in target.entries}
    exact = {entry.name for entry in source.entries} & {entry.name for entry in target.entries}
    claimed = {folding.key(name) for name in exact}
    rest = {folding.key(entry.name) for entry in target.entries}
    for entry, same in pair(source, target):
        if entry is None:
            assert same is not None
            if folding.key(same.name) in rest:
                yield None, same
            continue
        key = folding.key(entry.name)
        rest.discard(key)
        if same is None and key not in claimed:
            same = there.get(key)
            claimed.add(key)
        yield entry, same


def without_clashes(decisions: Sequence[Decision], folding: SameNames) -> list[Decision]:
    """Of source names that are equal on the target, keep the one that exists there, or else the first.

    The others become conflicts: their content would replace that of the first.
    """
    if not folding:
        return list(decisions)
    winners: dict[str, Decision] = {}
    for decision in decisions:
        if _occupies_its_name(decision):
            key = folding.key(decision.name)
            first = winners.setdefault(key, decision)
            if first.target is None and decision.target is not None:
                winners[key] = decision
    return [_or_conflict(decision, winners.get(folding.key(decision.name))) for decision in decisions]


def without_unstable(listing: Listing, keeps_name: Callable[[str], bool]) -> Listing:
    """A source listing without the names that the target would list differently: the next run would not recognise them,
    and delete them. They are added to the listing's problems."""
    lost = [entry for entry in listing.entries if not keeps_name(entry.name)]
    if not lost:
        return listing
    kept = tuple(entry for entry in listing.entries if keeps_name(entry.name))
    words = "is not in the server's encoding, and would get another name here; --encoding sets the right one"
    problems = (f"the name {entry.name!a} {words}" for entry in lost)
    return replace(listing, entries=kept, problems=(*listing.problems, *problems))


def rewritten(source: Listing, target: Listing) -> dict[str, str]:
    """Source names that the server has probably altered, and what it made of them.

    Without saying so, Pure-FTPd writes ``_`` for a control character, and pyftpdlib U+FFFD for a byte that is not
    UTF-8. Every run would find such a file missing, and delete the one with the altered name.
    """
    odd = {entry.name for entry in source.entries if not entry.name.isprintable() and _ODD.search(entry.name)}
    if not odd:
        return {}
    odd -= {entry.name for entry in target.entries}
    same = {entry.name for entry in source.entries}
    strange = {_ODD_THERE.sub("", entry.name): entry.name for entry in target.entries if entry.name not in same}
    bare = {name: _ODD_THERE.sub("", _ODD.sub("", name)) for name in odd}
    return {name: strange[bare[name]] for name in odd if bare[name] in strange}


def or_rewritten(decision: Decision, others: Mapping[str, str]) -> Decision:
    """The decision, or a conflict if the server seems to have altered the name to one of ``others``."""
    if decision.name not in others or not _occupies_its_name(decision):
        return decision
    why = f"the server seems to store this name as {others[decision.name]}, as it cannot hold it; rename the file"
    return decision._replace(what=What.CONFLICT, why=why)


def _occupies_its_name(decision: Decision) -> bool:
    source = decision.source
    if source is None or decision.why == "excluded" or source.kind is Kind.OTHER:
        return False
    return source.kind is not Kind.LINK or decision.what is not What.SKIP or decision.why == "up to date"


def _or_conflict(decision: Decision, winner: Decision | None) -> Decision:
    if winner is None or winner is decision or not _occupies_its_name(decision):
        return decision
    return decision._replace(what=What.CONFLICT, why=clash(winner.name))


def clash(other: str) -> str:
    """Why a file is not stored: in the target its name is that of another one."""
    return (
        f"on the target's file system this is the same name as {other}, which is there or comes first; "
        "rename one of the two, or leave one out with --exclude"
    )
