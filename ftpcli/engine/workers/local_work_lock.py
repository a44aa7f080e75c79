"""One worker at a time does what is hardly more than the interpreter's work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LocalWorkLock:
    """Held by a worker while it reads, writes and renames small local files one after the other.

    Several threads that do this at once only switch the interpreter lock at every system call: 2,000 small files by
    SFTP and four workers take 1.2 times as long without this lock. It is released while the disk or the server is
    waited for.
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
        """While the disk is waited for. Does nothing for a thread that does not hold the lock."""
        if self._holder != threading.get_ident():
            yield
            return
        self._release()
        try:
            yield
        finally:
            self._acquire()

    def release(self) -> None:
        """For good, before the server is waited for. Does nothing for a thread that does not hold the lock."""
        if self._holder == threading.get_ident():
            self._release()

    def _acquire(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()

    def _release(self) -> None:
        self._holder = 0
        self._lock.release()
