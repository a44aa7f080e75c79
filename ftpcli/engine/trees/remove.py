"""Deletes on a server: one entry, or a directory with everything in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ftpcli.engine.trees import links
from ftpcli.engine.trees.remote import exists
from ftpcli.errors import NotFound, Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


class Removal:
    """Deletes a path, with ``recursive`` its content first; ``on_gone`` is called with each path deleted.

    May be retried after the connection was lost at any point.
    """

    def __init__(
        self, path: str, kind: Kind, on_gone: Callable[[str], None] = lambda _: None, *, recursive: bool = False
    ) -> None:
        self._root = (path, kind)
        self._on_gone = on_gone
        self._recursive = recursive
        self._tries = 0

    def attempt(self, session: Session) -> None:
        """Raises Refused at the first entry that cannot be deleted."""
        self._tries += 1
        path, kind = self._root
        # The directories on the way down, each with its remaining entries. Not recursive: a tree may be deeper than
        # Python's calls can nest.
        way = [(path, kind, self._inside(session, path, kind))]
        while way:
            path, kind, inside = way[-1]
            entry = next(inside, None)
            if entry is None:
                way.pop()
                self._remove(session, path, kind)
            else:
                path = f"{path}/{entry.name}"
                way.append((path, entry.kind, self._inside(session, path, entry.kind)))

    def _remove(self, session: Session, path: str, kind: Kind) -> None:
        try:
            if kind is Kind.DIR:
                session.rmdir(path)
            else:
                session.remove(path)
        except NotFound:
            # An earlier try may have deleted it, and only the reply was lost.
            if self._tries == 1 or exists(session, path):
                raise
        self._on_gone(path)

    def _inside(self, session: Session, path: str, kind: Kind) -> Iterator[Entry]:
        """What must be deleted before ``path`` can be."""
        if kind is not Kind.DIR or not self._recursive:
            return iter(())
        try:
            # MLSD of pyftpdlib shows a link as what it leads to, and ProFTPD's omits dangling links.
            listing = links.with_links(session, path, session.list(path))
        except NotFound:
            return iter(())  # removing it will report the same
        if listing.gap:
            raise Refused(f"cannot delete {path}: not everything in it is known: {listing.gap}")
        return iter(listing.entries)
