"""What stands between paramiko's thread and the worker's.

paramiko's channel keeps what came in an array, and copies it four times until it is read; at hundreds of megabytes a
second that is half of the work. So the channel gets another inbox, which holds the very bytes that were decrypted. It
also turns a descriptor readable, so that waiting for the server and for the stop signal is one wait. Where the
transport lets the worker read, the worker waits for the socket itself, and paramiko's thread is not woken at all.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ftpcli.errors import TimedOut
from ftpcli.net.wait import Deadline, StopSignal, ready

Block = bytes | memoryview


class Source(Protocol):
    """Where the worker reads itself: see ``session.ssh.turns.Reading``."""

    def fileno(self) -> int: ...
    def begin(self) -> bool: ...
    def pull(self) -> bool: ...
    def end(self) -> None: ...


class Batch:
    """Blocks that came, in order. Its length is that of all blocks together: paramiko's channel counts it."""

    __slots__ = ("_length", "blocks")

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self._length = sum(map(len, blocks))

    def __len__(self) -> int:
        return self._length


class Bell:
    """A descriptor that one thread waits on and another turns readable. Also serves paramiko's channel as the event
    that an answer to a request sets, with a wait that ends when it should."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._rung = False
        self.deadline = Deadline(0)
        self.stop: StopSignal | None = None
        self.late = "nothing happened"

    def fileno(self) -> int:
        return self._read.fileno()

    def set(self) -> None:
        self._rung = True
        with contextlib.suppress(OSError):  # it rings already, or nobody listens any more
            self._write.send(b"x")

    def is_set(self) -> bool:
        return self._rung

    def clear(self) -> None:
        self._rung = False
        with contextlib.suppress(OSError):
            self._read.recv(4096)

    def wait(self) -> None:
        """Raises TimedOut once the deadline has passed, and Stopped."""
        while not self._rung:
            if not ready((self.fileno(),), (), self.deadline.left, self.stop) and self.deadline.passed:
                raise TimedOut(self.late)

    def close(self) -> None:
        self._read.close()
        self._write.close()


class Inbox:
    """Takes the place of the channel's ``in_buffer``: paramiko's thread feeds it, or the worker from its ``source``,
    and the worker's empties it."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.ended = False
        self.source: Source | None = None
        self._blocks: deque[Block] = deque()
        self._awaited = False

    def feed(self, data: Block) -> None:
        self.put(data)
        self.wake()

    def put(self, data: Block) -> None:
        """As ``feed``, for the worker, who need not be woken."""
        self._blocks.append(data)

    def close(self) -> None:
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Have the worker look again, if it waits."""
        if self._awaited:
            self._awaited = False
            self.bell.set()

    def read(self, _most: int, _timeout: float | None = None) -> Batch:
        """Everything that is there, without waiting."""
        blocks = []
        with contextlib.suppress(IndexError):
            while True:
                blocks.append(self._blocks.popleft())
        return Batch(blocks)

    def wait(self, patience: float, stop: StopSignal | None) -> bool:
        """Until there is something to read; False after ``patience`` seconds without. Raises Stopped."""
        deadline = Deadline(patience)
        while not self._there:
            if not self.look(lambda: self._there, deadline.left, stop) and deadline.passed:
                return self._there
        return True

    @property
    def _there(self) -> bool:
        return bool(self._blocks) or self.ended

    def look(self, done: Callable[[], bool], patience: float, stop: StopSignal | None) -> bool:
        """Until something happened, or at once where all is ``done``; False after ``patience`` seconds without.
        Raises Stopped."""
        if self.bell.is_set():
            self.bell.clear()
        source = self.source
        # Before the turn is asked for: whoever has it wakes us when it is free.
        self._awaited = True
        try:
            if source is None or not source.begin():
                return done() or bool(ready((self.bell.fileno(),), (), patience, stop))
            try:
                # What came between the two looks has not rung the bell.
                if done():
                    return True
                found = ready((self.bell.fileno(), source.fileno()), (), patience, stop)
                return source.pull() if source.fileno() in found else bool(found)
            finally:
                source.end()
        finally:
            self._awaited = False

    def __len__(self) -> int:
        return sum(map(len, tuple(self._blocks)))
