"""Watches a local tree in a thread, which collects changes until they are taken.

watchfiles does not report that the kernel dropped events because they were not read in time (inotify: beyond a queue of
16,384), nor that the tree was unmounted. So very many changes at once count as a loss, and the root is checked from
time to time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading

from ftpcli.engine.compare.filters import Filters
from ftpcli.engine.job import FilterRules
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.local import look, real_path
from ftpcli.engine.watch.changes import Changes
from ftpcli.errors import LocalFileError
from ftpcli.model import Kind

log = logging.getLogger("ftpcli.watch")

# In milliseconds: how long a change waits for others, and how often the thread checks whether it should end.
_DEBOUNCE = 1600
_STEP = 100
# In milliseconds: how often the root is checked while nothing happens.
_LOOK_AROUND = 5000
# In events; creating and writing one file takes about five.
_STORM = 3000


class Watcher:
    """See the module. Watches from its creation on; raises LocalFileError if the tree cannot be watched.

    ``follow``: the targets of symbolic links belong to the tree.
    """

    def __init__(self, root: str, filters: FilterRules, *, follow: bool = False) -> None:
        self._root = real_path(root)
        self._filters = Filters(filters)
        self._follow = follow
        self._identity = _identity(self._root)
        if self._identity is None:
            raise LocalFileError(f"cannot watch {root}: there is no such directory")
        self._lock = threading.Lock()
        self._changes = Changes(self._filters)
        self._error: Exception | None = None
        self._watching = threading.Event()
        self._shall_end = self._has_ended = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()
        self._watching.wait()
        if self._error is not None:
            self.close()
            raise LocalFileError(f"cannot watch {root}: {self._error}") from self._error

    def fileno(self) -> int:
        """Readable while there are changes to take."""
        return self._read

    @property
    def blind(self) -> bool:
        """True if it no longer sees changes: it failed, or the root is gone or has been replaced."""
        return self._has_ended or _identity(self._root) != self._identity

    def take(self) -> Changes:
        """What changed since the last call."""
        with self._lock:
            taken, self._changes = self._changes, Changes(self._filters)
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 64)
        return taken

    def close(self) -> None:
        self._shall_end = True
        self._thread.join()
        os.close(self._read)
        os.close(self._write)

    def is_set(self) -> bool:
        """Called by watchfiles repeatedly to ask whether to end; from the first call on, it is watching."""
        self._watching.set()
        return self._shall_end

    def _run(self) -> None:
        from watchfiles import Change, watch

        batches = watch(
            self._root,
            watch_filter=None,
            debounce=_DEBOUNCE,
            step=_STEP,
            stop_event=self,
            rust_timeout=_LOOK_AROUND,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        try:
            for batch in batches:
                self._gather([(path, change is Change.modified) for change, path in batch])
                if self.blind:
                    break
        except (OSError, RuntimeError, UnicodeError) as error:  # RuntimeError: also a name that is not UTF-8
            log.debug("the watcher ends: %s", error)
            self._error = error
        finally:
            self._has_ended = True
            with self._lock:
                self._changes.lose()
                self._wake()
            self._watching.set()

    def _gather(self, batch: list[tuple[str, bool]]) -> None:
        above = self._root.rstrip("/") + "/"
        # watchfiles follows symbolic links even if the mirror does not.
        folders = {os.path.dirname(path) for path, _ in batch}
        seen = {folder for folder in folders if self._follow or _is_straight(folder)}
        found = [
            (path[len(above) :], _kind(os.path.realpath(path) if self._follow else path), modified)
            for path, modified in batch
            if path == self._root or (path.startswith(above) and os.path.dirname(path) in seen)
        ]
        with self._lock:
            if len(found) > _STORM:
                self._changes.lose()
            for path, kind, modified in found:
                self._changes.add(path, kind, modified=modified)
            if self._changes:
                self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"x")


def _kind(path: str) -> Kind | None:
    with contextlib.suppress(LocalFileError):
        entry = look(Place.of(path))
        return None if entry is None else entry.kind
    return None


def _is_straight(path: str) -> bool:
    return os.path.realpath(path) == path


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
