"""One file, from the first try to the last: resume, copy, count, commit.

Both directions write to a part name and rename only when the byte count, the data connection's verdict and the final
reply agree. The object outlives a try, so that what was reached is not done again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import posixpath
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from ftpcli.engine.journal import Journal
from ftpcli.engine.meter import Lane
from ftpcli.engine.plan import PERMISSIONS, is_exact, may_change_unseen, same_time
from ftpcli.engine.replacement import Replacement
from ftpcli.engine.room import require_room
from ftpcli.engine.stop import StopToken
from ftpcli.engine.verify import keeps_time, look_again, same_digest, same_file_still, same_size
from ftpcli.errors import (
    FtpcliError,
    Incomplete,
    LocalFileError,
    NotFound,
    Refused,
    SourceChanged,
    TransientRefusal,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.local import OpenSource, PartFile, discard, open_source
from ftpcli.model import Entry, Kind, Rules
from ftpcli.parts import part_name
from ftpcli.session.protocol import Session

log = logging.getLogger("ftpcli.transfer")

# What is sent again before the place where an upload was cut, or where a download only lacks its confirmation: the last
# blocks that a server counts may not be on its disk.
_OVERLAP = 64 * 1024

# Below this asking for a part file left by an earlier run costs more than sending the file again.
_WORTH_RESUMING = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """How a file's last try went. ``bytes`` is the whole file, ``moved`` what this run carried of it."""

    bytes: int
    resumed_from: int
    verified: str = "none"
    mode_problem: str = ""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a worker lends to a transfer. ``moved`` is told of all bytes that go over the data connection."""

    lane: Lane
    moved: Callable[[int], None]
    stop: StopToken
    journal: Journal = field(default_factory=Journal)


class FileTransfer(Protocol):
    def attempt(self, session: Session) -> Done: ...
    def progress(self) -> int:
        """Grows while the transfer gets anywhere: the offset that a next try would go on from."""
        ...


class Download:
    """A file of the server's onto the local disk."""

    def __init__(
        self,
        source: str,
        target: str,
        entry: Entry,
        rules: Rules,
        hands: Hands,
        place: str,
        shown: str,
        keep: Callable[[], None] | None = None,
    ) -> None:
        """``keep`` is called before something is replaced."""
        self._source = source
        self._target = target
        self._entry = entry
        self._rules = rules
        self._hands = hands
        self._place = place
        self._shown = shown
        self._keep = keep
        self._tries = 0
        self._whole: str | None = None
        self._part_path: str | None = None
        self._reached = 0
        self._started_at: int | None = None

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
        journal = self._hands.journal
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
            part.commit(entry.mtime if self._rules.times else None)
            journal.commit(self._target, part.path)
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
            part.step_back(_OVERLAP)

    def _is_worth_a_look(self) -> bool:
        """A large file may be resumed, if only its time is known exactly."""
        entry = self._entry
        return self._rules.resume and not is_exact(entry) and (entry.size or _WORTH_RESUMING) >= _WORTH_RESUMING

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
            self._hands.lane.start(self._shown, self._entry.size, offset)

            def on_moved(count: int) -> None:
                part.size += count
                self._hands.moved(count)

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
                algorithm = same_digest(session, self._source, part.path, self._hands.stop)
                if algorithm is not None:
                    return algorithm
            if self._entry.size is None or verify == "none":
                return "none"
            return "time" if verify != "size" and same_file_still(session, self._source, self._entry) else "size"
        except (VerifyMismatch, SourceChanged):
            part.restart()
            raise


