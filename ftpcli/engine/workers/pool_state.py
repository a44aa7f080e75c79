"""What the threads of a pool share: how many are working, how many the server admits, and what ended the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ftpcli.engine.workers.slot import NotAdmitted
from ftpcli.errors import FtpcliError

# After this many connections lost during batches, files are sent one by one.
_MOST_BATCHES_LOST = 3


class PoolState:
    """Thread-safe: every method takes the lock. ``limit``: how many workers may hold a session."""

    def __init__(self, limit: int, place: str) -> None:
        self.limit = limit
        self._place = place
        self._lock = threading.Lock()
        self._unfinished = 0  # tasks in the queue or taken by workers
        self._working = 0
        self._opening = 0
        self._refusal: NotAdmitted | None = None
        self._refusal_told = False
        self._batches_lost = 0
        self.fatal: FtpcliError | None = None

    def submitted(self) -> None:
        with self._lock:
            self._unfinished += 1

    def finished(self, count: int = 1) -> None:
        with self._lock:
            self._unfinished -= count

    def hire(self, start: Callable[[], None], proven: Callable[[], bool], stopping: Callable[[], bool]) -> None:
        """``start`` one more worker if there is work for it and the server may admit it.

        No second worker starts until a session has been open (``proven``), so that a wrong password is tried once.
        After a stop request only a first worker still starts, so that each submitted task gets a result. Raises
        RuntimeError if the system cannot start a thread for the first worker.
        """
        with self._lock:
            # Not the queue's length: a task just taken is no longer in the queue, though its worker is busy.
            wanted = self._unfinished - self._working
            room = self.limit - self._working
            if wanted <= 0 or room <= 0 or (self._working and (stopping() or not proven())):
                return
            try:
                start()
            except RuntimeError:  # the system cannot start another thread
                self.limit = self._working
                if not self._working:
                    raise
            else:
                self._working += 1

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Entered while a worker opens its session."""
        with self._lock:
            self._opening += 1
        try:
            yield
        finally:
            with self._lock:
                self._opening -= 1

    def leave(self, returned: int, error: NotAdmitted) -> None:
        """A worker that the server does not admit ends, and ``returned`` tasks go back into the queue."""
        with self._lock:
            # Both under one lock, or another worker would start in the free place and be refused again.
            self._working -= 1
            self.limit = max(1, min(self.limit, self._working))
            self._refusal = self._refusal or error
            self._unfinished += returned - 1

    def settled(self, live: Callable[[], int]) -> str:
        """The message how many connections the server admits, once, when no worker is still opening one; else empty."""
        with self._lock:
            error = self._refusal
            if error is None or self._opening or self._refusal_told:
                return ""
            self._refusal_told = True
            count = live()
        connections = "1 connection" if count == 1 else f"{count} connections"
        why = error.reply or error.message
        if error.by_limit:
            return f"{self._place} admits {connections} and no more; going on with that ({why})"
        return f"no further connection to {self._place} can be had; going on with {connections} ({why})"

    def stop_run(self, error: FtpcliError) -> None:
        """An error that ends the run for one worker ends it for all: a wrong password is not tried for every task."""
        with self._lock:
            self.fatal = self.fatal or error

    def batch_lost(self) -> None:
        """A connection was lost during a batch."""
        with self._lock:
            self._batches_lost += 1

    @property
    def may_batch(self) -> bool:
        return self._batches_lost < _MOST_BATCHES_LOST
