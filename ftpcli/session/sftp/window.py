"""How many bytes may be asked for, or sent, before the first of them is answered."""

from __future__ import annotations

SMALLEST = 1024 * 1024
LARGEST = 32 * 1024 * 1024
# A window twice as large that brings less than this is not worth it; where waiting is what limits, it brings 2.
_GAIN = 1.25
# Seconds: on a fast line one window is over too soon to tell anything.
_SHORTEST_LOOK = 0.02


class Window:
    """Starts small and doubles while that makes the transfer faster. Besides it grows where the product of rate and
    round trip says that it is too small, as on a line that was busy when it was looked at. ``size`` is in bytes.

    Times are passed in, in seconds of any clock that does not jump. One is kept for each direction of a session, so
    that later files begin with what was learnt.
    """

    def __init__(self) -> None:
        self.size = SMALLEST
        self._best_rate = 0.0
        self._round_trip = float("inf")
        self._since: float | None = None
        self._counted = 0

    def begin(self) -> None:
        """A transfer begins: the time since the last one tells nothing."""
        self._since = None

    def answered(self, count: int, asked_at: float, now: float) -> None:
        """So many bytes of one request were answered, which was sent at ``asked_at``."""
        self._round_trip = min(self._round_trip, max(now - asked_at, 0.0))
        if self._since is None:
            self._since, self._counted = now, 0
            return
        self._counted += count
        elapsed = now - self._since
        if self._counted >= self.size and elapsed >= _SHORTEST_LOOK:
            self._judge(self._counted / elapsed)
            self._since, self._counted = now, 0

    def _judge(self, rate: float) -> None:
        # Twice the product: with no more than that, the rate could never be seen to grow.
        wanted = 2 * rate * self._round_trip
        if rate > self._best_rate * _GAIN:
            wanted = max(wanted, 2 * self.size)
        self._best_rate = max(self._best_rate, rate)
        self.size = int(min(LARGEST, max(self.size, wanted)))
