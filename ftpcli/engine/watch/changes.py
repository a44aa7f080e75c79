"""Collects what changed in a watched tree, to determine which part to compare. Pure: paths in, a scope out.

Paths are relative to the root, parts joined by ``/``; "" is the root itself.
"""

from __future__ import annotations

from itertools import accumulate

from ftpcli.engine.compare.filters import Filters
from ftpcli.engine.job import Scope
from ftpcli.model import Entry, Kind
from ftpcli.part_names import is_part

# With more directories than this it is cheaper to compare everything.
_MANY = 1000


class Changes:
    """Collects changes. ``everything``: anything may have changed."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._directories: set[str] = set()
        self._trees: set[str] = set()
        self.everything = False

    def __bool__(self) -> bool:
        return self.everything or bool(self._directories)

    def add(self, path: str, kind: Kind | None, *, modified: bool) -> None:
        """Something appeared at ``path``, was modified, or is gone (then ``kind`` is None).

        A directory that appeared may hold entries that were not reported: it was moved here, or filled before it was
        watched.
        """
        if self.everything:
            return
        if not path:
            self._directories.add("")
            if not modified:
                self.lose()
        elif self._matters(path, kind):
            self._directories.add(_parent(path))
            if kind is Kind.DIR and not modified:
                self._trees.add(path)
        if len(self._directories) + len(self._trees) > _MANY:
            self.lose()

    def lose(self) -> None:
        """Changes were missed: everything has to be compared."""
        self.everything = True
        self._directories.clear()
        self._trees.clear()

    def _matters(self, path: str, kind: Kind | None) -> bool:
        above, _, name = path.rpartition("/")
        if not all(map(self._filters.enters, accumulate(above.split("/"), _below) if above else ())):
            return False
        as_directory = kind in (Kind.DIR, None) and self._filters.enters(path)
        if kind is Kind.DIR:
            return as_directory
        as_file = not is_part(name) and self._filters.keeps(path, Entry(name, Kind.FILE if kind is None else kind))
        return as_file or (as_directory and not is_part(name))

    def scope(self) -> Scope | None:
        """What to compare; None for everything."""
        if self.everything:
            return None
        return Scope(frozenset(self._directories), frozenset(self._trees))


def _below(above: str, name: str) -> str:
    return f"{above}/{name}"


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
