"""What a run learns of how the target keeps the times of its files; ``compare.timekeeping`` says what servers do.

Nothing is asked of a server whose files show the times of their sources: one such file in a listing, or one that was
just stored, proves it. Otherwise, where it matters, a small file is stored once in a run, looked at, given a time,
looked at again, and removed. What the server answers when a time is set proves nothing: some repeat what they ignore.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import posixpath
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from ftpcli.engine.compare.decide import is_same_time
from ftpcli.engine.compare.timekeeping import (
    ARRIVAL,
    PLAIN,
    UNKNOWN,
    Timekeeping,
    clock_ahead,
    proves_plain,
    seen_from,
    time_to_try,
    zones_apart,
)
from ftpcli.engine.job import Job, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.journal.last_run import LastRun
from ftpcli.errors import FtpcliError, Refused, Unsupported
from ftpcli.model import Entry
from ftpcli.part_names import PartStyle, part_name
from ftpcli.session.contract import HostMemory, Session

STEM = "ftpcli-clock"
_DAY = 86_400


class TargetTimes:
    """Thread-safe. ``known`` is None until it is known, or for good where it cannot be found out. ``matter``: whether
    uploads are compared by their times, so that all this is worth knowing. ``last``: the last run of this mirror that
    was complete."""

    def __init__(self, job: Job, journal: Journal, host: HostMemory, last: LastRun | None = None) -> None:
        self._rules = job.rules
        self._journal = journal
        self._host = host
        self._style = PartStyle.HIDDEN
        self._lock = threading.Lock()
        goes_by_times = job.rules.newer_only or job.rules.compare not in ("size", "always")
        self.matter = job.direction.target is Side.REMOTE and goes_by_times
        self._tries_out = self.matter and not job.rules.dry_run
        self._began = time.time()
        self._last = last
        self._since = last.began if last is not None else None
        self._shifts: dict[int, float] = {}
        self._shows_source_times = False
        self._was_looked_at = False
        self.known: Timekeeping | None = None
        self.ignores = False
        if job.direction.target is Side.LOCAL:
            self.known = PLAIN if job.rules.times else ARRIVAL
        elif job.rules.dry_run and last is not None:
            self.known = replace(last.keeping, since=last.began)

    # What the listings show

    @property
    def wants_witness(self) -> bool:
        return self.matter and self.known is None and self._rules.times and not self._shows_source_times

    def witness(self, source: Entry, target: Entry) -> bool:
        """Whether this file of the target shows the time of its source, so that others most likely would."""
        if not self._shows_source_times and not self.may_be_chance(source):
            self._shows_source_times = proves_plain(source, target)
        return self._shows_source_times

    def may_be_chance(self, source: Entry) -> bool:
        """Whether a target that shows the source's time may do so by chance, since its server is known for that."""
        return self.known is None and self._since is not None and (source.mtime or 0.0) >= self._since

    def in_doubt(self, source: Entry, target: Entry) -> bool:
        """Whether it takes more than the two listings to tell what another time means."""
        return self._tries_out and self._is_unclear(source, target)

    def stays_in_doubt(self, source: Entry, target: Entry) -> bool:
        """The same in a dry run, which tries nothing out."""
        return self.matter and self._rules.dry_run and self._is_unclear(source, target)

    def _is_unclear(self, source: Entry, target: Entry) -> bool:
        if is_same_time(source, target, self._rules):
            return self.may_be_chance(source)
        if self.known is not None:
            return self.known.holds and bool(zones_apart(source, target, self.known.shift))
        is_plain_change = (source.mtime or 0.0) > (target.mtime or 0.0) and not zones_apart(source, target, 0.0)
        return not (self._shows_source_times and is_plain_change)

    # What is asked of the server

    def find_out(self, session: Session, folder: str) -> Timekeeping | None:
        """How the target keeps times, tried out with a file in ``folder`` if need be."""
        with self._lock:
            if self.known is None and self._tries_out:
                self._try_out(session, folder)
            return self.known

    def for_day_of(self, source: Entry, target: Entry, session: Session, folder: str) -> Timekeeping | None:
        """What is known, as it is on the day of this source: where local time is shown, summer has another shift."""
        known = self.known
        if known is None or not self._tries_out or source.mtime is None or not known.holds:
            return known
        if not zones_apart(source, target, known.shift):
            return known
        day = int(source.mtime // _DAY)
        with self._lock:
            if day not in self._shifts:
                self._shifts[day] = self._shift_on(source.mtime, session, folder)
        return replace(known, shift=self._shifts[day])

    def stored(self, session: Session, path: str, given: float | None) -> None:
        """A file of ours was stored and given a time; None: it could not be. The first of them is looked at."""
        if not self._tries_out or self.known is not None or not self._rules.times:
            return
        if self._was_looked_at and (given is None or given // 1 % 2 == 0):
            return
        if not self._lock.acquire(blocking=False):
            return  # another worker is at it
        try:
            self._was_looked_at = True
            shown = None if given is None else _look(session, path)
            if given is None or (shown is not None and not self.shows(given, shown.mtime)):
                self._try_out(session, posixpath.dirname(path))
        except (Refused, Unsupported):
            self._tries_out = False  # a drop box, which lets nobody look
        finally:
            self._lock.release()

    def shows(self, given: float, shown: float | None) -> bool:
        """Whether a file that was given a time shows it; remembers that times are kept, if that proves it."""
        if shown is None or given // 1 != shown // 1:
            return False
        if given // 1 % 2 == 1 and self._tries_out and self.known is None:
            self.known = PLAIN
        return True

    def _try_out(self, session: Session, folder: str) -> None:
        while self.known is None and self._tries_out:
            self._try_out_once(session, folder)

    def _try_out_once(self, session: Session, folder: str) -> None:
        try:
            with self._marker(session, folder) as path:
                before = time.time()
                _store_nothing(session, path)
                after = time.time()
                arrived = _look(session, path)
                if arrived is None or arrived.mtime is None:
                    self._tries_out = False
                    return
                known = None
                given = time_to_try(arrived.mtime)
                accepts = self._rules.times and bool(session.set_mtime(path, given))
                if accepts and (shown := _look(session, path)) is not None and shown.mtime is not None:
                    known = seen_from(given, shown, arrived)
                self.ignores = accepts and known is None
                ahead = clock_ahead(arrived, before, after)
                self.known = self._dated(known or replace(ARRIVAL, ahead=ahead))
        except (Refused, Unsupported):
            if self._style is PartStyle.HIDDEN and session.healthy:
                self._style = PartStyle.PLAIN  # some servers refuse names with a leading dot
            else:
                self._tries_out = False

    def _shift_on(self, moment: float, session: Session, folder: str) -> float:
        """How much later than given a time of that day is shown."""
        assert self.known is not None
        try:
            with self._marker(session, folder) as path:
                _store_nothing(session, path)
                shown = _look(session, path) if session.set_mtime(path, moment) else None
        except (Refused, Unsupported):
            shown = None
        if shown is None or shown.mtime is None:
            return self.known.shift
        given = Entry(shown.name, shown.kind, mtime=moment)
        return self.known.shift + zones_apart(given, shown, self.known.shift)

    @contextlib.contextmanager
    def _marker(self, session: Session, folder: str) -> Iterator[str]:
        """The path of a file that is removed in the end."""
        style = max(self._style, min(self._host.part_style, PartStyle.PLAIN))
        path = posixpath.join(folder, part_name(STEM, time.time_ns(), os.urandom(8), style=style))
        self._journal.begin(path)
        try:
            yield path
        finally:
            with contextlib.suppress(FtpcliError):
                session.remove(path)
                self._journal.gone(path)
            self._journal.useless(path)

    def _dated(self, keeping: Timekeeping) -> Timekeeping:
        """With the moment before which earlier runs have dealt with everything. Where none is known, a coarse time that
        agrees counts, unless its interval was not over yet when this run began; an arrival counts where it is sure."""
        if self._since is not None:
            return replace(keeping, since=self._since)
        return replace(keeping, since=self._began - keeping.precision if keeping.holds else -math.inf)

    # What is told in the end

    def sentence(self) -> str:
        """What is unusual about this server, for people; empty if nothing is."""
        if self.known is None or self._rules.dry_run:
            return ""
        told = self.known.sentence()
        if not self.ignores:
            return told
        more = f", and {told.removesuffix('; compared accordingly')}" if told else ""
        return (
            f"the server accepts the times that files are given and ignores them{more}; "
            "a file of the same size is up to date if it arrived after its source's last change"
        )

    def this_run(self) -> LastRun | None:
        """What the next run should know, once this one is complete; None if there is nothing unusual."""
        if not self.matter or (self.known is not None and self.known.is_plain):
            return None
        if self.known is not None:
            return LastRun(self._began, self.known)
        if self._last is not None:
            return LastRun(self._began, self._last.keeping)
        return None if self._rules.times else LastRun(self._began, replace(ARRIVAL, ahead=UNKNOWN))


def _store_nothing(session: Session, path: str) -> None:
    with session.open_write(path, 0) as sink:
        sink.pump_from(io.BytesIO(), lambda _: None)
        sink.finish()


def _look(session: Session, path: str) -> Entry | None:
    """With its time: as it is asked for, or else as it is listed. Servers that tell both tell the same."""
    entry = session.stat(path)
    if entry.mtime is not None:
        return entry
    folder, name = posixpath.split(path)
    return next((entry for entry in session.list(folder).entries if entry.name == name), None)
