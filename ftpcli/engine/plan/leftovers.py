"""What this run or an earlier one left on the target and has to be cleared away."""

from __future__ import annotations

from ftpcli.engine.job import Job
from ftpcli.engine.journal.journal import Failures, Journal
from ftpcli.engine.tasks.leftovers import Recover, Sweep


class Leftovers:
    """Finds out from the journal, and from nothing else, what to clear away."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self._whole = job.rules.only is None
        self._journal = journal
        self.failures = Failures()

    def displaced(self) -> list[Recover]:
        """Tasks for the start, before the target is listed, and again for the end, for what failed in between."""
        return [Recover(aside, target) for aside, target in self._journal.displaced()]

    def parts(self) -> list[Sweep]:
        """Tasks for the end: part files that the run did not need. Earlier runs' are left if only a part of the tree
        was compared, because files elsewhere may still need them."""
        stale = self._journal.stale(self.failures, earlier=self._whole)
        return [Sweep(part) for part in stale]
