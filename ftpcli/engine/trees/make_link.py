"""Making symbolic links, on the local disk and on a server."""

from __future__ import annotations

import os
import posixpath
from typing import Protocol

from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.trees import local
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.links import link_texts
from ftpcli.errors import LocalFileError, Refused
from ftpcli.model import Kind
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session


def copy_local(place: Place, text: str, journal: Journal) -> None:
    """Make the link, atomically replacing an existing one. Raises LocalFileError if something else is in its place."""
    there = local.look(place)
    if there is not None and there.kind is not Kind.LINK:
        raise LocalFileError(
            f"cannot make the symbolic link {place.path}: something else is in its place; remove that first"
        )
    part = place.beside(part_name(os.path.basename(place.path), "link", text))
    journal.begin(part.path)
    try:
        local.make_link(place, text, part)
    finally:
        journal.gone(part.path)


class Kept(Protocol):
    """Moves a link that is replaced into the backup, and back if the replacement fails."""

    def keep(self, session: Session) -> None: ...
    def come_back(self, session: Session) -> None: ...
    def progress(self) -> int: ...


class RemoteLink:
    """Makes a link on the server; may be retried after the connection was lost at any point.

    A link that replaces another is made under a part name and renamed: if the server refuses to make it, the old one
    remains untouched. ``kept``: moves the old one into the backup.
    """

    def __init__(self, path: str, text: str, journal: Journal, *, replaces: bool, kept: Kept | None = None) -> None:
        self._path = path
        self._text = text
        folder, name = posixpath.split(path)
        self._folder = folder
        self._made_as = posixpath.join(folder, part_name(name, "link", text)) if replaces else path
        self._journal = journal
        self._kept = kept
        self._tries = 0
        self._made = False

    def attempt(self, session: Session) -> None:
        """Raises Unsupported and Refused."""
        self._tries += 1
        if self._made_as != self._path:
            self._journal.begin(self._made_as)
        if not self._made:
            self._make(session)
            self._made = True
        if self._made_as != self._path:
            self._rename(session)
            self._journal.gone(self._made_as)

    def progress(self) -> int:
        return A_STEP * self._made + (self._kept.progress() if self._kept is not None else 0)

    def give_up(self) -> None:
        """The link could not be made; anything left under the part name may be deleted."""
        self._journal.useless(self._made_as)

    def _make(self, session: Session) -> None:
        try:
            session.symlink(self._made_as, self._text)
        except Refused:
            # The reply to an earlier try was lost, or an earlier run was killed before it renamed the link. The part
            # name is derived from the text, so what has it is the same link.
            ours = self._tries > 1 or self._made_as != self._path
            if not (ours and self._is_there(session, self._made_as)):
                raise

    def _rename(self, session: Session) -> None:
        if self._kept is not None:
            self._kept.keep(session)
        try:
            session.rename(self._made_as, self._path)
        except Refused:
            if not self._is_there(session, self._made_as):
                if self._tries > 1 and self._is_there(session, self._path):
                    return  # the last try did it
                raise
            if self._kept is not None:
                self._kept.come_back(session)
                raise
            session.remove(self._path)
            session.rename(self._made_as, self._path)

    def _is_there(self, session: Session, path: str) -> bool:
        return posixpath.basename(path) in link_texts(session.list_links(self._folder))
