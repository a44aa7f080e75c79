"""Questions on the terminal during a run: one at a time, from whichever worker asks."""

from __future__ import annotations

import math
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ftpcli.cli.output.sanitize import sanitized
from ftpcli.model import Ask, Question, Secret
from ftpcli.stop import StopToken

_LONGEST_ANSWER = 4096


class Terminal:
    """The terminal that questions are asked on; a progress display is hidden meanwhile.

    Each question is asked once and its answer reused by the other connections of the run, but for questions of the
    server itself (one-time codes), whose answers serve once.
    """

    def __init__(self, path: str = "/dev/tty") -> None:
        self._path = path
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, int], Secret | None] = {}
        self._stop: StopToken | None = None
        self._hide: Callable[[], None] = lambda: None
        self._show: Callable[[], None] = lambda: None

    @contextmanager
    def stopped_by(self, stop: StopToken) -> Iterator[None]:
        """A stop ends the wait for an answer."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    @contextmanager
    def shared_with(self, hide: Callable[[], None], show: Callable[[], None]) -> Iterator[None]:
        """Hide a display that redraws itself while a question is shown."""
        self._hide, self._show = hide, show
        try:
            yield
        finally:
            self._hide = self._show = lambda: None

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to a library that may ask there; our own questions wait, and the display is hidden."""
        with self._lock, self._display_hidden():
            yield

    def check(self) -> None:
        """Raises Stopped."""
        if self._stop is not None:
            self._stop.check()

    @contextmanager
    def _display_hidden(self) -> Iterator[None]:
        self._hide()
        try:
            yield
        finally:
            self._show()

    def ask(self, question: Question) -> Secret | None:
        """The answer; None where the user ends the input, or there is no terminal. Raises Stopped."""
        with self._lock:
            key = question.text, question.attempt
            if key in self._answers:
                return self._answers[key]
            with self._display_hidden():
                answer = self._read(question)
            if question.kind != "prompt":
                self._answers[key] = answer
            return answer

    def _read(self, question: Question) -> Secret | None:
        try:
            terminal = os.open(self._path, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            return None
        try:
            before = termios.tcgetattr(terminal)
            quiet = [*before]
            if question.hidden:
                quiet[3] &= ~termios.ECHO
            # Discard what was typed before the question.
            termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
            try:
                shown = "\n".join(sanitized(line) for line in question.text.split("\n"))
                os.write(terminal, shown.encode("utf-8", "replace"))
                return self._line(terminal)
            finally:
                termios.tcsetattr(terminal, termios.TCSADRAIN, before)
                if question.hidden:
                    os.write(terminal, b"\n")
        except (OSError, termios.error):
            return None
        finally:
            os.close(terminal)

    def wait_readable(self, descriptor: int | None, seconds: float | None = None) -> bool:
        """Wait for something to read, there or elsewhere; False after so many seconds. Raises Stopped."""
        found = self._wait(descriptor, select.POLLIN, seconds)
        self.check()
        return found

    def wait_writable(self, descriptor: int) -> None:
        """Wait until there is room; where there is, it is used after a stop too. Raises Stopped."""
        if not self._wait(descriptor, select.POLLOUT, None):
            self.check()

    def _wait(self, descriptor: int | None, event: int, seconds: float | None) -> bool:
        """Whether the descriptor is ready, after so many seconds or a stop at the latest."""
        poll = select.poll()
        if descriptor is not None:
            poll.register(descriptor, event)
        if self._stop is not None:
            poll.register(self._stop.fileno(), select.POLLIN)
        found = poll.poll(None if seconds is None else max(0, math.ceil(seconds * 1000)))
        return descriptor in [number for number, _ in found]

    def _line(self, terminal: int) -> Secret | None:
        line = b""
        while not line.endswith(b"\n"):
            self.wait_readable(terminal)
            part = os.read(terminal, _LONGEST_ANSWER)
            if not part or len(line) > _LONGEST_ANSWER:
                return None
            line += part
        return Secret(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))


TERMINAL = Terminal()


def asker() -> Ask | None:
    """The function that asks questions; None without a terminal."""
    if any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return TERMINAL.ask
    return None
