"""The first line of what holds a secret: a file, a pipe, a command's output. None of them is trusted to end."""

from __future__ import annotations

import os
import time

from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.errors import UsageError

LONGEST = 64 * 1024


def first_line(descriptor: int, timeout: float, what: str, *, at_once: int = 4096) -> bytes:
    """The line that ``descriptor`` gives within ``timeout`` seconds, without its end.

    ``at_once``: bytes in one read; what is read beyond the line is lost. Raises UsageError, Stopped, OSError.
    """
    until, text = time.monotonic() + timeout, b""
    while not is_whole(text, what):
        if not TERMINAL.wait_readable(descriptor, until - time.monotonic()):
            raise too_slow(what, timeout)
        part = os.read(descriptor, at_once)
        if not part:
            break
        text += part
    return without_end(text, what)


def is_whole(text: bytes, what: str) -> bool:
    """Whether the line has ended. Raises UsageError for one that is too long for a secret."""
    if b"\n" in text:
        return True
    if len(text) > LONGEST:
        raise UsageError(f"{what} gives no line end within {LONGEST // 1024} KiB: its first line is expected")
    return False


def without_end(text: bytes, what: str) -> bytes:
    """The first line of ``text``. Raises UsageError for an empty one: as a password it would be tried, and counted as a
    failed login."""
    line = text.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line:
        raise UsageError(f"{what} gave an empty first line, where the secret is expected")
    return line


def too_slow(what: str, timeout: float) -> UsageError:
    return UsageError(f"{what} gave no line within {timeout:g} seconds (--timeout)")
