"""Plans the copy of one file."""

from __future__ import annotations

from ftpcli.engine.compare.decide import MISSING
from ftpcli.engine.job import Job
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.tasks.rename_file import New


class Copies:
    """For the coordinator's thread only."""

    def __init__(self, job: Job, reporter: Reporter) -> None:
        self._dry_run = job.rules.dry_run
        self._reporter = reporter

    def plan(self, new: New) -> list[CopyFile]:
        """The task for one file; none in a dry run."""
        self._reporter.copy_planned(new.shown, new.entry, new.why)
        if self._dry_run:
            return []
        replaces = new.why != MISSING and not new.is_new
        mode = None if new.there is None else new.there.mode
        return [CopyFile(new.source, new.target, new.shown, new.entry, replaces=replaces, target_mode=mode)]
