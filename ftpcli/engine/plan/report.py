"""What came of a run: counted in its report, told as events, remembered by those who must know of failures."""

from __future__ import annotations

from ftpcli.engine.events import Deleted, Event, Failed, Finished, OnEvent, Planned, Skipped
from ftpcli.engine.job import Job, Report
from ftpcli.engine.journal.journal import Failures
from ftpcli.engine.plan.deletes import Deletes, parent
from ftpcli.engine.plan.paths import shown
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.tasks.copy_file import Copied
from ftpcli.engine.tasks.pair import Pair
from ftpcli.engine.tasks.rename_file import Renamed
from ftpcli.errors import FtpcliError
from ftpcli.model import Entry


class Reporter:
    """For the coordinator's thread alone. ``fatal`` is what ends the run before its time."""

    def __init__(
        self,
        job: Job,
        on_event: OnEvent,
        progress: RunProgress,
        deletes: Deletes,
        failures: Failures,
        *,
        tell_skipped: bool,
    ) -> None:
        self.report = Report()
        self.fatal: FtpcliError | None = None
        self._job = job
        self._on_event = on_event
        self._progress = progress
        self._deletes = deletes
        self._failures = failures
        self._tell_skipped = tell_skipped

    def tell(self, event: Event) -> None:
        self.report.deleted += isinstance(event, Deleted)
        self._on_event(event)

    def end_run(self, error: FtpcliError) -> None:
        """The first one counts."""
        self.fatal = self.fatal or error

    def fail(self, shown: str, error: FtpcliError) -> None:
        """Something did not work out; nothing may be deleted on the word of what is around it."""
        self._failures.add(shown)
        self._deletes.block(shown, "it failed")
        self._deletes.block(parent(shown), "something in it failed")
        self.report.failed += 1
        self.report.failure_codes.add(error.exit_code)
        self._on_event(Failed(shown, type(error).__name__, error.message, error.reply, error.exit_code))

    def skip(self, name: str, reason: str, where: Pair | None = None) -> None:
        """``name`` is that within ``where``, or the whole shown path. Called a million times, so it stays short."""
        self.report.skipped += 1
        if self._tell_skipped:
            self._on_event(Skipped(shown(where, name) if where is not None else name, reason))

    def directory_made(self, where: Pair) -> None:
        self.report.made_directories += 1
        name = where.shown or "."
        self._on_event(Planned(name, "mkdir") if self._job.rules.dry_run else Finished(name, "mkdir", 0))

    def copy_planned(self, shown: str, entry: Entry, why: str) -> None:
        """In a dry run it counts as done."""
        self._progress.planned_files += 1
        self._progress.planned_bytes += entry.size or 0
        self._on_event(Planned(shown, self._job.direction.value, entry.size, why))
        if self._job.rules.dry_run:
            self.report.transferred += 1
            self.report.bytes += entry.size or 0

    def copied(self, result: Copied) -> None:
        done = result.done
        self.report.transferred += 1
        self.report.bytes += done.bytes
        self._progress.finished_files += 1
        self._progress.finished_bytes += done.bytes
        self._on_event(
            Finished(
                result.task.shown,
                result.task.direction.value,
                result.worker,
                bytes=done.bytes,
                seconds=result.seconds,
                tries=result.tries,
                resumed_from=done.resumed_from,
                verified=done.verified,
                tls=result.tls,
                backup=result.backup,
            )
        )

    def renamed(self, result: Renamed) -> None:
        self._deletes.renamed(result.task.old.number)
        self.report.renamed += 1
        if not self._job.rules.dry_run:
            self._on_event(result.event())
