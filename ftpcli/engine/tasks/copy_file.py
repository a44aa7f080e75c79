"""Copies one file in the direction of the run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from ftpcli.engine.backup.contract import BackupTransfer
from ftpcli.engine.compare.times import settles_in
from ftpcli.engine.events import Started, Warned
from ftpcli.engine.job import Side
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import Done, FileTransfer
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.upload import Upload
from ftpcli.errors import FtpcliError
from ftpcli.model import TlsFacts
from ftpcli.session.contract import Session


@dataclass(frozen=True)
class CopyFile(CopyRequest):
    """Copy one file."""

    def run(self, context: TaskContext) -> Copied:
        if context.shared.backup is not None:
            kept = context.shared.backup.transfer(self, context.transfer, replaces=self.replaces)
            return self._carry_out_keeping(kept, context)
        if context.job.direction.source is Side.REMOTE:
            return self.carry_out(Download(self, context.transfer), context)
        return self.carry_out(Upload(self, context.transfer), context)

    def carry_out(self, transfer: FileTransfer, context: TaskContext) -> Copied:
        """Complete the transfer from wherever it stands. Raises FtpcliError."""
        worker = context.worker
        began = time.monotonic()
        worker.tell(Started(self.shown, context.job.direction.value, worker.number, self.entry.size))
        tries = 0

        def attempt(session: Session) -> Done:
            nonlocal tries
            tries += 1
            return transfer.attempt(session)

        try:
            done = worker.insist(self.shown, attempt, transfer.progress)
        finally:
            worker.progress.clear()
        return Copied(self, done, tries, time.monotonic() - began, worker.number, worker.slot.tls_facts())

    def _carry_out_keeping(self, transfer: BackupTransfer, context: TaskContext) -> Copied:
        try:
            copied = self.carry_out(transfer, context)
        except FtpcliError:
            if loss := transfer.loss():
                context.worker.tell(Warned(loss))
            raise
        return replace(copied, backup=transfer.backup_path)

    def settles_in(self, compare: str) -> float:
        """Seconds until the source, as it was listed, may be sent; see ``compare.times.settles_in``."""
        mtime = self.entry.mtime
        return 0.0 if mtime is None else settles_in(mtime, time.time(), compare)


@dataclass(frozen=True)
class Copied:
    """A file was copied. ``backup`` is where the file that it replaced is kept."""

    task: CopyFile
    done: Done
    tries: int
    seconds: float
    worker: int
    tls: TlsFacts | None
    backup: str | None = None
