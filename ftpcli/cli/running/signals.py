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
NOTICE = "ftpcli: stopping: part files are kept; press again to cut the connections"


@contextmanager
def stop_on_signals(stop: StopToken, notice: str = NOTICE, say: Callable[[str], None] = write_stderr) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop the work inside the ``with`` block.

    ``say`` shows ``notice`` at the first signal; it is called in a signal handler.
    """

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            stop.cut()
            # A local call may still block, as on a named pipe that nobody reads.
            signal.signal(signal.SIGALRM, lambda *_: os._exit(stop.exit_code))
            signal.setitimer(signal.ITIMER_REAL, EXIT_AFTER_CUT)
            return
        stop.request(by_signal(number))
        say(notice)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
