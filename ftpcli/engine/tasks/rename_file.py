"""Files that only have another name in the source are renamed on the target, and not sent again.

Copies of what the target does not have wait until every directory is listed. Then each is held against the files that
are to be deleted: one of the same size and time is taken for the same file, one of the same name in another directory
first. Where a listing shows less of a time than the server knows, the server is asked. A digest must say that they are
the same where the server tells one; where it does not, size and time do only if no other file has both.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ftpcli.engine.events import Finished, Planned
from ftpcli.engine.transfer.verify import same_digest
from ftpcli.engine.trees import local
from ftpcli.engine.trees.remote import exists
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import LocalFileError, Refused, Unsupported, VerifyMismatch
from ftpcli.model import Entry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

log = logging.getLogger("ftpcli.renames")


@dataclass(frozen=True, slots=True)
class New:
    """A file that the target does not have: its copy, which waits. ``entry`` is the source's."""

    source: str
    target: str
    shown: str
    entry: Entry
    why: str


@dataclass(frozen=True, slots=True)
class Old:
    """A file that is to be deleted from the target; ``number`` is that of the delete."""

    number: int
    path: str
    shown: str
    owner: str
    entry: Entry


@dataclass(frozen=True)
class AskTime:
    """Ask the server for a file's exact time. What it does not tell stays as it was listed."""

    path: str
    shown: str
    listed: Entry
    learn: Callable[[Entry], None]

    def run(self, worker: Worker) -> Asked:
        try:
            return Asked(self, worker.insist(self.shown, lambda session: session.stat(self.path)))
        except (Refused, Unsupported):
            return Asked(self, self.listed)


@dataclass(frozen=True)
class Asked:
    task: AskTime
    entry: Entry


@dataclass(frozen=True)
class RenameFile:
    """Give a file of the target its new name. ``certain``: size and time alone say that it is the right one.

    ``root``: the local tree that it is in; None where it is on the server.
    """

    old: Old
    new: New
    root: str | None
    certain: bool
    dry_run: bool

    @property
    def shown(self) -> str:
        return self.new.shown

    def run(self, worker: Worker) -> Renamed | Declined:
        began = time.monotonic()
        try:
            if not worker.insist(self.shown, lambda session: self._same(session, worker.stop)):
                return Declined(self)
            worker.tell(Planned(self.old.shown, "rename", target=self.shown))
            if not self.dry_run:
                self._rename(worker)
        except (Refused, Unsupported, LocalFileError) as error:
            log.info("%s is not renamed to %s: %s", self.old.shown, self.shown, error)
            return Declined(self)
        return Renamed(self, time.monotonic() - began, worker.number)

    def _same(self, session: Session, stop: StopToken) -> bool:
        down = self.root is not None
        remote, here = (self.new.source, self.old.path) if down else (self.old.path, self.new.source)
        try:
            return same_digest(session, remote, here, stop) is not None or self.certain
        except VerifyMismatch:
            return False

    def _rename(self, worker: Worker) -> None:
        if self.root is not None:
            local.check_straight(self.old.path, self.root)
            local.check_straight(self.new.target, self.root)
            rename_local(self.old.path, self.new.target, self.old.entry)
        else:
            worker.insist(self.shown, RemoteRename(self.old.path, self.new.target).attempt)


@dataclass(frozen=True)
class Renamed:
    task: RenameFile
    seconds: float
    worker: int

    def event(self) -> Finished:
        old, new = self.task.old.shown, self.task.new.shown
        return Finished(old, "rename", self.worker, seconds=self.seconds, target=new)


@dataclass(frozen=True)
class Declined:
    """Nothing was renamed, and the file is to be sent."""

    task: RenameFile


def rename_local(path: str, target: str, listed: Entry) -> None:
    """Raises LocalFileError, also where the file is not what was listed, or the new name is taken."""
    found = local.look(path)
    if found is None or (found.kind, found.size, found.mtime) != (listed.kind, listed.size, listed.mtime):
        raise LocalFileError(f"{path} changed since it was listed")
    if local.look(target) is not None:
        raise LocalFileError(f"{target} is there already")
    with local.translated("rename", path):
        os.rename(path, target)


class RemoteRename:
    """Renames a file on the server; may be tried again after the connection was lost at any point."""

    def __init__(self, path: str, target: str) -> None:
        self._path = path
        self._target = target
        self._tried = False

    def attempt(self, session: Session) -> None:
        """Raises Refused, also where the new name is taken: many servers would replace what has it."""
        if exists(session, self._target):
            if self._tried and not exists(session, self._path):
                return  # done at the last try, whose answer was lost
            raise Refused(f"{self._target} is there already")
        self._tried = True
        session.rename(self._path, self._target)
