"""One file, from the first try to the last: resume, copy, count, commit.

Both directions write to a part name and rename only when the byte count, the data connection's verdict and the final
reply agree. The object outlives a try, so that what was reached is not done again.
"""

from __future__ import annotations

import logging
import os
import posixpath
from dataclasses import dataclass
from typing import Protocol

from ftpcli.engine.meter import Lane
from ftpcli.errors import FtpcliError, Incomplete, NotFound, Refused, SourceChanged, TransientRefusal, Unsupported
from ftpcli.local import OpenSource, PartFile, open_source, part_name
from ftpcli.model import Entry, Kind, Rules
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


class FileTransfer(Protocol):
    def attempt(self, session: Session) -> Done: ...
    def progress(self) -> int:
        """Grows while the transfer gets anywhere: the offset that a next try would go on from."""
        ...


class Download:
    """A file of the server's onto the local disk."""

    def __init__(
        self, source: str, target: str, entry: Entry, rules: Rules, lane: Lane, place: str, shown: str
    ) -> None:
        self._source = source
        self._target = target
        self._entry = entry
        self._rules = rules
        self._lane = lane
        self._place = place
        self._shown = shown
        self._tries = 0
        self._reached = 0
        self._started_at: int | None = None

    def progress(self) -> int:
        return self._reached

    def attempt(self, session: Session) -> Done:
        self._tries += 1
        if self._tries > 1:
            self._look_again(session)
        entry = self._entry
        part = PartFile(
            self._target,
            self._place,
            self._source,
            entry.size,
            entry.mtime,
            resume=self._rules.resume or self._tries > 1,
        )
        try:
            if entry.size is None or part.size > entry.size:
                part.restart()  # not provably the same file
            elif part.size and part.size == entry.size:
                # All bytes are there, but no server has called them all: ask for the last ones once more.
                part.step_back(_OVERLAP)
            self._receive(session, part)
            self._check(part)
            part.commit(entry.mtime if self._rules.times else None)
        finally:
            self._reached = max(self._reached, part.size)
            part.close()
        return Done(part.size, self._started_at or 0, "size" if entry.size is not None else "none")

    def _look_again(self, session: Session) -> None:
        """After a failure: is it still the same file? Its new size and time give it a new part file."""
        try:
            entry = session.stat(self._source)
        except (Unsupported, TransientRefusal):
            return
        if entry.kind is Kind.FILE and entry.size is not None and self._entry.size != entry.size:
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
            self._lane.start(self._shown, self._entry.size, offset)

            def on_moved(count: int) -> None:
                part.size += count
                self._lane.add(count)

            source.pump_to(part.file, on_moved)
            source.finish()

    def _check(self, part: PartFile) -> None:
        size = self._entry.size
        if size is None or part.size == size:
            return
        if part.size > size:
            part.restart()
            raise SourceChanged(f"{self._source} has more than the {size} bytes it was listed with: it changed")
        raise Incomplete(f"{self._source}: the server called the transfer complete after {part.size} of {size} bytes")


class Upload:
    """A local file onto the server."""

    def __init__(self, source: str, target: str, rules: Rules, lane: Lane, shown: str) -> None:
        self._source = source
        self._target = target
        self._rules = rules
        self._lane = lane
        self._shown = shown
        self._reached = 0
        self._started_at: int | None = None
        self._sent: str | None = None
        self._doubted = False

    def progress(self) -> int:
        return self._reached

    def attempt(self, session: Session) -> Done:
        with open_source(self._source) as source:
            part = self._part(source)
            if self._sent != part:
                self._send(session, source, part)
                self._sent = part
            elif part != self._target and self._arrived(session, part, source.size):
                return Done(source.size, self._started_at or 0, "size")
            if self._rules.times:
                self._set_time(session, part, source)
            if part != self._target:
                replace(session, part, self._target)
            return Done(source.size, self._started_at or 0, "size")

    def _part(self, source: OpenSource) -> str:
        if self._rules.in_place:
            return self._target
        folder, name = posixpath.split(self._target)
        path = os.path.abspath(self._source)
        return posixpath.join(folder, part_name(name, path, source.size, source.mtime_ns))

    def _send(self, session: Session, source: OpenSource, part: str) -> None:
        offset = self._offset(session, part, source.size)
        self._reached = max(self._reached, offset)
        try:
            self._send_from(session, source, part, offset)
        except Unsupported:
            if offset == 0:
                raise
            self._send_from(session, source, part, 0)  # no REST before STOR on this server
        except FtpcliError as error:
            # FileZilla Server answers 425 to an upload that broke, and its SIZE may be the whole file's all the same.
            self._doubted = error.reply is not None
            raise

    def _offset(self, session: Session, part: str, size: int) -> int:
        """Where to go on: what the part file on the server holds, if it is worth asking."""
        ours = not self._rules.in_place or self._started_at is not None
        ask = ours and ((self._rules.resume and size >= _WORTH_RESUMING) or self._started_at is not None)
        if not ask:
            return 0
        try:
            there = session.stat(part).size or 0
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
            self._lane.start(self._shown, source.size, offset)
            sink.pump_from(source.file, self._lane.add)
            moved = sink.finish()
        if offset + moved.bytes != source.size or not source.unchanged():
            session.remove(part)
            raise SourceChanged(f"{self._source} changed while it was being sent")
        if not moved.confirmed and session.stat(part).size != source.size:
            raise Incomplete(f"{self._source}: the server called the upload complete, but its file has another size")

    def _arrived(self, session: Session, part: str, size: int) -> bool:
        """The connection was lost around the renaming: was it done?"""
        try:
            session.stat(part)
        except NotFound:
            return session.stat(self._target).size == size
        return False

    def _set_time(self, session: Session, part: str, source: OpenSource) -> None:
        if not session.set_mtime(part, source.mtime_ns / 1e9):
            log.info("%s: this server has no command that sets a file's time", self._shown)


def replace(session: Session, part: str, target: str) -> None:
    """Give a finished part file its name.

    Where the server does not rename onto an existing file, that one steps aside first and comes back if the renaming
    fails again: at no moment is the old content gone and the new one not there.
    """
    try:
        session.rename(part, target)
    except Refused:
        try:
            existing = session.stat(target)
        except Refused:
            existing = None
        if existing is None or existing.kind is not Kind.FILE:
            raise
        aside = part + "-old"
        session.rename(target, aside)
        try:
            session.rename(part, target)
        except Refused:
            session.rename(aside, target)
            raise
        session.remove(aside)
