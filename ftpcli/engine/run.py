"""The coordinator: Job → Report. It makes all decisions; workers carry them out and send back results.

Copies run first, while directories are being listed; then renames, links, deletes and permissions. Entries of a
directory are deleted only if its listing was complete and nothing in it failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import chain
from typing import NoReturn

from ftpcli.engine.events import OnEvent, Planned, Report, Warned
from ftpcli.engine.job import Job
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.plan.deletes import Deletes
from ftpcli.engine.plan.digests import DigestReport
from ftpcli.engine.plan.leftovers import Leftovers
from ftpcli.engine.plan.planner import Planner
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.tasks import small_files
from ftpcli.engine.tasks.check_names import CheckFree, CheckStored, FreeChecked, StoredChecked
from ftpcli.engine.tasks.context import Shared
from ftpcli.engine.tasks.copy_file import Copied, CopyFile
from ftpcli.engine.tasks.leftovers import Cleared, Recover, Sweep
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.make_link import LinkMade, MakeLink
from ftpcli.engine.tasks.pair import Listed
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.remove import Remove, Removed
from ftpcli.engine.tasks.rename_file import Asked, AskTime, Declined, Renamed, RenameFile
from ftpcli.engine.tasks.resolve import Resolve, Resolved
from ftpcli.engine.tasks.set_mode import ModeSet, SetMode
from ftpcli.engine.tasks.task import Perform, Result, Task
from ftpcli.engine.trees import links
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.messages import Failure, Told
from ftpcli.engine.workers.pool import PoolSettings, WorkerPool
from ftpcli.errors import FtpcliError, GuardRefused, Retry, is_for_lack_of_room
from ftpcli.exit_codes import INTERNAL_ERROR
from ftpcli.model import Kind
from ftpcli.session.contract import Session
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken

log = logging.getLogger("ftpcli.filters")


def run(
    job: Job,
    on_event: OnEvent,
    stop: StopToken,
    progress: RunProgress,
    journal: Journal | None = None,
    *,
    tell_skipped: bool = True,
) -> Report:
    """Carry out the job. Failures of single files are in the report, whose exit code is that of the run.

    ``journal`` records what earlier runs left behind and, in the end, what this one leaves. Without ``tell_skipped`` no
    Skipped events are sent: a tree that is up to date has one for each of its files.
    """
    shared = Shared.of(job, progress, journal or Journal(), stop)
    deletes, leftovers = Deletes(job.rules), Leftovers(job, shared.journal)
    reporter = Reporter(shared, on_event, deletes, leftovers.failures, tell_skipped=tell_skipped)
    return _Coordinator(shared, reporter, deletes, leftovers, stop).run()


# Tasks in flight per worker: one to work on and one waiting, so that no worker idles while the coordinator is busy.
_AHEAD = 2


class _Coordinator:
    def __init__(
        self, shared: Shared, reporter: Reporter, deletes: Deletes, leftovers: Leftovers, stop: StopToken
    ) -> None:
        self._job = shared.job
        self._shared = shared
        self._reporter = reporter
        self._deletes = deletes
        self._leftovers = leftovers
        self._stop = stop
        self._planner = Planner(self._job, reporter, deletes, shared.host, shared.times)
        self._digests = DigestReport(self._job, shared.host)
        self._pool = self._make_pool()
        self._small = 0  # small files among the tasks in flight

    def _make_pool(self) -> WorkerPool[Task, Result]:
        job, shared, stop = self._job, self._shared, self._stop

        def opener() -> Session:
            return open_session(job.endpoint, shared.host, self._pool.warn, stop)

        settings = PoolSettings(
            min(len(shared.progress.workers), job.max_connections or job.parallel, job.parallel),
            opener,
            retry.Policy(job.retries, job.retry_wait),
            job.endpoint.timing.keepalive,
            job.endpoint.place,
            shared.rate,
        )
        return WorkerPool(settings, Perform(shared), small_files.SmallFiles(shared), shared.progress, stop)

    def run(self) -> Report:
        began = time.monotonic()
        try:
            self._do_all(self._leftovers.displaced())
            for root in self._job.roots:
                self._pool.submit(Resolve(root))
            self._loop()
            if self._job.rules.delete_before:
                self._delete()
                self._planner.everything_is_deleted()
                self._loop()
            self._take_steps(chain(self._planner.renames(), self._planner.twins()))
            self._shared.progress.listing = False
            attributes = self._planner.comparison.attributes
            self._do_all(attributes.links())
            self._do_all(self._planner.comparison.checks())
            self._name_idle_patterns()
            if not self._job.rules.delete_before:
                self._delete()
            self._take_steps(self._planner.successors())
            self._do_all(attributes.links())
            self._do_all(self._leftovers.displaced())
            self._do_all(self._leftovers.parts())
            # Last: once a directory is read-only, nothing else can be done in it.
            self._do_all(attributes.modes())
        finally:
            self._pool.dismiss()
            self._shared.local.close()
            self._deletes.close()
            self._planner.close()
        for event in self._pool.leftover_events():
            self._reporter.tell(event)
        return self._conclude(time.monotonic() - began)

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
            self._shared.progress.listing = self._planner.growing

    def _take_steps(self, steps: Iterable[None]) -> None:
        """Each step adds tasks, and the next one may depend on what comes of them."""
        if not self._halted:
            for _ in steps:
                self._loop()
                if self._halted:  # the tasks were not carried out, so that some steps would wait for them in vain
                    return

    def _dispatch(self) -> None:
        while not self._halted and self._has_room:
            task = self._planner.next_task()
            if task is None:
                return
            self._small += small_files.may_go_together(task, self._job)
            self._pool.submit(task)

    @property
    def _has_room(self) -> bool:
        """Whether to submit more tasks. Small files that workers pipeline count as batches, so that batches fill up."""
        together = self._small // small_files.MOST if self._pool.pipelines else self._small
        return self._pool.in_flight - self._small + together < self._pool.size * _AHEAD

    def _take(self, item: Result | Failure[Task] | Told) -> None:
        if isinstance(item, Told):
            self._reporter.tell(item.event)
            return
        if isinstance(item, (Copied, Failure)) and item.task is not None:
            self._small -= small_files.may_go_together(item.task, self._job)
        if isinstance(item, Failure):
            self._failed(item.task, item.error)
        else:
            self._done(item)

    def _done(self, result: Result) -> None:
        match result:
            case Resolved():
                self._planner.resolved(result)
            case Listed() | Probed():
                self._planner.listed(result)
            case FreeChecked():
                self._planner.free_checked(result)
            case StoredChecked():
                self._planner.comparison.stored_checked(result)
            case Rechecked():
                self._digests.rechecked(result)
                self._planner.rechecked(result)
            case Copied():
                self._digests.copied(result)
                self._reporter.copied(result)
                if result.done.mode_problem:
                    self._planner.comparison.attributes.problem(result.task.shown, result.done.mode_problem)
            case LinkMade() | ModeSet():
                self._planner.comparison.attributes.done(result)
            case Asked():
                self._planner.asked(result)
            case Renamed():
                self._reporter.renamed(result)
                self._planner.renamed(result)
            case Declined():
                self._planner.declined(result)
            case Removed():
                self._planner.deleted(result.task.shown)
            case Cleared():
                pass  # the worker has reported it
            case _:
                _never(result)

    def _delete(self) -> None:
        if self._halted:
            return
        self._planner.before_deletes()
        for count, why in self._deletes.held():
            self._reporter.report.held_back += count
            self._reporter.tell(Warned(why))
        dry_run = self._job.rules.dry_run
        try:
            self._deletes.check()
        except GuardRefused as error:
            self._reporter.end_run(error)
            if not dry_run:  # a dry run shows the deletes that are refused
                return
        for delete in self._deletes:
            if dry_run:
                self._reporter.tell(Planned(delete.shown, "delete"))
                self._planner.deleted(delete.shown)
                continue
            # A directory is deleted by itself, after everything in it.
            if delete.kind is Kind.DIR:
                self._drain()
            self._submit(Remove(delete.path, delete.shown, delete.kind))
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

    def _failed(self, task: Task | None, error: BaseException) -> None:
        if task is None or not isinstance(error, FtpcliError):
            self._stop.request(INTERNAL_ERROR)
            raise error
        if isinstance(task, (ListPair, Probe)):
            self._planner.not_listed(task.pair)
        elif isinstance(task, Resolve):
            self._leftovers.failures.add("")  # the whole tree
        if error.retry is Retry.STOP_RUN:
            self._reporter.end_run(error)
            return
        self._digests.failed(error)
        rules = self._job.rules
        if rules.delete and not rules.delete_before and is_for_lack_of_room(error):
            error.message += "; --delete-before deletes first, which may make room"
        match task:
            case CheckFree():
                self._planner.not_checked(task)
                self._reporter.fail(task.shown, error)
            case AskTime():
                pass  # the listed time has to do; the copy will report the error
            case RenameFile():
                self._deletes.keep(task.old.shown)  # it may or may not have been renamed
                self._reporter.fail(task.shown, error)
            case ListPair():
                # Where the target has the directory too, nothing that is to be deleted beside it can have moved there.
                self._reporter.fail(task.shown, error, alone=bool(task.pair.target_exists))
            case (
                Resolve()
                | Probe()
                | CheckStored()
                | Recheck()
                | CopyFile()
                | MakeLink()
                | SetMode()
                | Remove()
                | Recover()
                | Sweep()
            ):
                self._reporter.fail(task.shown, error)
            case _:
                _never(task)

    def _conclude(self, seconds: float) -> Report:
        report = self._reporter.report
        self._warn_of_what_is_left()
        if missing := self._digests.error():
            self._reporter.end_run(missing)
        if doubt := self._shared.host.doubt(self._job.endpoint.place):
            self._reporter.end_run(doubt)
        report.seconds = seconds
        report.moved = self._shared.progress.moved
        report.connections, report.reconnects = self._pool.connections()
        for slot in self._pool.slots():
            connections, resumed = slot.data_connections()
            report.tls_data_connections += connections
            report.tls_data_resumed += resumed
            report.tls = report.tls or slot.facts
        self._reporter.end(self._stop.exit_code if self._stop.requested else None)
        self._shared.journal.settle()
        if not report.exit_code and not self._job.rules.dry_run and self._job.rules.only is None:
            self._shared.journal.complete(self._shared.times.this_run(), self._job.rules)
        if self._shared.journal.trouble:
            self._reporter.tell(Warned(self._shared.journal.trouble))
        return self._reporter.sum_up()

    def _name_idle_patterns(self) -> None:
        """Say which filters matched nothing; where entries are deleted that may be one too many."""
        warning = self._planner.comparison.warning() if self._job.rules.only is None else ""
        if not warning or self._halted:
            return
        if self._job.rules.delete:
            self._reporter.tell(Warned(warning))
        else:
            log.info("%s", warning)

    def _warn_of_what_is_left(self) -> None:
        rules, comparison = self._job.rules, self._planner.comparison
        if comparison.left_out and rules.only is None:
            count = comparison.left_out
            entries = "1 entry is left out that is" if count == 1 else f"{count} entries are left out that are"
            hint = "; --symlinks follow or copy takes links" if rules.symlinks == links.SKIP else ""
            self._reporter.tell(Warned(f"{entries} neither file nor directory{hint}, --exclude keeps this quiet"))
        for warning in (comparison.attributes.warning(), self._shared.times.sentence(), self._digests.warning()):
            if warning:
                self._reporter.tell(Warned(warning))


def _never(value: NoReturn) -> NoReturn:
    """Lets mypy prove that every kind of task and result is handled."""
    raise AssertionError(value)