class Upload:
    """A local file onto the server."""

    def __init__(
        self,
        source: str,
        target: str,
        rules: Rules,
        hands: Hands,
        shown: str,
        replacement: Callable[[str, str, Journal], Replacement] | None = None,
    ) -> None:
        """``replacement`` makes, of part, target and journal, what gives the part file its name."""
        self._source = source
        self._target = target
        self._rules = rules
        self._hands = hands
        self._shown = shown
        self._replacing = replacement or Replacement
        self._reached = 0
        self._started_at: int | None = None
        self._state: tuple[str, int, int] | None = None
        self._sent = False
        self._timed = False
        self._verified = ""
        self._steps = 0
        self._doubted = False
        self._moded = False
        self._mode_problem = ""

    def progress(self) -> int:
        return self._reached + self._steps

    def attempt(self, session: Session) -> Done:
        journal = self._hands.journal
        with open_source(self._source) as source:
            part = self._part(source)
            state = (part, source.size, source.mtime_ns)
            if self._state != state:
                # The first try, or the source changed: what was sent so far is of another file.
                if self._state is not None:
                    journal.useless(self._state[0])
                if part != self._target:
                    journal.begin(part)
                self._state = state
                self._started_at = None
                self._sent = self._timed = self._doubted = self._moded = False
                self._verified = ""
                self._replacement = self._replacing(part, self._target, journal)
            # A step that was taken counts as progress, once, and is not taken again after the connection was lost.
            if not self._sent:
                self._send(session, source, part)
                self._sent = True
                self._steps = max(self._steps, 1)
            if not self._verified:
                self._verified = self._verify(session, source, part)
                self._steps = max(self._steps, 2)
            if self._rules.times and not self._timed:
                self._set_time(session, part, source)
                self._timed = True
                self._steps = 3
            # A read-only part file would be in the way of the next run, were this one to end just here.
            if self._rules.perms and source.mode & 0o200:
                self._set_mode(session, part, source)
            if part != self._target:
                self._replacement.attempt(session, source.size)
            journal.commit(self._target, part)
            if self._rules.perms and not source.mode & 0o200:
                self._set_mode(session, self._target, source)
            return Done(source.size, self._started_at or 0, self._verified, self._mode_problem)

    def _part(self, source: OpenSource) -> str:
        if self._rules.in_place:
            return self._target
        folder, name = posixpath.split(self._target)
        path = os.path.abspath(self._source)
        return posixpath.join(folder, part_name(name, path, source.size, source.mtime_ns))

    def _send(self, session: Session, source: OpenSource, part: str) -> None:
        offset = self._offset(session, part, source.size)
        self._reached = max(self._reached, offset)
        require_room(session, part, source.size, offset)
        try:
            self._send_from(session, source, part, offset)
        except Unsupported:
            if offset == 0:
                raise
            self._send_from(session, source, part, 0)  # no REST before STOR on this server
        except FtpcliError as error:
            # FileZilla Server answers 425 to an upload that broke, and its SIZE may be the whole file's all the same.
            self._doubted = error.reply is not None
            if isinstance(error, NotFound) and not self._rules.make_parents:
                error.message += f" (is there a directory {posixpath.dirname(self._target) or '.'}? --mkdir makes it)"
            raise

    def _offset(self, session: Session, part: str, size: int) -> int:
        """Where to go on: what the part file on the server holds, if it is worth asking."""
        ours = not self._rules.in_place or self._started_at is not None
        ask = ours and ((self._rules.resume and size >= _WORTH_RESUMING) or self._started_at is not None)
        if not ask:
            return 0
        try:
            there = session.size(part) or 0
        except (Refused, Unsupported):
            return 0
        if there > size or (there == size and self._doubted):
            return 0
        return max(0, there - _OVERLAP)

    def _send_from(self, session: Session, source: OpenSource, part: str, offset: int) -> None:
        source.file.seek(offset)
        with session.open_write(part, offset) as sink:
            if self._started_at is None:
                self._started_at = offset
            self._hands.lane.start(self._shown, source.size, offset)
            sink.pump_from(source.file, self._hands.moved)
            moved = sink.finish()
        if offset + moved.bytes != source.size or not source.unchanged():
            if part != self._target:
                session.remove(part)
            raise SourceChanged(f"{self._source} changed while it was being sent")
        if not moved.confirmed and session.size(part) != source.size:
            raise Incomplete("the server called the upload complete, but its file has another size")

    def _verify(self, session: Session, source: OpenSource, part: str) -> str:
        """What vouches for the content. Raises VerifyMismatch, and the part file on the server goes."""
        verify = self._rules.verify
        if verify == "none":
            return "none"
        try:
            if verify == "checksum":
                algorithm = same_digest(session, part, self._source, self._hands.stop)
                if algorithm is not None:
                    return algorithm
            return "size" if same_size(session, part, source.size) else "none"
        except VerifyMismatch:
            self._doubted = True
            self._sent = False
            if part != self._target:
                session.remove(part)
            raise

    def _set_time(self, session: Session, part: str, source: OpenSource) -> None:
        wanted = source.mtime_ns / 1e9
        answer = session.set_mtime(part, wanted)
        if not answer:
            log.info("%s: this server has no command that sets a file's time", self._shown)
        elif keeps_time(answer.told, wanted):
            if self._verified == "size" and self._rules.verify != "size":
                self._verified = "time"
        elif answer.told is not None:
            log.info("%s: the server did not keep the time it was given", self._shown)

    def _set_mode(self, session: Session, path: str, source: OpenSource) -> None:
        if not self._moded:
            self._mode_problem = mode_problem(session, path, source.mode)
            self._moded = True
            self._steps += 1


def mode_problem(session: Session, path: str, mode: int) -> str:
    """Set the permission bits; why that cannot be done, or nothing. The file is whole all the same."""
    try:
        if session.set_mode(path, mode & PERMISSIONS):
            return ""
    except (Refused, Unsupported) as error:
        return str(error)
    return "this server has no command that sets permissions"
