"""The bytes of an upload: where it is resumed, and the proof that what was resumed is what was sent."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, field
from enum import IntEnum

from ftpcli.engine.compare import times
from ftpcli.engine.job import Rules
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.free_space import require_room
from ftpcli.engine.transfer.modes import Modes
from ftpcli.engine.transfer.outcome import OVERLAP, WORTH_RESUMING
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.seam import Seams, require_healthy
from ftpcli.engine.trees.local import OpenSource
from ftpcli.engine.trees.remote import exists
from ftpcli.errors import (
    FtpcliError,
    Incomplete,
    NoSpace,
    NotPrivate,
    PeerProtocolError,
    Refused,
    Retry,
    SourceChanged,
    Unsupported,
)
from ftpcli.session.contract import Session

log = logging.getLogger("ftpcli.transfer")


class Stage(IntEnum):
    """How far an upload has got. A step that was taken is not taken again after the connection was lost."""

    NOT_SENT = 0
    SENT = 1
    PROVEN = 2  # where it was resumed it is what was sent
    VERIFIED = 3
    TIMED = 4  # the part file has the source's time
    READY = 5  # it has the source's permission bits, unless these would make it read-only
    NAMED = 6  # it is the target now
    DONE = 7  # the target has the source's permission bits


@dataclass
class Version:
    """What has been done with one version of the source. It is replaced whole where the source changes.

    ``started_at``: the offset that this run began to send at; None until then. ``verified``, ``mode_problem``: as in
    ``Done``; None where the permission bits have not been set yet. ``mode``: those of the part file, where they are
    known. ``doubted``: the size that the server tells of the part file says nothing. ``unsettled``: the source may
    change again without another time to show for it. ``is_begun``: something of it may be on the server.
    """

    part: str
    size: int
    mtime_ns: int
    replacement: Replacement
    stage: Stage = Stage.NOT_SENT
    started_at: int | None = None
    verified: str = "none"
    mode_problem: str | None = None
    mode: int | None = None
    doubted: bool = False
    unsettled: bool = False
    is_begun: bool = False
    seams: Seams = field(default_factory=Seams)


class Sending:
    """For one upload. ``offset``: the most that the server had of any version when it was last asked."""

    def __init__(self, request: CopyRequest, context: CopyContext, modes: Modes) -> None:
        self.offset = 0
        self._request = request
        self._context = context
        self._rules = context.rules
        self._modes = modes

    def send(self, session: Session, source: OpenSource, version: Version) -> None:
        self._context.local_work.release()  # a source that changed just now goes by itself after all
        if version.part != self._request.target:
            self._context.journal.begin(version.part)  # it may have been discarded
        version.unsettled = settles_in(source, self._rules) > 0
        offset = self._offset_at_server(session, version)
        self.offset = max(self.offset, offset)
        require_room(session, version.part, version.size, offset)
        try:
            self._send_resumed(session, source, version, offset)
        except FtpcliError as error:
            # FileZilla Server answers 425 to an upload that broke, and its SIZE may be the whole file's all the same.
            version.doubted = error.reply is not None
            if isinstance(error, Refused) and (version.is_begun or isinstance(error, NoSpace)):
                self._refused(session, version, error)
            raise

    def _refused(self, session: Session, version: Version, error: Refused) -> None:
        if error.retry is Retry.GIVE_UP or (version.size < WORTH_RESUMING and version.part != self._request.target):
            self._give_up(session, version, error)
        elif version.part != self._request.target and not self._context.journal.lasts:
            error.message += f"; the part file {version.part} stays for the next try"

    def _give_up(self, session: Session, version: Version, error: FtpcliError) -> None:
        """The server wants no more of it: what it has would only fill the disk or the quota."""
        if version.part != self._request.target:
            self.discard(session, version)
        else:
            error.message += "; an incomplete file is there now"

    def prove(self, session: Session, source: OpenSource, version: Version) -> None:
        """See that the places where it was resumed are as they should be; if not, send it from the start, once."""
        if not version.seams.hold(session, version.part, source, self._context.stop):
            log.info("%s: what was resumed is not what was sent; it is sent from the start", self._request.shown)
            self._context.host.resumes_uploads = False
            version.stage = Stage.NOT_SENT
            require_healthy(session)
            self.discard(session, version)
            self.send(session, source, version)
            version.stage = Stage.SENT
        require_healthy(session)

    def _offset_at_server(self, session: Session, version: Version) -> int:
        """Where to resume: what the part file on the server holds, if it is worth asking."""
        if not self._context.host.resumes_uploads:
            return 0
        left_by_earlier_run = self._rules.resume and not self._rules.in_place and version.size >= WORTH_RESUMING
        if version.started_at is None and not left_by_earlier_run:
            return 0
        try:
            there = session.size(version.part) or 0
        except (Refused, Unsupported):
            return 0
        if there > version.size or (there == version.size and version.doubted):
            return 0
        return max(0, there - OVERLAP)

    def _send_resumed(self, session: Session, source: OpenSource, version: Version, offset: int) -> None:
        """Whatever a server has against an offset (each has its own words for that), it may take the whole file."""
        try:
            self._send_from(session, source, version, offset)
        except (Refused, Unsupported, PeerProtocolError) as error:
            if offset == 0 or isinstance(error, NoSpace):
                raise
            log.info("%s: not resumed, but sent from the start: %s", self._request.shown, error)
            self._context.host.resumes_uploads = False
            require_healthy(session)
            self._send_from(session, source, version, 0)

    def _send_from(self, session: Session, source: OpenSource, version: Version, offset: int) -> None:
        source.file.seek(offset)
        if not offset and version.part != self._request.target:
            self._shut(session, source, version)
        with session.open_write(version.part, offset, self._modes.at_creation(source)) as sink:
            if version.started_at is None or offset == 0:
                version.started_at = offset
            version.seams.add(offset)
            version.is_begun = True
            self._context.progress.start(self._request.shown, version.size, offset)
            sink.pump_from(source.file, self._context.moved)
            moved = sink.finish()
        version.mode = moved.mode
        if offset + moved.bytes != version.size or not source.unchanged():
            self.discard(session, version)
            raise SourceChanged(f"{self._request.source} changed while it was being sent")
        if not moved.confirmed and session.size(version.part) != version.size:
            raise Incomplete("the server called the upload complete, but its file has another size")

    def _shut(self, session: Session, source: OpenSource, version: Version) -> None:
        try:
            self._modes.shut(session, version.part, source)
        except NotPrivate:
            self.discard(session, version)
            raise

    def discard(self, session: Session, version: Version) -> None:
        """A part file of no use. One that cannot be deleted now is tried again at the end of the run, and named."""
        part, journal = version.part, self._context.journal
        if part == self._request.target:
            return
        journal.useless(part)
        if session.healthy:
            with contextlib.suppress(Refused, Unsupported):
                try:
                    session.remove(part)
                except Refused:
                    # Pure-FTPd answers 553 to every command with a name that it prohibits, also to DELE.
                    if version.is_begun or exists(session, part):
                        raise
                journal.gone(part)


def settles_in(source: OpenSource, rules: Rules) -> float:
    """As ``compare.times.settles_in``, from now on."""
    return times.settles_in(source.mtime_ns / 1e9, time.time(), rules.compare)
