"""What the command line named → what there is to do: patterns expanded, files told from directories."""

from __future__ import annotations

import contextlib
import os
import posixpath
from dataclasses import dataclass, replace

from ftpcli.engine.job import Direction, Root, Rules
from ftpcli.engine.trees import links, local
from ftpcli.engine.trees.glob import expand
from ftpcli.engine.trees.remote import is_directory, make_directories
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import LocalFileError, NotFound, Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


@dataclass(frozen=True)
class Found:
    """One source that exists, and the final name of its target. ``target_exists`` is None where nobody knows."""

    source: str
    target: str
    entry: Entry
    target_exists: bool | None = None


@dataclass(frozen=True)
class Resolve:
    """Look one root up."""

    root: Root
    direction: Direction
    rules: Rules

    @property
    def shown(self) -> str:
        return self.root.source or "."

    def run(self, worker: Worker) -> Resolved:
        if self.direction is Direction.DOWNLOAD:
            found = worker.insist(self.shown, lambda session: self._remote_sources(session))
            return Resolved(self, tuple(self._onto_local(item) for item in found))
        entry = self._local_source()
        return Resolved(self, (worker.insist(self.shown, lambda session: self._onto_remote(session, entry)),))

    def _remote_sources(self, session: Session) -> list[Found]:
        root = self.root
        if root.glob:
            matches = expand(session, root.source)
            if not matches:
                raise NotFound(f"nothing matches {root.source}")
            return [Found(path, root.target, self._followed(session, path, entry)) for path, entry in matches]
        if root.tree:
            return [Found(root.source, root.target, Entry(posixpath.basename(root.source), Kind.DIR))]
        return [Found(root.source, root.target, self._followed(session, root.source, session.stat(root.source)))]

    def _followed(self, session: Session, path: str, entry: Entry) -> Entry:
        entry = _followed(session, path, entry)
        if self.rules.perms and entry.kind is Kind.FILE:
            entry = replace(entry, mode=_mode(session, path))
        return entry

    def _onto_local(self, found: Found) -> Found:
        into = self.root.into
        if into is None:
            into = local.is_directory(self.root.target)
        if self.root.glob or into:
            name = posixpath.basename(found.source.rstrip("/")) or "download"
            return replace(found, target=os.path.join(self.root.target, name))
        return found

    def _local_source(self) -> Entry:
        path = self.root.source
        entry = local.look(path)
        if entry is not None and entry.kind is Kind.LINK:
            entry = local.look(os.path.realpath(path))  # a link that was named is followed
        if entry is None:
            raise LocalFileError(f"cannot read {path}: no such file or directory")
        if self.root.tree and entry.kind is not Kind.DIR:
            raise LocalFileError(f"{path} is not a directory")
        return entry

    def _onto_remote(self, session: Session, entry: Entry) -> Found:
        root = self.root
        into = root.into
        if into is None:
            into = _is_remote_directory(session, root.target)
        target = root.target
        if into and not _names_contents(root.source):
            name = os.path.basename(os.path.abspath(root.source))
            target = posixpath.join(root.target, name) if root.target else name
        folder = posixpath.dirname(target)
        if self.rules.make_parents and folder and not self.rules.dry_run:
            make_directories(session, folder)
        return Found(root.source, target, entry)


@dataclass(frozen=True)
class Resolved:
    task: Resolve
    found: tuple[Found, ...]


def _names_contents(path: str) -> bool:
    """Whether a directory is named by no name of its own (``.``, ``folder/.``): what is in it is meant, as with cp."""
    return posixpath.basename(path.rstrip("/")) in (".", "..")


def _followed(session: Session, path: str, entry: Entry) -> Entry:
    """A link that was named is followed, as by every other tool. MLST tells its own size, on ProFTPD as that of a file;
    SIZE tells that of what it leads to."""
    if entry.kind is Kind.LINK:
        try:
            return replace(session.follow(path), name=entry.name)
        except Refused:
            return replace(entry, kind=Kind.FILE, size=None)  # what is the matter the download will say
    if entry.kind is Kind.FILE:
        with contextlib.suppress(Refused):
            return replace(entry, size=session.size(path))
    return entry


def _mode(session: Session, path: str) -> int | None:
    """A file's permissions as the listing of its directory tells them; None for a link, which has none of its own.

    vsftpd tells them nowhere else, and MLST of ProFTPD gives a link as a file that everybody may write to.
    """
    folder, name = posixpath.split(path)
    listing = links.with_links(session, folder, session.list(folder))
    return next((entry.mode for entry in listing.entries if entry.name == name and entry.kind is Kind.FILE), None)


def _is_remote_directory(session: Session, path: str) -> bool:
    if not path.strip("/"):
        return True
    try:
        return is_directory(session, path, session.stat(path))
    except Refused:
        return False
