"""Local files being received: written beside the target under a part name, then renamed to it atomically."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable

from ftpcli.engine.trees.local import translated
from ftpcli.errors import cause_of
from ftpcli.part_names import part_name

# The mtime that marks a part file as closed properly, with all its data on disk, until it is opened again. It is long
# before any boot, and one that FAT can store (even seconds, none before 1980).
_SYNCED = 946_771_200.0
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux, macOS


class PartFile:
    """A file being received: written beside ``target`` under a part name, renamed to it once it is verified.

    An existing target that is not a regular file (``/dev/null``, a named pipe) is written to directly; otherwise
    ``begun`` is called with the part file's path before the file is made. Raises LocalFileError, also if another
    process is writing the same part file.

    ``mode``: the permission bits it gets, in place of those of an existing target. ``mode_problem``: why they could not
    be set. ``rewinds``: False for a named pipe, which cannot take back what was written.
    """

    def __init__(
        self,
        target: str,
        *identity: object,
        resume: bool,
        begun: Callable[[str], None] | None = None,
        mode: int | None = None,
    ) -> None:
        self.target = target
        self.mode_problem = ""
        self.rewinds = True
        self._in_place = False
        with translated("write", target):
            existing = self._existing()
            if existing is not None and stat.S_ISDIR(existing.st_mode):
                raise IsADirectoryError(errno.EISDIR, "a directory is in the way")
            self._mode = mode
            if mode is None and existing is not None:
                self._mode = stat.S_IMODE(existing.st_mode)
            if existing is not None and not stat.S_ISREG(existing.st_mode):
                self._in_place = True
                self.rewinds = not stat.S_ISFIFO(existing.st_mode)
                self.path = target
                descriptor = os.open(target, os.O_WRONLY)
            else:
                folder, name = os.path.split(target)
                self.path = os.path.join(folder, part_name(name, *identity))
                if begun is not None:
                    begun(self.path)
                # A file that will be private is private from its first byte; a read-only one stays writable until it
                # is complete, so that it can be resumed.
                descriptor = self._claim(0o666 if self._mode is None else self._mode & 0o666 | 0o600)
        self.file = os.fdopen(descriptor, "wb", buffering=0)
        self.size = 0
        if not self._in_place:
            try:
                with translated("write", target):
                    self._take_up(resume)
            except BaseException:
                self.file.close()
                raise

    def _take_up(self, resume: bool) -> None:
        """Keep what an earlier try left if it can be resumed. Its mtime becomes the present, so that it counts as sound
        until the next boot."""
        found = os.fstat(self.file.fileno())
        if found.st_size:
            if not resume or not _is_sound(found):
                self.file.truncate(0)
            os.utime(self.file.fileno())
            self.size = self.file.seek(0, os.SEEK_END)

    def _existing(self) -> os.stat_result | None:
        try:
            return os.stat(self.target)
        except FileNotFoundError:
            return None

    def _claim(self, mode: int) -> int:
        """Open and lock the part file."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)
            try:
                locked = _lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if not locked or self._still_there(descriptor):
                return descriptor
            # Between open and lock another process renamed it to the target, which must not be written to.
            os.close(descriptor)

    def _still_there(self, descriptor: int) -> bool:
        try:
            named = os.lstat(self.path)
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
            read_only = self._mode is not None and not self._mode & stat.S_IWUSR
            if not read_only:
                self._set_mode()
            if mtime is not None:
                os.utime(self.file.fileno(), ns=(int(mtime * 1e9), int(mtime * 1e9)))
            os.replace(self.path, self.target)
            if read_only:
                self._set_mode()
        self.file.close()

    def _set_mode(self) -> None:
        if self._mode is not None:
            try:
                os.fchmod(self.file.fileno(), self._mode)
            except OSError as error:  # e.g. a file system without permissions: the file is kept
                self.mode_problem = f"cannot set the permissions: {cause_of(error)}"

    def close(self) -> None:
        """Keep the part file, flushed to disk, for another try; an empty one is deleted."""
        if self.file.closed:
            return
        descriptor = self.file.fileno()
        if not self._in_place:
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_size == 0:
                    os.unlink(self.path)
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


def sweep(path: str, root: str) -> None:
    """Delete a part file that a run left below ``root``; a missing one is no error.

    Raises LocalFileError, also if a symbolic link leads out of ``root`` or another process is writing the file.
    """
    with translated("delete", path):
        top = os.path.realpath(root)
        if os.path.commonpath((top, os.path.realpath(os.path.dirname(path)))) != top:
            raise OSError(errno.EXDEV, f"a symbolic link leads out of {root}")
        if os.path.islink(path):
            os.unlink(path)
            return
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            _lock(descriptor)
            os.unlink(path)
        finally:
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
