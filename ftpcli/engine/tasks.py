"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ftpcli import local
from ftpcli.engine import retry
from ftpcli.engine.directories import is_directory
from ftpcli.engine.events import Deleted, Event, Retrying, Started
from ftpcli.engine.meter import Lane
from ftpcli.engine.plan import TIME_DIFFERS, same_time
from ftpcli.engine.rate import RateLimit
from ftpcli.engine.slot import Slot
from ftpcli.engine.stop import StopToken
from ftpcli.engine.transfer import Done, Download, Hands, Upload, exists
from ftpcli.engine.verify import same_digest
from ftpcli.errors import FtpcliError, NotFound, Refused, VerifyMismatch
from ftpcli.model import Direction, Entry, Kind, Listing, Rules, TlsFacts
from ftpcli.session.protocol import Session

Result = TypeVar("Result")
NOTHING = Listing(())


@dataclass(frozen=True)
class Bench:
    """What a worker lends to the task at hand."""

    number: int
    slot: Slot
    lane: Lane
    policy: retry.Policy
    stop: StopToken
    tell: Callable[[Event], None]
    rate: RateLimit | None = None

    @property
    def hands(self) -> Hands:
        return Hands(self.lane, self.moved, self.stop)

    def moved(self, count: int) -> None:
        """Bytes went over the data connection."""
        self.lane.add(count)
        if self.rate is not None:
            self.rate.take(count)

    def insist(
        self,
        shown: str,
        attempt: Callable[[Session], Result],
        progress: Callable[[], int] = retry.no_progress,
    ) -> Result:
        """The retry loop, with every further try told."""

        def on_retry(error: FtpcliError, tries: int, wait: float) -> None:
            self.tell(Retrying(shown, type(error).__name__, str(error), tries, wait))

        return retry.run(self.policy, self.slot, self.stop, attempt, progress=progress, on_retry=on_retry)


@dataclass(frozen=True)
class Pair:
    """A directory and its counterpart. ``target_exists`` is None where nobody knows yet.

    Without ``source`` it is a directory that only the target has, about to be deleted with all that is in it;
    ``owner`` is then the nearest directory above it that both sides have. ``prefix`` is the part of ``shown`` above
    the root, which filters do not see. ``lazy``: the target is made only if something goes into it.
    """

    source: str | None
    target: str
    shown: str
    target_exists: bool | None = None
    owner: str = ""
    prefix: str = ""
    lazy: bool = False


@dataclass(frozen=True)
class ListPair:
    """List both sides of a directory; the target is made where it is missing (not in a dry run)."""

    pair: Pair
    direction: Direction
    dry_run: bool

    def run(self, bench: Bench) -> Listed:
        path = self.pair.source
        if path is None:
            return Listed(self.pair, NOTHING, self._doomed(bench), made=False)
        if self.direction is Direction.DOWNLOAD:
            source = bench.insist(self.pair.shown or ".", lambda session: session.list(path))
            target, made = self._local_target()
        else:
            source = local.scan(path)
            target, made = bench.insist(self.pair.shown or ".", lambda session: self._remote_target(session))
        return Listed(self.pair, source, target, made)

    def _doomed(self, bench: Bench) -> Listing:
        if self.direction is Direction.DOWNLOAD:
            return local.scan(self.pair.target)
        return bench.insist(self.pair.shown, lambda session: session.list(self.pair.target))

    def _local_target(self) -> tuple[Listing, bool]:
        path = self.pair.target
        if self.pair.target_exists is not False and local.is_directory(path):
            return local.scan(path), False
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            local.make_directory(path)
        return NOTHING, True

    def _remote_target(self, session: Session) -> tuple[Listing, bool]:
        path = self.pair.target
        if self.pair.target_exists is not False:
            try:
                return session.list(path), False
            except NotFound:
                if self.pair.target_exists:
                    raise
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            make_directories(session, path)
        return NOTHING, True


def make_directories(session: Session, path: str) -> None:
    """Make a directory, and its parents where they are missing. One that is there already is fine."""
    try:
        session.mkdir(path)
        return
    except Refused as error:
        try:
            there = session.stat(path)
        except Refused:
            there = None
        if there is not None:
            if is_directory(session, path, there):
                return
            raise Refused(f"cannot make directory {path}: a file is in its place", reply=error.reply) from error
        parent = path.rstrip("/").rpartition("/")[0]
        if not parent or parent == path:
            raise
        make_directories(session, parent)
    session.mkdir(path)


@dataclass(frozen=True)
class Listed:
    pair: Pair
    source: Listing
    target: Listing
    made: bool


