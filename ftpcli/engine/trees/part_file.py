"""Local files being received: written beside the target under a part name, then renamed to it atomically."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable

from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.local import translated
from ftpcli.errors import cause_of
from ftpcli.part_names import part_name

# The mtime that marks a part file as closed properly, with all its data on disk, until it is opened again. It is long
# before any boot, and one that FAT can store (even seconds, none before 1980).
_SYNCED = 946_771_200.0
_MOST_CLAIMS = 10  # how often a part file is made again because something came in its place
_MOST_LINKS = 40  # as many as Linux follows in one path
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux, macOS


class PartFile:
    """A file being received: written beside ``target`` under a part name, renamed to it once it is verified.

    What is not a regular file but a target that the user named (``/dev/null``, a named pipe) is written to directly;
    otherwise ``begun`` is called with the part file's path before the file is made. A link that the user named is
    followed. Raises LocalFileError, also if another process is writing the same part file.

    ``mode``: the permission bits it gets, in place of those of an existing target or, for a new one, ``new_mode``.
    Until then only its owner may read it. ``mode_problem``: why they could not be set. ``rewinds``: False where what
    was written cannot be taken back, as in a named pipe.
    """

    def __init__(
        self,
        target: Place,
        *identity: object,
        resume: bool,
        begun: Callable[[str], None] | None = None,
        mode: int | None = None,
        new_mode: int = 0o600,
    ) -> None:
        self.mode_problem = ""
        self.rewinds = True
        self._in_place = False
        with translated("write", target.path):
            target, existing = _behind(target)
            self._target = target
            kind = stat.S_IFREG if existing is None else stat.S_IFMT(existing.st_mode)
            if kind == stat.S_IFDIR:
                raise IsADirectoryError(errno.EISDIR, "a directory is in the way")
            if kind != stat.S_IFREG or (target.is_named and _is_descriptor(target.path)):
                self._in_place = True
                self.rewinds = kind not in (stat.S_IFIFO, stat.S_IFREG)
                self._part = target
                # A shell's ">>" may have opened it, too: what is in it stays.
                descriptor = target.open(os.O_WRONLY | (os.O_APPEND if kind == stat.S_IFREG else 0))
            else:
                self._part = target.beside(part_name(os.path.basename(target.path), *identity))
                if begun is not None:
                    begun(self.path)
                descriptor = self._claim()
            if mode is None and existing is not None:
                mode = stat.S_IMODE(existing.st_mode) & 0o777
            self._is_new = mode is None
            self._mode = new_mode if mode is None else mode
        self.file = os.fdopen(descriptor, "wb", buffering=0)
        self.size = 0
        if not self._in_place:
            try:
                with translated("write", target.path):
                    self._take_up(resume)
            except BaseException:
                self.file.close()
                raise

    @property
    def path(self) -> str:
        return self._part.path

    @property
    def target(self) -> str:
        return self._target.path

    def _take_up(self, resume: bool) -> None:
        """Keep what an earlier try left if it can be resumed. Its mtime becomes the present, so that it counts as sound
        until the next boot."""
        found = os.fstat(self.file.fileno())
        if found.st_size:
            if not resume or not _is_sound(found):
                self.file.truncate(0)
            os.utime(self.file.fileno())
            self.size = self.file.seek(0, os.SEEK_END)

    def _claim(self) -> int:
        """Open and lock the part file."""
        for _ in range(_MOST_CLAIMS):
            descriptor = self._own()
            if descriptor is None:
                descriptor = self._made()
            if descriptor is None:
                continue
            try:
                locked = _lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if not locked or self._still_there(descriptor):
                return descriptor
            # Between open and lock another process renamed it to the target, which must not be written to.
            os.close(descriptor)
        raise OSError(errno.EBUSY, f"another program keeps putting a file in the place of the part file {self.path}")

    def _own(self) -> int | None:
        """What an earlier try left; None if nothing is there, or was ours to resume: part names can be predicted, and
        in a shared directory others may have put a file of theirs there, or another name of somebody's file."""
        try:
            if not _is_ours(self._part.look()):
                self._clear_away()
                return None
            descriptor = self._part.open(os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        if _is_ours(os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)
        return None

    def _clear_away(self) -> None:
        try:
            os.unlink(self._part.name, dir_fd=self._part.dir_fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            why = f"{self.path} is in the way: it is not this user's, and cannot be deleted ({cause_of(error)})"
            raise OSError(error.errno, why) from error

    def _made(self) -> int | None:
        """A new part file, private from its first byte; None if something came in its place."""
        with contextlib.suppress(FileExistsError):
            return self._part.open(os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        return None

    def _still_there(self, descriptor: int) -> bool:
        try:
            named = self._part.look()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def append(self, data: bytes | bytearray) -> None:
        """Write all of ``data`` at the end. Raises LocalFileError."""
        left = memoryview(data)
        with translated("write", self.target):
            while left:
                left = left[self.file.write(left) :]
        self.size += len(data)

    def restart(self) -> None:
        """Discard what was written, if possible. Raises LocalFileError."""
        if not self._in_place:
            with translated("write", self.target):
                self.file.seek(0)
                self.file.truncate(0)
        if self.rewinds:
            self.size = 0

    def read(self, offset: int, count: int) -> bytes:
        """What it holds. Raises LocalFileError."""
        with translated("read", self.path):
            return os.pread(self.file.fileno(), count, offset)

    def step_back(self, count: int) -> None:
        """Drop the last ``count`` bytes. Raises LocalFileError."""
        self.size = max(0, self.size - count)
        with translated("write", self.target):
            self.file.truncate(self.size)
            self.file.seek(self.size)

    def sync(self) -> None:
        """Flush what was written to disk. Raises LocalFileError."""
        if not self._in_place:
            with translated("write", self.target):
                os.fsync(self.file.fileno())

    def commit(self, mtime: float | None) -> None:
        """Set the file's time (seconds since 1970) and rename it to the target. Call ``sync`` first. Raises
        LocalFileError."""
        if self._in_place:
            self.close()
            return
        with translated("write", self.target):
            # If the run were killed now, the next one could not open a read-only part file.
            read_only = not self._mode & stat.S_IWUSR
            if not read_only:
                self._set_mode()
            if mtime is not None:
                os.utime(self.file.fileno(), ns=(int(mtime * 1e9), int(mtime * 1e9)))
            part, target = self._part, self._target
            os.replace(part.name, target.name, src_dir_fd=part.dir_fd, dst_dir_fd=target.dir_fd)
            if read_only:
                self._set_mode()
        self.file.close()

    def _set_mode(self) -> None:
        try:
            os.fchmod(self.file.fileno(), self._mode)
        except OSError as error:  # e.g. a file system without permissions: the file is kept
            if not self._is_new:
                self.mode_problem = f"cannot set the permissions: {cause_of(error)}"

    def close(self) -> None:
        """Keep the part file, flushed to disk, for another try; an empty one is deleted."""
        if self.file.closed:
            return
        descriptor = self.file.fileno()
        if not self._in_place:
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_size == 0:
                    os.unlink(self._part.name, dir_fd=self._part.dir_fd)
                else:
                    os.fsync(descriptor)
                    os.utime(descriptor, (_SYNCED, _SYNCED))
        with contextlib.suppress(OSError):
            self.file.close()


def _is_sound(found: os.stat_result) -> bool:
    """Whether a part file certainly holds what was written to it. After a power failure it may not: its size may have
    reached the disk before its data (XFS, FAT), which then reads as zeros."""
    booted = time.time() - time.clock_gettime(_SINCE_BOOT)
    return found.st_mtime == _SYNCED or found.st_mtime > booted


def _behind(target: Place) -> tuple[Place, os.stat_result | None]:
    """Where to write, and what is there: a link that the user named is followed, any other one is replaced.

    Raises OSError, also if it is nothing to be written to.
    """
    try:
        found = target.look()
    except FileNotFoundError:
        return target, None
    if not stat.S_ISLNK(found.st_mode):
        if not target.is_named and not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file; get -o FILE can write to it")
        return target, found
    try:
        behind = os.stat(target.name, dir_fd=target.dir_fd)
    except FileNotFoundError:
        behind = None
    is_file = behind is None or stat.S_ISREG(behind.st_mode)
    if not target.is_named:
        return target, None if is_file else behind
    _require_trusted(target, found)
    if is_file and not _is_descriptor(target.path):
        target = Place.of(os.path.realpath(target.path))
    return target, behind


def _require_trusted(link: Place, found: os.stat_result) -> None:
    """As Linux does it for open(2): in a directory like /tmp only one's own links are followed, or its owner's."""
    folder = os.stat(os.path.dirname(link.path) or ".")
    shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    if shared and found.st_uid not in (os.geteuid(), folder.st_uid):
        raise OSError(errno.EACCES, "it is a symbolic link that another user made in a shared directory")


def _is_descriptor(path: str) -> bool:
    """Whether the path is, or leads to, an open file of ours, such as /dev/stdout: renaming would miss that."""
    for _ in range(_MOST_LINKS):
        if os.path.realpath(os.path.dirname(path) or ".").startswith(("/proc/", "/dev/fd")):
            return True
        if not os.path.islink(path):
            return False
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return False


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody else can have made this file, or may write to it."""
    mode = found.st_mode
    return stat.S_ISREG(mode) and found.st_uid == os.geteuid() and found.st_nlink == 1 and not mode & 0o022


def sweep(place: Place) -> None:
    """Delete a part file that a run left; a missing one is no error.

    Raises LocalFileError, also if another process is writing the file.
    """
    with translated("delete", place.path), contextlib.suppress(FileNotFoundError):
        kind = stat.S_IFMT(place.look().st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFLNK):
            raise OSError(errno.EINVAL, "it is not a regular file")
        descriptor = place.open(os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK) if kind == stat.S_IFREG else None
        try:
            if descriptor is not None:
                _lock(descriptor)
            os.unlink(place.name, dir_fd=place.dir_fd)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock the file; False on a file system without locks. Raises OSError if another process holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "another process is writing it now") from None
    except OSError:
        return False
    return True
