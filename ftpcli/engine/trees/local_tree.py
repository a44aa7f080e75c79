"""The local side of a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from ftpcli.engine.compare.names import EXACT, SameNames, has_twins
from ftpcli.engine.job import Root, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.trees import links, local, make_link, part_file
from ftpcli.engine.trees.folder_handle import Folders, Place
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.trees.local import OpenSource
from ftpcli.engine.trees.make_link import Kept
from ftpcli.engine.trees.name_folding import Foldings
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.engine.trees.tree import Named, Sources
from ftpcli.errors import LocalFileError
from ftpcli.model import Entry, Kind, Listing


class LocalTree:
    """``Tree`` for what is below ``roots``. One serves the whole run: it only remembers what it learnt of file systems
    and where followed links led.

    The roots may be symbolic links, since the user named them. Links below them may have been put there by others, at
    any time, so nothing is read or changed through them: see ``folder_handle``. ``holds_named``: entries directly in
    the roots were named by the user, too.
    """

    side = Side.LOCAL

    def __init__(self, *roots: str, journal: Journal | None = None, holds_named: bool = False) -> None:
        self._folders = Folders(roots, holds_named=holds_named)
        self._journal = journal or Journal()
        self._foldings = Foldings(self._folders)
        # There is only this way to read the umask, and files are made meanwhile once there are other threads.
        self._new_mode = 0o666 & ~_umask()

    def place(self, doing: str, path: str) -> Place:
        """``path`` as a name in its open directory. Raises LocalFileError: cannot do that to it."""
        with local.translated(doing, path):
            return self._folders.place(path)

    def close(self) -> None:
        """Close the directories that are kept open for the next file."""
        self._folders.close()

    # What is there

    def named(self, root: Root, *, modes: bool) -> Sources:  # noqa: ARG002  (a local entry has its mode)
        path = root.source
        entry = local.look(Place.of(path))
        if entry is not None and entry.kind is Kind.LINK:
            entry = local.look(Place.of(os.path.realpath(path)))
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
        place = self._place_if_any("look at", path)
        return place is not None and local.is_directory(place)

    def look(self, path: str) -> Entry | None:
        place = self._place_if_any("look at", path)
        return None if place is None else local.look(place)

    def list(self, path: str) -> Listing:
        return local.scan(self.place("list", path))

    def list_if_there(self, path: str, *, expected: bool) -> Listing | None:
        place = self._place_if_any("list", path)
        if expected and place is not None:
            _require_no_link(place)
        return local.scan(place) if place is not None and local.is_directory(place) else None

    def _place_if_any(self, doing: str, path: str) -> Place | None:
        """None if a directory above it is missing."""
        with local.translated(doing, path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return self._folders.place(path)
        return None

    # Reading and writing a file

    def open_source(self, path: str) -> OpenSource:
        return local.open_source(self.place("read", path))

    def open_part(
        self, target: str, *identity: object, resume: bool, begun: Callable[[str], None], mode: int | None
    ) -> PartFile:
        """The part file of ``target``; ``mode`` as for PartFile."""
        place = self.place("write", target)
        return PartFile(place, *identity, resume=resume, begun=begun, mode=mode, new_mode=self._new_mode)

    def discard(self, part: str) -> None:
        """Delete a part file; errors are ignored."""
        with contextlib.suppress(LocalFileError):
            local.discard(self.place("delete", part))

    # Symbolic links in it

    def followed(self, path: str, listing: Listing, trail: LinkTrail | None) -> Followed:
        return links.follow_local(self._folders, path, listing, trail)

    def with_link_texts(self, path: str, listing: Listing) -> Listing:
        return links.with_local_texts(self._folders, path, listing)

    def with_texts_like(self, source: Listing, path: str, listing: Listing) -> Listing:  # noqa: ARG002  (texts are kept)
        return links.with_local_texts(self._folders, path, listing)

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
        place = self._place_if_any("make directory", path)
        if place is not None:
            _require_no_link(place)
        new = place is None or not local.is_directory(place)
        with local.translated("make directory", path):
            # A directory that will be private is private before anything is put into it.
            self._folders.make(path, 0o777 if mode is None else mode & 0o777 | 0o700)
        return new

    def make_parents(self, path: str) -> None:
        """Not needed: a directory is made with its parents, and a file is written only into an existing one."""

    def open_directory(self, path: str, mode: int) -> None:
        if self.look(path) is not None:
            local.set_mode(self.place("change", path), mode)

    def set_mode(self, path: str, mode: int) -> str:
        try:
            local.set_mode(self.place("change", path), mode)
        except LocalFileError as error:
            return error.message
        return ""

    def make_link(self, path: str, text: str, *, replaces: bool, kept: Kept | None) -> None:  # noqa: ARG002  (in one step)
        make_link.copy_local(self.place("change", path), text, self._journal)

    def rename(self, path: str, target: str, listed: Entry) -> None:
        old, new = self.place("change", path), self.place("change", target)
        found = local.look(old)
        if found is None or (found.kind, found.size, found.mtime) != (listed.kind, listed.size, listed.mtime):
            raise LocalFileError(f"{path} changed since it was listed")
        if local.look(new) is not None:
            raise LocalFileError(f"{target} is there already")
        with local.translated("rename", path):
            os.rename(old.name, new.name, src_dir_fd=old.dir_fd, dst_dir_fd=new.dir_fd)

    def remove(self, path: str, kind: Kind) -> None:
        place = self.place("change", path)
        if kind is Kind.DIR:
            local.remove_directory(place)
        else:
            local.remove(place)

    def sweep(self, part: str) -> None:
        place = self._place_if_any("delete", part)
        if place is not None:
            part_file.sweep(place)


def _require_no_link(place: Place) -> None:
    there = local.look(place)
    if there is not None and there.kind is Kind.LINK:
        raise LocalFileError(f"a symbolic link is in the place of the directory {place.path}; remove that first")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
