"""What a run deletes or replaces is kept, on the side where it is, under the same path in a folder of the run's own.

Nothing in a backup is ever overwritten: a name that is taken gets a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ftpcli.engine.transfer.context import TransferContext
from ftpcli.engine.transfer.outcome import FileTransfer
from ftpcli.engine.trees.make_link import Kept
from ftpcli.engine.workers.worker import Worker

if TYPE_CHECKING:
    from ftpcli.engine.tasks.copy_file import CopyFile
    from ftpcli.engine.tasks.remove import Remove


class Keeping(FileTransfer, Protocol):
    """A transfer that keeps what it replaces. ``place`` is where that is now; None where nothing was there."""

    @property
    def place(self) -> str | None: ...
    def loss(self) -> str:
        """What to tell the user where the transfer failed for good and the old file is not where it was."""
        ...


class Backup(Protocol):
    """The backup folder of one run, for all workers."""

    def transfer(self, task: CopyFile, context: TransferContext) -> Keeping: ...
    def remove(self, task: Remove, worker: Worker) -> str:
        """Delete one target entry as ``Remove`` does; where it is kept."""
        ...

    def keep_link(self, path: str, shown: str) -> Kept | None:
        """A symbolic link is about to be replaced: what moves it away in time; None where it is kept already."""
        ...
