"""Moving bytes between a file and a stream, one step at a time; whoever calls decides when to wait and when to stop."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import Protocol

from ftpcli.errors import ConnectionLost, LocalFileError, cause_of
from ftpcli.net.stream import BLOCKED, PlainStream, Stream
from ftpcli.net.wait import StopSignal, ready

CHUNK = 256 * 1024
_FULL_PIPE = 0.01
_EMPTY_PIPE = 3600.0


class Reader(Protocol):
    """A local file to read: at least an unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def fileno(self) -> int: ...


class Writer(Protocol):
    def write(self, data: memoryview, /) -> int | None: ...


def receiver(stream: Stream, file: Writer, buffer: memoryview) -> Callable[[], int]:
    """A step from ``stream`` into ``file``: bytes written, or the stream's ORDERLY_END, RAW_END, BLOCKED.

    A step raises LocalFileError where the file cannot take the bytes, ConnectionLost where the stream breaks.
    """

    def step() -> int:
        count = stream.receive_into(buffer)
        if count > 0:
            write_all(file, buffer[:count])
        return count

    return step


class Enough(Exception):
    """A ``Sample`` is full."""


class Sample:
    """A ``Writer`` that keeps the first ``most`` bytes, and raises Enough at the first one beyond them."""

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self._most = most

    def write(self, data: memoryview, /) -> int:
        room = self._most - len(self.data)
        self.data += data[:room]
        if len(data) > room:
            raise Enough
        return len(data)


def write_all(file: Writer, data: memoryview) -> None:
    """Raises LocalFileError: a full disk, a quota, a broken pipe."""
    try:
        while data:
            written = file.write(data)
            if written is None:  # somebody made our standard output non-blocking
                time.sleep(_FULL_PIPE)
            else:
                data = data[written:]
    except OSError as error:
        raise LocalFileError(f"cannot write: {cause_of(error)}") from error


END_OF_FILE = 0


def read_into(file: Reader, buffer: memoryview, stop: StopSignal | None) -> int:
    """Bytes read, or END_OF_FILE. Raises LocalFileError, Stopped."""
    try:
        while (count := file.readinto(buffer)) is None:  # somebody made our standard input non-blocking
            ready((file.fileno(),), (), _EMPTY_PIPE, stop)
        return count
    except OSError as error:
        raise LocalFileError(f"cannot read: {cause_of(error)}") from error


def sender(stream: Stream, file: Reader, buffer: memoryview, stop: StopSignal | None = None) -> Callable[[], int]:
    """A step from ``file`` into ``stream``: bytes taken, END_OF_FILE, or BLOCKED."""
    if isinstance(stream, PlainStream) and hasattr(os, "sendfile") and _is_regular(file):
        return _sendfile(stream, file)
    return _buffered(stream, file, buffer, stop)


def _is_regular(file: Reader) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, AttributeError, ValueError):  # not a file of the system at all
        return False


def _sendfile(stream: PlainStream, file: Reader) -> Callable[[], int]:
    target, source = stream.fileno(), file.fileno()
    position = os.lseek(source, 0, os.SEEK_CUR)

    def step() -> int:
        nonlocal position
        try:
            count = os.sendfile(target, source, position, CHUNK)
        except (BlockingIOError, InterruptedError):
            return BLOCKED
        except OSError as error:
            if error.errno == errno.EIO:  # the disk's word; a socket never says that
                raise LocalFileError(f"cannot read: {cause_of(error)}") from error
            raise ConnectionLost(f"the connection to {stream.peer} broke: {error.strerror or error}") from error
        position += count
        return count

    return step


def _buffered(stream: Stream, file: Reader, buffer: memoryview, stop: StopSignal | None) -> Callable[[], int]:
    waiting = buffer[:0]

    def step() -> int:
        nonlocal waiting
        if not waiting:
            waiting = buffer[: read_into(file, buffer, stop)]
            if not waiting:
                return END_OF_FILE
        count = stream.send(waiting)
        if count > 0:
            waiting = waiting[count:]
        return count

    return step
