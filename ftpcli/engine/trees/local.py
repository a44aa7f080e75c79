"""Single steps on local files and directories: listing, reading, changing.

Each ``OSError`` is raised as a LocalFileError that names the path. A place is a name in an open directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import unicodedata
from collections.abc import Iterator

from ftpcli.engine.trees.folder_handle import Place
from ftpcli.errors import LocalFileError, cause_of
from ftpcli.model import Entry, Kind, Listing
from ftpcli.part_names import part_name

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIR, stat.S_IFLNK: Kind.LINK}
# Shared int objects for all modes: a million entries may be in memory.
_MODES = tuple(range(0o10000))


@contextlib.contextmanager
def translated(doing: str, path: str) -> Iterator[None]:
    """Turn OSError into one clear LocalFileError about ``path``."""
    try:
        yield
    except OSError as error:
        raise LocalFileError(f"cannot {doing} {path}: {cause_of(error)}") from error
    except ValueError as error:  # a NUL, or a character that the file system's encoding lacks
        raise LocalFileError(f"cannot {doing} {path!a}: this system cannot hold such a name") from error


def look(place: Place) -> Entry | None:
    """What is at ``place``, without following symbolic links; None if nothing is. Raises LocalFileError."""
    with translated("look at", place.path):
        try:
            return _entry(os.path.basename(place.path), place.look())
        except (FileNotFoundError, NotADirectoryError):
            return None


def look_behind(path: str, name: str) -> Entry | None:
    """What a symbolic link leads to; None for a dangling link. Raises LocalFileError, also for a loop."""
    try:
        return _entry(name, os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalFileError(f"cannot follow {path}: {cause_of(error)}") from error


def real_path(path: str) -> str:
    """Without symbolic links, and from the root. Raises LocalFileError, if the working directory was deleted."""
    with translated("find", path):
        return os.path.realpath(path)


def identity(path: str) -> tuple[int, int]:
    """Device and inode of a file or directory, following links. Raises LocalFileError."""
    with translated("look at", path):
        found = os.stat(path)
    return found.st_dev, found.st_ino


def read_link(place: Place) -> str:
    with translated("read the symbolic link", place.path):
        return os.readlink(place.name, dir_fd=place.dir_fd)


def keeps_name(name: str) -> bool:
    """False if this system would list a file of this name under another name.

    Bytes that could not be decoded with the connection's encoding are surrogate escapes. Written here as bytes, several
    of them may form a character in the system's encoding.
    """
    if name.isascii():
        return True
    try:
        return os.fsdecode(os.fsencode(name)) == name
    except UnicodeEncodeError:
        return True  # writing it will fail, and say so


def make_link(place: Place, text: str, part: Place) -> None:
    """Make a symbolic link with the target ``text``, atomically replacing an existing one. Raises LocalFileError.

    ``part``: its temporary name until then.
    """
    with translated("make the symbolic link", place.path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part.name, dir_fd=part.dir_fd)  # left by a run that was killed at this point
        os.symlink(text, part.name, dir_fd=part.dir_fd)
        try:
            os.replace(part.name, place.name, src_dir_fd=part.dir_fd, dst_dir_fd=place.dir_fd)
        except OSError:
            discard(part)
            raise


def set_mode(place: Place, mode: int) -> None:
    """Set the permission bits of a file or directory. Raises LocalFileError, also for a symbolic link."""
    with translated("set the permissions of", place.path):
        if stat.S_ISLNK(place.look().st_mode):
            raise OSError(errno.ELOOP, "a symbolic link has come in its place")
        try:
            descriptor = place.open(os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except PermissionError:  # its owner may not read it, and may change that all the same
            os.chmod(place.name, mode, dir_fd=place.dir_fd)
            return
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


def folds(inside: Place) -> tuple[bool, bool]:
    """Whether the directory that ``inside`` is in ignores case in names, and whether it ignores their Unicode form.

    Tested with a temporary hidden file. Raises LocalFileError if none can be made.
    """
    name = part_name("n\u00e4me", os.urandom(8))
    probe = inside.beside(name)
    with translated("write", probe.path):
        os.close(probe.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    try:
        return _same_file(probe, _other_case(name)), _same_file(probe, unicodedata.normalize("NFD", name))
    finally:
        discard(probe)


def folds_by_looking(inside: Place) -> tuple[bool, bool]:
    """Like ``folds``, but judging by the existing entries. Without a suitable name, the file system counts as exact."""
    names = [entry.name for entry in scan(inside.beside(".")).entries]
    there = set(names)
    case = form = False
    for name in names:
        place = inside.beside(name)
        for other in {_other_case(name)} - there:
            case = case or _same_file(place, other)
        for other in {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)} - there:
            form = form or _same_file(place, other)
    return case, form


def _other_case(name: str) -> str:
    """The name with the case of its ASCII letters swapped; other letters may have no simple counterpart."""
    return "".join(letter.swapcase() if letter.isascii() else letter for letter in name)


def _same_file(place: Place, other: str) -> bool:
    try:
        return os.path.samestat(place.look(), place.beside(other).look())
    except (OSError, ValueError):
        return False


def _entry(name: str, found: os.stat_result) -> Entry:
    mode = found.st_mode
    kind = _KINDS.get(stat.S_IFMT(mode), Kind.OTHER)
    size = found.st_size if kind is Kind.FILE else None
    return Entry(name, kind, size, found.st_mtime_ns / 1e9, 0.001, True, _MODES[stat.S_IMODE(mode)])


def scan(place: Place) -> Listing:
    """One directory's entries, without following symbolic links. Raises LocalFileError."""
    entries: list[Entry] = []
    with translated("list", place.path), _scanned(place) as found:
        for item in found:
            try:
                entries.append(_entry(item.name, item.stat(follow_symlinks=False)))
            except FileNotFoundError:  # gone since the directory was read
                continue
    return Listing(tuple(entries))


