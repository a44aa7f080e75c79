"""Checks in the target that a name belongs to a file of its own, where another one may have been taken for it."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.compare.aliases import rough
from ftpcli.engine.tasks.context import TaskContext


@dataclass(frozen=True)
class CheckFree:
    """Whether ``name`` may be stored beside ``stored``, similar names that this run has put into ``folder``."""

    folder: str
    name: str
    shown: str
    stored: tuple[str, ...]

    def run(self, context: TaskContext) -> FreeChecked:
        tree = context.target(self.shown)
        path, *others = (tree.side.join(self.folder, name) for name in (self.name, *self.stored))
        if context.job.rules.dry_run:
            return FreeChecked(self, free=True)  # nothing was stored that could be in the way
        found = tree.look(path)
        if found is None and tree.look(others[0]) is not None:
            return FreeChecked(self, free=True)
        there = tree.list_if_there(self.folder, expected=False)
        listed = {entry.name for entry in there.entries} if there is not None else set()
        if found is None:
            # A server without SIZE and MLST says "not found" of every file, also of those just stored.
            return FreeChecked(self, free=rough(self.name) not in map(rough, listed))
        # It may have been there before. If each is listed under its own name they are different files.
        return FreeChecked(self, free=listed.issuperset((self.name, *self.stored)))


@dataclass(frozen=True)
class FreeChecked:
    task: CheckFree
    free: bool


@dataclass(frozen=True)
class CheckStored:
    """Whether ``folder`` lists the names that this run has stored there, and those similar ones that are to be deleted.
    If one of them is missing, it may be that they are the same file."""

    folder: str
    directory: str
    stored: tuple[str, ...]
    deleted: tuple[str, ...]

    @property
    def shown(self) -> str:
        return self.directory or "."

    def run(self, context: TaskContext) -> StoredChecked:
        listed = {entry.name for entry in context.target(self.shown).list(self.folder).entries}
        return StoredChecked(self, frozenset((*self.stored, *self.deleted)) - listed)


@dataclass(frozen=True)
class StoredChecked:
    """``missing``: the names that are not listed."""

    task: CheckStored
    missing: frozenset[str]
