"""Directories held open, so that a path cannot lead elsewhere once it was checked.

Whoever may write in the tree can put a symbolic link in the place of a directory at any moment: between the listing
and the copy, or between two tries. So each step on a file is taken relative to the descriptor of its directory, which
was opened from the root of the run downwards, one name at a time and without following links.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakSet

# Opens a directory only to pass through it. Systems without O_PATH and O_SEARCH need the permission to read it, too.
_PASS = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))


class FolderHandle:
    """An open directory, closed when nobody uses it any more. ``path`` is where it was opened."""

    __slots__ = ("__weakref__", "_identity", "descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        found = os.fstat(descriptor)
        self._identity = found.st_dev, found.st_ino

    def is_at_its_path(self) -> bool:
        """False if the directory was moved, deleted or replaced since it was opened."""
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; without a folder, a whole path that the user named. ``path`` is for messages.

    ``is_named``: the user named it, so a symbolic link there may be followed.
    """

    path: str
    name: str
    folder: FolderHandle | None = None
    is_named: bool = True

    @classmethod
    def of(cls, path: str) -> Place:
        """A path that the user named."""
        return cls(path, path)

    @property
    def dir_fd(self) -> int | None:
        """For the functions of ``os``, together with ``name``."""
        return None if self.folder is None else self.folder.descriptor

    def beside(self, name: str) -> Place:
        """Another name in the same folder; not one that the user named."""
        path = os.path.join(os.path.dirname(self.path), name)
        return Place(path, path if self.folder is None else name, self.folder, is_named=False)

    def look(self) -> os.stat_result:
        """What is there, without following a link. Raises OSError."""
        return os.stat(self.name, dir_fd=self.dir_fd, follow_symlinks=False)

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Open it, following no link but one that the user named. Raises OSError."""
        flags |= os.O_CLOEXEC | (0 if self.is_named else os.O_NOFOLLOW)
        try:
            return os.open(self.name, flags, mode, dir_fd=self.dir_fd)
        except OSError as error:
            if not self.is_named and error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):  # EMLINK: FreeBSD
                self._refuse_link()
            raise

    def _refuse_link(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISLNK(self.look().st_mode):
                raise OSError(errno.ELOOP, "a symbolic link has come in its place")


class Folders:
    """Opens what is below ``roots``, which the user named: they may be, or contain, symbolic links.

    ``holds_named``: so may the entries directly in them. Paths that are not below a root are used as they are. One
    descriptor is kept for each thread, because a worker's next file is most likely in the same directory.
    """

    def __init__(self, roots: Iterable[str] = (), *, holds_named: bool = False) -> None:
        self._roots = frozenset(_trimmed(root) for root in roots)
        self._holds_named = holds_named
        self._followed: dict[str, str] = {}
        self._last: dict[int, FolderHandle] = {}  # by thread
        self._opened: WeakSet[FolderHandle] = WeakSet()

    def close(self) -> None:
        """Close everything, also what the traceback of an error may still hold."""
        self._last.clear()
        for folder in self._opened:
            folder.close()

    def follow(self, link: str, real: str) -> None:
        """Take ``link`` for ``real``, the path without links to which it led when it was looked at."""
        self._followed[link] = real

    def place(self, path: str) -> Place:
        """``path`` as a name in its open folder. Raises OSError, also if a link is on the way to it."""
        if _trimmed(path) in self._roots:
            return Place.of(path)
        real = self._followed.get(path)
        above, name = os.path.split(path if real is None else real)
        folder = self._open(above) if real is None else self._held(_from_the_top(above))
        if folder is None or not name:
            return Place.of(path)
        return Place(path, name, folder, is_named=real is None and self._names(above))

    def make(self, path: str, mode: int) -> None:
        """Make the directory ``path`` and those above it that are missing. Raises OSError."""
        if _trimmed(path) in self._roots or self._open(path, mode) is None:
            os.makedirs(path, mode, exist_ok=True)

    def _open(self, path: str, make: int | None = None) -> FolderHandle | None:
        """The folder at ``path``; None if it is not below a root. ``make``: the mode of what is missing of it."""
        here: str = path
        names: list[str] = []
        last = self._last.get(threading.get_ident())
        if last is not None and not last.is_at_its_path():
            last = None
        while not (here in self._roots or here in self._followed or (last is not None and here == last.path)):
            above, name = os.path.split(here)
            if above == here:
                return None
            names.append(name)
            here = above
        if last is not None and here == last.path:
            folder = last
        elif here in self._followed:
            folder = self._held(_from_the_top(self._followed[here], shown=here))
        else:
            folder = self._held(FolderHandle(here, os.open(here or ".", _PASS)))
        for left in range(len(names) - 1, -1, -1):
            path, is_named = os.path.join(folder.path, names[left]), self._names(folder.path)
            mode = make if left == 0 or make is None else 0o777
            folder = self._held(_enter(Place(path, names[left], folder, is_named=is_named), mode))
        self._last[threading.get_ident()] = folder
        return folder

    def _held(self, folder: FolderHandle) -> FolderHandle:
        self._opened.add(folder)
        return folder

    def _names(self, folder: str) -> bool:
        """Whether the user named the entries of this folder."""
        return self._holds_named and folder in self._roots


def _trimmed(path: str) -> str:
    return path.rstrip("/") or path[:1]


def _from_the_top(real: str, shown: str | None = None) -> FolderHandle:
    """The directory of a path without links."""
    folder = FolderHandle("/", os.open("/", _PASS))
    for name in real.split("/"):
        if name:
            folder = _enter(Place(os.path.join(folder.path, name), name, folder, is_named=False))
    if shown is not None:
        folder.path = shown
    return folder


def _enter(place: Place, make: int | None = None) -> FolderHandle:
    """Open the directory at ``place``, and make it first if it is missing and ``make`` tells its mode."""
    try:
        return FolderHandle(place.path, place.open(_PASS))
    except FileNotFoundError:
        if make is None:
            raise
    with contextlib.suppress(FileExistsError):  # another worker has just made it
        os.mkdir(place.name, make, dir_fd=place.dir_fd)
    return FolderHandle(place.path, place.open(_PASS))
