"""Clears away what interrupted runs left on the target.

These tasks neither count as deletes nor fail a run: what cannot be done stays in the journal for the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ftpcli.engine.events import Warned
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.trees.remote import exists
from ftpcli.engine.workers.slot import NotAdmitted
from ftpcli.errors import FtpcliError, LocalFileError, Refused, Retry
from ftpcli.model import Kind
from ftpcli.session.contract import Session

log = logging.getLogger("ftpcli.journal")


@dataclass(frozen=True)
class Cleared:
    """A task of this module has ended, successfully or not."""


@dataclass(frozen=True)
class Recover:
    """Finish an interrupted replacement: rename the old file (``aside``) back to ``target``, or delete it if the new
    file is in place."""

    aside: str
    target: str

    @property
    def shown(self) -> str:
        return self.target

    def run(self, context: TaskContext) -> Cleared:
        what = f"{self.target} stepped aside in an earlier run and is now {self.aside}"
        return _tolerant(context, what, self.aside, lambda: context.worker.insist(self.target, self._attempt))

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
    """Delete a part file."""

    part: str

    @property
    def shown(self) -> str:
        return self.part

    def run(self, context: TaskContext) -> Cleared:
        tree = context.target(self.part)
        return _tolerant(context, f"the part file {self.part} stays", self.part, lambda: tree.sweep(self.part))


def _tolerant(context: TaskContext, what: str, path: str, do: Callable[[], None]) -> Cleared:
    try:
        do()
    except FtpcliError as error:
        if error.retry is Retry.STOP_RUN or isinstance(error, NotAdmitted):
            raise
        log.debug("%s: %s", what, error)
        if isinstance(error, (Refused, LocalFileError)):
            context.worker.tell(Warned(f"{what}: {error}"))
    else:
        context.shared.journal.gone(path)
    return Cleared()
