"""Mirrors repeatedly, one round after another, until stopped.

The first round compares everything. Later rounds compare what changed in a local source, or all of a remote source at
an interval. A failed round is followed by one that compares everything, too: later changes would not show what it left
undone.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from ftpcli.engine.events import Event, Failed, OnEvent, Report, Skipped, Summary, Warned
from ftpcli.engine.job import Job, Scope, Side
from ftpcli.engine.watch.watcher import Watcher
from ftpcli.errors import ConnectionLost, GuardRefused, LocalFileError, Stopped
from ftpcli.stop import StopToken

Mirror = Callable[[Job, OnEvent], Report]


class Outcome(Enum):
    """The result of a round. REFUSED: by a guard. CUT_SHORT: the server cannot be reached, or another error ended it.
    INCOMPLETE: some files failed, and the rest is done."""

    DONE = "done"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    CUT_SHORT = "cut short"


def watch(job: Job, interval: float, mirror: Mirror, on_event: OnEvent, stop: StopToken) -> int:
    """Mirror ``job`` repeatedly; ``mirror`` does one round. Returns the exit code after a stop request.

    ``interval``: seconds between rounds for a remote source, and after a failure until everything is compared again.
    If the first round achieves nothing, returns its exit code at once. After the first round, events report only what
    was done and what went wrong. Raises LocalFileError if the source cannot be watched.
    """
    watching = _Watch(job, interval, mirror, on_event, stop)
    try:
        return watching.run()
    except Stopped:
        return stop.exit_code
    finally:
        watching.close()


class _Watch:
    def __init__(self, job: Job, interval: float, mirror: Mirror, on_event: OnEvent, stop: StopToken) -> None:
        self._job = job
        self._interval = interval
        self._mirror = mirror
        self._on_event = on_event
        self._stop = stop
        self._local = job.direction.source is Side.LOCAL
        # Created before the first listing, so that no change is missed.
        self._watcher = self._new_watcher() if self._local else None
        self._whole_at: float | None = None
        self._heeds_changes = True
        self._renewed_at = -math.inf

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def run(self) -> int:
        first = _Round(self._on_event)
        report = self._mirror(self._job, first)
        if first.hopeless(report):
            return report.exit_code
        self._settle(first.outcome(report))
        while not self._stop.requested:
            self._settle(self._round(self._next()))
        return self._stop.exit_code

    def _round(self, scope: Scope | None) -> Outcome:
        outcome = self._compare(scope)
        if scope is not None and outcome is Outcome.REFUSED and not self._stop.requested:
            # The limit on deletes is a share of the whole tree, so the guard has to see all of it.
            outcome = self._compare(None)
        return outcome

    def _compare(self, scope: Scope | None) -> Outcome:
        later = _Later(self._on_event, scope)
        job = replace(self._job, rules=replace(self._job.rules, only=scope))
        return later.outcome(self._mirror(job, later))

    def _settle(self, outcome: Outcome) -> None:
        """Decide when everything is compared again, and whether changes start a round before that."""
        due = self._watcher is None or outcome is not Outcome.DONE
        if due and self._whole_at is None:
            self._whole_at = time.monotonic() + self._interval
        self._heeds_changes = outcome in (Outcome.DONE, Outcome.INCOMPLETE)

    def _next(self) -> Scope | None:
        """Wait until the next round is due. Returns what it compares, None for everything. Raises Stopped."""
        while True:
            left = None if self._whole_at is None else self._whole_at - time.monotonic()
            if left is not None and left <= 0:
                break
            watcher = self._watcher if self._heeds_changes else None
            self._stop.sleep(left, None if watcher is None else watcher.fileno())
            changes = None if watcher is None else watcher.take()
            if watcher is not None and watcher.blind:
                # Renew it at once, but at most once per interval: whatever ended it may do so again.
                self._heeds_changes = False
                self._whole_at = self._renewed_at + self._interval
            elif changes and (scope := changes.scope()):
                return scope
            elif changes:
                break
        self._whole_at = None
        self._reset_watcher()
        return None

    def _reset_watcher(self) -> None:
        """Discard earlier changes and renew a broken watcher, before everything is compared."""
        if self._watcher is not None and not self._watcher.blind:
            self._watcher.take()
        elif self._local:
            self.close()
            self._renewed_at = time.monotonic()
            try:
                self._watcher = self._new_watcher()
            except LocalFileError as error:
                if os.path.isdir(self._job.roots[0].source):
                    self._on_event(Warned(f"{error}; everything is compared every {self._interval:g} s"))

    def _new_watcher(self) -> Watcher:
        rules = self._job.rules
        return Watcher(self._job.roots[0].source, rules.filters, follow=rules.symlinks == "follow")


class _Round:
    """Passes on one round's events, and notes the error that ended the round."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._ended_by: str | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Failed) and not event.path:
            self._ended_by = event.error
        self._on_event(event)

    def hopeless(self, report: Report) -> bool:
        """True if there is no point in further rounds: an error ended this one, or it failed without doing anything."""
        done = report.transferred or report.skipped or report.made_directories
        return self._ended_by is not None or bool(report.exit_code and not done)

    def outcome(self, report: Report) -> Outcome:
        if self._ended_by == GuardRefused.__name__:
            return Outcome.REFUSED
        if self._ended_by is not None or ConnectionLost.exit_code in report.failure_codes:
            return Outcome.CUT_SHORT
        return Outcome.INCOMPLETE if report.failed else Outcome.DONE


class _Later(_Round):
    """A round after the first: omits what is up to date, which would be reported again and again."""

    def __init__(self, on_event: OnEvent, scope: Scope | None) -> None:
        super().__init__(on_event)
        self._has_scope = scope is not None

    def __call__(self, event: Event) -> None:
        match event:
            case Skipped():
                return
            case Failed(path="", error=GuardRefused.__name__) if self._has_scope:
                self._ended_by = event.error  # the round that follows compares everything and will report it
            case Summary(report=report) if self._has_scope and self._ended_by == GuardRefused.__name__:
                self._on_event(Summary(replace(report, exit_code=0)))
            case _:
                super().__call__(event)
