"""A local file onto the server, from the first try to the last: resume, send, check, commit."""

from __future__ import annotations

import contextlib
import logging
import os
import posixpath
import time
from collections.abc import Callable

from ftpcli.engine.compare.times import settles_in
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import TransferContext
from ftpcli.engine.transfer.free_space import require_room
from ftpcli.engine.transfer.outcome import OVERLAP, WORTH_RESUMING, Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.verify import keeps_time, same_digest, same_size
from ftpcli.engine.trees.local import OpenSource, open_source, translated
from ftpcli.engine.trees.remote import mode_problem
from ftpcli.errors import FtpcliError, Incomplete, NotFound, Refused, SourceChanged, Unsupported, VerifyMismatch
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session, Stored, ToStore

log = logging.getLogger("ftpcli.transfer")

# Seconds: more than any file system or server rounds a time by.
_EARLIER = 4.0


class Upload:
    """A local file onto the server."""

    def __init__(
        self,
        request: CopyRequest,
        context: TransferContext,
        replacement: Callable[[str, str, Journal], Replacement] | None = None,
    ) -> None:
        """``replacement`` makes, of part, target and journal, what gives the part file its name."""
        self._source = request.source
        self._target = request.target
        self._rules = context.rules
        self._context = context
        self._shown = request.shown
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
        self._named = False
        self._unsettled = False

    # Together with others

    def prepare(self, largest: int) -> ToStore | None:
        """The whole file, for its part file to be stored together with others; None where it has more than ``largest``
        bytes, changes while it is read, or changed just now. Raises LocalFileError."""
        with open_source(self._source) as source, translated("read", self._source):
            if source.size > largest or self._settles_in(source):
                return None
            part = self._begin(source)
            content = source.file.read(source.size + 1)
            if len(content) != source.size or not source.unchanged():
                return None
            return ToStore(part, content, source.mtime_ns / 1e9 if self._rules.times else None)

    def stored(self, sent: ToStore, there: Stored) -> tuple[str, str] | None:
        """The part file is at the server now. The names for its renaming, if nothing else comes before that."""
        size = len(sent.content)
        self._context.progress.start(self._shown, size, 0)
        self._context.moved(size)
        self._started_at = 0
        self._sent = True
        self._reached = size
        self._verified = "none" if self._rules.verify == "none" else "size"
        if sent.mtime is not None and keeps_time(there.mtime, sent.mtime):
            self._keeps_time()
        self._steps = 3
        if self._rules.perms or not (self._timed or sent.mtime is None):
            return None
        self._replacement.begin()
        return sent.path, self._target

    def renamed(self, done: bool) -> None:
        """The server's word: the part file has its name, or it is still to get it."""
        self._named = done
        if not done:
            self._replacement.refused()

    @property
    def is_here(self) -> bool:
        """Whether nothing more is wanted of the server."""
        return self._named and not self._rules.perms

    # By itself

    def progress(self) -> int:
        return self._reached + self._steps

    def attempt(self, session: Session) -> Done:
        journal = self._context.journal
        with self._open() as source:
            part = self._begin(source)
            # A step that was taken counts as progress, once, and is not taken again after the connection was lost.
            if not self._sent:
                self._context.turns.give_up()  # a source that changed just now goes by itself after all
                self._unsettled = self._settles_in(source) > 0
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
            if part != self._target and not self._named:
                self._replacement.attempt(session, source.size)
            journal.commit(self._target, part)
            if self._rules.perms and not source.mode & 0o200:
                self._set_mode(session, self._target, source)
            return Done(source.size, self._started_at or 0, self._verified, self._mode_problem)

    def _open(self) -> OpenSource:
        """The file, once a change that comes while it is sent, or later, will show in its time; or, where it changed
        again meanwhile, as it is."""
        source = open_source(self._source)
        left = self._settles_in(source)
        if not left:
            return source
        source.close()
        self._context.turns.give_up()
        self._context.stop.sleep(left)
        return open_source(self._source)

    def _settles_in(self, source: OpenSource) -> float:
        return settles_in(source.mtime_ns / 1e9, time.time(), self._rules.compare)

    def _begin(self, source: OpenSource) -> str:
        """The part file's path. At the first try, and where the source changed, what was sent so far is of another
        file."""
        part, journal = self._part(source), self._context.journal
        state = (part, source.size, source.mtime_ns)
        if self._state != state:
            if self._state is not None:
                journal.useless(self._state[0])
            if part != self._target:
                journal.begin(part)
            self._state = state
            self._started_at = None
            self._sent = self._timed = self._doubted = self._moded = self._named = False
            self._verified = ""
            self._replacement = self._replacing(part, self._target, journal)
        return part

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
        ask = ours and ((self._rules.resume and size >= WORTH_RESUMING) or self._started_at is not None)
        if not ask:
            return 0
        try:
            there = session.size(part) or 0
        except (Refused, Unsupported):
            return 0
        if there > size or (there == size and self._doubted):
            return 0
        return max(0, there - OVERLAP)

    def _send_from(self, session: Session, source: OpenSource, part: str, offset: int) -> None:
        source.file.seek(offset)
        with session.open_write(part, offset) as sink:
            if self._started_at is None:
                self._started_at = offset
            self._context.progress.start(self._shown, source.size, offset)
            sink.pump_from(source.file, self._context.moved)
            moved = sink.finish()
        if offset + moved.bytes != source.size or not source.unchanged():
            self._drop(session, part)
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
                algorithm = same_digest(session, part, self._source, self._context.stop)
                if algorithm is not None:
                    return algorithm
            return "size" if same_size(session, part, source.size) else "none"
        except VerifyMismatch:
            self._doubted = True
            self._sent = False
            self._drop(session, part)
            raise

    def _drop(self, session: Session, part: str) -> None:
        """A part file of no use. A server that lets nothing be deleted lets it be written anew at least."""
        if part != self._target:
            with contextlib.suppress(Refused):
                session.remove(part)

    def _set_time(self, session: Session, part: str, source: OpenSource) -> None:
        wanted = source.mtime_ns / 1e9
        if self._unsettled:
            # It changes all the time. Whatever comes of it in this second, the next run is to send it again: so its
            # copy gets a time that no version has.
            wanted -= _EARLIER
        answer = session.set_mtime(part, wanted)
        if not answer:
            log.info("%s: this server has no command that sets a file's time", self._shown)
        elif keeps_time(answer.told, wanted):
            self._keeps_time()
        elif answer.told is not None:
            log.info("%s: the server did not keep the time it was given", self._shown)

    def _keeps_time(self) -> None:
        self._timed = True
        if self._verified == "size" and self._rules.verify != "size":
            self._verified = "time"

    def _set_mode(self, session: Session, path: str, source: OpenSource) -> None:
        if not self._moded:
            self._mode_problem = mode_problem(session, path, source.mode)
            self._moded = True
            self._steps += 1
