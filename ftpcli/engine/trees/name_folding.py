"""Which names the local file systems of a run take for one: found out once for each, and only where it matters."""

from __future__ import annotations

import os

from ftpcli.engine.compare.names import Folding
from ftpcli.engine.trees import local
from ftpcli.errors import LocalFileError


class Foldings:
    """What was found out so far, by device. Shared by all workers: finding the same out twice does no harm."""

    def __init__(self) -> None:
        self._known: dict[int, Folding] = {}

    def of(self, folder: str, *, look_only: bool) -> Folding:
        """For names in ``folder``, or where it will be made. ``look_only``: nothing may be written to find out."""
        while not os.path.isdir(folder):
            folder = os.path.dirname(os.path.abspath(folder))
        device, _ = local.identity(folder)
        if device in self._known:
            return self._known[device]
        try:
            folding = Folding(*(local.folds_by_looking(folder) if look_only else local.folds(folder)))
        except LocalFileError:
            return Folding()  # nothing can be written there, so nothing can be written over either
        if not look_only:
            self._known[device] = folding
        return folding
