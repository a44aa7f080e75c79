"""One run at a time for one source and target.

The kernel frees the lock when its owner dies, however that happens, so there are no stale ones. What the lock file
says is for people only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import time
from collections.abc import Callable

from ftpcli.errors import Locked
from ftpcli.stop import StopToken

_NAME = "lock"
_POLL = 0.25  # seconds between two looks at a lock that another run holds


def acquire_lock(folder: str, mode: str, stop: StopToken, say: Callable[[str], None]) -> RunLock | None:
    """The lock in ``folder``, which is made where it is missing.

    ``mode`` says what to do while another run holds it: "fail" raises Locked, "wait" waits (Stopped ends that), "skip"
    makes it None. Raises OSError where nothing can be locked there.
    """
    lock = RunLock(folder)
    waiting = False
    while not lock.take():
        other = f"another run is at work on the same source and target: {lock.owner()}"
        if mode == "fail":
            raise Locked(f"{other}; --lock wait waits until it is done, --lock skip leaves the work to it")
        if mode == "skip":
            say(f"nothing done: {other}")
            return None
        if not waiting:
            say(f"waiting: {other}")
            waiting = True
        stop.sleep(_POLL)
    return lock


class RunLock:
    """See the module. ``take`` and ``release`` may be called again and again."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, _NAME)
        self._descriptor: int | None = None

    def take(self) -> bool:
        """False while another process holds it. Raises OSError."""
        while True:
            _make_private(self._folder)
            _require_ours(self._folder)
            try:
                # Not inherited: a child that outlives us must not hold it.
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except FileNotFoundError:
                if os.path.islink(self._folder):
                    raise  # it leads nowhere, and will for ever
                continue  # its last owner has just cleared the folder away
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_named(descriptor):
                    self._sign(descriptor)
                    self._descriptor = descriptor
                    return True
            except BlockingIOError:
                return False
            finally:
                if self._descriptor != descriptor:
                    os.close(descriptor)

    def _is_named(self, descriptor: int) -> bool:
        """False where the last owner unlinked the file between our opening and locking it: others cannot see it."""
        try:
            named = os.lstat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    @staticmethod
    def _sign(descriptor: int) -> None:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        text = json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now})
        with contextlib.suppress(OSError):  # a full disk: the lock holds, it only does not say whose it is
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{text}\n".encode("ascii"), 0)

    def owner(self) -> str:
        """Who holds it, for people."""
        try:
            with open(self._path, "rb") as file:
                facts = json.loads(file.read(1000))
            return f"process {int(facts['pid'])} on {facts['host']}, since {facts['since']}"
        except (OSError, ValueError, TypeError, KeyError):  # it is just being taken, or given back
            return "a process that has not said which"

    def release(self) -> None:
        """Give it back, and leave nothing behind if nothing else is kept in the folder."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            if self._is_named(self._descriptor):
                os.unlink(self._path)
        os.close(self._descriptor)
        self._descriptor = None
        with contextlib.suppress(OSError):
            os.rmdir(self._folder)


def _require_ours(folder: str) -> None:
    """Its name can be predicted: in a shared place somebody may have made it, with links to others' files in it."""
    try:
        found = os.stat(folder)
    except FileNotFoundError:
        return  # its last owner has just cleared it away
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(errno.EACCES, "it belongs to another user, or others may write to it")


def _make_private(folder: str) -> None:
    """The folder, and those above it that are missing, for this user alone."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make_private(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
