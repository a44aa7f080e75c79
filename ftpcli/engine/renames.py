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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ftpcli import local
from ftpcli.engine.bench import Bench
from ftpcli.engine.candidates import Candidate, Candidates, open_database
from ftpcli.engine.deletes import Delete, Deletes
from ftpcli.engine.events import Finished, Planned
from ftpcli.engine.plan import is_exact
from ftpcli.engine.replacement import exists
from ftpcli.engine.stop import StopToken
from ftpcli.engine.tasks import CopyFile
from ftpcli.engine.verify import same_digest
from ftpcli.errors import LocalFileError, Refused, Unsupported, VerifyMismatch
from ftpcli.model import Direction, Entry, Job, Kind
from ftpcli.parts import is_part
from ftpcli.session.protocol import Session

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


class Renames:
    """Collects while directories are compared, and makes the tasks when that is done. For the coordinator alone.

    ``planning``: there may be more tasks to come.
    """

    def __init__(self, job: Job, deletes: Deletes) -> None:
        self._rules = job.rules
        self._direction = job.direction
        self._root = job.roots[0].target if job.direction is Direction.DOWNLOAD else None
        self._deletes = deletes
        self._database = open_database()
        self._new = Candidates(self._database, "new")
        self._old = Candidates(self._database, "old")
        self.planning = True

    def wait(self, new: New) -> bool:
        """Let a copy wait. False where nothing could tell that another file is the same."""
        return self._new.add(new.entry, new.source, new.target, new.shown, new.why)

    def doom(self, number: int, delete: Delete, entry: Entry) -> None:
        """A delete was planned."""
        if not is_part(entry.name):
            self._old.add(entry, number, delete.path, delete.shown, delete.owner)

    def questions(self) -> Iterator[AskTime]:
        """For the exact times of those files on the server that may be the same as others."""
        self._new.close_list()
        self._old.close_list()
        up = self._direction is Direction.UPLOAD
        asked, others = (self._old, self._new) if up else (self._new, self._old)
        for candidate in asked.all(inexact=True):
            if any(True for _ in others.like(candidate.entry)):
                path = _old(candidate).path if up else _new(candidate).source
                yield AskTime(asked, candidate, path, path)

    def tasks(self, copy: Callable[[New], CopyFile | None]) -> Iterator[RenameFile | CopyFile]:
        """Renames for what has a counterpart, copies for the rest. ``copy`` plans one."""
        for same_name in (True, False):
            for candidate in self._new.all():
                new = _new(candidate)
                old = self._counterpart(new.entry, same_name=same_name)
                if old is not None:
                    self._new.serve(candidate)
                    yield self._rename(old, new, same_name)
                elif not same_name:
                    task = copy(new)
                    if task is not None:
                        yield task
        self.planning = False

    def _rename(self, old: Old, new: New, same_name: bool) -> RenameFile:
        certain = (
            is_exact(old.entry)
            and is_exact(new.entry)
            and self._old.has_one_at_most(new.entry, same_name=same_name)
            and self._new.has_one_at_most(old.entry, same_name=same_name)
        )
        return RenameFile(old, new, self._root, certain, self._rules.dry_run)

    def _counterpart(self, entry: Entry, *, same_name: bool) -> Old | None:
        """Each serves once."""
        for candidate in self._old.like(entry, same_name=same_name):
            old = _old(candidate)
            if self._deletes.allow(old.owner, old.shown):
                self._old.serve(candidate)
                return old
        return None

    def close(self) -> None:
        self._database.close()


def _new(candidate: Candidate) -> New:
    source, target, shown, why = candidate.about
    return New(source, target, shown, candidate.entry, why)


def _old(candidate: Candidate) -> Old:
    number, path, shown, owner = candidate.about
    return Old(number, path, shown, owner, candidate.entry)


@dataclass(frozen=True)
class AskTime:
    """Ask the server for a file's exact time. What it does not tell stays as it was listed."""

    where: Candidates
    candidate: Candidate
    path: str
    shown: str

    def run(self, bench: Bench) -> Asked:
        try:
            return Asked(self, bench.insist(self.shown, lambda session: session.stat(self.path)))
        except (Refused, Unsupported):
            return Asked(self, self.candidate.entry)


@dataclass(frozen=True)
class Asked:
    task: AskTime
    entry: Entry

    def learn(self) -> None:
        """For the coordinator, whose database it is."""
        listed, told = self.task.candidate.entry, self.entry
        if told.kind is not Kind.FILE or told.size != listed.size or told.mtime is None:
            self.task.where.update(self.task.candidate, None)
        elif is_exact(told):
            exact = replace(listed, mtime=told.mtime, precision=told.precision, mtime_is_utc=True)
            self.task.where.update(self.task.candidate, exact)


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

    def run(self, bench: Bench) -> Renamed | Declined:
        began = time.monotonic()
        try:
            if not bench.insist(self.shown, lambda session: self._same(session, bench.stop)):
                return Declined(self)
            bench.tell(Planned(self.old.shown, "rename", target=self.shown))
            if not self.dry_run:
                self._rename(bench)
        except (Refused, Unsupported, LocalFileError) as error:
            log.info("%s is not renamed to %s: %s", self.old.shown, self.shown, error)
            return Declined(self)
        return Renamed(self, time.monotonic() - began, bench.number)

    def _same(self, session: Session, stop: StopToken) -> bool:
        down = self.root is not None
        remote, here = (self.new.source, self.old.path) if down else (self.old.path, self.new.source)
        try:
            return same_digest(session, remote, here, stop) is not None or self.certain
        except VerifyMismatch:
            return False

    def _rename(self, bench: Bench) -> None:
        if self.root is not None:
            local.check_straight(self.old.path, self.root)
            local.check_straight(self.new.target, self.root)
            rename_local(self.old.path, self.new.target, self.old.entry)
        else:
            bench.insist(self.shown, RemoteRename(self.old.path, self.new.target).attempt)


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