@contextlib.contextmanager
def _scanned(place: Place) -> Iterator[Iterator[os.DirEntry[str]]]:
    descriptor = place.open(os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as found:
            yield found
    finally:
        os.close(descriptor)


def is_directory(place: Place) -> bool:
    """Also for a link to a directory, if the user named it."""
    with contextlib.suppress(OSError, ValueError):
        return stat.S_ISDIR(os.stat(place.name, dir_fd=place.dir_fd, follow_symlinks=place.is_named).st_mode)
    return False


def remove(place: Place) -> None:
    with translated("delete", place.path):
        os.unlink(place.name, dir_fd=place.dir_fd)


def remove_directory(place: Place) -> None:
    with translated("delete", place.path):
        os.rmdir(place.name, dir_fd=place.dir_fd)


def open_source(place: Place) -> OpenSource:
    """Open a file for reading. Raises LocalFileError."""
    with translated("read", place.path):
        # Without O_NONBLOCK, opening a named pipe would block until another process opens it for writing.
        descriptor = place.open(os.O_RDONLY | os.O_NONBLOCK)
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, "it is a directory")
            raise OSError(errno.EINVAL, "it is not a regular file; put - can read it from standard input")
    return OpenSource(place.path, descriptor)


class OpenSource:
    """A local file being sent, and its state when it was opened."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.file = os.fdopen(descriptor, "rb", buffering=0)
        found = os.fstat(descriptor)
        self.size = found.st_size
        self.mtime_ns = found.st_mtime_ns
        self.mode = stat.S_IMODE(found.st_mode)

    def unchanged(self) -> bool:
        found = os.fstat(self.file.fileno())
        return (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> OpenSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def discard(place: Place) -> None:
    """Delete a temporary file; errors are ignored."""
    with contextlib.suppress(OSError):
        os.unlink(place.name, dir_fd=place.dir_fd)
