"""What the threads of a pool know together: how many work, how many the server admits, and what ended the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ftpcli.engine.workers.slot import NotAdmitted
from ftpcli.errors import FtpcliError

# A server that so often did not stand several files at once gets one after the other.
_MISHAPS = 3


class PoolState:
    """Every method takes the lock, so that any thread may call it. ``limit``: workers that may hold a session."""

    def __init__(self, limit: int, place: str) -> None:
        self.limit = limit
        self._place = place
        self._lock = threading.Lock()
        self._unfinished = 0  # tasks in the queue and in the hands of workers
        self._working = 0
        self._opening = 0
        self._refusal: NotAdmitted | None = None
        self._refusal_told = False
        self._mishaps = 0
        self.fatal: FtpcliError | None = None

    def submitted(self) -> None:
        with self._lock:
            self._unfinished += 1

    def finished(self, count: int = 1) -> None:
        with self._lock:
            self._unfinished -= count

    def hire(self, start: Callable[[], None], proven: Callable[[], bool], stopping: Callable[[], bool]) -> None:
        """``start`` one more worker if there is work for it and the server may admit it.

        Nobody joins the first worker until a session was open (``proven``): a wrong password is tried once. Once asked
        to stop nobody else begins, but a task that is submitted gets its result, even if that is none. Raises
        RuntimeError where the system has no thread for the first one.
        """
        with self._lock:
            # The queue's length would not do: of a task that was just taken nobody knows yet who has it.
            wanted = self._unfinished - self._working
            room = self.limit - self._working
            if wanted <= 0 or room <= 0 or (self._working and (stopping() or not proven())):
                return
            try:
                start()
            except RuntimeError:  # the system has no more threads for us
                self.limit = self._working
                if not self._working:
                    raise
            else:
                self._working += 1

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While a worker opens its session."""
        with self._lock:
            self._opening += 1
        try:
            yield
        finally:
            with self._lock:
                self._opening -= 1

    def leave(self, returned: int, error: NotAdmitted) -> None:
        """A worker that the server does not admit leaves, and ``returned`` tasks go back into the queue."""
        with self._lock:
            # Both at once, or a place that just became free would be filled again, and be refused again.
            self._working -= 1
            self.limit = max(1, min(self.limit, self._working))
            self._refusal = self._refusal or error
            self._unfinished += returned - 1

    def settled(self, live: Callable[[], int]) -> str:
        """How many connections the server admits, told once, when no worker waits for one any more; else empty."""
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
        """What ends the run for one worker ends it for all: a wrong password is not tried for every task."""
        with self._lock:
            self.fatal = self.fatal or error

    def mishap(self) -> None:
        """A connection was lost while several files went together."""
        with self._lock:
            self._mishaps += 1

    @property
    def stands_batches(self) -> bool:
        return self._mishaps < _MISHAPS
