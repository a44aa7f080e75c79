"""Deletes one entry of the target."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.events import Deleted
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.trees.tree import Tree
from ftpcli.model import Kind


@dataclass(frozen=True)
class Remove:
    """Delete one target entry; a directory must be empty, for what came into it meanwhile nobody wanted to delete."""

    path: str
    shown: str
    kind: Kind

    def run(self, context: TaskContext) -> Removed:
        context.worker.tell(Deleted(self.shown, self._remove(context.target(self.shown), context)))
        return Removed(self)

    def _remove(self, tree: Tree, context: TaskContext) -> str | None:
        """Where it is kept; None where it is gone."""
        backup = context.shared.backup
        if backup is not None and not context.shared.journal.has_part(self.path):
            tree.require_within(self.path)
            return backup.remove(self.path, self.shown, self.kind, context.worker)
        tree.remove(self.path, self.kind)
        return None


@dataclass(frozen=True)
class Removed:
    """A Remove that left nothing behind."""

    task: Remove
