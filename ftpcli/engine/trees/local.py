"""Single steps on local files and directories: listing, reading, changing.

Each ``OSError`` is raised as a LocalFileError that names the path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import unicodedata
from collections.abc import Iterator

from ftpcli.errors import LocalFileError, cause_of
from ftpcli.model import Entry, Kind, Listing
from ftpcli.part_names import part_name

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIR, stat.S_IFLNK: Kind.LINK}
# Shared int objects for all modes: a million entries may be in memory.
_MODES = tuple(range(0o10000))
# Opens a directory only to pass through it (O_PATH); on systems without O_PATH it must also be readable.
_DIRECTORY = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)


@contextlib.contextmanager
def translated(doing: str, path: str) -> Iterator[None]:
    """Turn OSError into one clear LocalFileError about ``path``."""
    try:
        yield
    except OSError as error:
        raise LocalFileError(f"cannot {doing} {path}: {cause_of(error)}") from error
    except ValueError as error:  # a NUL, or a character that the file system's encoding lacks
        raise LocalFileError(f"cannot {doing} {path!a}: this system cannot hold such a name") from error


def look(path: str, name: str | None = None) -> Entry | None:
    """What is at ``path``, without following symbolic links; None if nothing is. Raises LocalFileError."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalFileError(f"cannot look at {path}: {cause_of(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise LocalFileError(f"cannot look at {path!a}: {error}") from error
    return _entry(os.path.basename(path) if name is None else name, found)


def look_behind(path: str, name: str) -> Entry | None:
    """What a symbolic link leads to; None for a dangling link. Raises LocalFileError, also for a loop."""
    try:
        return _entry(name, os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalFileError(f"cannot follow {path}: {cause_of(error)}") from error


def identity(path: str) -> tuple[int, int]:
    """Device and inode of a file or directory, following links. Raises LocalFileError."""
    with translated("look at", path):
        found = os.stat(path)
    return found.st_dev, found.st_ino


def read_link(path: str) -> str:
    with translated("read the symbolic link", path):
        return os.readlink(path)


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


def make_link(path: str, text: str, part: str) -> None:
    """Make a symbolic link with the target ``text``, atomically replacing an existing one. Raises LocalFileError.

    ``part``: its temporary name until then.
    """
    with translated("make the symbolic link", path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)  # left by a run that was killed at this point
        os.symlink(text, part)
        try:
            os.replace(part, path)
        except OSError:
            discard(part)
            raise


def set_mode(path: str, mode: int) -> None:
    """Set the permission bits of a file or directory. Raises LocalFileError, also for a symbolic link."""
    with translated("set the permissions of", path):
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OSError(errno.ELOOP, "a symbolic link has come in its place")
        os.chmod(path, mode)


def folds(folder: str) -> tuple[bool, bool]:
    """Whether this directory ignores case in names, and whether it ignores their Unicode normal form.

    Tested with a temporary hidden file. Raises LocalFileError if none can be made.
    """
    name = part_name("n\u00e4me", os.urandom(8))
    path = os.path.join(folder, name)
    with translated("write", path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        return _same_file(folder, name, _other_case(name)), _same_file(folder, name, unicodedata.normalize("NFD", name))
    finally:
        discard(path)


def folds_by_looking(folder: str) -> tuple[bool, bool]:
    """Like ``folds``, but judging by the existing entries. Without a suitable name, the file system counts as exact."""
    names = [entry.name for entry in scan(folder).entries]
    there = set(names)
    case = form = False
    for name in names:
        for other in {_other_case(name)} - there:
            case = case or _same_file(folder, name, other)
        for other in {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)} - there:
            form = form or _same_file(folder, name, other)
    return case, form


def _other_case(name: str) -> str:
    """The name with the case of its ASCII letters swapped; other letters may have no simple counterpart."""
    return "".join(letter.swapcase() if letter.isascii() else letter for letter in name)


def _same_file(folder: str, name: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(os.path.join(folder, name)), os.lstat(os.path.join(folder, other)))
    except (OSError, ValueError):
        return False


def _entry(name: str, found: os.stat_result) -> Entry:
    mode = found.st_mode
    kind = _KINDS.get(stat.S_IFMT(mode), Kind.OTHER)
    size = found.st_size if kind is Kind.FILE else None
    return Entry(name, kind, size, found.st_mtime_ns / 1e9, 0.001, True, _MODES[stat.S_IMODE(mode)])


def scan(path: str) -> Listing:
    """One directory's entries, without following symbolic links. Raises LocalFileError."""
    entries: list[Entry] = []
    with translated("list", path), os.scandir(path) as found:
        for item in found:
            try:
                entries.append(_entry(item.name, item.stat(follow_symlinks=False)))
            except FileNotFoundError:  # gone since the directory was read
                continue
    return Listing(tuple(entries))


def is_directory(path: str) -> bool:
    return os.path.isdir(path)


def make_directory(path: str, mode: int = 0o777) -> None:
    """Make ``path`` and its parents, ``path`` with at most the permissions of ``mode``. Raises LocalFileError, also if
    a file is in the way."""
    with translated("make directory", path):
        os.makedirs(path, mode, exist_ok=True)


def remove(path: str) -> None:
    with translated("delete", path):
        os.unlink(path)


def remove_directory(path: str) -> None:
    with translated("delete", path):
        os.rmdir(path)


def open_source(path: str) -> OpenSource:
    """Open a file for reading. Raises LocalFileError."""
    with translated("read", path):
        # Without O_NONBLOCK, opening a named pipe would block until another process opens it for writing.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, "it is a directory")
            raise OSError(errno.EINVAL, "it is no regular file; put - reads standard input")
    return OpenSource(path, descriptor)


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


def check_straight(path: str, root: str, *, named: int = 0) -> None:
    """Raises LocalFileError if a directory between ``root`` and ``path`` is a symbolic link, so that ``path`` is not
    where the run listed it. ``root`` itself may be a link, and so may the first ``named`` directories below it.
    """
    names = os.path.relpath(os.path.dirname(path) or ".", root or ".").split(os.sep)
    # A missing directory is reported by the operation that follows.
    with translated("change", path), contextlib.suppress(FileNotFoundError):
        # From each directory to the next: checking whole paths would take time quadratic in the depth.
        here = os.open(root or ".", _DIRECTORY)
        try:
            for depth, name in enumerate(names):
                if depth >= named and stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    raise OSError(errno.ELOOP, "a symbolic link has come in the place of a directory above it")
                flags = _DIRECTORY if depth < named else _DIRECTORY | os.O_NOFOLLOW
                below = os.open(name, flags, dir_fd=here)
                os.close(here)
                here = below
        finally:
            os.close(here)


def discard(path: str) -> None:
    """Delete a temporary file; errors are ignored."""
    with contextlib.suppress(OSError):
        os.unlink(path)
