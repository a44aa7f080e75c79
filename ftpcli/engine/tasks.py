"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftpcli import local
from ftpcli.engine import links
from ftpcli.engine.bench import Bench
from ftpcli.engine.download import Download
from ftpcli.engine.events import Deleted, Started, Warned
from ftpcli.engine.plan import TIME_DIFFERS, is_vague, same_time, settles_in
from ftpcli.engine.replacement import exists
from ftpcli.engine.stop import StopToken
from ftpcli.engine.times import TargetTimes
from ftpcli.engine.transfer import Done, FileTransfer
from ftpcli.engine.upload import Upload
from ftpcli.engine.verify import look_again, same_digest
from ftpcli.errors import FtpcliError, NotFound, Refused, VerifyMismatch
from ftpcli.model import Direction, Entry, Kind, Rules, TlsFacts
from ftpcli.session.protocol import Session

if TYPE_CHECKING:
    from ftpcli.engine.backup import Backup, Keeping


@dataclass(frozen=True)
class CopyFile:
    """One file, in the run's direction. ``entry`` is the source's; ``replaces``: the target is there, as listed.

    ``root``: the local tree that it goes to; None where there is none. ``begun``: what has been done of it already.
    """

    source: str
    target: str
    shown: str
    entry: Entry
    direction: Direction
    rules: Rules
    place: str
    backup: Backup | None = None
    replaces: bool = False
    root: str | None = None
    begun: FileTransfer | None = None

    def run(self, bench: Bench) -> Copied:
        if self.root is not None:
            local.check_straight(self.target, self.root)
        transfer: FileTransfer
        kept: Keeping | None = None
        if self.begun is not None:
            transfer = self.begun
        elif self.backup is not None:
            transfer = kept = self.backup.transfer(self, bench.hands)
        elif self.direction is Direction.DOWNLOAD:
            transfer = self.download(bench)
        else:
            transfer = self.upload(bench)
        began = time.monotonic()
        bench.tell(Started(self.shown, self.direction.value, bench.number, self.entry.size))
        tries = 0

        def attempt(session: Session) -> Done:
            nonlocal tries
            tries += 1
            return transfer.attempt(session)

        try:
            done = bench.insist(self.shown, attempt, transfer.progress)
        except FtpcliError:
            if kept is not None and (loss := kept.loss()):
                bench.tell(Warned(loss))
            raise
        finally:
            bench.lane.clear()
        backup = kept.place if kept is not None else None
        return Copied(self, done, tries, time.monotonic() - began, bench.number, bench.slot.tls_facts(), backup)

    def settles_in(self) -> float:
        """Seconds until the source, as it was listed, may be sent."""
        mtime = self.entry.mtime
        return 0.0 if mtime is None else settles_in(mtime, time.time(), self.rules.compare)

    def download(self, bench: Bench) -> Download:
        return Download(self.source, self.target, self.entry, self.rules, bench.hands, self.place, self.shown)

    def upload(self, bench: Bench) -> Upload:
        return Upload(self.source, self.target, self.rules, bench.hands, self.shown)


@dataclass(frozen=True)
class Recheck:
    """A file that two listings cannot tell from its counterpart: the server is asked for the time, or a digest.

    With ``times`` a newer target is up to date where the server cannot set times. ``exactly``: a time that agrees with
    what was listed is not enough.
    """

    source: str
    target: str
    shown: str
    source_entry: Entry
    target_entry: Entry
    direction: Direction
    compare: str
    times: TargetTimes | None = None
    exactly: bool = False

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
            # An old copy has the time that was listed, though the server may know a more exact one.
            if not self.exactly and same_time(source, target):
                return Rechecked(self, source, "")
            source = bench.insist(self.shown, lambda session: look_again(session, self.source, source))
        elif self.times is None or is_vague(target):
            target = bench.insist(self.shown, lambda session: session.stat(self.target))
        if same_time(source, target) or self._says_nothing(source, target, bench):
            return Rechecked(self, source, "")
        return Rechecked(self, source, TIME_DIFFERS)

    def _says_nothing(self, source: Entry, target: Entry, bench: Bench) -> bool:
        times, mtime = self.times, target.mtime
        if times is None or mtime is None or not times.stays_newer(source, target):
            return False
        return bench.insist(self.shown, lambda session: times.cannot_be_set(session, self.target, mtime))


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
    backup: str | None = None


@dataclass(frozen=True)
class Remove:
    """Delete one target entry; a directory must be empty, for what came into it meanwhile nobody wanted to delete.

    ``root``: the local tree that it is in; None where it is on the server.
    """

    path: str
    shown: str
    kind: Kind
    root: str | None
    backup: Backup | None = None

    def run(self, bench: Bench) -> Removed:
        if self.root is not None:
            local.check_straight(self.path, self.root)
        if self.backup is not None and not bench.journal.has_part(self.path):
            bench.tell(Deleted(self.shown, self.backup.remove(self, bench)))
        elif self.root is None:
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
        path, shown, kind = self._root
        # The directories on the way down, each with what is left in it: a tree may be deeper than calls can nest.
        way = [(path, shown, kind, self._inside(session, path, kind))]
        while way:
            path, shown, kind, inside = way[-1]
            entry = next(inside, None)
            if entry is None:
                way.pop()
                self._remove(session, path, shown, kind)
            else:
                path, shown = f"{path}/{entry.name}", f"{shown}/{entry.name}"
                way.append((path, shown, entry.kind, self._inside(session, path, entry.kind)))

    def _remove(self, session: Session, path: str, shown: str, kind: Kind) -> None:
        try:
            if kind is Kind.DIR:
                session.rmdir(path)
            else:
                session.remove(path)
        except NotFound:
            # The server may have done it at the last try, and only its answer was lost.
            if self._tries == 1 or exists(session, path):
                raise
        self._on_gone(shown)

    def _inside(self, session: Session, path: str, kind: Kind) -> Iterator[Entry]:
        """What must go before ``path`` can."""
        if kind is not Kind.DIR or not self._recursive:
            return iter(())
        try:
            # pyftpdlib shows a link as what it leads to, and ProFTPD leaves out one that leads nowhere.
            listing = links.with_links(session, path, session.list(path))
        except NotFound:
            return iter(())  # removing it will tell the same
        if not listing.whole:
            raise Refused(f"cannot delete {path}: its listing cannot be read whole: {listing.problems[0]}")
        return iter(listing.entries)
