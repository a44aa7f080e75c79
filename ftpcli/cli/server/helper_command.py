"""A command that prints a secret. It is run without a shell, and neither trusted to end nor to print little."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.server.first_line import is_whole, too_slow, without_end
from ftpcli.errors import Stopped, UsageError, cause_of

# Seconds for a command to end once it has printed its line, and for one that is told to.
_GRACE = 2.0
_PATIENCE = 1.0
_LOOK = 0.02  # seconds between two looks at whether it has ended
_MOST = 1024 * 1024  # bytes of output, after which the rest is not awaited
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


def first_line_of_command(words: Sequence[str], timeout: float, what: str) -> bytes:
    """The first line that the command prints within ``timeout`` seconds; what it writes to standard error is shown.

    A command that goes on after its line is ended. Raises UsageError, Stopped.
    """
    try:
        process = _start(words)
    except OSError as error:
        raise UsageError(f"{what} cannot be run: {cause_of(error)}") from None
    assert process.stdout is not None
    with process.stdout, TERMINAL.lent(), _foreground(process.pid):
        try:
            text = _output(process, process.stdout.fileno(), timeout, what)
        except BaseException:
            _end(process)
            raise
        status = process.poll()
        if status is None:
            _end(process)
    if status in _INTERRUPTED:  # Ctrl-C went to the command, which had the terminal
        raise Stopped
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"
        raise UsageError(f"{what} {how}")
    return without_end(text, what)


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a process group of its own, so that all it starts can be ended with it.

    Standard input may be the data of ``put -``, which a command such as ssh would read; only a terminal is passed on.
    """
    stdin = None if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL
    if sys.version_info >= (3, 11):
        return subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, process_group=0)
    return subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, preexec_fn=os.setpgrp)


def _output(process: subprocess.Popen[bytes], descriptor: int, timeout: float, what: str) -> bytes:
    """What it prints, up to its end where that comes soon after the first line. Raises UsageError, Stopped."""
    until = time.monotonic() + timeout
    text, count, is_open = b"", 0, True
    whole = False
    while True:
        if not whole and (is_whole(text, what) or not is_open):
            whole, until = True, min(until, time.monotonic() + _GRACE)
        # Another process that it left behind may keep the pipe open.
        has_ended = process.poll() is not None
        left = until - time.monotonic()
        if has_ended and whole:
            return text
        if left <= 0 or count > _MOST:
            if whole and text:
                return text
            raise too_slow(what, timeout)
        if is_open and TERMINAL.wait_readable(descriptor, min(_LOOK, left)):
            part = os.read(descriptor, 64 * 1024)
            is_open, count = bool(part), count + len(part)
            text += b"" if whole else part
        elif not is_open:
            TERMINAL.wait_readable(None, min(_LOOK, left))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started, also what outlives it, and reap it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)


@contextlib.contextmanager
def _foreground(group: int) -> Iterator[None]:
    """Give the terminal to a process group, as a shell does: it may ask there, and Ctrl-C is for it meanwhile."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    ours = os.getpgrp()
    try:
        if os.tcgetpgrp(terminal) != ours:
            yield
            return
        _hand_over(terminal, group)
        try:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGCONT)  # it may have been stopped for reading too early
            yield
        finally:
            _hand_over(terminal, ours)
    finally:
        os.close(terminal)


def _hand_over(terminal: int, group: int) -> None:
    # From the background this stops the whole process, unless the signal is blocked.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
