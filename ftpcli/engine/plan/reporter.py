"""Emits a run's events, from which its report is made, and passes failures on to the delete guard and the journal."""

from __future__ import annotations

from ftpcli.engine.events import Event, Failed, Finished, OnEvent, Planned, Report, Skipped, Summary
from ftpcli.engine.journal.journal import Failures
from ftpcli.engine.plan.deletes import FAILED, Deletes, parent
from ftpcli.engine.plan.paths import shown
from ftpcli.engine.report import count, exit_code
from ftpcli.engine.tasks.context import Shared
from ftpcli.engine.tasks.copy_file import Copied
from ftpcli.engine.tasks.pair import Pair
from ftpcli.engine.tasks.rename_file import Renamed
from ftpcli.errors import FtpcliError
from ftpcli.model import Entry

# Stands for every skipped entry if nobody listens: one object, however many entries a tree has.
_UNHEARD = Skipped("", "")


class Reporter:
    """For the coordinator's thread only. ``fatal`` is the error that ends the run early."""

    def __init__(
        self, shared: Shared, on_event: OnEvent, deletes: Deletes, failures: Failures, *, tell_skipped: bool
    ) -> None:
        self.report = Report()
        self.fatal: FtpcliError | None = None
        self._job = shared.job
        self._on_event = on_event
        self._progress = shared.progress
        self._deletes = deletes
        self._failures = failures
        self._tell_skipped = tell_skipped

    def tell(self, event: Event) -> None:
        count(self.report, event, dry_run=self._job.rules.dry_run)
        self._on_event(event)

    def end_run(self, error: FtpcliError) -> None:
        """End the run early. Only the first error is kept."""
        self.fatal = self.fatal or error

    def fail(self, shown: str, error: FtpcliError, *, alone: bool = False) -> None:
        """Something failed; nothing may be deleted in it, nor in the directory that holds it unless it is ``alone``."""
        self._failures.add(shown)
        self._deletes.block(shown, FAILED)
        if not alone:
            self._deletes.block(parent(shown), "something in it failed")
        self.tell(Failed(shown, type(error).__name__, error.message, error.reply, error.exit_code))

    def skip(self, name: str, reason: str, where: Pair | None = None) -> None:
        """``name`` is an entry of ``where``, or a whole shown path. On a hot path: called for every up-to-date file."""
        if self._tell_skipped:
            self.tell(Skipped(shown(where, name) if where is not None else name, reason))
        else:
            count(self.report, _UNHEARD)

    def directory_made(self, where: Pair) -> None:
        name = where.shown or "."
        self.tell(Planned(name, "mkdir") if self._job.rules.dry_run else Finished(name, "mkdir", 0))

    def copy_planned(self, shown: str, entry: Entry, why: str) -> None:
        self._progress.planned_files += 1
        self._progress.planned_bytes += entry.size or 0
        self.tell(Planned(shown, self._job.direction.value, entry.size, why))

    def copied(self, result: Copied) -> None:
        done = result.done
        self._progress.finished_files += 1
        self._progress.finished_bytes += done.bytes
        self.tell(
            Finished(
                result.task.shown,
                self._job.direction.value,
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
        if not self._job.rules.dry_run:
            self.tell(result.event())

    def end(self, stopped_with: int | None) -> None:
        """All tasks are over: determine the exit code. ``stopped_with``: the exit code of a stop, if there was one."""
        if stopped_with is not None:
            self.report.exit_code = stopped_with
            return
        self.report.exit_code = exit_code(self.report, self.fatal)
        if (error := self.fatal) is not None:
            self.tell(Failed("", type(error).__name__, error.message, error.reply, error.exit_code))

    def sum_up(self) -> Report:
        """Emit the last event of the run."""
        self._on_event(Summary(self.report))
        return self.report
