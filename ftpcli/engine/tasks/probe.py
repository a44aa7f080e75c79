"""Notices that source and target are one directory, or one is within the other.

One side of a run is on a server, so this can be only where the server is this very machine. A mirror of a tree into
itself would never end, S/t/t/t/…, and with --delete a target around the source would lose the source. Paths say
nothing about it: the server may show another root. So a marker, hidden as part files are, lies in the local directory
for the time of the run: where a listing of the server shows it, that is the same directory. An upload into the source
itself shows in no listing of the server; a local directory that looks as the target does is tried with a file put
into the target. Nothing of this happens with servers elsewhere, nor in a dry run, which changes nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import time
from dataclasses import dataclass

from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, Retry
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session

_STEM = "ftpcli-here"


@dataclass(frozen=True)
class Probe:
    """Put a file into the target, and see whether it is in a local directory of the source."""

    listed: Listed
    target: str

    @property
    def pair(self) -> Pair:
        return self.listed.pair

    def run(self, worker: Worker) -> Probed:
        name = part_name(_STEM, time.time_ns(), os.urandom(8))
        here = self.listed.pair.source
        assert here is not None
        path = posixpath.join(self.target, name)

        def attempt(session: Session) -> bool:
            try:
                with session.open_write(path, 0) as sink:
                    sink.pump_from(io.BytesIO(), lambda _: None)
                    sink.finish()
                return os.path.lexists(os.path.join(here, name))
            finally:
                with contextlib.suppress(FtpcliError):
                    session.remove(path)
                    worker.journal.gone(path)

        worker.journal.begin(path)
        try:
            return Probed(self.listed, worker.insist(self.listed.pair.shown or ".", attempt))
        except FtpcliError as error:
            if error.retry is Retry.STOP_RUN:
                raise
            return Probed(self.listed, inside=False)  # then nothing else can be put there either
        finally:
            worker.journal.useless(path)


@dataclass(frozen=True)
class Probed:
    listed: Listed
    inside: bool
