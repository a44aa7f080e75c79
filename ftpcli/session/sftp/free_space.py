"""What room there is on the server, as far as it tells."""

from __future__ import annotations

import time
from collections.abc import Callable

# An answer serves again for so many seconds, in the same directory, where there is so many times more than is wanted.
_AGE = 10.0
_PLENTY = 16


class Room:
    """Remembers the last answer, so that not every file of a tree costs a round trip. ``ask``: bytes that may still be
    written in a directory, None where the server does not tell."""

    def __init__(self, ask: Callable[[str], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._last: tuple[str, int | None, float] | None = None

    def free(self, directory: str, wanted: int) -> int | None:
        """Less than ``wanted`` is said of what is there now only."""
        now = self._clock()
        if self._last is not None:
            where, free, asked_at = self._last
            if where == directory and now - asked_at < _AGE and (free is None or free >= _PLENTY * wanted):
                return free
        free = self._ask(directory)
        self._last = directory, free, now
        return free
