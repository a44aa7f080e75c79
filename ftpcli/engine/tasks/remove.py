"""Deletes one entry of the target."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.events import Deleted
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.trees.tree import Tree
from ftpcli.model import Kind


@dataclass(frozen=True)
class Remove:
    """Delete one target entry. A directory must be empty: entries added since it was listed are not deleted."""

    path: str
    shown: str
    kind: Kind

    def run(self, context: TaskContext) -> Removed:
        context.worker.tell(Deleted(self.shown, self._remove(context.target(self.shown), context)))
        return Removed(self)

    def _remove(self, tree: Tree, context: TaskContext) -> str | None:
        """Where the backup keeps it; None if it was deleted."""
        backup = context.shared.backup
        if backup is not None and not context.shared.journal.has_part(self.path):
            return backup.remove(self.path, self.shown, self.kind, context.worker)
        tree.remove(self.path, self.kind)
        return None


@dataclass(frozen=True)
class Removed:
    """An entry was removed."""

    task: Remove
