"""What belongs to a tree besides the bytes of its files: permission bits, and the symbolic links in it.

Directories get their bits last of all and the deepest first, because one that may not be written to takes no files.
Links on the server come after all files: ProFTPD makes none that leads nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.backup.contract import Backup
from ftpcli.engine.trees import local
from ftpcli.engine.trees import make_link as links
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError


@dataclass(frozen=True)
class MakeLink:
    """Make a symbolic link that says ``text``. ``replaces``: another link is in its place.

    ``root``: the local tree that it is in; None where it is on the server.
    """

    path: str
    shown: str
    text: str
    root: str | None
    replaces: bool
    backup: Backup | None = None

    def run(self, worker: Worker) -> LinkMade:
        if self.root is not None:
            local.check_straight(self.path, self.root)
        kept = self.backup.keep_link(self.path, self.shown) if self.replaces and self.backup is not None else None
        if self.root is not None:
            links.copy_local(self.path, self.text, worker.journal)
            return LinkMade(self, worker.number)
        link = links.RemoteLink(self.path, self.text, worker.journal, replaces=self.replaces, kept=kept)
        try:
            worker.insist(self.shown, link.attempt, link.progress)
        except FtpcliError:
            link.give_up()
            raise
        return LinkMade(self, worker.number)


@dataclass(frozen=True)
class LinkMade:
    task: MakeLink
    worker: int
