"""One file between the server and a stream of ours that cannot be rewound: stdout, stdin."""

from __future__ import annotations

import contextlib
import posixpath
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Protocol

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.job import Report
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


class Input(Protocol):
    """What ``send`` reads: an unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def fileno(self) -> int: ...


class _Once:
    """An ``Input``, and whether anything of it was read: that cannot be read again, sent or not."""

    def __init__(self, file: Input) -> None:
        self.begun = False
        self.fileno = file.fileno
        self._file = file

    def readinto(self, buffer: memoryview, /) -> int | None:
        count = self._file.readinto(buffer)
        self.begun = self.begun or bool(count)
        return count


class Carried:
    """Counts the bytes of one file that go by, and keeps to the rate. ``limit_rate`` is in bytes a second."""

    def __init__(self, solo: Solo, progress: RunProgress, limit_rate: float | None) -> None:
        self.progress = progress.workers[0]
        self.count = 0
        self._rate = RateLimit(limit_rate, solo.stop.sleep) if limit_rate else None

    def __call__(self, count: int) -> None:
        self.count += count
        self.progress.add(count)
        if self._rate is not None:
            self._rate.take(count)


def fetch(solo: Solo, path: str, out: BinaryIO, progress: RunProgress, *, limit_rate: float | None = None) -> Report:
    """Download ``path`` into ``out``. A retry goes on behind the last byte that was written, never repeats one."""
    began = time.monotonic()
    written = Carried(solo, progress, limit_rate)
    first = Entry(path, Kind.FILE)

    def attempt(session: Session) -> None:
        nonlocal first
        entry = _look(session, path)
        if not written.count:
            first = entry
        elif entry.size != first.size or not same_time(entry, first):
            raise _another(written.count)
        elif written.count == entry.size:
            return
        written.progress.start(path, entry.size, written.count)
        with session.open_read(path, written.count) as source:
            source.pump_to(out, written)
            source.finish()
        # More is fine: a log that grew meanwhile.
        if entry.size is not None and written.count < entry.size:
            raise Incomplete(f"the server called the transfer complete after {written.count} of {entry.size} bytes")

    with named(path):
        solo.insist(path, attempt, lambda: written.count)
        return _report(solo, written.count, time.monotonic() - began)


def _look(session: Session, path: str) -> Entry:
    """The file as the server shows it; size and time as far as it tells them."""
    try:
        entry = session.stat(path)
    except Unsupported:
        return Entry(path, Kind.FILE)
    if entry.kind is Kind.DIR:
        raise Refused("it is a directory")
    return replace(entry, size=session.size(path))


def _another(count: int) -> SourceChanged:
    """What was written cannot be taken back, and the rest of another file does not belong behind it."""
    error = SourceChanged(f"it changed on the server after {count} bytes of it were written, and before the rest came")
    error.retry = Retry.GIVE_UP
    return error


def send(
    solo: Solo,
    source: Input,
    path: str,
    progress: RunProgress,
    *,
    make_parents: bool,
    in_place: bool,
    limit_rate: float | None = None,
) -> Report:
    """Upload everything ``source`` gives. Once its first byte is read there is no second try: it cannot be rewound."""
    began = time.monotonic()
    folder, name = posixpath.split(path)
    part = path if in_place else posixpath.join(folder, part_name(name, "stdin", time.time_ns()))
    replacement = None if in_place else Replacement(part, path)
    once, sent = _Once(source), Carried(solo, progress, limit_rate)
    done = False

    def attempt(session: Session) -> None:
        nonlocal done
        if not done:
            if make_parents and folder:
                make_directories(session, folder)
            _send_once(session)
            done = True
        if replacement is not None:
            replacement.attempt(session, sent.count)

    def _send_once(session: Session) -> None:
        sent.progress.start(path, None, 0)
        try:
            with session.open_write(part, 0) as sink:
                sink.pump_from(once, sent)
                moved = sink.finish()
            if not moved.confirmed and session.size(part) != sent.count:
                raise Incomplete("the server called the upload complete, but its file has another size")
        except FtpcliError as error:
            if (once.begun or sent.count) and error.retry is not Retry.STOP_RUN:
                error.message += "; standard input cannot be sent again"
                error.retry = Retry.GIVE_UP
                _drop(session)
            raise

    def _drop(session: Session) -> None:
        """What came of it goes, if that can still be said: no other run could go on from it."""
        if replacement is not None and session.healthy:
            with contextlib.suppress(FtpcliError):
                session.remove(part)

    with named(path):
        solo.insist(path, attempt)
        return _report(solo, sent.count, time.monotonic() - began)


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Errors of one file, said with its name."""
    try:
        yield
    except (ConnectFailed, UsageError, LoginRejected, Stopped):
        raise
    except FtpcliError as error:
        error.message = f"{path or '.'}: {error.message}"
        raise


def _report(solo: Solo, count: int, seconds: float) -> Report:
    connections, resumed = solo.slot.data_connections()
    return Report(
        transferred=1,
        bytes=count,
        seconds=seconds,
        connections=solo.slot.opened,
        reconnects=solo.slot.opened - 1,
        tls_data_connections=connections,
        tls_data_resumed=resumed,
        tls=solo.slot.tls_facts(),
    )
