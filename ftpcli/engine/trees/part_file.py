"""Local files on their way: written beside the target under a part name, and given its name in one step."""

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

# The time of a part file that was left in order, all of it on disk, until it is opened again: long before any boot, and
# one that FAT can keep, which has even seconds only, and none before 1980.
_SYNCED = 946_771_200.0
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux, macOS


class PartFile:
    """A file on its way: written beside ``target`` under a part name, renamed over it when everything agrees.

    What is there already and is no regular file (``/dev/null``, a named pipe) is written to as it is; otherwise
    ``begun`` is called with the part file's path before that is made. Raises LocalFileError, also when another process
    is writing the same part file.

    ``mode``: the permission bits it gets, in place of those of what is there. ``mode_problem``: why it did not.
    ``rewinds``: False for a named pipe, which gives nothing back.
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
                # What becomes a private file is private from its first byte; a read-only one may still be resumed.
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
        """What an earlier try left, where it can be gone on with. It counts as sound from here on, in this boot."""
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
        """A descriptor of the part file that nobody else holds the lock of."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)
            try:
                locked = _lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if not locked or self._still_there(descriptor):
                return descriptor
            # Between open and lock another process made it the real file: that one is not ours to write to.
            os.close(descriptor)

    def _still_there(self, descriptor: int) -> bool:
        try:
            named = os.lstat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def append(self, data: bytes | bytearray) -> None:
        """All of it. Raises LocalFileError."""
        left = memoryview(data)
        with translated("write", self.target):
            while left:
                left = left[self.file.write(left) :]
        self.size += len(data)

    def restart(self) -> None:
        """Throw away what is there, where that can be done. Raises LocalFileError."""
        if not self._in_place:
            with translated("write", self.target):
                self.file.seek(0)
                self.file.truncate(0)
        if self.rewinds:
            self.size = 0

    def step_back(self, count: int) -> None:
        """Drop the last ``count`` bytes. Raises LocalFileError."""
        self.size = max(0, self.size - count)
        with translated("write", self.target):
            self.file.truncate(self.size)
            self.file.seek(self.size)

    def sync(self) -> None:
        """Have what was written on disk. Raises LocalFileError."""
        if not self._in_place:
            with translated("write", self.target):
                os.fsync(self.file.fileno())

    def commit(self, mtime: float | None) -> None:
        """Make it the real file, with its time, under its name; ``sync`` comes before."""
        if self._in_place:
            self.close()
            return
        with translated("write", self.target):
            # A read-only part file would be in the way of the next run, were this one killed now.
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
            except OSError as error:  # a file system without permissions: no reason to do without the file
                self.mode_problem = f"cannot set the permissions: {cause_of(error)}"

    def close(self) -> None:
        """Leave what is there, on disk, for another try; an empty part file is of no use to anybody."""
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
    """Whether what a part file holds is what was written to it. Not after a power failure: its size may have reached
    the disk sooner than its bytes (XFS, FAT), which are zeros then."""
    booted = time.time() - time.clock_gettime(_SINCE_BOOT)
    return found.st_mtime == _SYNCED or found.st_mtime > booted


def sweep(path: str, root: str) -> None:
    """Delete a part file that a run left below ``root``; one that is gone is fine.

    Raises LocalFileError, also where a symbolic link leads out of ``root`` and where another process is writing it.
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
    """False on a file system without locks. Raises OSError where another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "another process is writing it now") from None
    except OSError:
        return False
    return True
