"""What runs leave on the target when they are cut off, and the tasks that clear it away.

Neither counts as a delete, and neither fails a run: what cannot be done stays in the journal for the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ftpcli.engine.events import Warned
from ftpcli.engine.job import Direction, Job
from ftpcli.engine.journal.journal import Failures, Journal
from ftpcli.engine.trees import part_file
from ftpcli.engine.trees.remote import exists
from ftpcli.engine.workers.slot import NotAdmitted
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, LocalFileError, NotFound, Refused, Retry
from ftpcli.model import Kind
from ftpcli.session.contract import Session

log = logging.getLogger("ftpcli.journal")


class Leftovers:
    """Says what is to be cleared away, on the word of the journal and of nothing else."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self._remote = job.direction is Direction.UPLOAD
        self._root = job.roots[0].target
        self._whole = job.rules.only is None
        self._journal = journal
        self.failures = Failures()

    def asides(self) -> list[Recover]:
        """At the start, before the target is listed; and at the end, for what failed in between."""
        return [Recover(aside, target) for aside, target in self._journal.asides()]

    def parts(self) -> list[Sweep]:
        """At the end: part files that the run did not need. One that saw but a part of the tree cannot tell."""
        stale = self._journal.stale(self.failures, earlier=self._whole)
        return [Sweep(part, None if self._remote else self._root) for part in stale]


@dataclass(frozen=True)
class Cleared:
    """A task of this module that is over, whatever came of it."""


@dataclass(frozen=True)
class Recover:
    """Of a replacement that was cut off: the old file gets its name back, or goes where the new one is in place."""

    aside: str
    target: str

    @property
    def shown(self) -> str:
        return self.target

    def run(self, worker: Worker) -> Cleared:
        what = f"{self.target} stepped aside in an earlier run and is now {self.aside}"
        return _tolerant(worker, what, self.aside, lambda: worker.insist(self.target, self._attempt))

    def _attempt(self, session: Session) -> None:
        if not exists(session, self.aside):
            return
        if not exists(session, self.target):
            session.rename(self.aside, self.target)
        elif session.stat(self.target).kind is Kind.FILE:
            session.remove(self.aside)
        else:
            raise Refused("no file is in its place")


@dataclass(frozen=True)
class Sweep:
    """Delete a part file. ``root``: the local tree it must be in; None where it is on the server."""

    part: str
    root: str | None

    @property
    def shown(self) -> str:
        return self.part

    def run(self, worker: Worker) -> Cleared:
        return _tolerant(worker, f"the part file {self.part} stays", self.part, lambda: self._sweep(worker))

    def _sweep(self, worker: Worker) -> None:
        if self.root is None:
            worker.insist(self.part, self._attempt)
        else:
            part_file.sweep(self.part, self.root)

    def _attempt(self, session: Session) -> None:
        try:
            session.remove(self.part)
        except NotFound:
            if exists(session, self.part):
                raise


def _tolerant(worker: Worker, what: str, path: str, do: Callable[[], None]) -> Cleared:
    try:
        do()
    except FtpcliError as error:
        if error.retry is Retry.STOP_RUN or isinstance(error, NotAdmitted):
            raise
        log.debug("%s: %s", what, error)
        if isinstance(error, (Refused, LocalFileError)):
            worker.tell(Warned(f"{what}: {error}"))
    else:
        worker.journal.gone(path)
    return Cleared()
