"""Ctrl-C and SIGTERM: the first asks for an orderly stop, the second cuts the connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ftpcli.cli.output.screen import directly
from ftpcli.exit_codes import by_signal
from ftpcli.stop import StopToken

LAST_PATIENCE = 1.0


NOTICE = "ftpcli: stopping: part files are kept; press again to cut the connections"


@contextmanager
def watching(stop: StopToken, notice: str = NOTICE, say: Callable[[str], None] = directly) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into requests to ``stop`` while a command runs."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            stop.cut()
            # Something local may hold us still: a named pipe that nobody reads, say.
            signal.signal(signal.SIGALRM, lambda *_: os._exit(stop.exit_code))
            signal.setitimer(signal.ITIMER_REAL, LAST_PATIENCE)
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
