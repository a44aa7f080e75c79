"""What belongs to a tree besides the bytes of its files: permission bits, and the symbolic links in it.

Directories get their bits last of all and the deepest first, because one that may not be written to takes no files.
Links on the server come after all files: ProFTPD makes none that leads nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.trees import local
from ftpcli.engine.trees.remote import mode_problem
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import LocalFileError

# Without these the owner cannot do all that is to be done in a directory.
_OWNERS = 0o700


@dataclass(frozen=True)
class SetMode:
    """Give a file or directory its permission bits. ``told``: that is news, and not a part of making the copy.

    ``root``: the local tree that it is in; None where it is on the server.
    """

    path: str
    shown: str
    mode: int
    root: str | None
    told: bool

    @property
    def shuts(self) -> bool:
        """True where what is below can no longer be reached afterwards."""
        return self.mode & _OWNERS != _OWNERS

    def run(self, worker: Worker) -> ModeSet:
        if self.root is None:
            problem = worker.insist(self.shown, lambda session: mode_problem(session, self.path, self.mode))
            return ModeSet(self, problem, worker.number)
        try:
            local.check_straight(self.path, self.root)
            local.set_mode(self.path, self.mode)
        except LocalFileError as error:
            return ModeSet(self, error.message, worker.number)
        return ModeSet(self, "", worker.number)


@dataclass(frozen=True)
class ModeSet:
    """``problem`` says why it could not be done."""

    task: SetMode
    problem: str
    worker: int
