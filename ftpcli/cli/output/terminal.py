"""Questions at the terminal while a run is under way: one at a time, whichever worker has it."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ftpcli.cli.output.screen import sanitized
from ftpcli.model import Ask, Question, Secret
from ftpcli.stop import StopToken

_LONGEST = 4096


class Terminal:
    """The terminal that questions are asked on, and what goes on there meanwhile.

    Each question is asked once and its answer kept for the other connections of the run, a server's own questions
    excepted, whose answers serve once.
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
        """A display that redraws itself gives way while a question stands there."""
        self._hide, self._show = hide, show
        try:
            yield
        finally:
            self._hide = self._show = lambda: None

    @contextmanager
    def lent(self) -> Iterator[None]:
        """For somebody else who may ask here: no question of ours comes in between, and the display gives way."""
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
        """None where the person ends the input instead. Raises Stopped."""
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
            # What was typed before the question is no answer to it.
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

    def _line(self, terminal: int) -> Secret | None:
        poll = select.poll()
        poll.register(terminal, select.POLLIN)
        if self._stop is not None:
            poll.register(self._stop.fileno(), select.POLLIN)
        line = b""
        while not line.endswith(b"\n"):
            poll.poll()
            self.check()
            part = os.read(terminal, _LONGEST)
            if not part or len(line) > _LONGEST:
                return None
            line += part
        return Secret(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))


TERMINAL = Terminal()


def asker() -> Ask | None:
    """None where there is nobody to ask."""
    if any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return TERMINAL.ask
    return None
