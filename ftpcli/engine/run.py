"""The coordinator: Job → Report. It alone decides; workers do, and tell it what came of it.

Copies first, as directories are listed; then renames, links, deletes and permissions. Deletes come only where a listing
was whole and nothing failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from ftpcli.engine.backup.local import LocalBackup
from ftpcli.engine.backup.remote import RemoteBackup
from ftpcli.engine.events import Failed, OnEvent, Planned, Summary, Warned
from ftpcli.engine.job import Direction, Job, Report
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.plan.deletes import Deletes
from ftpcli.engine.plan.planner import Planner
from ftpcli.engine.plan.report import Reporter
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.tasks import small_files
from ftpcli.engine.tasks.copy_file import Copied
from ftpcli.engine.tasks.leftovers import Leftovers
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.make_link import LinkMade
from ftpcli.engine.tasks.pair import Listed
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Rechecked
from ftpcli.engine.tasks.remove import Remove
from ftpcli.engine.tasks.rename_file import Asked, AskTime, Declined, Renamed, RenameFile
from ftpcli.engine.tasks.resolve import Resolve, Resolved
from ftpcli.engine.tasks.set_mode import ModeSet, SetMode
from ftpcli.engine.trees import links
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.pool import Failure, Task, Told, WorkerPool
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.errors import FtpcliError, GuardRefused, Retry
from ftpcli.exit_codes import INTERNAL_ERROR
from ftpcli.model import Kind
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken


def run(
    job: Job,
    on_event: OnEvent,
    stop: StopToken,
    progress: RunProgress,
    journal: Journal | None = None,
    *,
    tell_skipped: bool = True,
) -> Report:
    """Carry the job out. Failures of single files are in the report, whose exit code is the run's.

    ``journal`` knows what earlier runs left, and in the end what this one leaves. Without ``tell_skipped`` there are no
    Skipped events: a tree that is up to date has one for each of its files.
    """
    return _Coordinator(job, on_event, stop, progress, journal or Journal(), tell_skipped=tell_skipped).run()


# How many tasks a worker may have waiting, so that it never idles while the coordinator is busy.
_AHEAD = 2


class _Coordinator:
    def __init__(
        self,
        job: Job,
        on_event: OnEvent,
        stop: StopToken,
        progress: RunProgress,
        journal: Journal,
        *,
        tell_skipped: bool,
    ) -> None:
        self._job = job
        self._rules = job.rules
        self._remote_target = job.direction is Direction.UPLOAD
        self._stop = stop
        self._small = 0  # small files among the tasks in flight
        self._progress = progress
        self._journal = journal
        self._leftovers = Leftovers(job, journal)
        self._deletes = Deletes(job.rules)
        self._reporter = Reporter(
            job, on_event, progress, self._deletes, self._leftovers.failures, tell_skipped=tell_skipped
        )
        keeping = RemoteBackup if self._remote_target else LocalBackup
        self._backup = keeping(job.rules.backup) if job.rules.backup else None
        memory = HostMemory()
        self._planner = Planner(job, self._reporter, self._deletes, journal, self._backup, memory)

        def opener() -> Session:
            return open_session(job.endpoint, memory, self._pool.warn, stop)

        workers = min(len(progress.workers), job.max_connections or job.parallel, job.parallel)
        self._pool = WorkerPool(
            workers,
            opener,
            retry.Policy(job.retries, job.retry_wait),
            progress,
            stop,
            job.endpoint.timing.keepalive,
            job.endpoint.place,
            small_files.SmallFiles(),
            RateLimit(job.limit_rate, stop.sleep) if job.limit_rate else None,
            journal,
        )

    def run(self) -> Report:
        began = time.monotonic()
        try:
            self._do_all(self._leftovers.asides())
            for root in self._job.roots:
                self._pool.submit(Resolve(root, self._job.direction, self._rules))
            self._loop()
            for _ in self._planner.renames():
                self._loop()
            self._progress.listing = False
            self._do_all(self._planner.attributes.links())
            self._delete()
            self._do_all(self._leftovers.asides())
            self._do_all(self._leftovers.parts())
            # Last: in a directory that may not be written to nothing else can be done.
            self._do_all(self._planner.attributes.modes())
        finally:
            self._pool.dismiss()
            self._deletes.close()
            self._planner.close()
        for event in self._pool.leftover_events():
            self._reporter.tell(event)
        self._conclude(time.monotonic() - began)
        return self._reporter.report

    # Work

    @property
    def _halted(self) -> bool:
        return self._reporter.fatal is not None or self._stop.requested

    def _loop(self) -> None:
        while True:
            self._dispatch()
            if not self._pool.in_flight:
                return
            self._take(self._pool.next_result())
            self._progress.listing = self._planner.growing

    def _dispatch(self) -> None:
        while not self._halted and self._has_room:
            task = self._planner.next_task()
            if task is None:
                return
            self._small += small_files.may_go_together(task)
            self._pool.submit(task)

    @property
    def _has_room(self) -> bool:
        """Small files that go together need company."""
        together = self._small // small_files.MOST if self._pool.pipelines else self._small
        return self._pool.in_flight - self._small + together < self._pool.size * _AHEAD

    def _take(self, result: Any) -> None:
        if isinstance(result, (Copied, Failure)):
            self._small -= small_files.may_go_together(result.task)
        match result:
            case Told():
                self._reporter.tell(result.event)
            case Failure():
                self._failed(result.task, result.error)
            case Resolved():
                for found in result.found:
                    self._planner.found(result.task, found)
            case Listed() | Probed():
                self._planner.listed(result)
            case Rechecked():
                self._planner.rechecked(result)
            case Copied():
                self._reporter.copied(result)
                if result.done.mode_problem:
                    self._planner.attributes.problem(result.task.shown, result.done.mode_problem)
            case LinkMade() | ModeSet():
                self._planner.attributes.done(result)
            case Asked():
                result.task.learn(result.entry)
            case Renamed():
                self._reporter.renamed(result)
                self._planner.renamed(result)
            case Declined():
                self._planner.declined(result)

    def _delete(self) -> None:
        if self._halted:
            return
        for owner, why in self._deletes.blocked():
            self._reporter.tell(Warned(f"nothing is deleted in {owner or '.'}: {why}"))
        try:
            self._deletes.check()
        except GuardRefused as error:
            self._reporter.end_run(error)
            if not self._rules.dry_run:  # which shows what it is that is refused
                return
        root = None if self._remote_target else self._job.roots[0].target
        for delete in self._deletes:
            if self._rules.dry_run:
                self._reporter.report.deleted += 1
                self._reporter.tell(Planned(delete.shown, "delete"))
                continue
            # A directory goes alone, after all that was in it.
            if delete.kind is Kind.DIR:
                self._drain()
            self._submit(Remove(delete.path, delete.shown, delete.kind, root, self._backup))
            if delete.kind is Kind.DIR:
                self._drain()
            if self._halted:
                break
        self._drain()

    def _do_all(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            if isinstance(task, SetMode) and task.shuts:
                self._drain()
            self._submit(task)
        self._drain()

    def _submit(self, task: Task) -> None:
        while not self._has_room:
            self._take(self._pool.next_result())
        if not self._halted:
            self._pool.submit(task)

    def _drain(self) -> None:
        while self._pool.in_flight:
            self._take(self._pool.next_result())

    # What went wrong, and the end

    def _failed(self, task: Any, error: BaseException) -> None:
        if not isinstance(error, FtpcliError):
            self._stop.request(INTERNAL_ERROR)
            raise error
        if isinstance(task, (ListPair, Probe)):
            self._planner.not_listed(task.pair)
        elif isinstance(task, Resolve):
            self._leftovers.failures.add("")  # the whole tree
        if error.retry is Retry.STOP_RUN:
            self._reporter.end_run(error)
            return
        if isinstance(task, AskTime):
            return  # what the listing said must do; the copy tells what is the matter
        if isinstance(task, RenameFile):
            self._deletes.keep(task.old.shown)  # whether it has the new name nobody knows
        shown = task.pair.shown or "." if isinstance(task, (ListPair, Probe)) else task.shown
        self._reporter.fail(shown, error)

    def _conclude(self, seconds: float) -> None:
        report = self._reporter.report
        if self._planner.left_out and self._rules.only is None:
            count = self._planner.left_out
            entries = "1 entry is left out that is" if count == 1 else f"{count} entries are left out that are"
            hint = "; --symlinks follow or copy takes links" if self._rules.symlinks == links.SKIP else ""
            self._reporter.tell(Warned(f"{entries} neither file nor directory{hint}, --exclude keeps this quiet"))
        if warning := self._planner.attributes.warning():
            self._reporter.tell(Warned(warning))
        report.seconds = seconds
        report.moved = self._progress.moved
        report.connections, report.reconnects = self._pool.connections()
        for slot in self._pool.slots():
            connections, resumed = slot.data_connections()
            report.tls_data_connections += connections
            report.tls_data_resumed += resumed
            report.tls = report.tls or slot.facts
        report.exit_code = self._exit_code()
        self._journal.settle()
        if self._journal.trouble:
            self._reporter.tell(Warned(self._journal.trouble))
        self._reporter.tell(Summary(report))

    def _exit_code(self) -> int:
        fatal = self._reporter.fatal
        if self._stop.requested:
            return self._stop.exit_code
        if fatal is not None:
            self._reporter.tell(Failed("", type(fatal).__name__, fatal.message, fatal.reply, fatal.exit_code))
            return fatal.exit_code
        report = self._reporter.report
        if not report.failure_codes:
            return 0
        done = report.transferred or report.renamed
        return next(iter(report.failure_codes)) if len(report.failure_codes) == 1 and not done else 1
