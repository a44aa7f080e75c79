"""The queue between paramiko's thread, which receives a channel's data, and the worker's thread, which uses it.

paramiko's own channel buffer is an array, which copies the data four times until it is read; at hundreds of megabytes a
second that is half of the work. The inbox replaces it, and passes on the very bytes that were decrypted. It also has a
descriptor that becomes readable, so that waiting for the server and for the stop signal is one wait.
"""

from __future__ import annotations

import contextlib
from collections import deque

from ftpcli.net.wait import Deadline, StopSignal, ready
from ftpcli.session.ssh.wakeup import Wakeup

Block = bytes | memoryview


class Batch:
    """Blocks that were received, in order. Its length is that of all blocks together: paramiko's channel counts it."""

    __slots__ = ("_length", "blocks")

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self._length = sum(map(len, blocks))

    def __len__(self) -> int:
        return self._length


class Inbox:
    """Replaces the channel's ``in_buffer``: paramiko's thread fills it, and the worker's empties it."""

    def __init__(self) -> None:
        self.ended = False
        self._wakeup = Wakeup()
        self._blocks: deque[Block] = deque()
        self._awaited = False

    # paramiko's thread

    def feed(self, data: Block) -> None:
        self._blocks.append(data)
        self._wake()

    def close(self) -> None:
        """Nothing will follow."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        """Costs a system call only where the worker waits."""
        if self._awaited:
            self._awaited = False
            self._wakeup.set()

    # The worker's thread

    def read(self, _most: int, _timeout: float | None = None) -> Batch:
        """Everything that is there, without waiting."""
        blocks = []
        with contextlib.suppress(IndexError):
            while True:
                blocks.append(self._blocks.popleft())
        return Batch(blocks)

    def wait(self, patience: float, stop: StopSignal | None) -> bool:
        """Wait until there is something to read, or the end; False after ``patience`` seconds without. Raises
        Stopped."""
        deadline = Deadline(patience)
        while not self._something_to_read:
            # Set before the second look: whatever comes after that look sets the wakeup.
            self._awaited = True
            try:
                woken = self._something_to_read or bool(ready((self._wakeup.fileno(),), (), deadline.left, stop))
            finally:
                self._awaited = False
            if woken:
                self._wakeup.clear()
            elif deadline.passed:
                return self._something_to_read
        return True

    @property
    def _something_to_read(self) -> bool:
        return bool(self._blocks) or self.ended

    def dispose(self) -> None:
        """Close the descriptors, once paramiko's thread is gone."""
        self._wakeup.close()

    def __len__(self) -> int:
        return sum(map(len, tuple(self._blocks)))
