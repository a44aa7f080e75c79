"""Makes one symbolic link in the target."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.tasks.context import TaskContext


@dataclass(frozen=True)
class MakeLink:
    """Make a symbolic link with the target ``text``. ``replaces``: another link exists at ``path``."""

    path: str
    shown: str
    text: str
    replaces: bool

    def run(self, context: TaskContext) -> LinkMade:
        tree, backup = context.target(self.shown), context.shared.backup
        kept = backup.keep_link(self.path, self.shown) if self.replaces and backup is not None else None
        tree.make_link(self.path, self.text, replaces=self.replaces, kept=kept)
        return LinkMade(self, context.worker.number)


@dataclass(frozen=True)
class LinkMade:
    task: MakeLink
    worker: int
