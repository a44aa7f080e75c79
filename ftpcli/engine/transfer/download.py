"""A file of the server's onto the local disk, from the first try to the last: resume, receive, verify, rename."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ftpcli.engine.compare.decide import PERMISSIONS
from ftpcli.engine.compare.times import is_exact, may_change_unseen, same_time
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.outcome import OVERLAP, SEAM, WORTH_RESUMING, Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.verify import look_again, same_digest, same_file_still
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.errors import (
    FtpcliError,
    Incomplete,
    LocalFileError,
    Retry,
    SourceChanged,
    TransientRefusal,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.model import Kind
from ftpcli.session.contract import OnMoved, Session, Source


@dataclass
class _Version:
    """What has been done with one version of the source, told by its part file's name; replaced whole with that.

    ``started_at``: the offset that this run began to receive at; None until then.
    """

    part: str
    started_at: int | None = None
    is_whole: bool = False


class Download:
    """A file of the server's onto the local disk. Progress is the size of the part file."""

    def __init__(self, request: CopyRequest, context: CopyContext, keep: Callable[[], None] | None = None) -> None:
        """``keep`` is called before something is replaced."""
        self._request = request
        self._context = context
        self._rules = context.rules
        self._keep = keep
        self._entry = request.entry  # the source's, as far as it is known by now
        self._tries = 0
        self._reached = 0
        self._version: _Version | None = None
        self._content: bytes | bytearray | None = None

    def fetched(self, content: bytes | bytearray) -> None:
        """The whole file, as it was read together with others just now; the first try takes it from here."""
        self._content = content

    @property
    def is_here(self) -> bool:
        """Whether nothing more is wanted of the server."""
        return self._content is not None

    def progress(self) -> int:
        return self._reached

    def attempt(self, session: Session) -> Done:
        self._tries += 1
        self._update_entry(session)
        part = self._open_part()
        version = self._begin(part)
        try:
            if not version.is_whole or part.size != self._entry.size:
                self._receive(session, part, version)
                version.is_whole = True
            verified = self._verify(session, part)
            self._commit(part)
        except FtpcliError as error:
            if part.size and not part.rewinds and error.retry is not Retry.STOP_RUN:
                error.message += "; what was written to the pipe cannot be taken back"
                error.retry = Retry.GIVE_UP
            raise
        finally:
            self._reached = max(self._reached, part.size)
            part.close()
            if not part.size:
                self._context.journal.gone(part.path)
        return Done(part.size, version.started_at or 0, verified, part.mode_problem)

    # The source as it is now

    def _update_entry(self, session: Session) -> None:
        if self._tries > 1 or self._is_worth_a_look():
            self._look_again(session)
        elif self._rules.times and may_change_unseen(self._entry, time.time()):
            self._ask_time(session)

    def _is_worth_a_look(self) -> bool:
        """A large file may be resumed, if only its time is known exactly."""
        entry = self._entry
        return self._rules.resume and not is_exact(entry) and (entry.size or WORTH_RESUMING) >= WORTH_RESUMING

    def _ask_time(self, session: Session) -> None:
        """What was changed just now may change again in the same minute: only the exact time of its copy will tell."""
        with contextlib.suppress(Unsupported, TransientRefusal):
            exact = session.mtime(self._request.source)
            if exact is not None:
                self._entry = replace(self._entry, mtime=exact, precision=1.0, mtime_is_utc=True)

    def _look_again(self, session: Session) -> None:
        """Is it still the same file, and what is its exact time? Another size or time gives it another part file."""
        try:
            entry = look_again(session, self._request.source, self._entry)
        except (Unsupported, TransientRefusal):
            return
        if entry.kind is not Kind.FILE or entry.size is None:
            return
        same = entry.size == self._entry.size and same_time(entry, self._entry)
        if not same or (is_exact(entry) and not is_exact(self._entry)):
            self._entry = entry

    # The part file

    def _open_part(self) -> PartFile:
        entry = self._entry
        # To the minute or the day is not enough: another version of the file may have been there in it.
        resume = is_exact(entry) and (self._rules.resume or self._tries > 1)
        mode = entry.mode & PERMISSIONS if self._rules.perms and entry.mode is not None else None
        identity = (self._context.place, self._request.source, entry.size, entry.mtime)
        begun = self._context.journal.begin
        return self._context.local.open_part(self._request.target, *identity, resume=resume, begun=begun, mode=mode)

    def _begin(self, part: PartFile) -> _Version:
        """What there is of this version: nothing at the first try, and where the source has changed since."""
        before = self._version
        if before is not None and before.part == part.path:
            return before
        if before is not None:
            self._context.local.discard(before.part)
            self._context.journal.gone(before.part)
        self._version = _Version(part.path)
        return self._version

    def _commit(self, part: PartFile) -> None:
        if self._keep is not None:
            self._keep()
        with self._context.local_work.released():
            part.sync()
        part.commit(self._entry.mtime if self._rules.times else None)
        self._context.journal.commit(self._request.target, part.path)

    # Its content

    def _receive(self, session: Session, part: PartFile, version: _Version) -> None:
        """Receive what is missing. Raises SourceChanged and Incomplete where the size is not the one listed."""
        size = self._entry.size
        if size is None or part.size > size or not self._context.host.resumes_downloads:
            part.restart()  # not provably the same file
        elif part.size and part.size == size:
            # All bytes are there, but no server has called them all: ask for the last ones once more.
            part.step_back(OVERLAP)
        content, self._content = self._content, None
        if content is not None:
            self._take(content, part, version)
        else:
            try:
                self._receive_from(session, part, version)
            except Unsupported:
                if part.size == 0:
                    raise
                part.restart()  # no REST on this server
                self._receive_from(session, part, version)
        self._check_size(part)

    def _take(self, content: bytes | bytearray, part: PartFile, version: _Version) -> None:
        """What was fetched together with others."""
        version.started_at = 0
        self._context.progress.start(self._request.shown, len(content), 0)
        if part.size:
            part.restart()
        part.append(content)
        self._context.moved(len(content))

    def _receive_from(self, session: Session, part: PartFile, version: _Version) -> None:
        seam = b""  # what is here already, and is to come once more
        if part.size:
            seam = part.read(max(0, part.size - SEAM), SEAM)
            part.step_back(len(seam))
        offset = part.size

        def on_moved(count: int) -> None:
            nonlocal seam
            part.size += count
            if seam and part.size >= offset + len(seam):
                expected, seam = seam, b""
                self._check_seam(part, offset, expected)
            self._check_excess(part)
            self._context.moved(count)

        try:
            with session.open_read(self._request.source, offset) as source:
                if version.started_at is None or not part.size:
                    version.started_at = offset + len(seam)
                self._context.progress.start(self._request.shown, self._entry.size, offset)
                self._pump(source, part, on_moved)
                source.finish()
        finally:
            if seam:  # less came than was there before
                part.step_back(part.size - offset)
                part.append(seam)

    def _pump(self, source: Source, part: PartFile, on_moved: OnMoved) -> None:
        try:
            source.pump_to(part.file, on_moved)
        except LocalFileError as error:
            error.message = f"{self._request.target}: {error.message}"
            raise

    def _check_seam(self, part: PartFile, offset: int, seam: bytes) -> None:
        """Some servers accept REST and send the file from its start, and a file may change without another time."""
        if part.read(offset, len(seam)) != seam:
            self._context.host.resumes_downloads = False
            part.restart()
            raise VerifyMismatch(
                f"{self._request.source}: what the server sends from byte {offset} on does not continue what is here"
            )

    def _check_excess(self, part: PartFile) -> None:
        """A server that sends on and on must not fill the disk."""
        path, size = self._request.source, self._entry.size
        if size is not None and part.size > size:
            part.restart()
            raise SourceChanged(f"{path} has more than the {size} bytes it was listed with: it changed")

    def _check_size(self, part: PartFile) -> None:
        self._check_excess(part)
        path, size = self._request.source, self._entry.size
        if size is None or part.size == size:
            return
        raise Incomplete(f"{path}: the server called the transfer complete after {part.size} of {size} bytes")

    def _verify(self, session: Session, part: PartFile) -> str:
        """What vouches for the content. Raises VerifyMismatch or SourceChanged, and what came is thrown away."""
        try:
            return self._vouched_by(session, part)
        except (VerifyMismatch, SourceChanged):
            part.restart()
            raise

    def _vouched_by(self, session: Session, part: PartFile) -> str:
        path, verify = self._request.source, self._rules.verify
        if verify == "checksum":
            strict = self._rules.strict_compare
            algorithm = same_digest(session, path, part, self._context.stop, strict=strict)
            if algorithm is not None:
                return algorithm
        if self._entry.size is None or verify == "none":
            return "none"
        return "time" if verify != "size" and same_file_still(session, path, self._entry) else "size"
