"""Asks a server which names in a directory it takes for one another; only if it matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ftpcli.engine.compare.aliases import Aliases, manner, may_be, rough, similar
from ftpcli.errors import Refused, Unsupported
from ftpcli.model import Entry, Listing


def find_aliases(source: Listing, target: Listing, look: Callable[[str], Entry | None]) -> Aliases:
    """Which source names that the target's listing does not show are others' all the same.

    ``look`` asks for the entry of a name in the target. One question answers for all names of the directory that differ
    in the same manner.
    """
    listed = {entry.name for entry in target.entries}
    new = [entry.name for entry in source.entries if entry.name not in listed]
    if not new or len(new) + len(listed) == 1:
        return Aliases()
    inquiry = _Inquiry(source, target, look)
    for name in new:
        inquiry.settle(name)
    rest = [name for name in new if name not in inquiry.of and name not in inquiry.unsure]
    return Aliases(inquiry.of, inquiry.unsure, inquiry.apart, twins=bool(similar(rest)))


class _Inquiry:
    def __init__(self, source: Listing, target: Listing, look: Callable[[str], Entry | None]) -> None:
        self._look = look
        self._wanted = {entry.name for entry in source.entries}
        self._similar: dict[str, list[Entry]] = {}
        self._same: dict[str, bool] = {}  # by manner of difference
        self._answers: bool | None = None
        self.of: dict[str, str] = {}
        self.unsure: dict[str, str] = {}
        self.apart: dict[str, str] = {}
        for entry in target.entries:
            group = self._similar.setdefault(rough(entry.name), [])
            self._learn(entry.name, group, same=False)  # both are listed, so they are two
            group.append(entry)

    def settle(self, name: str) -> None:
        others = self._similar.get(rough(name))
        if not others:
            return
        known = {self._same.get(manner(name, other.name)) for other in others}
        if known == {False}:
            self.apart[name] = others[0].name
        elif known == {True} and len(others) == 1:
            self.of[name] = others[0].name
        else:
            self._ask(name, others)

    def _ask(self, name: str, others: Sequence[Entry]) -> None:
        try:
            found = self._look(name)
            if found is None:
                self._not_found(name, others)
                return
        except (Refused, Unsupported):
            found = None
        fitting = [other for other in others if found is not None and may_be(found, other)]
        if len(fitting) == 1:
            self.of[name] = fitting[0].name
            self._learn(name, fitting, same=True)
        else:
            self.unsure[name] = others[0].name

    def _not_found(self, name: str, others: Sequence[Entry]) -> None:
        if self._tells(others[0].name):
            self._learn(name, others, same=False)
        elif any(other.name in self._wanted for other in others):
            self.unsure[name] = others[0].name
            return
        # If they are one all the same, storing it does no harm, and a look at the listing comes before any delete.
        self.apart[name] = others[0].name

    def _tells(self, listed: str) -> bool:
        """Whether the server knows of a file that is there: without SIZE and MLST it says "not found" of every file."""
        if self._answers is None:
            self._answers = self._look(listed) is not None
        return self._answers

    def _learn(self, name: str, others: Iterable[Entry], *, same: bool) -> None:
        for other in others:
            if how := manner(name, other.name):
                self._same.setdefault(how, same)
