"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ftpcli.engine.backup.contract import Backup, BackupTransfer
from ftpcli.engine.compare.times import settles_in
from ftpcli.engine.events import Started, Warned
from ftpcli.engine.job import Direction, Rules
from ftpcli.engine.transfer.context import TransferContext
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import Done, FileTransfer
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.upload import Upload
from ftpcli.engine.trees import local
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError
from ftpcli.model import TlsFacts
from ftpcli.session.contract import Session


@dataclass(frozen=True)
class CopyFile(CopyRequest):
    """One file, in the run's direction. ``replaces``: the target is there, as listed.

    ``root``: the local tree that it goes to; None where there is none. ``begun``: what has been done of it already.
    """

    direction: Direction
    rules: Rules
    place: str
    backup: Backup | None = None
    replaces: bool = False
    root: str | None = None
    begun: FileTransfer | None = None

    def run(self, worker: Worker) -> Copied:
        if self.root is not None:
            local.check_straight(self.target, self.root)
        transfer: FileTransfer
        kept: BackupTransfer | None = None
        if self.begun is not None:
            transfer = self.begun
        elif self.backup is not None:
            transfer = kept = self.backup.transfer(self, self._context(worker), replaces=self.replaces)
        elif self.direction is Direction.DOWNLOAD:
            transfer = self.download(worker)
        else:
            transfer = self.upload(worker)
        began = time.monotonic()
        worker.tell(Started(self.shown, self.direction.value, worker.number, self.entry.size))
        tries = 0

        def attempt(session: Session) -> Done:
            nonlocal tries
            tries += 1
            return transfer.attempt(session)

        try:
            done = worker.insist(self.shown, attempt, transfer.progress)
        except FtpcliError:
            if kept is not None and (loss := kept.loss()):
                worker.tell(Warned(loss))
            raise
        finally:
            worker.progress.clear()
        backup = kept.backup_path if kept is not None else None
        return Copied(self, done, tries, time.monotonic() - began, worker.number, worker.slot.tls_facts(), backup)

    def settles_in(self) -> float:
        """Seconds until the source, as it was listed, may be sent."""
        mtime = self.entry.mtime
        return 0.0 if mtime is None else settles_in(mtime, time.time(), self.rules.compare)

    def download(self, worker: Worker) -> Download:
        return Download(self, self._context(worker))

    def upload(self, worker: Worker) -> Upload:
        return Upload(self, self._context(worker))

    def _context(self, worker: Worker) -> TransferContext:
        return TransferContext.of(worker, self.rules, self.place)


@dataclass(frozen=True)
class Copied:
    task: CopyFile
    done: Done
    tries: int
    seconds: float
    worker: int
    tls: TlsFacts | None
    backup: str | None = None
