"""Looks up what the command line named on a server: expands patterns, follows links, tells files from directories."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import replace

from ftpcli.engine.job import Root
from ftpcli.engine.trees import links
from ftpcli.engine.trees.glob import Expansion, expand
from ftpcli.engine.trees.tree import Named, Sources
from ftpcli.errors import Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


def named_on_server(session: Session, root: Root, *, modes: bool) -> Sources:
    """The sources that a root names; ``modes``: with the permission bits of files. Raises NotFound if there is none."""
    if root.tree:
        return Sources([Named(root.source, Entry(posixpath.basename(root.source), Kind.DIR))])
    found = expand(session, root.source) if root.glob else Expansion([(root.source, session.stat(root.source))])
    named = [
        Named(path, _with_mode(session, path, _followed(session, path, entry), modes)) for path, entry in found.matches
    ]
    return Sources(named, found.gaps)


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
