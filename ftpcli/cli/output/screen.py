"""Text for people on standard error, lines of data on standard output, and what a terminal must not be sent."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress

import click

from ftpcli.errors import LocalFileError
from ftpcli.exit_codes import BROKEN_PIPE

_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_STYLES = {"error": "31", "warning": "33", "dim": "2"}


def write_stderr(text: str) -> None:
    """Write past all buffers: safe in a signal handler, which may interrupt a buffered write."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


def sanitized(text: str) -> str:
    """``text`` with a ``?`` for whatever could control a terminal or fake a line: control characters, escape sequences,
    undecodable bytes, marks of the reading direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    return character in _DIRECTION_MARKS or unicodedata.category(character) in _UNPRINTABLE


def emit(line: str) -> None:
    """Write one line of data: sanitized on a terminal, and with the server's own bytes in a pipe or file.

    When the reader has gone, as in ``ftpcli ls ... | head``, the command ends silently.
    """
    if sys.stdout is None:
        raise LocalFileError("standard output is closed")
    try:
        if sys.stdout.isatty():
            sys.stdout.write(sanitized(line) + "\n")
        else:
            sys.stdout.buffer.write(_raw(line) + b"\n")
    except BrokenPipeError:
        raise click.exceptions.Exit(BROKEN_PIPE) from None
    except OSError as error:
        raise LocalFileError(f"standard output: {error.strerror}") from None


def _raw(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def stdout_is_gone() -> bool:
    """True when standard output is a pipe whose reader has closed it."""
    import select

    if sys.stdout is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


class Screen:
    """Standard error. ``verbosity``: 0, 1 (-v), 2 (-vv). A warning is shown once, however often it is given."""

    def __init__(self, *, verbosity: int = 0, quiet: bool = False, color: str = "auto") -> None:
        self.verbosity = verbosity
        self.quiet = quiet
        self.terminal = bool(sys.stderr and sys.stderr.isatty())
        self.color = _wants_color(color, self.terminal)
        self._warned: set[str] = set()

    def line(self, text: str, style: str | None = None) -> None:
        if sys.stderr is None:
            return
        text = sanitized(text)
        if style is not None and self.color:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except OSError:
            pass  # standard error is closed or full: there is nowhere to report it

    def fail(self, message: str) -> None:
        self.line(f"ftpcli: {message}", "error")

    def warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self.line(f"ftpcli: warning: {message}", "warning")


def _wants_color(choice: str, terminal: bool) -> bool:
    if choice != "auto":
        return choice == "always"
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
