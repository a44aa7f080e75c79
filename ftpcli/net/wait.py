"""Waiting for sockets: the one place where this program blocks on the network."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from ftpcli.errors import Stopped

Found = TypeVar("Found")

# Seconds that answers may still take once a stop was requested: what was begun (a renaming, say) is heard out.
STOP_GRACE = 5.0
# poll() counts milliseconds in an int; whoever waits longer comes back here.
_LONGEST = 86_400.0


class StopSignal(Protocol):
    """What a wait needs of the stop token: a descriptor that turns readable, and the fact itself."""

    @property
    def requested(self) -> bool: ...
    @property
    def exit_code(self) -> int: ...
    def fileno(self) -> int: ...


def check(stop: StopSignal | None) -> None:
    """Raise Stopped when a stop was asked for."""
    if stop is not None and stop.requested:
        raise Stopped(stop.exit_code)


def ready(
    readable: Iterable[int], writable: Iterable[int], timeout: float, stop: StopSignal | None = None
) -> frozenset[int]:
    """The descriptors that are ready, empty after ``timeout`` seconds.

    A descriptor with an error or a hang-up counts as ready: the next operation on it tells which.
    Raises Stopped when the stop signal fires first.
    """
    poll = select.poll()
    for fd in readable:
        poll.register(fd, select.POLLIN)
    for fd in writable:
        # A descriptor may be watched for both.
        poll.register(fd, select.POLLOUT | (select.POLLIN if fd in readable else 0))
    if stop is not None:
        poll.register(stop.fileno(), select.POLLIN)
    found = frozenset(fd for fd, _ in poll.poll(min(max(0, timeout), _LONGEST) * 1000))
    if stop is not None and stop.fileno() in found:
        raise Stopped(stop.exit_code)
    return found


class Deadline:
    """A moment after which waiting is over; every byte that moves may put it off."""

    __slots__ = ("_seconds", "at")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.at = time.monotonic() + seconds

    def renew(self) -> None:
        self.at = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        return self.at - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.left <= 0


class StopGrace:
    """How a stop ends the wait for answers: at once for what only reads. What changes something on the server is heard
    out, and so is what is sent after the stop, since only the rest of such a change is (the old file was moved aside,
    and the new one has not its name yet): both for ``STOP_GRACE`` seconds from the stop on."""

    def __init__(self, stop: StopSignal | None) -> None:
        self.hears_out = False
        self._stop = stop
        self._deadline: Deadline | None = None

    def begin(self, *, changes: bool) -> None:
        """Something is about to be asked."""
        self.hears_out = changes or (self._stop is not None and self._stop.requested)

    def check(self) -> None:
        """Between two waits. Raises Stopped."""
        if self._stop is not None and self._stop.requested:
            self._deadline = self._deadline or Deadline(STOP_GRACE)
            if not self.hears_out or self._deadline.passed:
                check(self._stop)

    def wait(self, wait: Callable[[float, StopSignal | None], Found], seconds: float) -> Found:
        """``wait`` for so many seconds, or fewer; what it found. Raises Stopped."""
        if self._deadline is None:
            try:
                return wait(seconds, self._stop)
            except Stopped:
                if not self.hears_out:
                    raise
                self._deadline = Deadline(STOP_GRACE)
        found = wait(min(seconds, self._deadline.left), None)
        if not found and self._deadline.passed:
            check(self._stop)
        return found
