"""A limit on bytes per second, shared by all workers of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimit:
    """Call ``take`` after moving bytes: it sleeps for as long as the run is ahead of ``rate``, in bytes per second.

    At most one second of unused time is credited, so that a pause is not followed by a burst.
    """

    def __init__(
        self, rate: float, sleep: Callable[[float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._even_at = clock()

    def take(self, count: int) -> None:
        with self._lock:
            now = self._clock()
            self._even_at = max(self._even_at, now - 1.0) + count / self._rate
            ahead = self._even_at - now
        if ahead > 0:
            self._sleep(ahead)
