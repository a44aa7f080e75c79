"""The backup of a local target.

The old file has two names until the new one takes its place, so that there is always one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat

from ftpcli.engine.backup.contract import BackupTransfer
from ftpcli.engine.backup.folder import numbered
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.trees import local
from ftpcli.engine.trees.local import discard, translated
from ftpcli.engine.workers.worker import Worker
from ftpcli.model import Kind
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session

_PIECE = 1024 * 1024


class LocalBackup:
    """A backup folder on the local disk. Its directories are as private as those that they stand for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def transfer(
        self,
        request: CopyRequest,
        context: CopyContext,
        *,
        replaces: bool,  # noqa: ARG002  (the interface of Backup)
    ) -> BackupTransfer:
        return _BackupDownload(self, request, context)

    def remove(self, path: str, shown: str, kind: Kind, worker: Worker) -> str:  # noqa: ARG002  (likewise)
        place = self._place(shown)
        if kind is Kind.DIR:
            with self._translated(path):
                self._make(place, path)
            local.remove_directory(path)
            return place
        return self._move(path, place)

    def keep_link(self, path: str, shown: str) -> None:
        self.save(path, shown)

    def save(self, path: str, shown: str) -> str | None:
        """Give the file a second name in the backup, or copy it; None where nothing is there to be kept."""
        found = local.look(path)
        if found is None or found.kind not in (Kind.FILE, Kind.LINK):
            return None
        with self._translated(path):
            self._make(os.path.dirname(self._place(shown)), os.path.dirname(path))
            places = numbered(self._place(shown))
            while True:
                place = next(places)
                with contextlib.suppress(FileExistsError):
                    _link(path, place)
                    return place

    def _move(self, path: str, place: str) -> str:
        with self._translated(path):
            self._make(os.path.dirname(place), os.path.dirname(path))
            free = next(name for name in numbered(place) if not os.path.lexists(name))
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


class _BackupDownload:
    """A download that backs up the file it replaces, as late as it can."""

    def __init__(self, backup: LocalBackup, request: CopyRequest, context: CopyContext) -> None:
        self.backup_path: str | None = None
        self._backup = backup
        self._request = request
        self._download = Download(request, context, self._keep)

    def _keep(self) -> None:
        self.backup_path = self.backup_path or self._backup.save(self._request.target, self._request.shown)

    def attempt(self, session: Session) -> Done:
        return self._download.attempt(session)

    def progress(self) -> int:
        return self._download.progress()

    def loss(self) -> str:
        return ""  # the old file has both names until it is replaced
