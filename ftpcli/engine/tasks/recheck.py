"""Asks the server about a file when the two listings cannot tell whether it is up to date."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from ftpcli.engine.compare.decide import NOT_NEWER, What, decide
from ftpcli.engine.compare.timekeeping import Timekeeping
from ftpcli.engine.compare.times import is_imprecise, same_time
from ftpcli.engine.job import Rules, Side
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.transfer.verify import compare_digests, look_again
from ftpcli.errors import NoDigest
from ftpcli.model import Entry
from ftpcli.session.contract import Session


@dataclass(frozen=True)
class Recheck:
    """Ask the server for a file's exact time or digest. ``exactly``: agreement with the listed time is not enough."""

    source: str
    target: str
    shown: str
    source_entry: Entry
    target_entry: Entry
    exactly: bool = False

    def run(self, context: TaskContext) -> Rechecked:
        if context.job.rules.compare == "checksum":
            verdict = self._by_digest(context)
            if verdict is not None:
                return Rechecked(self, self.source_entry, verdict, by_digest=True)
            if context.job.rules.strict_compare:
                raise NoDigest(f"the server gives no digest of {self.shown}, which --strict-compare demands")
        return self._by_time(context)

    def _by_digest(self, context: TaskContext) -> str | None:
        """Why they differ, empty if they do not; None if the server provides no digest."""
        here, there = context.job.direction.local_and_remote(self.source, self.target)
        worker = context.worker
        with context.shared.local.open_source(here) as file:
            compared = worker.insist(self.shown, lambda session: compare_digests(session, there, file, worker.stop))
        return None if compared is None else compared.difference

    def _by_time(self, context: TaskContext) -> Rechecked:
        """Only the server's listing may be less precise than the time it knows."""
        source, target = self.source_entry, self.target_entry
        insist, times = context.worker.insist, context.shared.times
        if context.job.direction.source is Side.REMOTE:
            # An older copy may have the listed time, though the server knows a more precise one.
            if not self.exactly and same_time(source, target):
                return Rechecked(self, source, "")
            source = insist(self.shown, lambda session: look_again(session, self.source, source))
        elif is_imprecise(target):
            target = insist(self.shown, lambda session: _look_at_target(session, self.target, target))
            times.witness(source, target)
        keeping = times.known
        if times.in_doubt(source, target):
            folder = posixpath.dirname(self.target)
            insist(self.shown, lambda session: times.find_out(session, folder))
            keeping = insist(self.shown, lambda session: times.for_day_of(source, target, session, folder))
        return self._decided(source, target, keeping, context.job.rules)

    def _decided(self, source: Entry, target: Entry, keeping: Timekeeping | None, rules: Rules) -> Rechecked:
        if rules.compare == "checksum":
            rules = replace(rules, compare="time")  # there is no digest
        decision = decide(source, target, rules, keeping)
        if decision.what is What.COPY:
            return Rechecked(self, source, decision.why)
        return Rechecked(self, source, "", decision.why if decision.why == NOT_NEWER else "")


def _look_at_target(session: Session, path: str, listed: Entry) -> Entry:
    """The target with its exact time, where the server tells that."""
    told = session.stat(path)
    return listed if told.mtime is None and told.size == listed.size else told


@dataclass(frozen=True)
class Rechecked:
    """``why`` is empty if the file is not to be copied; ``skipped`` then says why, unless it is up to date. ``entry``
    is the source's, with its exact time."""

    task: Recheck
    entry: Entry
    why: str
    skipped: str = ""
    by_digest: bool = False
