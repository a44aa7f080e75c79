"""A local file onto the server, from the first try to the last: resume, send, verify, set time and mode, rename."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.modes import Modes
from ftpcli.engine.transfer.naming import Naming
from ftpcli.engine.transfer.outcome import WORTH_RESUMING, Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.sending import Sending, Stage, Version, settles_in
from ftpcli.engine.transfer.verify import keeps_time, same_digest, same_size
from ftpcli.engine.trees.local import OpenSource, translated
from ftpcli.engine.trees.remote import mode_problem
from ftpcli.errors import (
    Denied,
    FtpcliError,
    NoDigest,
    NotFound,
    Refused,
    Retry,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.session.contract import Session, Stored, ToStore

log = logging.getLogger("ftpcli.transfer")

# Seconds: more than any file system or server rounds a time by.
_EARLIER = 4.0
_OWNER_MAY_WRITE = 0o200


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
        self._replacement = replacement or self._plain_replacement
        self._naming = Naming(request, context)
        self._modes = Modes(request, context)
        self._sending = Sending(request, context, self._modes)
        self._version: Version | None = None
        # Of any version: one that only repeats the last one's steps gets nowhere.
        self._furthest = Stage.NOT_SENT

    def _plain_replacement(self, part: str, target: str, journal: Journal) -> Replacement:
        return Replacement(part, target, journal, self._context.host if self._request.replaces else None)

    # Together with others

    def prepare(self, largest: int) -> ToStore | None:
        """The whole file, for its part file to be stored together with others; None where it has more than ``largest``
        bytes, changes while it is read, or changed just now. Raises LocalFileError."""
        with self._context.local.open_source(self._request.source) as source, translated("read", self._request.source):
            if self._naming.cannot_replace or source.size > largest or settles_in(source, self._rules):
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
        self._sending.offset = size
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
        return self._sending.offset + A_STEP * self._furthest

    def attempt(self, session: Session) -> Done:
        steps = {
            Stage.SENT: self._sending.send,
            Stage.PROVEN: self._sending.prove,
            Stage.VERIFIED: self._verify,
            Stage.TIMED: self._set_time,
            Stage.READY: self._set_mode_of_part,
            Stage.NAMED: self._rename,
            Stage.DONE: self._set_mode_of_target,
        }
        self._naming.require_replaceable()
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

    def _has_another_name(self, session: Session, version: Version, stage: Stage, error: FtpcliError) -> bool:
        """Whether the upload begins again under another name, since this one, or its renaming, was refused."""
        if stage not in (Stage.SENT, Stage.NAMED):
            return False
        if stage is Stage.SENT and version.is_begun and not isinstance(error, (NotFound, Denied)):
            return False  # it is not for the name
        replaces = version.replacement.moved_old
        again = self._naming.refused(session, version.part, error, sent=stage is Stage.NAMED, replaces=replaces)
        worthless = version.size < WORTH_RESUMING or not self._context.journal.lasts
        if again or (stage is Stage.NAMED and error.retry is Retry.GIVE_UP and worthless):
            log.info("%s: %s", self._request.shown, error)
            self._sending.discard(session, version)
        return again

    def _reach(self, version: Version, stage: Stage) -> None:
        version.stage = stage
        self._furthest = max(self._furthest, stage)

    def _open(self) -> OpenSource:
        """The file, once a change that comes while it is sent, or later, will show in its time; or, where it changed
        again meanwhile, as it is."""
        source = self._context.local.open_source(self._request.source)
        left = settles_in(source, self._rules)
        if not left:
            return source
        source.close()
        self._context.local_work.release()
        self._context.stop.sleep(left)
        return self._context.local.open_source(self._request.source)

    def _begin(self, source: OpenSource) -> Version:
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
        self._version = Version(part, source.size, source.mtime_ns, replacement)
        return self._version

    # The steps

    def _verify(self, session: Session, source: OpenSource, version: Version) -> None:
        """Find out what vouches for the content. Raises VerifyMismatch, and the part file on the server goes."""
        try:
            version.verified = self._vouched_by(session, source, version)
        except (VerifyMismatch, NoDigest):
            version.doubted = True
            version.stage = Stage.NOT_SENT
            self._sending.discard(session, version)
            raise

    def _vouched_by(self, session: Session, source: OpenSource, version: Version) -> str:
        if self._rules.verify == "none":
            return "none"
        if self._rules.verify == "checksum":
            strict = self._rules.strict_compare
            algorithm = same_digest(session, version.part, source, self._context.stop, strict=strict)
            if algorithm is not None:
                return algorithm
        return "size" if self._has_right_size(session, version) else "none"

    def _has_right_size(self, session: Session, version: Version) -> bool:
        return same_size(session, version.part, version.size, final=version.part == self._request.target)

    def _set_time(self, session: Session, _source: OpenSource, version: Version) -> None:
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

    def _time_is_kept(self, version: Version) -> None:
        times = self._context.times
        lies = times is not None and times.known is not None and not times.known.is_plain
        if version.verified == "size" and self._rules.verify != "size" and not lies:
            version.verified = "time"

    def _set_mode_of_part(self, session: Session, source: OpenSource, version: Version) -> None:
        # A read-only part file would be in the way of the next run, were this one to end just here.
        mode = self._modes.wanted(source)
        if mode is None or not mode & _OWNER_MAY_WRITE or version.mode_problem is not None:
            return
        right = self._modes.is_right(session, version.part, version.mode, mode)
        version.mode_problem = "" if right else mode_problem(session, version.part, mode)

    def _rename(self, session: Session, source: OpenSource, version: Version) -> None:
        if version.part != self._request.target:
            version.replacement.attempt(session, source.size)
        self._commit(version)

    def _commit(self, version: Version) -> None:
        self._context.journal.commit(self._request.target, version.part)

    def _set_mode_of_target(self, session: Session, source: OpenSource, version: Version) -> None:
        mode = self._modes.wanted(source)
        if mode is not None and version.mode_problem is None:
            version.mode_problem = mode_problem(session, self._request.target, mode)
