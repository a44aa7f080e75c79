"""What a backup offers to those that delete and replace, on whichever side it is.

Nothing in a backup is ever overwritten: a name that is taken gets a number.
"""

from __future__ import annotations

from typing import Protocol

from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.outcome import FileTransfer
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.trees.make_link import Kept
from ftpcli.engine.workers.worker import Worker
from ftpcli.model import Kind


class BackupTransfer(FileTransfer, Protocol):
    """A transfer that backs up what it replaces. ``backup_path`` is where that is now; None where nothing was there."""

    @property
    def backup_path(self) -> str | None: ...
    def loss(self) -> str:
        """What to tell the user where the transfer failed for good and the old file is not where it was."""
        ...


class Backup(Protocol):
    """The backup folder of one run, for all workers. ``shown`` is a path relative to the target's root."""

    def transfer(self, request: CopyRequest, context: CopyContext, *, replaces: bool) -> BackupTransfer:
        """``replaces``: the target was listed; else it may have come since."""
        ...

    def remove(self, path: str, shown: str, kind: Kind, worker: Worker) -> str:
        """Move one target entry into the backup; a directory, which must be empty, is made anew there.

        Returns where it is kept. Raises FtpcliError.
        """
        ...

    def keep_link(self, path: str, shown: str) -> Kept | None:
        """A symbolic link is about to be replaced: what moves it away in time; None where it is backed up already.

        Raises LocalFileError.
        """
        ...
