"""Resolves what the command line named: existing sources, and the final names of their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ftpcli.engine.job import Root, Side
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.trees.tree import Named, Tree
from ftpcli.errors import FtpcliError, NotFound, Refused, Unsupported
from ftpcli.model import Entry, Kind


@dataclass(frozen=True)
class Found:
    """One source that exists, and the final name of its target. ``there``: what has that name, if it is known;
    ``is_new``: certainly nothing."""

    source: str
    target: str
    entry: Entry
    there: Entry | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Resolve:
    """Look up one root."""

    root: Root

    @property
    def shown(self) -> str:
        return self.root.source or "."

    def run(self, context: TaskContext) -> Resolved:
        source, target = context.source(self.shown), context.target(self.shown)
        sources = source.named(self.root, modes=context.job.rules.perms)
        # Connect before anything is listed: only then is it known whether the server is this machine.
        context.worker.insist(self.shown, lambda _: None)
        return Resolved(self, tuple(self._found(item, source, target, context) for item in sources.named), sources.gaps)

    def _found(self, named: Named, source: Tree, target: Tree, context: TaskContext) -> Found:
        into = self.root.glob or self.root.into
        if into is None:
            into = target.is_directory(self.root.target)
        path = self.root.target
        if into and (name := source.own_name(named.path)):
            path = target.side.join(path, name)
        rules = context.job.rules
        if rules.make_parents and not rules.dry_run:
            target.make_parents(path)
        if self.root.tree or named.entry.kind is Kind.DIR or target.side is Side.LOCAL or rules.dry_run:
            return Found(named.path, path, named.entry)
        return self._examined(Found(named.path, path, named.entry), context)

    def _examined(self, found: Found, context: TaskContext) -> Found:
        """With what an upload is going to replace: its permission bits, and whether it is a symbolic link, which a
        directory's listing would have told."""
        try:
            there = context.worker.insist(self.shown, lambda session: session.examine(found.target))
        except NotFound:
            return replace(found, is_new=True)
        except (Refused, Unsupported):
            return found
        return replace(found, there=there)


@dataclass(frozen=True)
class Resolved:
    """``gaps``: by path, directories where a pattern may match more than is known."""

    task: Resolve
    found: tuple[Found, ...]
    gaps: Mapping[str, FtpcliError] = field(default_factory=dict)
