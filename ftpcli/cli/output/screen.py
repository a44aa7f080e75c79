"""Text for people on standard error, and lines of data on standard output."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

import click

from ftpcli.cli.output.sanitize import sanitized
from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.errors import LocalFileError, Stopped
from ftpcli.exit_codes import BROKEN_PIPE

_STYLES = {"error": "31", "warning": "33", "dim": "2"}


def write_stderr(text: str) -> None:
    """Write past all buffers, but never wait: for signal handlers, which may interrupt a write that waits itself."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    with suppress(OSError):
        if poll.poll(0):
            os.write(2, f"{text}\n".encode())


def emit(line: str) -> None:
    """Write one sanitized line of data; in a pipe or file names that are not UTF-8 keep the server's own bytes.

    When the reader has gone, as in ``ftpcli ls ... | head``, the command ends silently.
    """
    if sys.stdout is None:
        raise LocalFileError("standard output is closed")
    try:
        if sys.stdout.isatty():
            sys.stdout.write(sanitized(line) + "\n")
        else:
            TERMINAL.wait_writable(1)
            sys.stdout.buffer.write(_raw(sanitized(line, keeps_bytes=True)) + b"\n")
    except Stopped:
        discard_stdout()  # what is still buffered has no reader
        raise
    except BrokenPipeError:
        raise click.exceptions.Exit(BROKEN_PIPE) from None
    except OSError as error:
        raise LocalFileError(f"standard output: {error.strerror}") from None


def discard_stdout() -> None:
    """Point standard output at /dev/null, so that the interpreter's flush at exit cannot fail."""
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
    except (OSError, ValueError):
        sys.stdout = None


def _raw(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def stdout_is_gone() -> bool:
    """True when standard output is a pipe whose reader has closed it."""
    if sys.stdout is None:
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
