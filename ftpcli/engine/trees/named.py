"""Looks up what the command line named on a server: expands patterns, follows links, tells files from directories."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import replace

from ftpcli.engine.job import Root
from ftpcli.engine.trees import links
from ftpcli.engine.trees.glob import expand
from ftpcli.engine.trees.tree import Named
from ftpcli.errors import NotFound, Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


def named_on_server(session: Session, root: Root, *, modes: bool) -> list[Named]:
    """The sources that a root names; ``modes``: with the permission bits of files. Raises NotFound if there is none."""
    if root.glob:
        matches = expand(session, root.source)
        if not matches:
            raise NotFound(f"nothing matches {root.source}")
    elif root.tree:
        return [Named(root.source, Entry(posixpath.basename(root.source), Kind.DIR))]
    else:
        matches = [(root.source, session.stat(root.source))]
    return [Named(path, _with_mode(session, path, _followed(session, path, entry), modes)) for path, entry in matches]


def _followed(session: Session, path: str, entry: Entry) -> Entry:
    """The entry with links followed. MLST gives a link's own size (on ProFTPD as if it were a file's), SIZE that of
    what it leads to."""
    if entry.kind is Kind.LINK:
        try:
            return replace(session.follow(path), name=entry.name)
        except Refused:
            return replace(entry, kind=Kind.FILE, size=None)  # the download will report the error
    if entry.kind is Kind.FILE:
        with contextlib.suppress(Refused):
            return replace(entry, size=session.size(path))
    return entry


def _with_mode(session: Session, path: str, entry: Entry, modes: bool) -> Entry:
    """The entry with a file's permissions from the listing of its directory; None for a link, which has none itself.

    vsftpd provides them nowhere else, and MLST of ProFTPD reports a link as a world-writable file.
    """
    if not modes or entry.kind is not Kind.FILE:
        return entry
    folder, name = posixpath.split(path)
    listing = links.with_links(session, folder, session.list(folder))
    mode = next((found.mode for found in listing.entries if found.name == name and found.kind is Kind.FILE), None)
    return replace(entry, mode=mode)
