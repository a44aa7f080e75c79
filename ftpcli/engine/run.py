"""The coordinator: Job → Report. It alone decides; workers do, and tell it what came of it.

Directories are listed depth first and only while few files wait, so what is in memory is a handful of listings
whatever the tree's size. Deletes come last, and only after a run in which every listing was whole and nothing failed.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ftpcli.engine import links, retry
from ftpcli.engine.attributes import AttributePlan, LinkMade, MakeLink, ModeSet, SetMode
from ftpcli.engine.crew import Crew, Failure, Told
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
from ftpcli.engine.foldings import Foldings
from ftpcli.engine.meter import Meter
from ftpcli.engine.names import pair_folded, without_clashes
from ftpcli.engine.pairing import Pairing, shown
from ftpcli.engine.plan import CONTENT_UNKNOWN, TIME_DIFFERS, Decision, What, is_vague, other_mode
from ftpcli.engine.rate import RateLimit
from ftpcli.engine.roots import Found, Resolve, Resolved
from ftpcli.engine.stop import StopToken
from ftpcli.engine.tasks import Copied, CopyFile, Listed, ListPair, Pair, Recheck, Rechecked, Remove
from ftpcli.errors import FtpcliError, GuardRefused, LocalFileError, Refused, Retry
from ftpcli.model import Direction, Entry, Job, Kind, Listing, Report
from ftpcli.session.opening import open_session
from ftpcli.session.protocol import HostMemory, Session

log = logging.getLogger("ftpcli.run")

ForOneFile = CopyFile | Recheck | MakeLink | SetMode
ForOnePath = (Resolve, CopyFile, Recheck, Remove, MakeLink, SetMode)

# How many tasks a worker may have waiting, so that it never idles while the coordinator is busy.
_AHEAD = 2


def run(job: Job, on_event: OnEvent, stop: StopToken, meter: Meter) -> Report:
    """Carry the job out. Failures of single files are in the report, whose exit code is the run's."""
    return _Coordinator(job, on_event, stop, meter).run()


