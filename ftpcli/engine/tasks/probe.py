"""Finds out whether the target lies within a local source; ``plan.overlap`` explains why."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import time
from dataclasses import dataclass

from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.errors import FtpcliError, Retry
from ftpcli.part_names import part_name
from ftpcli.session.contract import Session

STEM = "ftpcli-here"


@dataclass(frozen=True)
class Probe:
    """Put a file into the target and check whether it appears in a local directory of the source."""

    listed: Listed
    target: str

    @property
    def pair(self) -> Pair:
        return self.listed.pair

    @property
    def shown(self) -> str:
        return self.pair.shown or "."

    def run(self, context: TaskContext) -> Probed:
        journal, worker = context.shared.journal, context.worker
        name = part_name(STEM, time.time_ns(), os.urandom(8))
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
                    journal.gone(path)

        journal.begin(path)
        try:
            return Probed(self.listed, worker.insist(self.shown, attempt))
        except FtpcliError as error:
            if error.retry is Retry.STOP_RUN:
                raise
            return Probed(self.listed, inside=False)  # if this file cannot be written there, no other can
        finally:
            journal.useless(path)


@dataclass(frozen=True)
class Probed:
    listed: Listed
    inside: bool
