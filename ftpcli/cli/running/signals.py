"""Ctrl-C and SIGTERM: the first asks for an orderly stop, the second cuts the connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ftpcli.cli.output.screen import write_stderr
from ftpcli.exit_codes import by_signal
from ftpcli.stop import StopToken

# Seconds between the second signal and the end of the process.
EXIT_AFTER_CUT = 1.0
PLAIN_NOTICE = "ftpcli: stopping; press again to cut the connections"
TRANSFER_NOTICE = "ftpcli: stopping: part files are kept; press again to cut the connections"


class Signals:
    """Lets SIGINT and SIGTERM stop the work of one command, from `caught` to the end of the process."""

    def __init__(self, stop: StopToken) -> None:
        self._stop = stop
        self._is_cut = False
        self._notice = PLAIN_NOTICE
        self._say: Callable[[str], None] = write_stderr

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them inside the ``with`` block, and after a stop for good.

        The process is about to end with an exit code of its own then; a second signal within that moment (a service
        manager may send two) must not make it a death by signal.
        """
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            if not self._stop.requested:
                for number, handler in before.items():
                    signal.signal(number, handler)

    @contextmanager
    def announced(self, say: Callable[[str], None]) -> Iterator[None]:
        """While files are transferred: ``say`` shows what happens to part files. It is called in a signal handler."""
        self._notice, self._say = TRANSFER_NOTICE, say
        try:
            yield
        finally:
            self._notice, self._say = PLAIN_NOTICE, write_stderr

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop.requested:
            self._stop.cut()
            if not self._is_cut:  # a third signal must not put the end off
                self._is_cut = True
                # A local call may still block, as on a named pipe that nobody reads.
                signal.signal(signal.SIGALRM, lambda *_: os._exit(self._stop.exit_code))
                signal.setitimer(signal.ITIMER_REAL, EXIT_AFTER_CUT)
            return
        self._stop.request(by_signal(number))
        self._say(self._notice)
