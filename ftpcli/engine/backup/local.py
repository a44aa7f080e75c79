"""The backup of a local target.

The old file has two names until the new one takes its place, so that there is always one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import threading

from ftpcli.engine.backup.contract import BackupTransfer
from ftpcli.engine.backup.folder import numbered
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.trees import local
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.local import discard, translated
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.workers.worker import Worker
from ftpcli.model import Kind
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session

_PIECE = 1024 * 1024


class LocalBackup:
    """A backup folder on the local disk. Its directories are as private as those that they stand for.

    ``tree``: what is kept comes from there; the folder is another one of its roots.
    """

    def __init__(self, folder: str, tree: LocalTree) -> None:
        self._folder = folder
        self._tree = tree
        self._beginning = threading.Lock()
        self._is_begun = False

    def transfer(
        self,
        request: CopyRequest,
        context: CopyContext,
        *,
        replaces: bool,  # noqa: ARG002  (the interface of Backup)
    ) -> BackupTransfer:
        return _BackupDownload(self, request, context)

    def remove(self, path: str, shown: str, kind: Kind, worker: Worker) -> str:  # noqa: ARG002  (likewise)
        place = self._tree.place("back up", path)
        with self._translated(path):
            if kind is not Kind.DIR:
                return self._move(place, shown)
            self._make(shown, path)
        local.remove_directory(place)
        return self._path(shown)

    def keep_link(self, path: str, shown: str) -> None:
        self.save(path, shown)

    def save(self, path: str, shown: str) -> str | None:
        """Give the file a second name in the backup, or copy it; None where nothing is there to be kept."""
        place = self._tree.place("back up", path)
        found = local.look(place)
        if found is None or found.kind not in (Kind.FILE, Kind.LINK):
            return None
        with self._translated(path):
            self._make(os.path.dirname(shown), os.path.dirname(path))
            names = numbered(self._path(shown))
            while True:
                kept = self._tree.place("write", next(names))
                with contextlib.suppress(FileExistsError):
                    _link(place, kept)
                    return kept.path

    def _move(self, place: Place, shown: str) -> str:
        self._make(os.path.dirname(shown), os.path.dirname(place.path))
        kept = next(
            kept for name in numbered(self._path(shown)) if not _exists(kept := self._tree.place("write", name))
        )
        try:
            os.rename(place.name, kept.name, src_dir_fd=place.dir_fd, dst_dir_fd=kept.dir_fd)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(place, kept)
            os.unlink(place.name, dir_fd=place.dir_fd)
        return kept.path

    def _path(self, shown: str) -> str:
        return os.path.join(self._folder, shown) if shown else self._folder

    def _translated(self, path: str) -> contextlib.AbstractContextManager[None]:
        return translated("back up", f"{path} to {self._folder}")

    def _make(self, shown: str, original: str) -> None:
        """Make a directory of the backup, for what comes from the directory ``original``."""
        if not shown:
            self._begin(original)
        elif not self._tree.is_directory(self._path(shown)):
            self._make(os.path.dirname(shown), os.path.dirname(original))
            self._tree.make_directory(self._path(shown), self._mode_like(original))

    def _begin(self, original: str) -> None:
        """Make the backup folder. Its name can be predicted, and what is kept in it may be secret."""
        with self._beginning:
            if self._is_begun:
                return
            os.makedirs(os.path.dirname(self._folder) or ".", exist_ok=True)
            try:
                os.mkdir(self._folder, self._mode_like(original))
            except FileExistsError:  # a run that began in the same second
                found = os.lstat(self._folder)
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                    raise
            self._is_begun = True

    def _mode_like(self, original: str) -> int:
        place = self._tree.place("look at", original)
        found = os.stat(place.name or ".", dir_fd=place.dir_fd, follow_symlinks=place.is_named)
        return found.st_mode & 0o777 | 0o700


def _exists(place: Place) -> bool:
    return local.look(place) is not None


def _link(source: Place, kept: Place) -> None:
    """A second name for a file, or a copy where the file system has no such thing. Raises FileExistsError."""
    try:
        os.link(source.name, kept.name, src_dir_fd=source.dir_fd, dst_dir_fd=kept.dir_fd, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        _copy(source, kept)


def _copy(source: Place, kept: Place) -> None:
    """A copy with its time and mode, under its name only when it is whole and on the disk. Raises FileExistsError."""
    if _exists(kept):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    found = source.look()
    times = (found.st_atime_ns, found.st_mtime_ns)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source.name, dir_fd=source.dir_fd), kept.name, dir_fd=kept.dir_fd)
        os.utime(kept.name, ns=times, dir_fd=kept.dir_fd, follow_symlinks=False)
        return
    part = kept.beside(part_name(os.path.basename(kept.path), "backup", source.path))
    try:
        with (
            local.open_source(source) as opened,
            os.fdopen(part.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
        ):
            shutil.copyfileobj(opened.file, copy, _PIECE)
            copy.flush()
            os.fchmod(copy.fileno(), stat.S_IMODE(found.st_mode))
            os.utime(copy.fileno(), ns=times)
            os.fsync(copy.fileno())
        os.rename(part.name, kept.name, src_dir_fd=part.dir_fd, dst_dir_fd=kept.dir_fd)
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
