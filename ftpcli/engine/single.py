"""One file between the server and a stream of ours that cannot be rewound: stdout, stdin."""

from __future__ import annotations

import contextlib
import posixpath
import time
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from ftpcli.engine.events import OnEvent
from ftpcli.engine.meter import Meter
from ftpcli.engine.rate import RateLimit
from ftpcli.engine.retry import Policy
from ftpcli.engine.solo import Solo
from ftpcli.engine.stop import StopToken
from ftpcli.engine.tasks import make_directories
from ftpcli.engine.transfer import Replacement
from ftpcli.errors import (
    ConnectFailed,
    FtpcliError,
    Incomplete,
    LoginRejected,
    Refused,
    Retry,
    Stopped,
    Unsupported,
    UsageError,
)
from ftpcli.local import part_name
from ftpcli.model import Endpoint, Kind, Report
from ftpcli.session.protocol import Session


class Input(Protocol):
    """What ``send`` reads: an unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def fileno(self) -> int: ...


def fetch(
    endpoint: Endpoint,
    path: str,
    out: BinaryIO,
    *,
    retries: int,
    retry_wait: float,
    on_event: OnEvent,
    stop: StopToken,
    meter: Meter,
    limit_rate: float | None = None,
) -> Report:
    """Download ``path`` into ``out``. A retry goes on behind the last byte that was written, never repeats one."""
    began = time.monotonic()
    written = 0
    lane = meter.lanes[0]
    rate = RateLimit(limit_rate, stop.sleep) if limit_rate else None

    def on_moved(count: int) -> None:
        nonlocal written
        written += count
        lane.add(count)
        if rate is not None:
            rate.take(count)

    def attempt(session: Session) -> None:
        size = _size(session, path)
        if written and written == size:
            return
        lane.start(path, size, written)
        with session.open_read(path, written) as source:
            source.pump_to(out, on_moved)
            source.finish()
        if size is not None and written != size:
            raise Incomplete(f"the server called the transfer complete after {written} of {size} bytes")

    with Solo(endpoint, Policy(retries, retry_wait), on_event, stop) as solo, named(path):
        solo.do(path, attempt, lambda: written)
        return _report(solo, written, time.monotonic() - began)


def _size(session: Session, path: str) -> int | None:
    try:
        entry = session.stat(path)
    except Unsupported:
        return None
    if entry.kind is Kind.DIR:
        raise Refused("it is a directory")
    return session.size(path)


def send(
    endpoint: Endpoint,
    source: Input,
    path: str,
    *,
    make_parents: bool,
    in_place: bool,
    retries: int,
    retry_wait: float,
    on_event: OnEvent,
    stop: StopToken,
    meter: Meter,
    limit_rate: float | None = None,
) -> Report:
    """Upload everything ``source`` gives. Once its first byte is read there is no second try: it cannot be rewound."""
    began = time.monotonic()
    folder, name = posixpath.split(path)
    part = path if in_place else posixpath.join(folder, part_name(name, "stdin", time.time_ns()))
    replacement = None if in_place else Replacement(part, path)
    sent = 0
    done = False
    lane = meter.lanes[0]
    rate = RateLimit(limit_rate, stop.sleep) if limit_rate else None

    def on_moved(count: int) -> None:
        nonlocal sent
        sent += count
        lane.add(count)
        if rate is not None:
            rate.take(count)

    def attempt(session: Session) -> None:
        nonlocal done
        if not done:
            if make_parents and folder:
                make_directories(session, folder)
            _send_once(session)
            done = True
        if replacement is not None:
            replacement.attempt(session, sent)

    def _send_once(session: Session) -> None:
        lane.start(path, None, 0)
        try:
            with session.open_write(part, 0) as sink:
                sink.pump_from(source, on_moved)
                moved = sink.finish()
            if not moved.confirmed and session.size(part) != sent:
                raise Incomplete("the server called the upload complete, but its file has another size")
        except FtpcliError as error:
            if sent and error.retry is not Retry.STOP_RUN:
                error.message += "; standard input cannot be sent again"
                error.retry = Retry.GIVE_UP
            raise

    with Solo(endpoint, Policy(retries, retry_wait), on_event, stop) as solo, named(path):
        solo.do(path, attempt)
        return _report(solo, sent, time.monotonic() - began)


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
