"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.compare.decide import TIME_DIFFERS
from ftpcli.engine.compare.times import is_vague, same_time
from ftpcli.engine.job import Direction
from ftpcli.engine.tasks.arrival_times import TargetTimes
from ftpcli.engine.transfer.verify import look_again, same_digest
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import VerifyMismatch
from ftpcli.model import Entry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken


@dataclass(frozen=True)
class Recheck:
    """A file that two listings cannot tell from its counterpart: the server is asked for the time, or a digest.

    With ``times`` a newer target is up to date where the server cannot set times. ``exactly``: a time that agrees with
    what was listed is not enough.
    """

    source: str
    target: str
    shown: str
    source_entry: Entry
    target_entry: Entry
    direction: Direction
    compare: str
    times: TargetTimes | None = None
    exactly: bool = False

    def run(self, worker: Worker) -> Rechecked:
        if self.compare == "checksum":
            verdict = worker.insist(self.shown, lambda session: self._by_digest(session, worker.stop))
            if verdict is not None:
                return Rechecked(self, self.source_entry, verdict)
        return self._by_time(worker)

    def _by_digest(self, session: Session, stop: StopToken) -> str | None:
        """Why they differ, empty where they do not; None where the server tells no digest."""
        down = self.direction is Direction.DOWNLOAD
        remote, here = (self.source, self.target) if down else (self.target, self.source)
        try:
            return None if same_digest(session, remote, here, stop) is None else ""
        except VerifyMismatch as error:
            return error.message

    def _by_time(self, worker: Worker) -> Rechecked:
        source, target = self.source_entry, self.target_entry
        if self.direction is Direction.DOWNLOAD:
            # An old copy has the time that was listed, though the server may know a more exact one.
            if not self.exactly and same_time(source, target):
                return Rechecked(self, source, "")
            source = worker.insist(self.shown, lambda session: look_again(session, self.source, source))
        elif self.times is None or is_vague(target):
            target = worker.insist(self.shown, lambda session: session.stat(self.target))
        if same_time(source, target) or self._says_nothing(source, target, worker):
            return Rechecked(self, source, "")
        return Rechecked(self, source, TIME_DIFFERS)

    def _says_nothing(self, source: Entry, target: Entry, worker: Worker) -> bool:
        times, mtime = self.times, target.mtime
        if times is None or mtime is None or not times.stays_newer(source, target):
            return False
        return worker.insist(self.shown, lambda session: times.cannot_be_set(session, self.target, mtime))


@dataclass(frozen=True)
class Rechecked:
    """``why`` is empty where the file turned out to be up to date. ``entry`` is the source's, exact now."""

    task: Recheck
    entry: Entry
    why: str
