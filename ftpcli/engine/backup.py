"""What a run deletes or replaces is kept, on the side where it is, under the same path in a folder of the run's own.

On the disk the old file has two names until the new one takes its place, so that there is always one. On a server there
is no second name: the old file moves away, the new one moves in, and where that is refused the old one comes back. Each
of these steps may be repeated after the connection was lost at any point. Nothing in a backup is ever overwritten: a
name that is taken gets a number.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import posixpath
import shutil
import stat
from collections.abc import Iterator
from typing import Protocol

from ftpcli import local
from ftpcli.engine.bench import Bench
from ftpcli.engine.directories import make_directories
from ftpcli.engine.journal import Journal
from ftpcli.engine.replacement import Replacement, exists
from ftpcli.engine.tasks import CopyFile, Removal, Remove
from ftpcli.engine.transfer import Done, Download, FileTransfer, Hands, Upload
from ftpcli.errors import FtpcliError, NotFound, Refused, Retry, Unsupported
from ftpcli.local import discard, translated
from ftpcli.model import Kind
from ftpcli.parts import part_name
from ftpcli.session.protocol import Session

_PIECE = 1024 * 1024


class Keeping(FileTransfer, Protocol):
    """A transfer that keeps what it replaces. ``place`` is where that is now; None where nothing was there."""

    @property
    def place(self) -> str | None: ...
    def loss(self) -> str:
        """What to tell the user where the transfer failed for good and the old file is not where it was."""
        ...


class Backup(Protocol):
    """The backup folder of one run, for all workers."""

    def transfer(self, task: CopyFile, hands: Hands) -> Keeping: ...
    def remove(self, task: Remove, bench: Bench) -> str:
        """Delete one target entry as ``Remove`` does; where it is kept."""
        ...

    def keep_link(self, path: str, shown: str) -> RemoteKept | None:
        """A symbolic link is about to be replaced: what moves it away in time; None where it is kept already."""
        ...


def _numbered(place: str) -> Iterator[str]:
    yield place
    for number in itertools.count(1):
        yield f"{place}.{number}"


# On the disk


class LocalBackup:
    """A backup folder on the local disk. Its directories are as private as those that they stand for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def transfer(self, task: CopyFile, hands: Hands) -> Keeping:
        return _KeepingDownload(self, task, hands)

    def remove(self, task: Remove, bench: Bench) -> str:  # noqa: ARG002  (the interface of Backup)
        place = self._place(task.shown)
        if task.kind is Kind.DIR:
            with self._translated(task.path):
                self._make(place, task.path)
            local.remove_directory(task.path)
            return place
        return self._move(task.path, place)

    def keep_link(self, path: str, shown: str) -> None:
        self.save(path, shown)

    def save(self, path: str, shown: str) -> str | None:
        """Give the file a second name in the backup, or copy it; None where nothing is there to be kept."""
        found = local.look(path)
        if found is None or found.kind not in (Kind.FILE, Kind.LINK):
            return None
        with self._translated(path):
            self._make(os.path.dirname(self._place(shown)), os.path.dirname(path))
            places = _numbered(self._place(shown))
            while True:
                place = next(places)
                with contextlib.suppress(FileExistsError):
                    _link(path, place)
                    return place

    def _move(self, path: str, place: str) -> str:
        with self._translated(path):
            self._make(os.path.dirname(place), os.path.dirname(path))
            free = next(name for name in _numbered(place) if not os.path.lexists(name))
            try:
                os.rename(path, free)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _copy(path, free)
                os.unlink(path)
            return free

    def _place(self, shown: str) -> str:
        return os.path.join(self._folder, shown)

    def _translated(self, path: str) -> contextlib.AbstractContextManager[None]:
        return translated("back up", f"{path} to {self._folder}")

    def _make(self, place: str, original: str) -> None:
        if self._is_made(place):
            return
        if place == self._folder:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        else:
            self._make(os.path.dirname(place), os.path.dirname(original))
        try:
            os.mkdir(place, os.stat(original or ".").st_mode & 0o777 | 0o700)
        except FileExistsError:
            if not self._is_made(place):
                raise

    def _is_made(self, place: str) -> bool:
        """False for a link in the backup, which was the tree's: what it leads to is no place to write to."""
        return os.path.isdir(place) and (place == self._folder or not os.path.islink(place))


