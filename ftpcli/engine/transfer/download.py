"""A file of the server's onto the local disk, from the first try to the last: resume, receive, check, commit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

from ftpcli.engine.compare.decide import PERMISSIONS
from ftpcli.engine.compare.times import is_exact, may_change_unseen, same_time
from ftpcli.engine.transfer.context import TransferContext
from ftpcli.engine.transfer.outcome import OVERLAP, WORTH_RESUMING, Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.verify import look_again, same_digest, same_file_still
from ftpcli.engine.trees.local import discard
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
from ftpcli.session.contract import Session


class Download:
    """A file of the server's onto the local disk."""

    def __init__(
        self,
        request: CopyRequest,
        context: TransferContext,
        keep: Callable[[], None] | None = None,
    ) -> None:
        """``keep`` is called before something is replaced."""
        self._source = request.source
        self._target = request.target
        self._entry = request.entry
        self._rules = context.rules
        self._context = context
        self._place = context.place
        self._shown = request.shown
        self._keep = keep
        self._tries = 0
        self._whole: str | None = None
        self._part_path: str | None = None
        self._reached = 0
        self._started_at: int | None = None
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
        if self._tries > 1 or self._is_worth_a_look():
            self._look_again(session)
        elif self._rules.times and may_change_unseen(self._entry, time.time()):
            self._ask_time(session)
        entry = self._entry
        # To the minute or the day is not enough: another version of the file may have been there in it.
        resume = is_exact(entry) and (self._rules.resume or self._tries > 1)
        journal = self._context.journal
        mode = entry.mode & PERMISSIONS if self._rules.perms and entry.mode is not None else None
        identity = (self._place, self._source, entry.size, entry.mtime)
        part = PartFile(self._target, *identity, resume=resume, begun=journal.begin, mode=mode)
        if self._part_path is not None and self._part_path != part.path:
            discard(self._part_path)  # begun by an earlier try, of a source that is no more
            journal.gone(self._part_path)
        self._part_path = part.path
        try:
            if self._whole != part.path or part.size != entry.size:
                self._prepare(part)
                self._receive(session, part)
                self._check(part)
                self._whole = part.path
            verified = self._verify(session, part)
            if self._keep is not None:
                self._keep()
            with self._context.turns.passed_on():
                part.sync()
            part.commit(entry.mtime if self._rules.times else None)
            journal.commit(self._target, part.path)
        except FtpcliError as error:
            if part.size and not part.rewinds and error.retry is not Retry.STOP_RUN:
                error.message += "; what went into the pipe cannot be taken back"
                error.retry = Retry.GIVE_UP
            raise
        finally:
            self._reached = max(self._reached, part.size)
            part.close()
            if not part.size:
                journal.gone(part.path)
        return Done(part.size, self._started_at or 0, verified, part.mode_problem)

    def _prepare(self, part: PartFile) -> None:
        size = self._entry.size
        if size is None or part.size > size:
            part.restart()  # not provably the same file
        elif part.size and part.size == size:
            # All bytes are there, but no server has called them all: ask for the last ones once more.
            part.step_back(OVERLAP)

    def _is_worth_a_look(self) -> bool:
        """A large file may be resumed, if only its time is known exactly."""
        entry = self._entry
        return self._rules.resume and not is_exact(entry) and (entry.size or WORTH_RESUMING) >= WORTH_RESUMING

    def _ask_time(self, session: Session) -> None:
        """What was changed just now may change again in the same minute: only the exact time of its copy will tell."""
        with contextlib.suppress(Unsupported, TransientRefusal):
            exact = session.mtime(self._source)
            if exact is not None:
                self._entry = replace(self._entry, mtime=exact, precision=1.0, mtime_is_utc=True)

    def _look_again(self, session: Session) -> None:
        """Is it still the same file, and what is its exact time? Another size or time gives it another part file."""
        try:
            entry = look_again(session, self._source, self._entry)
        except (Unsupported, TransientRefusal):
            return
        if entry.kind is not Kind.FILE or entry.size is None:
            return
        same = entry.size == self._entry.size and same_time(entry, self._entry)
        if not same or (is_exact(entry) and not is_exact(self._entry)):
            self._entry = entry

    def _receive(self, session: Session, part: PartFile) -> None:
        content, self._content = self._content, None
        if content is not None:
            self._started_at = 0
            self._context.progress.start(self._shown, len(content), 0)
            if part.size:
                part.restart()
            part.append(content)
            self._context.moved(len(content))
            return
        try:
            self._receive_from(session, part, part.size)
        except Unsupported:
            if part.size == 0:
                raise
            part.restart()  # no REST on this server
            self._receive_from(session, part, 0)

    def _receive_from(self, session: Session, part: PartFile, offset: int) -> None:
        with session.open_read(self._source, offset) as source:
            if self._started_at is None:
                self._started_at = offset
            self._context.progress.start(self._shown, self._entry.size, offset)

            def on_moved(count: int) -> None:
                part.size += count
                self._context.moved(count)

            try:
                source.pump_to(part.file, on_moved)
            except LocalFileError as error:
                raise LocalFileError(f"{self._target}: {error.message}") from error
            source.finish()

    def _check(self, part: PartFile) -> None:
        size = self._entry.size
        if size is None or part.size == size:
            return
        if part.size > size:
            part.restart()
            raise SourceChanged(f"{self._source} has more than the {size} bytes it was listed with: it changed")
        raise Incomplete(f"{self._source}: the server called the transfer complete after {part.size} of {size} bytes")

    def _verify(self, session: Session, part: PartFile) -> str:
        """What vouches for the content. Raises VerifyMismatch or SourceChanged, and what came is thrown away."""
        verify = self._rules.verify
        try:
            if verify == "checksum":
                algorithm = same_digest(session, self._source, part.path, self._context.stop)
                if algorithm is not None:
                    return algorithm
            if self._entry.size is None or verify == "none":
                return "none"
            return "time" if verify != "size" and same_file_still(session, self._source, self._entry) else "size"
        except (VerifyMismatch, SourceChanged):
            part.restart()
            raise
