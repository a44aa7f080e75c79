"""Standard input and output as pipes: whoever is at the other end may never write, or never read, and a stop ends that
wait as any other."""

from __future__ import annotations

import os
import select
import stat

from ftpcli.cli.output.terminal import TERMINAL


class OutputPipe:
    """A Writer of bytes. A pipe that is ready takes PIPE_BUF bytes without blocking, and more only perhaps."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def write(self, data: bytes | memoryview, /) -> int:
        """How much was written. Raises Stopped, OSError."""
        TERMINAL.wait_writable(self._descriptor)
        try:
            return os.write(self._descriptor, data if self._is_file else data[: select.PIPE_BUF])
        except BlockingIOError:  # somebody made it non-blocking
            return 0


class InputPipe:
    """A Reader of bytes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: memoryview, /) -> int | None:
        """How much was read; None if there was nothing after all. Raises Stopped, OSError."""
        TERMINAL.wait_readable(self._descriptor)
        try:
            return os.readv(self._descriptor, [buffer])
        except BlockingIOError:
            return None