def _link(path: str, place: str) -> None:
    """A second name for a file, or a copy where the file system has no such thing. Raises FileExistsError."""
    try:
        os.link(path, place, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        _copy(path, place)


def _copy(path: str, place: str) -> None:
    """A copy with its time and mode, under its name only when it is whole and on the disk. Raises FileExistsError."""
    if os.path.lexists(place):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    found = os.lstat(path)
    times = (found.st_atime_ns, found.st_mtime_ns)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(path), place)
        os.utime(place, ns=times, follow_symlinks=False)
        return
    folder, name = os.path.split(place)
    part = os.path.join(folder, part_name(name, "backup", path))
    try:
        with local.open_source(path) as source, open(part, "xb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            shutil.copyfileobj(source.file, copy, _PIECE)
            copy.flush()
            os.fchmod(copy.fileno(), stat.S_IMODE(found.st_mode))
            os.utime(copy.fileno(), ns=times)
            os.fsync(copy.fileno())
        os.rename(part, place)
    except BaseException:
        discard(part)
        raise


class _KeepingDownload:
    def __init__(self, backup: LocalBackup, task: CopyFile, hands: Hands) -> None:
        self.place: str | None = None
        self._backup = backup
        self._task = task
        self._download = Download(
            task.source, task.target, task.entry, task.rules, hands, task.place, task.shown, self._keep
        )

    def _keep(self) -> None:
        self.place = self.place or self._backup.save(self._task.target, self._task.shown)

    def attempt(self, session: Session) -> Done:
        return self._download.attempt(session)

    def progress(self) -> int:
        return self._download.progress()

    def loss(self) -> str:
        return ""  # it has both names


# On a server


class RemoteBackup:
    """A backup folder on the server. What was made of it is remembered, so that not every file asks for it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._directory = posixpath.dirname(folder)
        self._made: set[str] = set()

    def transfer(self, task: CopyFile, hands: Hands) -> Keeping:
        return _KeepingUpload(RemoteKept(self, task.target, task.shown, there=task.replaces), task, hands)

    def remove(self, task: Remove, bench: Bench) -> str:
        if task.kind is Kind.DIR:
            place = self.place(task.shown)
            bench.insist(task.shown, lambda session: self.make(session, place), lambda: self.made(place))
            bench.insist(task.shown, Removal(task.path, task.shown, task.kind, lambda _: None).attempt)
            return place
        kept = RemoteKept(self, task.path, task.shown, there=True)
        return bench.insist(task.shown, kept.move, kept.progress)

    def keep_link(self, path: str, shown: str) -> RemoteKept:
        return RemoteKept(self, path, shown, there=True)

    def place(self, shown: str) -> str:
        return posixpath.join(self._folder, shown)

    def make(self, session: Session, folder: str) -> None:
        """Make a folder of the backup, from above, so that a lost connection costs one of them at most."""
        if folder in self._made or folder == "/":
            return
        if folder != self._directory:
            self.make(session, posixpath.dirname(folder))
        make_directories(session, folder)
        self._made.add(folder)

    def made(self, folder: str) -> int:
        """How much of the way to a folder is there; grows."""
        count = 0
        while folder not in self._made and folder != self._directory:
            folder = posixpath.dirname(folder)
        while folder in self._made:
            folder = posixpath.dirname(folder)
            count += 1
        return count


class RemoteKept:
    """One entry of the target on its way into the backup, and back where that was for nothing.

    ``there``: it was listed. Else the server is asked for what may have come since; not all of them can tell.
    ``place`` is where it is now; None as long as it is where it was.
    """

    def __init__(self, backup: RemoteBackup, path: str, shown: str, *, there: bool) -> None:
        self.place: str | None = None
        self._backup = backup
        self._path = path
        self._wanted = backup.place(shown)
        self._aim: str | None = None
        self._there = there
        self._settled = False
        self._coming_back = False
        self._steps = 0

    def progress(self) -> int:
        return self._steps + self._backup.made(posixpath.dirname(self._wanted))

    def keep(self, session: Session) -> None:
        """Move away what is at the path, if anything is. Raises Refused, and what a lost connection raises."""
        if self._coming_back:
            self.come_back(session)
        if self._settled:
            return
        if not self._there:
            self._there = exists(session, self._path)
            self._reached(1)
        if self._there:
            try:
                self.move(session)
            except NotFound:
                # A worker that lost its place at the server may have done it, and handed its task on.
                if not self._moved(session, self._wanted):
                    raise
                self.place = self._wanted
        # From now on what is there is the new one.
        self._settled = True

    def move(self, session: Session) -> str:
        """Move away what is certainly there, though it may be a link that leads nowhere; where it is now."""
        if self._aim is None or not self._moved(session, self._aim):
            self._backup.make(session, posixpath.dirname(self._wanted))
            self._aim = self._aim or next(place for place in _numbered(self._wanted) if not exists(session, place))
            self._reached(2)
            try:
                session.rename(self._path, self._aim)
            except Refused:
                self._aim = None  # an answer came: it is where it was
                raise
        self._reached(3)
        self.place = self._aim
        return self._aim

    def _moved(self, session: Session, place: str) -> bool:
        """The last try's answer was lost: was it done? A link that leads nowhere shows in listings only."""
        if exists(session, self._path):
            return False
        if exists(session, place):
            return True
        folder, name = posixpath.split(place)
        return any(entry.name == name for entry in session.list(folder).entries)

    def come_back(self, session: Session) -> None:
        """The new one did not get the name. Where the name is taken, or not given back, the old one stays."""
        if self.place is None:
            return
        self._coming_back = True
        with contextlib.suppress(Refused):
            if not exists(session, self._path):
                session.rename(self.place, self._path)
                self._start_again()
            elif not exists(session, self.place):
                self._start_again()  # the last try did it
        self._coming_back = False

    def _start_again(self) -> None:
        self.place = self._aim = None
        self._there = True
        self._settled = False

    def _reached(self, step: int) -> None:
        """A step counts as progress once, so that a server that refuses for ever is not asked for ever."""
        self._steps = max(self._steps, step)


class _KeepingUpload:
    def __init__(self, kept: RemoteKept, task: CopyFile, hands: Hands) -> None:
        self._kept = kept
        self._task = task
        self._upload = Upload(task.source, task.target, task.rules, hands, task.shown, self._replacement)

    @property
    def place(self) -> str | None:
        return self._kept.place

    def _replacement(self, part: str, target: str, journal: Journal) -> Replacement:
        return _KeepingReplacement(self._kept, part, target, journal)

    def attempt(self, session: Session) -> Done:
        if not self._task.rules.in_place:
            return self._upload.attempt(session)
        with local.open_source(self._task.source):
            self._kept.keep(session)
        try:
            return self._upload.attempt(session)
        except FtpcliError as error:
            if session.healthy and (error.retry is Retry.GIVE_UP or isinstance(error, Refused)):
                self._kept.come_back(session)
            raise

    def progress(self) -> int:
        return self._upload.progress() + self._kept.progress()

    def loss(self) -> str:
        place = self._kept.place
        return f"{self._task.shown}: what was there before is now {place}" if place is not None else ""


class _KeepingReplacement(Replacement):
    def __init__(self, kept: RemoteKept, part: str, target: str, journal: Journal) -> None:
        super().__init__(part, target, journal)
        self._kept = kept

    def attempt(self, session: Session, size: int) -> None:
        self._kept.keep(session)
        try:
            super().attempt(session, size)
        except (Refused, Unsupported):
            self._kept.come_back(session)
            raise
