"""The stop token: requested once, seen by every worker, also by one that waits on a socket."""

from __future__ import annotations

import math
import select
import socket
import threading
from collections.abc import Callable

from ftpcli.errors import Stopped

# Seconds that workers have to stop in order once a deadline has passed, and then for the end of the process.
_CUT_AFTER = 10.0
_END_AFTER = 2.0


class StopToken:
    """``request`` asks every worker to stop in order; ``cut`` also shuts every socket down.

    A worker that waits on sockets adds ``fileno()`` to the readable side of its poll; it becomes readable at the first
    request. Both methods may be called from a signal handler in the main thread.
    """

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self.requested = False
        self.exit_code = 0
        self._cutters: list[Callable[[], None]] = []
        self._timer: threading.Timer | None = None

    def fileno(self) -> int:
        return self._read.fileno()

    def on_cut(self, cutter: Callable[[], None]) -> None:
        self._cutters.append(cutter)

    def off_cut(self, cutter: Callable[[], None]) -> None:
        """Forget a cutter whose connection is closed."""
        if cutter in self._cutters:
            self._cutters.remove(cutter)

    def request(self, exit_code: int) -> None:
        """Ask for an orderly stop; the first request's exit code counts."""
        if not self.requested:
            self.requested = True
            self.exit_code = exit_code
            self._write.send(b"x")

    def expire_after(self, seconds: float, exit_code: int, end: Callable[[], None]) -> None:
        """Request a stop in so many seconds, and cut the connections some seconds later.

        ``end`` is called if even that does not end the run: something blocks that is no socket, as a file of a server
        that hangs.
        """

        def expire() -> None:
            self.request(exit_code)
            self._start_timer(_CUT_AFTER, cut)

        def cut() -> None:
            self.cut()
            self._start_timer(_END_AFTER, end)

        self._start_timer(seconds, expire)

    def _start_timer(self, seconds: float, do: Callable[[], None]) -> None:
        self._timer = threading.Timer(seconds, do)
        self._timer.daemon = True
        self._timer.start()

    def check(self) -> None:
        """Raises Stopped if a stop was requested."""
        if self.requested:
            raise Stopped(self.exit_code)

    def sleep(self, seconds: float | None, wake: int | None = None) -> None:
        """Wait so many seconds, or for ever if None, or until the descriptor ``wake`` is readable.

        Raises Stopped as soon as a stop is requested.
        """
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        if wake is not None:
            poll.register(wake, select.POLLIN)
        poll.poll(None if seconds is None else math.ceil(seconds * 1000))
        self.check()

    def cut(self) -> None:
        """Shut down every live socket, so that nothing waits any longer."""
        for cutter in tuple(self._cutters):
            cutter()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._read.close()
        self._write.close()
