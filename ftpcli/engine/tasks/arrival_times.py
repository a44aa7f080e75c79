"""Servers on which an upload keeps the time of its arrival, because they have no command that sets another one.

There a file that is up to date is newer than its source, for ever, and of its size. Where a file could have got its
source's time, such a difference means another content; where it could not, it means nothing.
"""

from __future__ import annotations

import threading

from ftpcli.engine.job import Job, Side
from ftpcli.errors import Refused, Unsupported
from ftpcli.model import Entry
from ftpcli.session.contract import Session

# One refusal may be about one file that belongs to somebody else.
_ENOUGH = 3


class TargetTimes:
    """What a run knows of the target's ability to keep times. May be asked by any worker.

    ``never_set``: the run sets no times, so that every copy keeps that of its arrival, and nobody has to be asked.
    """

    def __init__(self, *, never_set: bool = False) -> None:
        self._never_set = never_set
        self._lock = threading.Lock()
        self._set = False
        self._refusals = 0

    @classmethod
    def of(cls, job: Job) -> TargetTimes | None:
        """None where a time that differs always means another content."""
        if job.rules.compare != "auto":
            return None
        if not job.rules.times:
            return cls(never_set=True)
        return cls() if job.direction.target is Side.REMOTE else None

    @staticmethod
    def stays_newer(source: Entry, target: Entry) -> bool:
        """Whether the target's time could be that of its arrival."""
        return source.mtime is not None and target.mtime is not None and target.mtime > source.mtime

    def cannot_be_set(self, session: Session, path: str, mtime: float) -> bool:
        """Ask the server to give a file the time that it has, which changes nothing, until it is known what comes."""
        if self._never_set:
            return True
        if self._set or self._refusals >= _ENOUGH:
            return not self._set
        try:
            done = bool(session.set_mtime(path, mtime))
        except (Refused, Unsupported):
            done = False
        with self._lock:
            self._set = self._set or done
            self._refusals += not done
        return not done
