"""What is to be cleared away that this run or an earlier one left on the target."""

from __future__ import annotations

from ftpcli.engine.job import Job
from ftpcli.engine.journal.journal import Failures, Journal
from ftpcli.engine.tasks.leftovers import Recover, Sweep


class Leftovers:
    """Says what is to be cleared away, on the word of the journal and of nothing else."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self._whole = job.rules.only is None
        self._journal = journal
        self.failures = Failures()

    def displaced(self) -> list[Recover]:
        """At the start, before the target is listed; and at the end, for what failed in between."""
        return [Recover(aside, target) for aside, target in self._journal.displaced()]

    def parts(self) -> list[Sweep]:
        """At the end: part files that the run did not need. One that saw but a part of the tree cannot tell."""
        stale = self._journal.stale(self.failures, earlier=self._whole)
        return [Sweep(part) for part in stale]
