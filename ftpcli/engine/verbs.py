"""The single operations that deploy scripts need: remove, make a directory, rename."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from ftpcli.engine.events import Deleted
from ftpcli.engine.trees.glob import expand
from ftpcli.engine.trees.remote import make_directories
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import NotFound, Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


def remove(solo: Solo, path: str, *, recursive: bool, glob: bool) -> None:
    """Delete files and, with ``recursive``, directories. Raises NotFound, Refused and other FtpcliErrors."""
    if glob:
        targets = solo.insist(path, lambda session: expand(session, path))
        if not targets:
            raise NotFound(f"nothing matches {path}")
    else:
        targets = [(path, solo.insist(path, lambda session: session.stat(path)))]
    targets = solo.insist(path, lambda session: _links_unmasked(session, targets))
    for target, entry in targets:
        if entry.kind is Kind.DIR and not recursive:
            raise Refused(f"{target} is a directory; -r deletes directories as well")

    def gone(name: str) -> None:
        solo.tell(Deleted(name))
        solo.stop.check()

    for target, entry in targets:
        solo.insist(target, Removal(target, entry.kind, gone, recursive=True).attempt)


def _links_unmasked(session: Session, targets: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """The targets, with links to directories marked as links. Most servers report what a link points to, and that
    directory must not be emptied.

    Raises Refused if the directory that holds a target cannot be listed.
    """
    texts: dict[str, Mapping[str, str]] = {}
    seen = []
    for path, entry in targets:
        folder, name = posixpath.split(path.rstrip("/"))
        if entry.kind is Kind.DIR and folder not in texts:
            texts[folder] = session.link_targets(folder)
        is_link = entry.kind is Kind.DIR and name in texts[folder]
        seen.append((path.rstrip("/"), replace(entry, kind=Kind.LINK)) if is_link else (path, entry))
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
