"""What changed its kind, a file that became a directory or the reverse, and may be replaced because the run deletes.

The old entry is deleted like any other one: at the end, counted, guarded and backed up, a directory with everything in
it. Only when it is gone does the new one take its place. Where it must stay, so does all that is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftpcli.engine.compare.decide import Decision
from ftpcli.engine.job import Side
from ftpcli.engine.plan.deletes import Deletes, parent
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.tasks.pair import Pair
from ftpcli.engine.tasks.rename_file import New


@dataclass(frozen=True, slots=True)
class NewLink:
    """A symbolic link that is to be made: ``decision`` is about an entry of ``where``."""

    decision: Decision
    where: Pair


Successor = Pair | New | NewLink


class KindChanges:
    """For the coordinator's thread only. Entries go by the name under which they are reported."""

    def __init__(self, side: Side, deletes: Deletes, reporter: Reporter) -> None:
        """``side``: the target's."""
        self._side = side
        self._deletes = deletes
        self._reporter = reporter
        self._waiting: dict[str, tuple[Successor, str]] = {}
        self._free: list[Successor] = []

    def wait(self, shown: str, successor: Successor, why: str) -> None:
        """``successor`` waits until what is in its place is deleted; ``why`` says what that is."""
        self._waiting[shown] = successor, why

    def waits_for(self, shown: str) -> bool:
        return shown in self._waiting

    def settle(self) -> None:
        """Everything is compared: what holds back deletes in a directory protects the old entries in it, too."""
        for shown in self._waiting:
            if why := self._deletes.why_blocked(parent(shown)):
                self._deletes.block(shown, why)

    def gone(self, shown: str) -> None:
        """An entry of the target was deleted, or renamed."""
        if shown in self._waiting:
            self._free.append(self._waiting.pop(shown)[0])

    def successors(self) -> Iterator[Successor]:
        """What can take its place now; then reports what cannot."""
        yield from self._free
        self._free.clear()
        for shown, (_, why) in self._waiting.items():
            if not self._deletes.failed(shown):
                self._reporter.fail(shown, self._side.refusal(f"{why}, and could not be deleted; remove that first"))
        self._waiting.clear()
