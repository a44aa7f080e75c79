"""A mirror that keeps going: one round after the other, until it is stopped.

The first round is a whole mirror. A local source then tells by its changes what the next one compares; a remote source
is asked as a whole, at an interval. A round that did not work out is followed by a whole one, too: what it has left
undone would show in no change that comes later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from ftpcli.engine.events import Event, Failed, OnEvent, Report, Skipped, Summary, Warned
from ftpcli.engine.job import Job, Scope, Side
from ftpcli.engine.trees.local import is_directory
from ftpcli.engine.watch.watcher import Watcher
from ftpcli.errors import ConnectionLost, GuardRefused, LocalFileError, Stopped
from ftpcli.stop import StopToken

Mirror = Callable[[Job, OnEvent], Report]


class Outcome(Enum):
    """What came of a round. REFUSED: by a guard. CUT_SHORT: the server cannot be reached, or something else ended it.
    INCOMPLETE: some files failed, and the rest is done."""

    DONE = "done"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    CUT_SHORT = "cut short"


def watch(job: Job, interval: float, mirror: Mirror, on_event: OnEvent, stop: StopToken) -> int:
    """Mirror ``job`` again and again; ``mirror`` does one round. Returns the exit code, once a stop was asked for.

    ``interval``: seconds from one look at a remote source to the next, and after a failure to the next whole round.
    Ends with the first round's exit code if that got nowhere, as it will not at a second try. After that round events
    tell only what was done and what went wrong. Raises LocalFileError where the source cannot be watched.
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
        # Before the first listing, so that nothing changes unseen.
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
            # A share of what changed is none of the tree's: the guard has to see all of it.
            outcome = self._compare(None)
        return outcome

    def _compare(self, scope: Scope | None) -> Outcome:
        later = _Later(self._on_event, scope)
        job = replace(self._job, rules=replace(self._job.rules, only=scope))
        return later.outcome(self._mirror(job, later))

    def _settle(self, outcome: Outcome) -> None:
        """Decide when everything is looked at again, and whether changes are worth a round until then."""
        due = self._watcher is None or outcome is not Outcome.DONE
        if due and self._whole_at is None:
            self._whole_at = time.monotonic() + self._interval
        self._heeds_changes = outcome in (Outcome.DONE, Outcome.INCOMPLETE)

    def _next(self) -> Scope | None:
        """Wait for the next round's time; what it is about, None for everything. Raises Stopped."""
        while True:
            left = None if self._whole_at is None else self._whole_at - time.monotonic()
            if left is not None and left <= 0:
                break
            watcher = self._watcher if self._heeds_changes else None
            self._stop.sleep(left, None if watcher is None else watcher.fileno())
            changes = None if watcher is None else watcher.take()
            if watcher is not None and watcher.blind:
                # At once, but not for ever: what ended it may do so again.
                self._heeds_changes = False
                self._whole_at = self._renewed_at + self._interval
            elif changes and (scope := changes.scope()):
                return scope
            elif changes:
                break
        self._whole_at = None
        self._look_anew()
        return None

    def _look_anew(self) -> None:
        """Before everything is compared: what changed until now will be seen by that."""
        if self._watcher is not None and not self._watcher.blind:
            self._watcher.take()
        elif self._local:
            self.close()
            self._renewed_at = time.monotonic()
            try:
                self._watcher = self._new_watcher()
            except LocalFileError as error:
                if is_directory(self._job.roots[0].source):
                    self._on_event(Warned(f"{error}; everything is compared every {self._interval:g} s"))

    def _new_watcher(self) -> Watcher:
        rules = self._job.rules
        return Watcher(self._job.roots[0].source, rules.filters, follow=rules.symlinks == "follow")


class _Round:
    """Passes one round's events on, and learns from them what ended it."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._ended_by: str | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Failed) and not event.path:
            self._ended_by = event.error
        self._on_event(event)

    def hopeless(self, report: Report) -> bool:
        """True where there is no reason to go on: it was ended, or did not even begin."""
        done = report.transferred or report.skipped or report.made_directories
        return self._ended_by is not None or bool(report.exit_code and not done)

    def outcome(self, report: Report) -> Outcome:
        if self._ended_by == GuardRefused.__name__:
            return Outcome.REFUSED
        if self._ended_by is not None or ConnectionLost.exit_code in report.failure_codes:
            return Outcome.CUT_SHORT
        return Outcome.INCOMPLETE if report.failed else Outcome.DONE


class _Later(_Round):
    """Of a round after the first: without what is up to date, for that would be told again and again."""

    def __init__(self, on_event: OnEvent, scope: Scope | None) -> None:
        super().__init__(on_event)
        self._has_scope = scope is not None

    def __call__(self, event: Event) -> None:
        match event:
            case Skipped():
                return
            case Failed(path="", error=GuardRefused.__name__) if self._has_scope:
                self._ended_by = event.error  # the whole round that follows will tell
            case Summary(report=report) if self._has_scope and self._ended_by == GuardRefused.__name__:
                self._on_event(Summary(replace(report, exit_code=0)))
            case _:
                super().__call__(event)
