"""One file between the server and a stream of ours that cannot be rewound: stdout, stdin."""

from __future__ import annotations

import contextlib
import posixpath
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.events import Report
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.trees.remote import make_directories
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import (
    ConnectFailed,
    FtpcliError,
    Incomplete,
    LoginRejected,
    Refused,
    Retry,
    SourceChanged,
    Stopped,
    Unsupported,
    UsageError,
)
from ftpcli.model import Entry, Kind
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session


@dataclass(frozen=True)
class RemoteFile:
    """The file on the server, and how it is reached. ``limit_rate`` is in bytes a second."""

    solo: Solo
    path: str
    progress: RunProgress
    limit_rate: float | None = None


class Input(Protocol):
    """What ``send`` reads: an unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def fileno(self) -> int: ...


def fetch(file: RemoteFile, out: BinaryIO) -> Report:
    """Download ``file`` into ``out``. A retry resumes behind the last byte that was written, never repeats one.

    Raises FtpcliError, and what ``out`` raises.
    """
    return _Fetch(file, out).run()


def send(file: RemoteFile, source: Input, *, make_parents: bool, in_place: bool) -> Report:
    """Upload everything ``source`` gives. Once its first byte is read there is no second try: it cannot be rewound.

    Raises FtpcliError, and what ``source`` raises.
    """
    return _Send(file, source, make_parents=make_parents, in_place=in_place).run()


class _Transfer(ABC):
    """What both directions have in common: counts the bytes, keeps to the rate, reports."""

    def __init__(self, file: RemoteFile) -> None:
        self._path = file.path
        self._solo = file.solo
        self._progress = file.progress.workers[0]
        self._rate = RateLimit(file.limit_rate, file.solo.stop.sleep) if file.limit_rate else None
        self._count = 0

    @abstractmethod
    def attempt(self, session: Session) -> None: ...

    def progress(self) -> int:
        return 0

    def moved(self, count: int) -> None:
        self._count += count
        self._progress.add(count)
        if self._rate is not None:
            self._rate.take(count)

    def run(self) -> Report:
        began = time.monotonic()
        with _named(self._path):
            self._solo.insist(self._path, self.attempt, self.progress)
        slot = self._solo.slot
        connections, resumed = slot.data_connections()
        return Report(
            transferred=1,
            bytes=self._count,
            seconds=time.monotonic() - began,
            connections=slot.opened,
            reconnects=slot.opened - 1,
            tls_data_connections=connections,
            tls_data_resumed=resumed,
            tls=slot.tls_facts(),
        )


class _Fetch(_Transfer):
    def __init__(self, file: RemoteFile, out: BinaryIO) -> None:
        super().__init__(file)
        self._out = out
        self._first = Entry(file.path, Kind.FILE)  # as it was when the first byte came

    def progress(self) -> int:
        return self._count

    def attempt(self, session: Session) -> None:
        entry = self._look(session)
        if not self._count:
            self._first = entry
        elif entry.size != self._first.size or not same_time(entry, self._first):
            raise self._another()
        elif self._count == entry.size:
            return
        self._progress.start(self._path, entry.size, self._count)
        with session.open_read(self._path, self._count) as source:
            source.pump_to(self._out, self.moved)
            source.finish()
        # More is fine: a log that grew meanwhile.
        if entry.size is not None and self._count < entry.size:
            raise Incomplete(f"the server called the transfer complete after {self._count} of {entry.size} bytes")

    def _look(self, session: Session) -> Entry:
        """The file as the server shows it; size and time as far as it tells them."""
        try:
            entry = session.stat(self._path)
        except Unsupported:
            return Entry(self._path, Kind.FILE)
        if entry.kind is Kind.DIR:
            raise Refused("it is a directory")
        return replace(entry, size=session.size(self._path))

    def _another(self) -> SourceChanged:
        """What was written cannot be taken back, and the rest of another file does not belong behind it."""
        error = SourceChanged(
            f"it changed on the server after {self._count} bytes of it were written, and before the rest came"
        )
        error.retry = Retry.GIVE_UP
        return error


class _ReadOnce:
    """An ``Input`` that knows whether anything was read of it: that cannot be read again, sent or not."""

    def __init__(self, file: Input) -> None:
        self.begun = False
        self.fileno = file.fileno
        self._file = file

    def readinto(self, buffer: memoryview, /) -> int | None:
        count = self._file.readinto(buffer)
        self.begun = self.begun or bool(count)
        return count


class _Send(_Transfer):
    def __init__(self, file: RemoteFile, source: Input, *, make_parents: bool, in_place: bool) -> None:
        super().__init__(file)
        self._source = _ReadOnce(source)
        self._folder, name = posixpath.split(file.path)
        self._make_parents = make_parents
        self._part = file.path
        self._replacement: Replacement | None = None
        if not in_place:
            self._part = posixpath.join(self._folder, part_name(name, "stdin", time.time_ns()))
            self._replacement = Replacement(self._part, file.path)
        self._sent = False

    def attempt(self, session: Session) -> None:
        if not self._sent:
            if self._make_parents and self._folder:
                make_directories(session, self._folder)
            try:
                self._send(session)
            except FtpcliError as error:
                # sendfile(2) reads without asking us.
                if (self._source.begun or self._count) and error.retry is not Retry.STOP_RUN:
                    error.message += "; standard input cannot be sent again"
                    error.retry = Retry.GIVE_UP
                    self._discard(session)
                raise
            self._sent = True
        if self._replacement is not None:
            self._replacement.attempt(session, self._count)

    def _send(self, session: Session) -> None:
        self._progress.start(self._path, None, 0)
        with session.open_write(self._part, 0) as sink:
            sink.pump_from(self._source, self.moved)
            moved = sink.finish()
        if not moved.confirmed and session.size(self._part) != self._count:
            raise Incomplete("the server called the upload complete, but its file has another size")

    def _discard(self, session: Session) -> None:
        """Delete what came of it, if that can still be said: no other run could resume it."""
        if self._replacement is not None and session.healthy:
            with contextlib.suppress(FtpcliError):
                session.remove(self._part)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors of one file, said with its name."""
    try:
        yield
    except (ConnectFailed, UsageError, LoginRejected, Stopped):
        raise
    except FtpcliError as error:
        error.message = f"{path or '.'}: {error.message}"
        raise
