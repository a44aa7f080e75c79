"""The process's standard streams, made safe before anything is opened or printed."""

from __future__ import annotations

import io
import os
import select
import sys

_STDERR = 2


def guard_standard_streams() -> None:
    """Messages on standard error never end a run: one that is closed, full or unread loses them, and nothing else.

    A descriptor that was closed (``2>&-``) leads to /dev/null from now on. It would be the number of the next file that
    is opened otherwise, and messages would go into that.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
    if sys.stdout is not None and not sys.stdout.isatty():
        # What is written at once, so that a wait for the reader comes before the write and can be ended.
        output = io.BufferedWriter(io.FileIO(1, "wb", closefd=False), select.PIPE_BUF)
        sys.stdout = io.TextIOWrapper(output, sys.stdout.encoding, sys.stdout.errors)
    lossy = _Lossy(_STDERR, "wb", closefd=False)
    sys.stderr = io.TextIOWrapper(lossy, encoding, "backslashreplace", write_through=True)


class _Lossy(io.FileIO):
    """Drops what cannot be written. It has no buffer: the interpreter would flush it at exit, and end with 120 if that
    fails."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # what TextIOWrapper hands on is bytes
        rest = memoryview(data)
        try:
            while rest and (count := super().write(rest)):
                rest = rest[count:]
        except OSError:
            pass
        return len(data)
