"""Asks the server about a file when the two listings cannot tell whether it is up to date."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.compare.decide import TIME_DIFFERS
from ftpcli.engine.compare.times import is_imprecise, same_time
from ftpcli.engine.job import Side
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.transfer.verify import compare_digests, look_again
from ftpcli.model import Entry


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
                return Rechecked(self, self.source_entry, verdict)
        return self._by_time(context)

    def _by_digest(self, context: TaskContext) -> str | None:
        """Why they differ, empty if they do not; None if the server provides no digest."""
        here, there = context.job.direction.local_and_remote(self.source, self.target)
        worker = context.worker
        compared = worker.insist(self.shown, lambda session: compare_digests(session, there, here, worker.stop))
        return None if compared is None else compared.difference

    def _by_time(self, context: TaskContext) -> Rechecked:
        """Only the server's listing may be less precise than the time it knows."""
        source, target = self.source_entry, self.target_entry
        insist = context.worker.insist
        if context.job.direction.source is Side.REMOTE:
            # An older copy may have the listed time, though the server knows a more precise one.
            if not self.exactly and same_time(source, target):
                return Rechecked(self, source, "")
            source = insist(self.shown, lambda session: look_again(session, self.source, source))
        elif context.shared.times is None or is_imprecise(target):
            target = insist(self.shown, lambda session: session.stat(self.target))
        if same_time(source, target) or self._only_arrived_later(source, target, context):
            return Rechecked(self, source, "")
        return Rechecked(self, source, TIME_DIFFERS)

    def _only_arrived_later(self, source: Entry, target: Entry, context: TaskContext) -> bool:
        """Whether the target is newer only because the server keeps arrival times."""
        times, mtime = context.shared.times, target.mtime
        if times is None or mtime is None or not times.stays_newer(source, target):
            return False
        return context.worker.insist(self.shown, lambda session: times.cannot_be_set(session, self.target, mtime))


@dataclass(frozen=True)
class Rechecked:
    """``why`` is empty if the file turned out to be up to date. ``entry`` is the source's, with its exact time."""

    task: Recheck
    entry: Entry
    why: str
