"""How the two sides of a run correspond: which path belongs to which, and what the filters leave of it. No I/O."""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace

from ftpcli.engine.filters import Filters
from ftpcli.engine.plan import Decision, What, decide
from ftpcli.engine.tasks import Pair
from ftpcli.model import Direction, Entry, Job, Kind


class Pairing:
    """See the module."""

    def __init__(self, job: Job) -> None:
        self._rules = job.rules
        self._filters = Filters(job.rules.filters)
        self._remote_target = job.direction is Direction.UPLOAD

    def decide(self, where: Pair, source: Entry | None, target: Entry | None) -> Decision:
        """The plan's decision, unless a filter keeps the entry out of everything."""
        if not self._filters.limits:
            return decide(source, target, self._rules)
        entry = source or target
        assert entry is not None
        path = self._filtered(where, entry.name)
        if entry.kind is Kind.DIR and source is not None:
            excluded = not self._filters.enters(path)
        else:
            excluded = not self._filters.keeps(path, entry)
        if excluded:
            return Decision(What.SKIP, entry.name, source, target, "excluded")
        return decide(source, target, self._rules)

    def spares(self, where: Pair, entry: Entry) -> bool:
        """True for an entry of a doomed directory that a filter protects."""
        return not self._filters.keeps(self._filtered(where, entry.name), entry)

    def source(self, where: Pair, name: str) -> str:
        assert where.source is not None
        return _join(where.source, name, remote=not self._remote_target)

    def target(self, where: Pair, name: str) -> str:
        return _join(where.target, name, remote=self._remote_target)

    def below(self, where: Pair, source: Entry, *, exists: bool) -> Pair:
        """The pair for a directory of the source. One that only leads to what is included is made when needed."""
        name = source.name
        return Pair(
            self.source(where, name),
            self.target(where, name),
            shown(where, name),
            target_exists=exists,
            prefix=where.prefix,
            lazy=not self._filters.keeps(self._filtered(where, name), source),
        )

    def doomed(self, where: Pair, entry: Entry, owner: str) -> Pair:
        """The pair for a directory that only the target has."""
        return replace(
            where,
            source=None,
            target=self.target(where, entry.name),
            shown=shown(where, entry.name),
            target_exists=True,
            owner=owner,
            lazy=False,
        )

    @staticmethod
    def _filtered(where: Pair, name: str) -> str:
        return shown(where, name)[len(where.prefix) :]


def shown(where: Pair, name: str) -> str:
    """How an entry of this directory is named to people."""
    return f"{where.shown}/{name}" if where.shown else name


def _join(folder: str, name: str, *, remote: bool) -> str:
    if remote:
        return posixpath.join(folder, name) if folder else name
    return os.path.join(folder, name)
