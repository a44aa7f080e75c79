"""Servers without a command that sets times, so that every upload keeps the time of its arrival.

On these an up-to-date file has its source's size and always a newer time. If the server can set times, a newer time
means different content; if it cannot, it means nothing.
"""

from __future__ import annotations

import threading

from ftpcli.engine.job import Job, Side
from ftpcli.errors import Refused, Unsupported
from ftpcli.model import Entry
from ftpcli.session.contract import Session

# A single refusal may concern just one file, owned by another user.
_ENOUGH = 3


class TargetTimes:
    """What a run knows about whether times can be set on the target. Thread-safe.

    ``never_set``: the run sets no times, so every copy keeps its arrival time and the server need not be asked.
    """

    def __init__(self, *, never_set: bool = False) -> None:
        self._never_set = never_set
        self._lock = threading.Lock()
        self._set = False
        self._refusals = 0

    @classmethod
    def of(cls, job: Job) -> TargetTimes | None:
        """None if a different time always means different content."""
        if job.rules.compare != "auto":
            return None
        if not job.rules.times:
            return cls(never_set=True)
        return cls() if job.direction.target is Side.REMOTE else None

    @staticmethod
    def stays_newer(source: Entry, target: Entry) -> bool:
        """Whether the target's time could be its arrival time."""
        return source.mtime is not None and target.mtime is not None and target.mtime > source.mtime

    def cannot_be_set(self, session: Session, path: str, mtime: float) -> bool:
        """Whether the server cannot set times. Until that is known, it is tried by setting a file's time to the one it
        already has (``mtime``, seconds since 1970)."""
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