@dataclass(frozen=True)
class CopyFile:
    """One file, in the run's direction. ``entry`` is the source's."""

    source: str
    target: str
    shown: str
    entry: Entry
    direction: Direction
    rules: Rules
    place: str

    def run(self, bench: Bench) -> Copied:
        transfer: Download | Upload
        if self.direction is Direction.DOWNLOAD:
            transfer = Download(self.source, self.target, self.entry, self.rules, bench.hands, self.place, self.shown)
        else:
            transfer = Upload(self.source, self.target, self.rules, bench.hands, self.shown)
        began = time.monotonic()
        bench.tell(Started(self.shown, self.direction.value, bench.number, self.entry.size))
        tries = 0

        def attempt(session: Session) -> Done:
            nonlocal tries
            tries += 1
            return transfer.attempt(session)

        try:
            done = bench.insist(self.shown, attempt, transfer.progress)
        finally:
            bench.lane.clear()
        return Copied(self, done, tries, time.monotonic() - began, bench.number, bench.slot.tls_facts())


@dataclass(frozen=True)
class Recheck:
    """A file that two listings cannot tell from its counterpart: the server is asked for the time, or a digest."""

    source: str
    target: str
    shown: str
    source_entry: Entry
    target_entry: Entry
    direction: Direction
    compare: str

    def run(self, bench: Bench) -> Rechecked:
        if self.compare == "checksum":
            verdict = bench.insist(self.shown, lambda session: self._by_digest(session, bench.stop))
            if verdict is not None:
                return Rechecked(self, self.source_entry, verdict)
        return self._by_time(bench)

    def _by_digest(self, session: Session, stop: StopToken) -> str | None:
        """Why they differ, empty where they do not; None where the server tells no digest."""
        down = self.direction is Direction.DOWNLOAD
        remote, here = (self.source, self.target) if down else (self.target, self.source)
        try:
            return None if same_digest(session, remote, here, stop) is None else ""
        except VerifyMismatch as error:
            return error.message

    def _by_time(self, bench: Bench) -> Rechecked:
        source, target = self.source_entry, self.target_entry
        if self.direction is Direction.DOWNLOAD:
            source = bench.insist(self.shown, lambda session: session.stat(self.source))
        else:
            target = bench.insist(self.shown, lambda session: session.stat(self.target))
        return Rechecked(self, source, "" if same_time(source, target) else TIME_DIFFERS)


@dataclass(frozen=True)
class Rechecked:
    """``why`` is empty where the file turned out to be up to date. ``entry`` is the source's, exact now."""

    task: Recheck
    entry: Entry
    why: str


@dataclass(frozen=True)
class Copied:
    task: CopyFile
    done: Done
    tries: int
    seconds: float
    worker: int
    tls: TlsFacts | None


@dataclass(frozen=True)
class Remove:
    """Delete one target entry; a directory must be empty, for what came into it meanwhile nobody wanted to delete."""

    path: str
    shown: str
    kind: Kind
    remote: bool

    def run(self, bench: Bench) -> Removed:
        if self.remote:
            removal = Removal(self.path, self.shown, self.kind, lambda shown: bench.tell(Deleted(shown)))
            bench.insist(self.shown, removal.attempt)
        else:
            if self.kind is Kind.DIR:
                local.remove_directory(self.path)
            else:
                local.remove(self.path)
            bench.tell(Deleted(self.shown))
        return Removed()


@dataclass(frozen=True)
class Removed:
    """A Remove that left nothing behind."""


class Removal:
    """Deletes a path, with ``recursive`` what it contains first; ``on_gone`` is called with each name that is gone."""

    def __init__(
        self, path: str, shown: str, kind: Kind, on_gone: Callable[[str], None], *, recursive: bool = False
    ) -> None:
        self._root = (path, shown, kind)
        self._on_gone = on_gone
        self._recursive = recursive
        self._tries = 0

    def attempt(self, session: Session) -> None:
        """Raises Refused at the first entry that stays."""
        self._tries += 1
        self._remove(session, *self._root)

    def _remove(self, session: Session, path: str, shown: str, kind: Kind) -> None:
        try:
            if kind is Kind.DIR:
                if self._recursive:
                    self._empty(session, path, shown)
                session.rmdir(path)
            else:
                session.remove(path)
        except NotFound:
            # The server may have done it at the last try, and only its answer was lost.
            if self._tries == 1 or exists(session, path):
                raise
        self._on_gone(shown)

    def _empty(self, session: Session, path: str, shown: str) -> None:
        listing = session.list(path)
        if not listing.whole:
            raise Refused(f"cannot delete {path}: its listing cannot be read whole: {listing.problems[0]}")
        for entry in listing.entries:
            self._remove(session, f"{path}/{entry.name}", f"{shown}/{entry.name}", entry.kind)
