"""One file between the server and a stream of ours that cannot be rewound: stdout, stdin."""

from __future__ import annotations

import contextlib
import posixpath
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.events import Report, Warned
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.modes import is_private, kept, mode_of, most_at_creation, not_private, shut
from ftpcli.engine.transfer.naming import BLAME, SAID, is_for_the_name, is_free, name_is_taken
from ftpcli.engine.transfer.outcome import SEAM
from ftpcli.engine.transfer.verify import same_size
from ftpcli.engine.trees.remote import make_directories, mode_problem, sweep
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
    VerifyMismatch,
)
from ftpcli.model import Entry, Kind
from ftpcli.part_names import PartStyle, part_name
from ftpcli.session.contract import HostMemory, Session, Sink


@dataclass(frozen=True)
class RemoteFile:
    """The file on the server, and how it is reached. ``limit_rate`` is in bytes a second."""

    solo: Solo
    path: str
    progress: RunProgress
    limit_rate: float | None = None


class Output(Protocol):
    """What ``fetch`` writes to; None where nothing could be written just now."""

    def write(self, data: memoryview, /) -> int | None: ...


class Input(Protocol):
    """What ``send`` reads: an unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def fileno(self) -> int: ...


def fetch(file: RemoteFile, out: Output) -> Report:
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


class _Output:
    """A ``Writer`` that cannot take back what it has written. ``count``: how many bytes that are."""

    def __init__(self, out: Output) -> None:
        self.count = 0
        self._out = out
        self._tail = b""
        self._expected = memoryview(b"")

    def resume(self) -> int:
        """Where to resume: the last bytes are to come once more, and are compared instead of written."""
        self._expected = memoryview(self._tail)
        return self.count - len(self._tail)

    def write(self, data: memoryview, /) -> int | None:
        again = min(len(data), len(self._expected))
        if again:
            if data[:again] != self._expected[:again]:
                raise _not_continued(self.count)
            self._expected = self._expected[again:]
        new = data[again:]
        written = self._out.write(new) if new else 0
        if written:
            self.count += written
            self._tail = (self._tail + bytes(new[max(0, written - SEAM) : written]))[-SEAM:]
        return again + (written or 0) or written


def _not_continued(count: int) -> VerifyMismatch:
    error = VerifyMismatch(
        f"the server did not continue after the {count} bytes that are written, and these cannot be taken back"
    )
    error.retry = Retry.GIVE_UP
    return error


class _Fetch(_Transfer):
    def __init__(self, file: RemoteFile, out: Output) -> None:
        super().__init__(file)
        self._out = _Output(out)
        self._first = Entry(file.path, Kind.FILE)  # as it was when the first byte came

    def progress(self) -> int:
        return self._count

    def moved(self, count: int) -> None:
        super().moved(count)
        self._count = self._out.count

    def attempt(self, session: Session) -> None:
        entry = self._look(session)
        resumes = self._count > 0
        if not resumes:
            self._first = entry
        elif entry.size != self._first.size or not same_time(entry, self._first):
            raise self._another()
        elif self._count == entry.size:
            return
        self._progress.start(self._path, entry.size, self._count)
        with session.open_read(self._path, self._out.resume()) as source:
            source.pump_to(self._out, self.moved)
            source.finish()
        if entry.size is not None and self._count > entry.size:
            if resumes:  # the server may have begun at another place than it was told
                raise _not_continued(self._count)
            self._require_grown(session)
        if entry.size is not None and self._count < entry.size:
            raise Incomplete(f"the server called the transfer complete after {self._count} of {entry.size} bytes")

    def _require_grown(self, session: Session) -> None:
        """More than the size is fine if the file grew meanwhile, as a log does. Raises VerifyMismatch."""
        size = session.size(self._path)
        if size is not None and size < self._count:
            error = VerifyMismatch(f"the server sent {self._count} bytes of a file of {size} bytes")
            error.retry = Retry.GIVE_UP
            raise error

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
        self._folder = posixpath.dirname(file.path)
        self._make_parents = make_parents
        self._made_at = time.time_ns()
        self._replacement: Replacement | None = None
        self._first_style = PartStyle.NONE if in_place else PartStyle.HIDDEN
        self._name_it(self._first_style)
        self._begun = self._sent = False
        self._kept_mode: int | None = None  # of the file that is replaced, where it is known

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
                raise
            self._sent = True
        if self._replacement is not None:
            self._rename(session, self._replacement)
        else:
            same_size(session, self._path, self._count, final=True)
        if self._style is not self._first_style:
            self._solo.tell(Warned(f"{self._solo.place} {SAID[self._style]}"))

    def _rename(self, session: Session, replacement: Replacement) -> None:
        try:
            replacement.attempt(session, self._count)
        except (Refused, Unsupported) as error:
            if not name_is_taken(session, self._path, error):
                error.message += f"; {BLAME}"
            raise

    def _send(self, session: Session) -> None:
        self._progress.start(self._path, None, 0)
        if self._replacement is not None:
            self._look_at_old(session)
        with self._opened(session) as sink:
            self._begun = True
            sink.pump_from(self._source, self.moved)
            moved = sink.finish()
        if not moved.confirmed and session.size(self._part) != self._count:
            raise Incomplete("the server called the upload complete, but its file has another size")
        if self._replacement is not None and self._kept_mode not in (None, mode_of(session, self._part)):
            problem = mode_problem(session, self._part, self._kept_mode or 0)
            if problem:
                self._solo.tell(Warned(f"the permissions of {self._path} could not be set; {problem}"))

    def _look_at_old(self, session: Session) -> None:
        """What replaces a file has its permissions, and is never more open than that. See ``modes``."""
        try:
            old = session.examine(self._path)
        except (Refused, Unsupported):
            return
        if old.kind is Kind.LINK:
            raise Refused("a symbolic link has that name; remove it first, or write through it: --in-place")
        self._kept_mode = kept(old.mode)

    def _open(self, session: Session) -> Sink:
        mode = self._kept_mode
        if mode is None or self._replacement is None:
            return session.open_write(self._part, 0)
        problem = shut(session, self._part, mode, HostMemory())
        if problem and is_private(mode):
            sweep(session, self._part)
            raise not_private(problem)
        return session.open_write(self._part, 0, most_at_creation(mode))

    def _opened(self, session: Session) -> Sink:
        """Under the first name that the server takes: nothing was read yet. See ``naming``."""
        while True:
            try:
                return self._open(session)
            except (Refused, Unsupported) as error:
                if not self._has_another_name(session, error):
                    raise

    def _has_another_name(self, session: Session, error: FtpcliError) -> bool:
        if self._style is PartStyle.NONE or not is_for_the_name(session, error):
            return False
        if self._style is PartStyle.HIDDEN:
            self._name_it(PartStyle.PLAIN)
        elif is_free(session, self._path):
            self._name_it(PartStyle.NONE)
        else:
            error.message += f"; {BLAME}"
            return False
        return True

    def _name_it(self, style: PartStyle) -> None:
        self._style = style
        self._part, self._replacement = self._path, None
        if style is not PartStyle.NONE:
            name = posixpath.basename(self._path)
            self._part = posixpath.join(self._folder, part_name(name, "stdin", self._made_at, style=style))
            self._replacement = Replacement(self._part, self._path, replaces_on=HostMemory())

    def run(self) -> Report:
        try:
            return super().run()
        except FtpcliError as error:
            if self._begun and self._replacement is not None:
                self._clean_up(error)
            raise

    def _clean_up(self, error: FtpcliError) -> None:
        """Delete the part file, which no other run could resume, by another connection if need be; or name it. What is
        whole stays, for it cannot be sent again."""
        if self._sent and isinstance(error, (Refused, Unsupported)):
            error.message += f"; everything that was sent is in {self._part}"
            return
        try:
            sweep(self._solo.slot.session(), self._part)
        except FtpcliError:
            error.message += f"; the part file {self._part} stays there"


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
