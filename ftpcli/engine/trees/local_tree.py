"""The local side of a run."""

from __future__ import annotations

import os

from ftpcli.engine.compare.names import EXACT, SameNames, has_twins
from ftpcli.engine.job import Root, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.trees import links, local, make_link, part_file
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.trees.make_link import Kept
from ftpcli.engine.trees.name_folding import Foldings
from ftpcli.engine.trees.tree import Named, Sources
from ftpcli.errors import LocalFileError
from ftpcli.model import Entry, Kind, Listing


class LocalTree:
    """``Tree`` for what is below ``root``. One serves the whole run: its only state is what it learnt of file systems.

    ``root`` itself may be a symbolic link, since the user named it. Links below it may have been put there by others,
    so nothing is changed through them. ``holds_named``: entries directly in ``root`` were named by the user, too.
    """

    side = Side.LOCAL

    def __init__(self, root: str, journal: Journal | None = None, *, holds_named: bool = False) -> None:
        self._root = root
        self._journal = journal or Journal()
        self._holds_named = holds_named
        self._foldings = Foldings()

    # What is there

    def named(self, root: Root, *, modes: bool) -> Sources:  # noqa: ARG002  (a local entry has its mode)
        path = root.source
        entry = local.look(path)
        if entry is not None and entry.kind is Kind.LINK:
            entry = local.look(os.path.realpath(path))
        if entry is None:
            raise LocalFileError(f"cannot read {path}: no such file or directory")
        if root.tree and entry.kind is not Kind.DIR:
            raise LocalFileError(f"{path} is not a directory")
        return Sources([Named(path, entry)])

    def own_name(self, path: str) -> str:
        if os.path.basename(path.rstrip("/")) in (".", ".."):  # DIR/. means the directory's content, as with cp
            return ""
        return os.path.basename(os.path.abspath(path))

    def is_directory(self, path: str) -> bool:
        return local.is_directory(path)

    def look(self, path: str) -> Entry | None:
        return local.look(path)

    def list(self, path: str) -> Listing:
        return local.scan(path)

    def list_if_there(self, path: str, *, expected: bool) -> Listing | None:
        if expected:
            _require_no_link(path)
        return local.scan(path) if local.is_directory(path) else None

    # Symbolic links in it

    def followed(self, path: str, listing: Listing, trail: LinkTrail | None) -> Followed:
        return links.follow_local(path, listing, trail)

    def with_link_texts(self, path: str, listing: Listing) -> Listing:
        return links.with_local_texts(path, listing)

    def with_texts_like(self, source: Listing, path: str, listing: Listing) -> Listing:  # noqa: ARG002  (texts are kept)
        return links.with_local_texts(path, listing)

    def unmasked(self, path: str, listing: Listing) -> Listing:  # noqa: ARG002  (a scan shows links as links)
        return listing

    # Names

    def keeps_name(self, name: str) -> bool:
        return local.keeps_name(name)

    def same_names(self, folder: str, source: Listing, listing: Listing, *, look_only: bool) -> SameNames:
        if not has_twins(entry.name for entry in (*source.entries, *listing.entries)):
            return EXACT
        return self._foldings.of(folder, look_only=look_only)

    # Changing it

    def make_directory(self, path: str, mode: int | None) -> bool:
        _require_no_link(path)
        new = not local.is_directory(path)
        # A directory that will be private is private before anything is put into it.
        local.make_directory(path, 0o777 if mode is None else mode & 0o777 | 0o700)
        return new

    def make_parents(self, path: str) -> None:
        """Not needed: a directory is made with its parents, and a file is written only into an existing one."""

    def open_directory(self, path: str, mode: int) -> None:
        if local.look(path) is not None:
            local.set_mode(path, mode)

    def require_within(self, path: str) -> None:
        if path != self._root:
            local.check_straight(path, self._root, named=int(self._holds_named))

    def set_mode(self, path: str, mode: int) -> str:
        try:
            self.require_within(path)
            local.set_mode(path, mode)
        except LocalFileError as error:
            return error.message
        return ""

    def make_link(self, path: str, text: str, *, replaces: bool, kept: Kept | None) -> None:  # noqa: ARG002  (in one step)
        self.require_within(path)
        make_link.copy_local(path, text, self._journal)

    def rename(self, path: str, target: str, listed: Entry) -> None:
        self.require_within(path)
        self.require_within(target)
        found = local.look(path)
        if found is None or (found.kind, found.size, found.mtime) != (listed.kind, listed.size, listed.mtime):
            raise LocalFileError(f"{path} changed since it was listed")
        if local.look(target) is not None:
            raise LocalFileError(f"{target} is there already")
        with local.translated("rename", path):
            os.rename(path, target)

    def remove(self, path: str, kind: Kind) -> None:
        self.require_within(path)
        if kind is Kind.DIR:
            local.remove_directory(path)
        else:
            local.remove(path)

    def sweep(self, part: str) -> None:
        part_file.sweep(part, self._root)


def _require_no_link(path: str) -> None:
    there = local.look(path)
    if there is not None and there.kind is Kind.LINK:
        raise LocalFileError(f"a symbolic link is in the place of the directory {path}; remove that first")
