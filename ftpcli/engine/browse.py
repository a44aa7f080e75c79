"""Lists a server's tree, for ``ls``."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator

from ftpcli.engine.trees.glob import expand
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import Refused, Unsupported
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import Session


def browse(solo: Solo, path: str, *, recursive: bool, glob: bool) -> Iterator[tuple[str, Listing]]:
    """Yield directories with their listings, top first; files are yielded as a partial listing of their directory.

    Raises NotFound, also if a pattern matches nothing, and any other FtpcliError. What is refused below the top is a
    problem of that directory's listing.
    """
    if glob:
        found = solo.insist(path, lambda session: expand(session, path))
        files = [(posixpath.dirname(match), entry) for match, entry in found.matches if entry.kind is not Kind.DIR]
        for folder, group in itertools.groupby(files, key=lambda file: file[0]):
            yield folder, Listing(tuple(entry for _, entry in group))
        for folder, error in found.gaps.items():
            yield folder, Listing((), (str(error),))
        folders = [match for match, entry in found.matches if entry.kind is Kind.DIR]
    else:
        file = solo.insist(path, lambda session: _file(session, path))
        if file is not None:
            yield posixpath.dirname(path), Listing((file,))
            return
        folders = [path]
    folders.reverse()
    top = not glob
    while folders:
        folder = folders.pop()
        try:
            listing = solo.insist(folder, lambda session, folder=folder: session.list(folder))  # type: ignore[misc]
        except Refused as error:
            if top:
                raise
            listing = Listing((), (str(error),))
        top = False
        yield folder, listing
        if recursive:
            inner = [entry.name for entry in listing.entries if entry.kind is Kind.DIR]
            folders.extend(posixpath.join(folder, name) if folder else name for name in reversed(inner))


def _file(session: Session, path: str) -> Entry | None:
    """The entry at ``path``; None if it is a directory or the server cannot tell."""
    if not path.strip("/"):
        return None
    try:
        entry = session.stat(path)
    except Unsupported:
        return None
    return None if entry.kind is Kind.DIR else entry