class _Coordinator:
    def __init__(self, job: Job, on_event: OnEvent, stop: StopToken, meter: Meter) -> None:
        self._job = job
        self._rules = job.rules
        self._remote_target = job.direction is Direction.UPLOAD
        self._on_event = on_event
        self._stop = stop
        self._meter = meter
        self._report = Report()
        memory = HostMemory()

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
        )
        self._targets: dict[str, str] = {}
        self._left_out = 0
        self._pairs: list[Pair] = []
        self._listings = 0
        self._copies: deque[Iterator[ForOneFile]] = deque()
        self._foldings = None if self._remote_target else Foldings()
        self._deletes = Deletes(job.rules)
        self._pairing = Pairing(job)
        self._attributes = AttributePlan(job, self._pairing, self._report, on_event, self._fail)
        self._fatal: FtpcliError | None = None

    def run(self) -> Report:
        began = time.monotonic()
        try:
            for root in self._job.roots:
                self._crew.submit(Resolve(root, self._job.direction, self._rules))
            self._loop()
            self._meter.listing = False
            self._submit_last(self._attributes.links())
            self._delete()
            self._submit_last(self._attributes.modes())
        finally:
            self._crew.dismiss()
            self._deletes.close()
            self._attributes.close()
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
            self._meter.listing = bool(self._pairs or self._listings)

    def _dispatch(self) -> None:
        while not self._halted and self._crew.in_flight < self._crew.size * _AHEAD:
            task = self._next_task()
            if task is None:
                return
            self._crew.submit(task)

    @property
    def _halted(self) -> bool:
        return self._fatal is not None or self._stop.requested

    def _next_task(self) -> ForOneFile | ListPair | None:
        while self._copies:
            copy = next(self._copies[0], None)
            if copy is not None:
                return copy
            self._copies.popleft()
        if self._pairs:
            self._listings += 1
            rules = self._rules
            return ListPair(
                self._pairs.pop(), self._job.direction, rules.dry_run, rules.symlinks, rules.delete, self._foldings
            )
        return None

    def _take(self, result: Any) -> None:
        if isinstance(result, Told):
            self._pass_on(result.event)
        elif isinstance(result, Failure):
            self._failed(result.task, result.error)
        elif isinstance(result, Resolved):
            for found in result.found:
                self._begin(result.task, found)
        elif isinstance(result, Listed):
            self._compare(result)
        elif isinstance(result, Rechecked):
            self._rechecked(result)
        elif isinstance(result, Copied):
            self._copied(result)
        elif isinstance(result, (LinkMade, ModeSet)):
            self._attributes.done(result)

    def _begin(self, task: Resolve, found: Found) -> None:
        first = self._targets.setdefault(found.target, found.source)
        if first != found.source:
            self._fail(found.source, Refused(f"it would replace {first}, which goes to {found.target} too"))
            return
        if found.entry.kind is Kind.DIR:
            if not self._rules.recursive:
                self._fail(found.source, Refused("it is a directory; -r takes directories as well"))
                return
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
                self._attributes.made(where)
        for problem in (*listed.source.problems, *listed.target.problems):
            self._deletes.block(where.shown if where.source is not None else where.owner, "its listing is in doubt")
            self._fail(where.shown or ".", Refused(problem))
        if listed.source.doubt:
            self._deletes.block(where.shown, listed.source.doubt)
        self._deletes.target_entries += len(listed.target.entries)
        if where.source is None:
            self._doom(where, listed.target)
            return
        if self._is_suspiciously_empty(where, listed):
            return
        pairs = pair_folded(listed.source, listed.target, listed.folding)
        decisions = without_clashes(
            [self._pairing.decide(where, source, target) for source, target in pairs], listed.folding
        )
        if where.lazy and any(decision.what in (What.COPY, What.LINK) for decision in decisions):
            self._pairs.append(replace(where, lazy=False))  # so it is made after all
            return
        descents: list[Pair] = []
        copies: list[ForOneFile] = []
        for decision in decisions:
            self._carry_out(decision, listed, descents, copies)
        # Depth first, in the order of the listing.
        self._pairs.extend(reversed(descents))
        if copies:
            self._copies.append(iter(copies))

    def _carry_out(self, decision: Decision, listed: Listed, descents: list[Pair], copies: list[ForOneFile]) -> None:
        where = listed.pair
        path = shown(where, decision.name)
        if decision.source is not None and decision.why != "excluded":
            trouble = listed.followed.trouble.get(decision.name)
            if trouble is not None:
                self._fail(path, trouble)
                return
            if decision.name in listed.followed.outside:
                leads = listed.followed.outside[decision.name]
                self._on_event(Warned(f"{path} is a symbolic link out of the tree, to {leads}; it is followed"))
        if decision.what is What.COPY:
            self._plan_copy(decision, where, copies)
        elif decision.what is What.DESCEND:
            descents.append(self._attributes.descent(decision, listed))
        elif decision.what is What.LINK:
            copies.extend(self._attributes.link(decision, where))
        elif decision.what is What.CHMOD:
            assert decision.source is not None
            target = self._pairing.target(where, decision.name)
            copies.extend(self._attributes.mode(target, path, decision.source, decision.why))
        elif decision.what is What.DELETE and listed.source.hides_dot_files and decision.name.startswith("."):
            self._skip(path, "the server's listing does not show names with a leading dot")
        elif decision.what is What.DELETE:
            assert decision.target is not None
            self._plan_delete(decision.target, where, owner=where.shown)
        elif decision.what is What.CONFLICT:
            self._fail(path, self._conflict(decision.why))
        elif decision.source is not None:
            no_file = decision.source.kind in (Kind.LINK, Kind.OTHER)
            self._left_out += no_file and decision.why not in ("excluded", "up to date")
            self._skip(path, decision.why)

    def _plan_copy(self, decision: Decision, where: Pair, copies: list[ForOneFile]) -> None:
        assert decision.source is not None
        name, there = decision.name, decision.target
        source, target = self._pairing.source(where, name), self._pairing.target(where, name)
        vague = decision.why == TIME_DIFFERS and is_vague(there if self._remote_target else decision.source)
        if vague or decision.why == CONTENT_UNKNOWN:
            assert there is not None
            copies.append(
                Recheck(
                    source, target, shown(where, name), decision.source, there, self._job.direction, self._rules.compare
                )
            )
            return
        copy = self._copy(source, target, shown(where, name), decision.source, decision.why)
        if copy is not None:
            copies.append(copy)

    def _rechecked(self, result: Rechecked) -> None:
        task = result.task
        if not result.why:
            why = other_mode(result.entry, task.target_entry) if self._rules.perms else ""
            if why:
                self._copies.append(iter(self._attributes.mode(task.target, task.shown, result.entry, why)))
            else:
                self._skip(task.shown, "up to date")
            return
        copy = self._copy(task.source, task.target, task.shown, result.entry, result.why)
        if copy is not None:
            self._copies.append(iter((copy,)))

    def _skip(self, shown: str, reason: str) -> None:
        self._report.skipped += 1
        self._on_event(Skipped(shown, reason))

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
        return CopyFile(source, target, shown, entry, self._job.direction, self._rules, self._job.endpoint.place)

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
            )
        )

        if done.mode_problem:
            self._attributes.problem(result.task.shown, done.mode_problem)

    def _submit_last(self, tasks: Iterable[MakeLink | SetMode]) -> None:
        for task in tasks:
            if isinstance(task, SetMode) and task.shuts:
                self._drain()
            self._submit(task)
        self._drain()

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
        self._deletes.add(Delete(target, shown(where, entry.name), entry.kind, owner))
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
            self._submit_delete(delete)
            if delete.kind is Kind.DIR:
                self._drain()
            if self._halted:
                break
        self._drain()

    def _submit_delete(self, delete: Delete) -> None:
        self._submit(Remove(delete.path, delete.shown, delete.kind, self._remote_target))

    def _submit(self, task: Remove | MakeLink | SetMode) -> None:
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
        shown = task.shown if isinstance(task, ForOnePath) else task.pair.shown or "."
        if error.retry is Retry.STOP_RUN:
            self._fatal = self._fatal or error
            return
        self._fail(shown, error)

    def _fail(self, shown: str, error: FtpcliError) -> None:
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
        if self._left_out:
            links_too = " (links are not copied)" if self._rules.symlinks == links.SKIP else ""
            self._on_event(Warned(f"left out: {self._left_out} that are no file or directory{links_too}"))
        if warning := self._attributes.warning():
            self._on_event(Warned(warning))
        report.seconds = seconds
        report.moved = self._meter.moved
        report.connections, report.reconnects = self._crew.connections()
        for slot in self._crew.slots():
            connections, resumed = slot.data_connections()
            report.tls_data_connections += connections
            report.tls_data_resumed += resumed
            report.tls = report.tls or slot.facts
        report.exit_code = self._exit_code()
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
        return next(iter(codes)) if len(codes) == 1 and not self._report.transferred else 1
