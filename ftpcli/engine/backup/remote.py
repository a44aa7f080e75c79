"""The backup of a target on a server.

There is no second name: the old file moves away, the new one moves in, and where that is refused the old one comes
back. Each of these steps may be repeated after the connection was lost at any point.
"""

from __future__ import annotations

import contextlib
import posixpath

from ftpcli.engine.backup.contract import BackupTransfer
from ftpcli.engine.backup.folder import numbered
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.outcome import Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.upload import Upload
from ftpcli.engine.trees.remote import exists, make_directories
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, NotFound, Refused, Retry, Unsupported
from ftpcli.model import Kind
from ftpcli.session.contract import Session


class RemoteBackup:
    """A backup folder on the server. What was made of it is remembered, so that not every file asks for it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._directory = posixpath.dirname(folder)
        self._made: set[str] = set()

    def transfer(self, request: CopyRequest, context: CopyContext, *, replaces: bool) -> BackupTransfer:
        return _BackupUpload(RemoteKept(self, request.target, request.shown, there=replaces), request, context)

    def remove(self, path: str, shown: str, kind: Kind, worker: Worker) -> str:
        if kind is Kind.DIR:
            place = self.place(shown)
            worker.insist(shown, lambda session: self.make(session, place), lambda: self.made(place))
            worker.insist(shown, Removal(path, kind).attempt)
            return place
        kept = RemoteKept(self, path, shown, there=True)
        return worker.insist(shown, kept.move, kept.progress)

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
        """How much of the way to a folder is there, in steps of A_STEP; grows."""
        count = 0
        while folder not in self._made and folder != self._directory:
            folder = posixpath.dirname(folder)
        while folder in self._made:
            folder = posixpath.dirname(folder)
            count += 1
        return A_STEP * count


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
        return A_STEP * self._steps + self._backup.made(posixpath.dirname(self._wanted))

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
            self._aim = self._aim or next(place for place in numbered(self._wanted) if not exists(session, place))
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


class _BackupUpload:
    """An upload that moves the file it replaces into the backup."""

    def __init__(self, kept: RemoteKept, request: CopyRequest, context: CopyContext) -> None:
        self._kept = kept
        self._request = request
        self._in_place = context.rules.in_place
        self._local = context.local
        self._upload = Upload(request, context, self._replacement)

    @property
    def backup_path(self) -> str | None:
        return self._kept.place

    def _replacement(self, part: str, target: str, journal: Journal) -> Replacement:
        return _BackupReplacement(self._kept, part, target, journal)

    def attempt(self, session: Session) -> Done:
        if not self._in_place:
            return self._upload.attempt(session)
        with self._local.open_source(self._request.source):  # where there is no source the old file stays
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
        return f"{self._request.shown}: what was there before is now {place}" if place is not None else ""


class _BackupReplacement(Replacement):
    """The old file goes into the backup before the part file gets its name, and comes back if that is refused."""

    def __init__(self, kept: RemoteKept, part: str, target: str, journal: Journal) -> None:
        super().__init__(part, target, journal)
        self._kept = kept

    def attempt(self, session: Session, size: int) -> None:
        self._kept.keep(session)
        self.moved_old = self.moved_old or self._kept.place is not None
        try:
            super().attempt(session, size)
        except (Refused, Unsupported):
            self._kept.come_back(session)
            raise
