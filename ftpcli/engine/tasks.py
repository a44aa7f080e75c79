"""What workers do: small values that the coordinator makes, and that come back as results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from ftpcli import local
from ftpcli.engine import links, retry
from ftpcli.engine.directories import is_directory
from ftpcli.engine.events import Deleted, Event, Started, Warned
from ftpcli.engine.foldings import Foldings
from ftpcli.engine.journal import Journal
from ftpcli.engine.links import Followed, Trail
from ftpcli.engine.meter import Lane
from ftpcli.engine.names import EXACT, Folding, has_twins, without_changelings
from ftpcli.engine.plan import TIME_DIFFERS, is_empty, is_vague, same_time
from ftpcli.engine.rate import RateLimit
from ftpcli.engine.slot import Slot
from ftpcli.engine.stop import StopToken
from ftpcli.engine.times import TargetTimes
from ftpcli.engine.transfer import Done, Download, FileTransfer, Hands, Upload, exists
from ftpcli.engine.verify import look_again, same_digest
from ftpcli.errors import FtpcliError, LocalFileError, NotFound, Refused, VerifyMismatch
from ftpcli.model import Capabilities, Direction, Entry, Kind, Listing, Rules, TlsFacts
from ftpcli.session.protocol import Session

if TYPE_CHECKING:
    from ftpcli.engine.backup import Backup, Keeping

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
    journal: Journal = field(default_factory=Journal)

    @property
    def hands(self) -> Hands:
        return Hands(self.lane, self.moved, self.stop, self.journal)

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
        on_retry = retry.telling(shown, self.tell)
        return retry.run(self.policy, self.slot, self.stop, attempt, progress=progress, on_retry=on_retry)


class Questions:
    """A session as far as it can be asked. Each question is insisted on by itself, so that a server which drops the
    connection after every few commands answers them all in the end."""

    def __init__(self, bench: Bench, shown: str) -> None:
        self._bench = bench
        self._shown = shown

    def _ask(self, question: Callable[[Session], Result]) -> Result:
        return self._bench.insist(self._shown, question)

    @property
    def capabilities(self) -> Capabilities:
        return self._ask(lambda session: session.capabilities)

    def list(self, path: str) -> Listing:
        return self._ask(lambda session: session.list(path))

    def link_targets(self, path: str) -> Mapping[str, str]:
        return self._ask(lambda session: session.link_targets(path))

    def follow(self, path: str) -> Entry:
        return self._ask(lambda session: session.follow(path))

    def absolute(self, path: str) -> str:
        return self._ask(lambda session: session.absolute(path))


@dataclass(frozen=True)
class Pair:
    """A directory and its counterpart. ``target_exists`` is None where nobody knows yet.

    Without ``source`` it is a directory that only the target has, about to be deleted with all that is in it;
    ``owner`` is then the nearest directory above it that both sides have. ``prefix`` is the part of ``shown`` above
    the root, which filters do not see. ``lazy``: the target is made only if something goes into it. ``whole``: compared
    with all that is below it, whatever ``Rules.only`` says. ``trail``: how links led here, where they are followed.
    ``mode``: what the target gets in the end if it is made; ``opens``: what one that is there needs before anything can
    be put into it.
    """

    source: str | None
    target: str
    shown: str
    target_exists: bool | None = None
    owner: str = ""
    prefix: str = ""
    lazy: bool = False
    whole: bool = False
    trail: Trail | None = None
    mode: int | None = None
    opens: int | None = None


@dataclass(frozen=True)
class ListPair:
    """List both sides of a directory; the target is made where it is missing (not in a dry run).

    Where things may be deleted, the server is asked again for a source that is empty while the target is not: such a
    listing, if it is wrong, costs most.
    """

    pair: Pair
    direction: Direction
    dry_run: bool
    symlinks: str = links.SKIP
    delete: bool = False
    foldings: Foldings | None = None

    def run(self, bench: Bench) -> Listed:
        path = self.pair.source
        server = Questions(bench, self.pair.shown or ".")
        if path is None:
            return Listed(self.pair, NOTHING, self._doomed(server), made=False)
        if self.direction is Direction.DOWNLOAD:
            source = self._remote_source(server, path)
            target, made = self._local_target()
            if self.delete and not is_empty(target) and is_empty(source.listing) and not source.listing.problems:
                source = self._second_look(server, path)
            if self.symlinks == links.COPY:
                target = links.with_local_texts(self.pair.target, target)
        else:
            source = self._local_source(path)
            target, made = self._remote_target(bench, server, source.listing)
        folding = EXACT
        if self.foldings is not None and has_twins(entry.name for entry in (*source.listing.entries, *target.entries)):
            folding = self.foldings.of(self.pair.target, look_only=self.dry_run)
        return Listed(self.pair, source.listing, target, made, source, folding)

    def _remote_source(self, server: Questions, path: str) -> Followed:
        listing = without_changelings(server.list(path), local.keeps_name)
        if self.symlinks == links.FOLLOW:
            return links.follow_remote(server, path, listing, self.pair.trail)
        return Followed(links.with_links(server, path, listing) if self.symlinks == links.COPY else listing)

    def _second_look(self, server: Questions, path: str) -> Followed:
        source = self._remote_source(server, path)
        if is_empty(source.listing):
            return source
        doubt = "it was empty in a first listing, and not in a second one"
        return replace(source, listing=replace(source.listing, doubt=doubt))

    def _local_source(self, path: str) -> Followed:
        listing = local.scan(path)
        if self.symlinks == links.FOLLOW:
            return links.follow_local(path, listing, self.pair.trail)
        return Followed(links.with_local_texts(path, listing) if self.symlinks == links.COPY else listing)

    def _doomed(self, server: Questions) -> Listing:
        path = self.pair.target
        if self.direction is Direction.DOWNLOAD:
            return local.scan(path)
        return links.with_links(server, path, server.list(path))

    def _unmasked(self, server: Questions, listing: Listing, source: Listing) -> Listing:
        """No directory that is to be deleted may be a link: what that leads to is not ours to empty."""
        kept = {entry.name for entry in source.entries}
        doomed = any(entry.kind is Kind.DIR and entry.name not in kept for entry in listing.entries)
        return links.with_links(server, self.pair.target, listing) if doomed else listing

    def _local_target(self) -> tuple[Listing, bool]:
        path = self.pair.target
        if self.pair.target_exists is not None:
            # The root may be a link, as whoever named it wants it; below it somebody else may have put one.
            there = local.look(path)
            if there is not None and there.kind is Kind.LINK:
                raise LocalFileError(f"a symbolic link is in the place of the directory {path}; remove that first")
            if self.pair.opens is not None and there is not None and not self.dry_run:
                local.set_mode(path, self.pair.opens)
        if self.pair.target_exists is not False and local.is_directory(path):
            return local.scan(path), False
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            # What becomes a private directory is private before anything is in it.
            local.make_directory(path, 0o777 if self.pair.mode is None else self.pair.mode & 0o777 | 0o700)
        return NOTHING, True

    def _remote_target(self, bench: Bench, server: Questions, source: Listing) -> tuple[Listing, bool]:
        if self.pair.target_exists is not False:
            try:
                return self._listed_target(bench, server, source), False
            except NotFound:
                if self.pair.target_exists:
                    raise
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            new = bench.insist(self.pair.shown or ".", lambda session: make_directories(session, self.pair.target))
            if self.delete and not new:
                # It is there: what is to be deleted in it nobody knows as long as it cannot be listed.
                listing = self._listed_target(bench, server, source)
                doubt = "it was not found at first, and is there" if listing.entries else listing.doubt
                return replace(listing, doubt=doubt), True
        return NOTHING, True

    def _listed_target(self, bench: Bench, server: Questions, source: Listing) -> Listing:
        path, opens = self.pair.target, self.pair.opens
        if opens is not None and not self.dry_run:
            with contextlib.suppress(Refused):  # what it leads to will be said
                bench.insist(self.pair.shown, lambda session: session.set_mode(path, opens))
        listing = server.list(path)
        if self.symlinks == links.COPY:
            return links.in_sources_words(source, links.with_links(server, path, listing), path)
        return self._unmasked(server, listing, source) if self.delete else listing


def make_directories(session: Session, path: str) -> bool:
    """Make a directory, and its parents where they are missing. One that is there already is fine: False then."""
    made = _make(session, path, last=False)
    if made is not None:
        return made
    make_directories(session, path.rstrip("/").rpartition("/")[0])
    return bool(_make(session, path, last=True))


def _make(session: Session, path: str, *, last: bool) -> bool | None:
    """False where the directory is there already, also if another worker has made it meanwhile; None where what is
    above it may be missing. Raises Refused, with ``last`` in place of None."""
    try:
        session.mkdir(path)
    except Refused as error:
        try:
            there = session.stat(path)
        except Refused:
            if last or not path.rstrip("/").rpartition("/")[0]:
                raise error from None
            return None
        if not is_directory(session, path, there):
            raise Refused(f"cannot make directory {path}: a file is in its place", reply=error.reply) from error
        return False
    return True


@dataclass(frozen=True)
class Listed:
    pair: Pair
    source: Listing
    target: Listing
    made: bool
    followed: Followed = field(default_factory=lambda: Followed(NOTHING))
    folding: Folding = EXACT


@dataclass(frozen=True)
class CopyFile:
    """One file, in the run's direction. ``entry`` is the source's; ``replaces``: the target is there, as listed.

    ``root``: the local tree that it goes to; None where there is none.
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

    def run(self, bench: Bench) -> Copied:
        if self.root is not None:
            local.check_straight(self.target, self.root)
        transfer: FileTransfer
        kept: Keeping | None = None
        if self.backup is not None:
            transfer = kept = self.backup.transfer(self, bench.hands)
        elif self.direction is Direction.DOWNLOAD:
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
        except FtpcliError:
            if kept is not None and (loss := kept.loss()):
                bench.tell(Warned(loss))
            raise
        finally:
            bench.lane.clear()
        backup = kept.place if kept is not None else None
        return Copied(self, done, tries, time.monotonic() - began, bench.number, bench.slot.tls_facts(), backup)


@dataclass(frozen=True)
class Recheck:
    """A file that two listings cannot tell from its counterpart: the server is asked for the time, or a digest.

    With ``times`` a newer target is up to date where the server cannot set times.
    """

    source: str
    target: str
    shown: str
    source_entry: Entry
    target_entry: Entry
    direction: Direction
    compare: str
    times: TargetTimes | None = None

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
            # A copy has the time that was listed, though the server may know a more exact one.
            if same_time(source, target):
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
