"""The coordinator: Job → Report. It alone decides; workers do, and tell it what came of it.

Directories are listed depth first and only while few files wait, so what is in memory is a handful of listings
whatever the tree's size. Deletes come last, and only after a run in which every listing was whole and nothing failed.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ftpcli.engine import retry
from ftpcli.engine.backup import LocalBackup, RemoteBackup
from ftpcli.engine.crew import Crew, Failure, Task, Told
from ftpcli.engine.deletes import Delete, Deletes, parent
from ftpcli.engine.events import (
    Deleted,
    Event,
    Failed,
    Finished,
    OnEvent,
    Planned,
    Skipped,
    Summary,
    Warned,
)
from ftpcli.engine.journal import Journal
from ftpcli.engine.leftovers import Leftovers, Recover, Sweep
from ftpcli.engine.meter import Meter
from ftpcli.engine.overlap import Overlap, Probed
from ftpcli.engine.pairing import Pairing, shown
from ftpcli.engine.plan import MISSING, Decision, What, pair
from ftpcli.engine.rate import RateLimit
from ftpcli.engine.renames import Asked, AskTime, Declined, New, Renamed, RenameFile, Renames
from ftpcli.engine.roots import Found, Resolve, Resolved
from ftpcli.engine.stop import StopToken
from ftpcli.engine.tasks import Copied, CopyFile, Listed, ListPair, Pair, Recheck, Rechecked, Remove
from ftpcli.errors import FtpcliError, GuardRefused, LocalFileError, Refused, Retry, UsageError
from ftpcli.model import Direction, Entry, Job, Kind, Listing, Report
from ftpcli.session.opening import open_session
from ftpcli.session.protocol import HostMemory, Session

log = logging.getLogger("ftpcli.run")

# How many tasks a worker may have waiting, so that it never idles while the coordinator is busy.
_AHEAD = 2


def run(
    job: Job,
    on_event: OnEvent,
    stop: StopToken,
    meter: Meter,
    journal: Journal | None = None,
    *,
    tell_skipped: bool = True,
) -> Report:
    """Carry the job out. Failures of single files are in the report, whose exit code is the run's.

    ``journal`` knows what earlier runs left, and in the end what this one leaves. Without ``tell_skipped`` there are no
    Skipped events: a tree that is up to date has one for each of its files.
    """
    return _Coordinator(job, on_event, stop, meter, journal or Journal(), tell_skipped=tell_skipped).run()


class _Coordinator:
    def __init__(
        self, job: Job, on_event: OnEvent, stop: StopToken, meter: Meter, journal: Journal, *, tell_skipped: bool
    ) -> None:
        self._job = job
        self._rules = job.rules
        self._remote_target = job.direction is Direction.UPLOAD
        self._on_event = on_event
        self._tell_skipped = tell_skipped
        self._stop = stop
        self._meter = meter
        self._report = Report()
        memory = HostMemory()
        self._overlap = Overlap(job, memory)

        def opener() -> Session:
            return open_session(job.endpoint, memory, self._crew.warn, stop)

        workers = min(len(meter.lanes), job.max_connections or job.parallel, job.parallel)
        self._crew = Crew(
            workers,
            opener,
            retry.Policy(job.retries, job.retry_wait),
            meter,
            stop,
            job.endpoint.timing.keepalive,
            job.endpoint.place,
            RateLimit(job.limit_rate, stop.sleep) if job.limit_rate else None,
            journal,
        )
        self._journal = journal
        self._leftovers = Leftovers(job, journal)
        self._targets: dict[str, str] = {}
        self._left_out = 0
        self._pairs: list[Pair] = []
        self._listings = 0
        self._copies: deque[Iterator[Task]] = deque()
        self._deletes = Deletes(job.rules)
        self._renames = Renames(job, self._deletes) if job.rules.track_renames else None
        keeping = RemoteBackup if self._remote_target else LocalBackup
        self._backup = keeping(job.rules.backup) if job.rules.backup else None
        self._pairing = Pairing(job)
        self._fatal: FtpcliError | None = None

    def run(self) -> Report:
        began = time.monotonic()
        try:
            self._clear(self._leftovers.asides())
            for root in self._job.roots:
                self._crew.submit(Resolve(root, self._job.direction, self._rules))
            self._loop()
            self._follow_renames()
            self._meter.listing = False
            self._delete()
            self._clear(self._leftovers.asides())
            self._clear(self._leftovers.parts())
        finally:
            self._crew.dismiss()
            self._deletes.close()
            if self._renames is not None:
                self._renames.close()
            self._overlap.end()
        for event in self._crew.leftover_events():
            self._pass_on(event)
        self._conclude(time.monotonic() - began)
        return self._report

    # Work

    def _loop(self) -> None:
        while True:
            self._dispatch()
            if not self._crew.in_flight:
                return
            self._take(self._crew.next_result())
            planning = self._renames is not None and self._renames.planning
            self._meter.listing = bool(self._pairs or self._listings or planning)

    def _dispatch(self) -> None:
        while not self._halted and self._crew.in_flight < self._crew.size * _AHEAD:
            task = self._next_task()
            if task is None:
                return
            self._crew.submit(task)

    @property
    def _halted(self) -> bool:
        return self._fatal is not None or self._stop.requested

    def _next_task(self) -> Task | None:
        while self._copies:
            copy = next(self._copies[0], None)
            if copy is not None:
                return copy
            self._copies.popleft()
        if self._pairs:
            self._listings += 1
            return ListPair(self._pairs.pop(), self._job.direction, self._rules.dry_run, twice=self._rules.delete)
        return None

    def _take(self, result: Any) -> None:
        if isinstance(result, Told):
            self._pass_on(result.event)
        elif isinstance(result, Failure):
            self._failed(result.task, result.error)
        elif isinstance(result, Resolved):
            for found in result.found:
                self._begin(result.task, found)
        elif isinstance(result, (Listed, Probed)):
            self._listed(result)
        elif isinstance(result, Rechecked):
            self._rechecked(result)
        elif isinstance(result, Copied):
            self._copied(result)
        elif isinstance(result, Asked):
            result.learn()
        elif isinstance(result, Renamed):
            self._renamed(result)
        elif isinstance(result, Declined):
            self._copies.append(filter(None, map(self._copy_after_all, (result.task.new,))))

    def _listed(self, result: Listed | Probed) -> None:
        try:
            then = self._overlap.found(result) if isinstance(result, Probed) else self._overlap.look(result)
        except UsageError as error:
            self._fatal = self._fatal or error
            return
        if isinstance(then, Listed):
            self._compare(then)
        else:
            self._crew.submit(then)

    def _begin(self, task: Resolve, found: Found) -> None:
        first = self._targets.setdefault(found.target, found.source)
        if first != found.source:
            self._fail(found.source, Refused(f"it would replace {first}, which goes to {found.target} too"))
            return
        if found.entry.kind is Kind.DIR:
            if not self._rules.recursive:
                self._fail(found.source, Refused("it is a directory; -r takes directories as well"))
                return
            self._overlap.begin(found.source, found.target)
            name = "" if task.root.tree else found.entry.name
            self._pairs.append(Pair(found.source, found.target, name, prefix=f"{name}/" if name else ""))
            return
        copy = self._copy(found.source, found.target, found.source, found.entry, "asked for")
        if copy is not None:
            self._copies.append(iter((copy,)))

    def _compare(self, listed: Listed) -> None:
        where = listed.pair
        self._listings -= 1
        if listed.made:
            self._report.made_directories += 1
            if self._rules.dry_run:
                self._on_event(Planned(where.shown or ".", "mkdir"))
            else:
                self._on_event(Finished(where.shown or ".", "mkdir", 0))
        owner = where.shown if where.source is not None else where.owner
        for problem in (*listed.source.problems, *listed.target.problems):
            self._deletes.block(owner, "its listing is in doubt")
            self._fail(where.shown or ".", Refused(problem))
        if doubt := listed.source.doubt or listed.target.doubt:
            self._deletes.block(owner, doubt)
        self._deletes.target_entries += len(listed.target.entries)
        if where.source is None:
            self._doom(where, listed.target)
            return
        if self._is_suspiciously_empty(where, listed):
            return
        if listed.made:
            listed = replace(listed, pair=replace(where, whole=True))
            where = listed.pair
        if where.lazy and any(decision.what is What.COPY for decision in self._decisions(listed)):
            self._pairs.append(replace(where, lazy=False))  # so it is made after all
            return
        self._report.entries += len(listed.source.entries)
        descents: list[Pair] = []
        copies: list[CopyFile | Recheck] = []
        for decision in self._decisions(listed):
            if decision.what is not What.SKIP:
                self._carry_out(decision, listed, descents, copies)
            elif decision.source is not None:
                self._left_out += decision.source.kind in (Kind.LINK, Kind.OTHER) and decision.why != "excluded"
                self._skip(decision.name, decision.why, where)
        # Depth first, in the order of the listing.
        self._pairs.extend(reversed(descents))
        if copies:
            self._copies.append(iter(copies))

    def _decisions(self, listed: Listed) -> Iterator[Decision]:
        for source, target in pair(listed.source, listed.target):
            decision = self._pairing.decide(listed.pair, source, target)
            if self._pairing.concerns(listed.pair, decision):
                yield decision

    def _carry_out(
        self, decision: Decision, listed: Listed, descents: list[Pair], copies: list[CopyFile | Recheck]
    ) -> None:
        where = listed.pair
        if decision.what is What.COPY:
            self._plan_copy(decision, where, copies)
        elif decision.what is What.DESCEND:
            assert decision.source is not None
            descents.append(self._pairing.below(where, decision.source, exists=decision.target is not None))
        elif decision.what is What.DELETE and listed.source.hides_dot_files and decision.name.startswith("."):
            self._skip(decision.name, "the server's listing does not show names with a leading dot", where)
        elif decision.what is What.DELETE:
            assert decision.target is not None
            self._plan_delete(decision.target, where, owner=where.shown)
        elif decision.what is What.CONFLICT:
            self._fail(shown(where, decision.name), self._conflict(decision.why))

    def _plan_copy(self, decision: Decision, where: Pair, copies: list[CopyFile | Recheck]) -> None:
        assert decision.source is not None
        name = decision.name
        source, target = self._pairing.source(where, name), self._pairing.target(where, name)
        recheck = self._pairing.recheck(where, decision)
        if recheck is not None:
            copies.append(recheck)
            return
        new = New(source, target, shown(where, name), decision.source, decision.why)
        if decision.target is None and self._renames is not None and self._renames.wait(new):
            return
        copy = self._copy(source, target, shown(where, name), decision.source, decision.why)
        if copy is not None:
            copies.append(copy)

    def _rechecked(self, result: Rechecked) -> None:
        task = result.task
        if not result.why:
            self._skip(task.shown, "up to date")
            return
        copy = self._copy(task.source, task.target, task.shown, result.entry, result.why)
        if copy is not None:
            self._copies.append(iter((copy,)))

    def _skip(self, name: str, reason: str, where: Pair | None = None) -> None:
        """``name`` is that within ``where``, or the whole shown path. Called a million times, so it stays short."""
        self._report.skipped += 1
        if self._tell_skipped:
            self._on_event(Skipped(shown(where, name) if where is not None else name, reason))

    def _conflict(self, message: str) -> FtpcliError:
        return Refused(message) if self._remote_target else LocalFileError(message)

    def _copy(self, source: str, target: str, shown: str, entry: Entry, why: str) -> CopyFile | None:
        """The task for one file; counted, and told where nothing is to be done really."""
        self._meter.planned_files += 1
        self._meter.planned_bytes += entry.size or 0
        self._on_event(Planned(shown, self._job.direction.value, entry.size, why))
        if self._rules.dry_run:
            self._report.transferred += 1
            self._report.bytes += entry.size or 0
            return None
        self._journal.plan(target, entry.size)
        place, replaces = self._job.endpoint.place, why != MISSING
        return CopyFile(source, target, shown, entry, self._job.direction, self._rules, place, self._backup, replaces)

    def _copied(self, result: Copied) -> None:
        done = result.done
        self._report.transferred += 1
        self._report.bytes += done.bytes
        self._meter.finished_files += 1
        self._meter.finished_bytes += done.bytes
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

    # Renames

    def _follow_renames(self) -> None:
        if self._renames is None:
            return
        for tasks in (self._renames.questions(), self._renames.tasks(self._copy_after_all)):
            self._copies.append(tasks)
            self._loop()

    def _copy_after_all(self, new: New) -> CopyFile | None:
        return self._copy(new.source, new.target, new.shown, new.entry, new.why)

    def _renamed(self, result: Renamed) -> None:
        self._deletes.renamed(result.task.old.number)
        self._report.renamed += 1
        if not self._rules.dry_run:
            self._on_event(result.event())

    # Deletes

    def _is_suspiciously_empty(self, where: Pair, listed: Listed) -> bool:
        """A source without a single entry is more often a disk that is not mounted than a wish."""
        at_root = not where.shown and not listed.source.entries and listed.target.entries
        if not (at_root and self._rules.delete) or self._rules.allow_empty_source:
            return False
        self._fatal = GuardRefused(
            f"{where.source or '.'} is empty, and --delete would empty {where.target or '.'}; "
            "nothing was deleted. --allow-empty-source allows it"
        )
        return True

    def _plan_delete(self, entry: Entry, where: Pair, owner: str) -> None:
        """Join the plan; what a directory holds is listed next, because every entry that goes is named."""
        target = self._pairing.target(where, entry.name)
        delete = Delete(target, shown(where, entry.name), entry.kind, owner)
        number = self._deletes.add(delete)
        if self._renames is not None:
            self._renames.doom(number, delete, entry)
        if entry.kind is Kind.DIR:
            self._pairs.append(self._pairing.doomed(where, entry, owner))

    def _doom(self, where: Pair, listing: Listing) -> None:
        for entry in listing.entries:
            if self._pairing.spares(where, entry):
                self._deletes.keep(where.shown)
            else:
                self._plan_delete(entry, where, where.owner)

    def _delete(self) -> None:
        if self._halted:
            return
        for owner, why in self._deletes.blocked():
            self._pass_on(Warned(f"nothing is deleted in {owner or '.'}: {why}"))
        try:
            self._deletes.check()
        except GuardRefused as error:
            self._fatal = error
            return
        for delete in self._deletes:
            if self._rules.dry_run:
                self._report.deleted += 1
                self._on_event(Planned(delete.shown, "delete"))
                continue
            # A directory goes alone, after all that was in it.
            if delete.kind is Kind.DIR:
                self._drain()
            self._submit(Remove(delete.path, delete.shown, delete.kind, self._remote_target, self._backup))
            if delete.kind is Kind.DIR:
                self._drain()
            if self._halted:
                break
        self._drain()

    def _clear(self, tasks: Sequence[Recover | Sweep]) -> None:
        for task in tasks:
            self._submit(task)
        self._drain()

    def _submit(self, task: Recover | Remove | Sweep) -> None:
        while self._crew.in_flight >= self._crew.size * _AHEAD:
            self._take(self._crew.next_result())
        if not self._halted:
            self._crew.submit(task)

    def _drain(self) -> None:
        while self._crew.in_flight:
            self._take(self._crew.next_result())

    # What went wrong, and the end

    def _failed(self, task: Any, error: BaseException) -> None:
        if not isinstance(error, FtpcliError):
            self._stop.request(70)
            raise error
        if isinstance(task, ListPair):
            self._listings -= 1
            self._deletes.block(task.pair.owner, f"{task.pair.shown or '.'} could not be listed")
        elif isinstance(task, Resolve):
            self._leftovers.failures.add("")  # the whole tree
        shown = task.pair.shown or "." if isinstance(task, ListPair) else task.shown
        if error.retry is Retry.STOP_RUN:
            self._fatal = self._fatal or error
            return
        if isinstance(task, AskTime):
            return  # what the listing said must do; the copy tells what is the matter
        if isinstance(task, RenameFile):
            self._deletes.keep(task.old.shown)  # whether it has the new name nobody knows
        self._fail(shown, error)

    def _fail(self, shown: str, error: FtpcliError) -> None:
        self._leftovers.failures.add(shown)
        self._deletes.block(shown, "it failed")
        self._deletes.block(parent(shown), "something in it failed")
        self._report.failed += 1
        self._report.failure_codes.add(error.exit_code)
        self._on_event(Failed(shown, type(error).__name__, error.message, error.reply, error.exit_code))

    def _pass_on(self, event: Event) -> None:
        self._report.deleted += isinstance(event, Deleted)
        self._on_event(event)

    def _conclude(self, seconds: float) -> None:
        report = self._report
        if self._left_out and self._rules.only is None:
            self._on_event(Warned(f"left out: {self._left_out} that are no file or directory (links are not copied)"))
        report.seconds = seconds
        report.moved = self._meter.moved
        report.connections, report.reconnects = self._crew.connections()
        for slot in self._crew.slots():
            connections, resumed = slot.data_connections()
            report.tls_data_connections += connections
            report.tls_data_resumed += resumed
            report.tls = report.tls or slot.facts
        report.exit_code = self._exit_code()
        self._journal.settle()
        if self._journal.trouble:
            self._on_event(Warned(self._journal.trouble))
        self._on_event(Summary(report))

    def _exit_code(self) -> int:
        if self._stop.requested:
            return self._stop.exit_code
        if self._fatal is not None:
            self._on_event(
                Failed("", type(self._fatal).__name__, self._fatal.message, self._fatal.reply, self._fatal.exit_code)
            )
            return self._fatal.exit_code
        codes = self._report.failure_codes
        if not codes:
            return 0
        done = self._report.transferred or self._report.renamed
        return next(iter(codes)) if len(codes) == 1 and not done else 1
