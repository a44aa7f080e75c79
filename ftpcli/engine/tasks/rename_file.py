"""Renames a target file whose name changed in the source, and asks for the exact times needed to recognise it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.events import Finished, Planned
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.transfer.read_back import agree, telling_parts
from ftpcli.engine.transfer.verify import compare_digests
from ftpcli.errors import LocalFileError, Refused, Unsupported
from ftpcli.model import Entry

log = logging.getLogger("ftpcli.renames")


@dataclass(frozen=True, slots=True)
class New:
    """A file that the target lacks, or has otherwise, waiting to be renamed or copied. ``entry`` is the source's,
    ``there`` the target's; None if there is none, or it is not known."""

    source: str
    target: str
    shown: str
    entry: Entry
    why: str
    there: Entry | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Old:
    """A target file to be deleted; ``number`` is that of the planned delete."""

    number: int
    path: str
    shown: str
    owner: str
    entry: Entry


@dataclass(frozen=True)
class AskTime:
    """Ask the server for a file's exact time; if it does not provide one, the listed time stays.

    ``row`` is the file's row in the rename index.
    """

    path: str
    shown: str
    listed: Entry
    row: int

    def run(self, context: TaskContext) -> Asked:
        try:
            return Asked(self, context.worker.insist(self.shown, lambda session: session.stat(self.path)))
        except (Refused, Unsupported):
            return Asked(self, self.listed)


@dataclass(frozen=True)
class Asked:
    task: AskTime
    entry: Entry


@dataclass(frozen=True)
class RenameFile:
    """Rename a file of the target. ``certain``: without digests, size and time identify it, if neither has changed
    since, and if the content agrees as far as it is read back."""

    old: Old
    new: New
    certain: bool

    @property
    def shown(self) -> str:
        return self.new.shown

    def run(self, context: TaskContext) -> Renamed | Declined:
        began = time.monotonic()
        try:
            if not self._same(context):
                return Declined(self)
            context.worker.tell(Planned(self.old.shown, "rename", target=self.shown))
            if not context.job.rules.dry_run:
                context.target(self.shown).rename(self.old.path, self.new.target, self.old.entry)
        except (Refused, Unsupported, LocalFileError) as error:
            log.info("%s is not renamed to %s: %s", self.old.shown, self.shown, error)
            return Declined(self)
        return Renamed(self, time.monotonic() - began, context.worker.number)

    def _same(self, context: TaskContext) -> bool:
        here, there = context.job.direction.local_and_remote(self.new.source, self.old.path)
        worker = context.worker
        with context.shared.local.open_source(here) as file:
            compared = worker.insist(self.shown, lambda session: compare_digests(session, there, file, worker.stop))
            if compared is not None:
                return not compared.difference
            # Servers keep whole seconds, and what was made within one second often has one size, too.
            if not self.certain or not all(
                worker.insist(self.shown, lambda session: agree(session, there, file, start, length))  # noqa: B023
                for start, length in telling_parts(file.size)
            ):
                return False
        return all(
            _is_still(tree.look(path), listed)
            for tree, path, listed in (
                (context.source(self.shown), self.new.source, self.new.entry),
                (context.target(self.shown), self.old.path, self.old.entry),
            )
        )


def _is_still(found: Entry | None, listed: Entry) -> bool:
    return found is not None and (found.kind, found.size) == (listed.kind, listed.size) and same_time(found, listed)


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
    """The file was not renamed and is to be sent instead."""

    task: RenameFile
