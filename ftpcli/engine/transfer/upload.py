"""A local file onto the server, from the first try to the last: resume, send, verify, set time and mode, rename."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from ftpcli.engine.compare.times import settles_in
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.free_space import require_room
from ftpcli.engine.transfer.modes import Modes
from ftpcli.engine.transfer.naming import Naming
from ftpcli.engine.transfer.outcome import OVERLAP, WORTH_RESUMING, Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.seam import Seams, require_healthy
from ftpcli.engine.transfer.verify import keeps_time, same_digest, same_size
from ftpcli.engine.trees.local import OpenSource, translated
from ftpcli.engine.trees.remote import exists, mode_problem
from ftpcli.errors import (
    Denied,
    FtpcliError,
    Incomplete,
    NoDigest,
    NoSpace,
    NotFound,
    PeerProtocolError,
    Refused,
    Retry,
    SourceChanged,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.session.contract import Session, Stored, ToStore

log = logging.getLogger("ftpcli.transfer")

# Seconds: more than any file system or server rounds a time by.
_EARLIER = 4.0
_OWNER_MAY_WRITE = 0o200


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
class _Version:
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


class Upload:
    """A local file onto the server. Progress is what the server had when it was last asked, and the steps taken."""

    def __init__(
        self,
        request: CopyRequest,
        context: CopyContext,
        replacement: Callable[[str, str, Journal], Replacement] | None = None,
    ) -> None:
        """``replacement`` makes, of part, target and journal, what gives the part file its name."""
        self._request = request
        self._context = context
        self._rules = context.rules
        self._replacement = replacement or Replacement
        self._naming = Naming(request, context)
        self._modes = Modes(request, context)
        self._version: _Version | None = None
        # The most there was of any version: one that only repeats the last one's steps gets nowhere.
        self._offset = 0
        self._furthest = Stage.NOT_SENT

    # Together with others

    def prepare(self, largest: int) -> ToStore | None:
        """The whole file, for its part file to be stored together with others; None where it has more than ``largest``
        bytes, changes while it is read, or changed just now. Raises LocalFileError."""
        with self._context.local.open_source(self._request.source) as source, translated("read", self._request.source):
            if source.size > largest or self._settles_in(source):
                return None
            version = self._begin(source)
            if version.part == self._request.target:
                return None
            content = source.file.read(source.size + 1)
            if len(content) != source.size or not source.unchanged():
                return None
            mode = self._modes.wanted(source)
            if mode is not None and not mode & _OWNER_MAY_WRITE:
                return None  # set at the very end
            mtime = source.mtime_ns / 1e9 if self._rules.times else None
            return ToStore(version.part, content, mtime, self._modes.at_creation(source), mode)

    def stored(self, sent: ToStore, there: Stored) -> tuple[str, str] | None:
        """The part file is at the server now. The names for its renaming, if nothing else comes before that."""
        version = self._version
        assert version is not None
        size = len(sent.content)
        self._context.progress.start(self._request.shown, size, 0)
        self._context.moved(size)
        self._offset = size
        version.started_at = 0
        version.verified = "none" if self._rules.verify == "none" else "size"
        self._reach(version, Stage.VERIFIED)
        if sent.mtime is not None and self._has_time(there.mtime, sent.mtime):
            self._time_is_kept(version)
            self._reach(version, Stage.TIMED)
        if sent.mode is not None and there.mode == sent.mode:
            version.mode, version.mode_problem = sent.mode, ""
        unset = sent.mode is not None and version.mode is None
        if unset or (self._rules.times and version.stage < Stage.TIMED):
            return None
        version.replacement.begin()
        return sent.path, self._request.target

    def renamed(self, done: bool) -> None:
        """The server's word: the part file has its name, or it is still to get it."""
        version = self._version
        assert version is not None
        if done:
            self._reach(version, Stage.NAMED)
            self._commit(version)
        else:
            version.replacement.refused()

    @property
    def is_here(self) -> bool:
        """Whether nothing more is wanted of the server."""
        version = self._version
        return (
            version is not None
            and version.stage >= Stage.NAMED
            and (not self._rules.perms or version.mode_problem is not None)
        )

    # By itself

    def progress(self) -> int:
        return self._offset + A_STEP * self._furthest

    def attempt(self, session: Session) -> Done:
        steps = {
            Stage.SENT: self._send,
            Stage.PROVEN: self._prove,
            Stage.VERIFIED: self._verify,
            Stage.TIMED: self._set_time,
            Stage.READY: self._set_mode_of_part,
            Stage.NAMED: self._rename,
            Stage.DONE: self._set_mode_of_target,
        }
        with self._open() as source:
            version = self._begin(source)
            while version.stage < Stage.DONE:
                stage = Stage(version.stage + 1)
                try:
                    steps[stage](session, source, version)
                except (Refused, Unsupported) as error:
                    if not self._has_another_name(session, version, stage, error):
                        raise
                    version = self._begin(source)
                else:
                    self._reach(version, stage)
            self._naming.worked()
            return Done(source.size, version.started_at or 0, version.verified, version.mode_problem or "")

    def _has_another_name(self, session: Session, version: _Version, stage: Stage, error: FtpcliError) -> bool:
        """Whether the upload begins again under another name, since this one, or its renaming, was refused."""
        if stage not in (Stage.SENT, Stage.NAMED):
            return False
        if stage is Stage.SENT and version.is_begun and not isinstance(error, (NotFound, Denied)):
            return False  # it is not for the name
        replaces = version.replacement.moved_old
        again = self._naming.refused(session, version.part, error, sent=stage is Stage.NAMED, replaces=replaces)
        if again or (stage is Stage.NAMED and error.retry is Retry.GIVE_UP and not self._context.journal.lasts):
            log.info("%s: %s", self._request.shown, error)
            self._discard(session, version)
        return again

    def _reach(self, version: _Version, stage: Stage) -> None:
        version.stage = stage
        self._furthest = max(self._furthest, stage)

    def _open(self) -> OpenSource:
        """The file, once a change that comes while it is sent, or later, will show in its time; or, where it changed
        again meanwhile, as it is."""
        source = self._context.local.open_source(self._request.source)
        left = self._settles_in(source)
        if not left:
            return source
        source.close()
        self._context.local_work.release()
        self._context.stop.sleep(left)
        return self._context.local.open_source(self._request.source)

    def _settles_in(self, source: OpenSource) -> float:
        return settles_in(source.mtime_ns / 1e9, time.time(), self._rules.compare)

    def _begin(self, source: OpenSource) -> _Version:
        """What there is of this version: nothing at the first try, and where the source has changed since."""
        part, before = self._naming.part(source), self._version
        if before is not None and (before.part, before.size, before.mtime_ns) == (part, source.size, source.mtime_ns):
            return before
        journal = self._context.journal
        if before is not None:
            journal.useless(before.part)
        if part != self._request.target:
            journal.begin(part)
        replacement = self._replacement(part, self._request.target, journal)
        self._version = _Version(part, source.size, source.mtime_ns, replacement)
        return self._version

    # The steps

    def _send(self, session: Session, source: OpenSource, version: _Version) -> None:
        self._context.local_work.release()  # a source that changed just now goes by itself after all
        if version.part != self._request.target:
            self._context.journal.begin(version.part)  # it may have been discarded
        version.unsettled = self._settles_in(source) > 0
        offset = self._offset_at_server(session, version)
        self._offset = max(self._offset, offset)
        require_room(session, version.part, version.size, offset)
        try:
            self._send_resumed(session, source, version, offset)
        except FtpcliError as error:
            # FileZilla Server answers 425 to an upload that broke, and its SIZE may be the whole file's all the same.
            version.doubted = error.reply is not None
            refused_for_good = isinstance(error, Refused) and error.retry is Retry.GIVE_UP
            if refused_for_good and (version.is_begun or isinstance(error, NoSpace)):
                self._give_up(session, version, error)
            raise

    def _give_up(self, session: Session, version: _Version, error: FtpcliError) -> None:
        """The server wants no more of it: what it has would only fill the disk or the quota."""
        if version.part != self._request.target:
            self._discard(session, version)
        else:
            error.message += "; an incomplete file is there now"

    def _prove(self, session: Session, source: OpenSource, version: _Version) -> None:
        """See that the places where it was resumed are as they should be; if not, send it from the start, once."""
        if not version.seams.hold(session, version.part, source, self._context.stop):
            log.info("%s: what was resumed is not what was sent; it is sent from the start", self._request.shown)
            self._context.host.resumes_uploads = False
            version.stage = Stage.NOT_SENT
            require_healthy(session)
            self._discard(session, version)
            self._send(session, source, version)
            self._reach(version, Stage.SENT)
        require_healthy(session)

    def _offset_at_server(self, session: Session, version: _Version) -> int:
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

    def _send_resumed(self, session: Session, source: OpenSource, version: _Version, offset: int) -> None:
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

    def _send_from(self, session: Session, source: OpenSource, version: _Version, offset: int) -> None:
        source.file.seek(offset)
        if not offset and version.part != self._request.target:
            self._modes.shut(session, version.part, source)
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
            self._discard(session, version)
            raise SourceChanged(f"{self._request.source} changed while it was being sent")
        if not moved.confirmed and session.size(version.part) != version.size:
            raise Incomplete("the server called the upload complete, but its file has another size")

    def _verify(self, session: Session, source: OpenSource, version: _Version) -> None:
        """Find out what vouches for the content. Raises VerifyMismatch, and the part file on the server goes."""
        try:
            version.verified = self._vouched_by(session, source, version)
        except (VerifyMismatch, NoDigest):
            version.doubted = True
            version.stage = Stage.NOT_SENT
            self._discard(session, version)
            raise

    def _vouched_by(self, session: Session, source: OpenSource, version: _Version) -> str:
        if self._rules.verify == "none":
            return "none"
        if self._rules.verify == "checksum":
            strict = self._rules.strict_compare
            algorithm = same_digest(session, version.part, source, self._context.stop, strict=strict)
            if algorithm is not None:
                return algorithm
        return "size" if self._has_right_size(session, version) else "none"

    def _has_right_size(self, session: Session, version: _Version) -> bool:
        return same_size(session, version.part, version.size, final=version.part == self._request.target)

    def _discard(self, session: Session, version: _Version) -> None:
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

    def _set_time(self, session: Session, _source: OpenSource, version: _Version) -> None:
        if not self._rules.times:
            return
        wanted = version.mtime_ns / 1e9
        if version.unsettled:
            # It changes all the time. Whatever comes of it in this second, the next run is to send it again: so its
            # copy gets a time that no version has.
            wanted -= _EARLIER
        answer = session.set_mtime(version.part, wanted)
        if self._context.times is not None:
            self._context.times.stored(session, version.part, wanted if answer else None)
        if not answer:
            log.info("%s: this server has no command that sets a file's time", self._request.shown)
        elif keeps_time(answer.told, wanted):
            self._time_is_kept(version)
        elif answer.told is not None:
            log.info("%s: the server did not keep the time it was given", self._request.shown)

    def _has_time(self, told: float | None, wanted: float) -> bool:
        """Whether a file that was given a time needs no further look at it: it has that one, or it is known what the
        server does instead."""
        times = self._context.times
        if times is None:
            return keeps_time(told, wanted)
        return told is not None and (times.shows(wanted, told) or times.known is not None)

    def _time_is_kept(self, version: _Version) -> None:
        times = self._context.times
        lies = times is not None and times.known is not None and not times.known.is_plain
        if version.verified == "size" and self._rules.verify != "size" and not lies:
            version.verified = "time"

    def _set_mode_of_part(self, session: Session, source: OpenSource, version: _Version) -> None:
        # A read-only part file would be in the way of the next run, were this one to end just here.
        mode = self._modes.wanted(source)
        if mode is None or not mode & _OWNER_MAY_WRITE or version.mode_problem is not None:
            return
        right = self._modes.is_right(session, version.part, version.mode, mode)
        version.mode_problem = "" if right else mode_problem(session, version.part, mode)

    def _rename(self, session: Session, source: OpenSource, version: _Version) -> None:
        if version.part != self._request.target:
            version.replacement.attempt(session, source.size)
        self._commit(version)

    def _commit(self, version: _Version) -> None:
        self._context.journal.commit(self._request.target, version.part)

    def _set_mode_of_target(self, session: Session, source: OpenSource, version: _Version) -> None:
        mode = self._modes.wanted(source)
        if mode is not None and version.mode_problem is None:
            version.mode_problem = mode_problem(session, self._request.target, mode)
