"""Which names the local file systems of a run treat as equal: found out once for each, and only if it matters."""

from __future__ import annotations

import os
import threading

from ftpcli.engine.compare.names import Folding
from ftpcli.engine.trees import local
from ftpcli.engine.trees.folder_handle import Folders
from ftpcli.errors import LocalFileError


class Foldings:
    """What was found out so far, by device. Thread-safe."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._known: dict[int, Folding] = {}

    def of(self, folder: str, *, look_only: bool) -> Folding:
        """The folding of names in ``folder``, which may not exist yet. ``look_only``: find out without writing.

        Raises LocalFileError.
        """
        while not os.path.isdir(folder):
            folder = os.path.dirname(os.path.abspath(folder))
        device, _ = local.identity(folder)
        with self._lock:
            known = self._known.get(device)
            return self._find_out(device, folder, look_only=look_only) if known is None else known

    def _find_out(self, device: int, folder: str, *, look_only: bool) -> Folding:
        try:
            with local.translated("look at", folder):
                inside = self._folders.place(os.path.join(folder, "name"))
            folding = Folding(*(local.folds_by_looking(inside) if look_only else local.folds(inside)))
        except LocalFileError:
            return Folding()  # nothing can be written there, so nothing can be overwritten
        if not look_only:
            self._known[device] = folding
        return folding
