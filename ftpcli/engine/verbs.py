"""The single operations that deploy scripts need: remove, make a directory, rename."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from ftpcli.engine.events import Deleted
from ftpcli.engine.trees.glob import Expansion, expand
from ftpcli.engine.trees.links import link_texts
from ftpcli.engine.trees.remote import make_directories
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import FtpcliError, Refused
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import Session


def remove(solo: Solo, path: str, *, recursive: bool, glob: bool) -> Mapping[str, FtpcliError]:
    """Delete files and, with ``recursive``, directories. Raises NotFound, Refused and other FtpcliErrors.

    Returns, by path, the directories in which a pattern may match more than what was deleted, and why.
    """
    if glob:
        found = solo.insist(path, lambda session: expand(session, path))
    else:
        found = Expansion([(path, solo.insist(path, lambda session: session.stat(path)))])
    targets = solo.insist(path, lambda session: _links_unmasked(session, found.matches))
    for target, entry in targets:
        if entry.kind is Kind.DIR and not recursive:
            raise Refused(f"{target} is a directory; -r deletes directories as well")

    def gone(name: str) -> None:
        solo.tell(Deleted(name))
        solo.stop.check()

    for target, entry in targets:
        solo.insist(target, Removal(target, entry.kind, gone, recursive=True).attempt)
    return found.gaps


def _links_unmasked(session: Session, targets: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """The targets, with links to directories marked as links. Most servers report what a link points to, and that
    directory must not be emptied.

    Raises Refused if the directory that holds a target cannot be listed, or not so that this shows.
    """
    listings: dict[str, Listing] = {}
    seen = []
    for path, entry in targets:
        if entry.kind is Kind.DIR:
            folder, name = posixpath.split(path.rstrip("/"))
            if folder not in listings:
                listings[folder] = session.list_links(folder)
            told = listings[folder]
            if name in link_texts(told):
                seen.append((path.rstrip("/"), replace(entry, kind=Kind.LINK)))
                continue
            if told.gap and all(other.name != name for other in told.entries):
                raise Refused(f"cannot delete {path}: it may be a symbolic link ({told.gap})")
        seen.append((path, entry))
    return seen


def make_directory(solo: Solo, path: str, *, parents: bool) -> None:
    """Make a directory; with ``parents`` also missing parent directories, and an existing one is no error."""
    if parents:
        solo.insist(path, lambda session: make_directories(session, path))
    else:
        solo.insist(path, lambda session: session.mkdir(path))


def rename(solo: Solo, source: str, target: str) -> None:
    """Rename ``source`` to ``target``."""
    solo.insist(source, lambda session: session.rename(source, target))
