"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.backup.contract import Backup
from ftpcli.engine.events import Deleted
from ftpcli.engine.trees import local
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.workers.worker import Worker
from ftpcli.model import Kind


@dataclass(frozen=True)
class Remove:
    """Delete one target entry; a directory must be empty, for what came into it meanwhile nobody wanted to delete.

    ``root``: the local tree that it is in; None where it is on the server.
    """

    path: str
    shown: str
    kind: Kind
    root: str | None
    backup: Backup | None = None

    def run(self, worker: Worker) -> Removed:
        if self.root is not None:
            local.check_straight(self.path, self.root)
        if self.backup is not None and not worker.journal.has_part(self.path):
            worker.tell(Deleted(self.shown, self.backup.remove(self.path, self.shown, self.kind, worker)))
        elif self.root is None:
            removal = Removal(self.path, self.shown, self.kind, lambda shown: worker.tell(Deleted(shown)))
            worker.insist(self.shown, removal.attempt)
        else:
            if self.kind is Kind.DIR:
                local.remove_directory(self.path)
            else:
                local.remove(self.path)
            worker.tell(Deleted(self.shown))
        return Removed()


@dataclass(frozen=True)
class Removed:
    """A Remove that left nothing behind."""
