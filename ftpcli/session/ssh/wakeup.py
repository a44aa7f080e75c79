"""Waking a thread that waits for descriptors in ``net.wait.ready``."""

from __future__ import annotations

import socket
from contextlib import suppress


class Wakeup:
    """An event with a descriptor: ``set`` makes ``fileno()`` readable, ``clear`` undoes that. paramiko takes it for one
    of its ``threading.Event`` objects."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def fileno(self) -> int:
        return self._read.fileno()

    def set(self) -> None:
        with suppress(OSError):  # it is set already, or closed
            self._write.send(b"x")

    def clear(self) -> None:
        with suppress(OSError):
            self._read.recv(4096)

    def close(self) -> None:
        self._read.close()
        self._write.close()
