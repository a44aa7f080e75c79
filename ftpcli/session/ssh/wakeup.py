"""What one thread rings and another waits for, in ``net.wait.ready`` like everything else in this program."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """Wakes the one thread that waits on ``fileno()``. paramiko takes it for the events that it sets."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def fileno(self) -> int:
        return self._read.fileno()

    def set(self) -> None:
        with suppress(OSError):  # it rings already, or nobody listens any more
            self._write.send(b"x")

    def quiet(self) -> None:
        with suppress(OSError):
            self._read.recv(4096)

    def close(self) -> None:
        self._read.close()
        self._write.close()
