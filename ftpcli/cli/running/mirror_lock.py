"""A mirror's turn among the runs of the same source and target, and where it keeps its lock and its journal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ftpcli.cli.running.context import CommandContext
from ftpcli.engine.job import Direction, Job
from ftpcli.engine.journal.journal import Journal, open_journal
from ftpcli.engine.journal.lock import RunLock, take_turn
from ftpcli.errors import cause_of


def state_folder(job: Job) -> str:
    """One folder for each source and target, however they are written and whatever is done with them."""
    import platformdirs

    endpoint = job.endpoint
    remote, local = _sides(job)
    absolute = "/" if remote.startswith("/") else ""
    path = absolute + "/".join(name for name in remote.split("/") if name not in ("", "."))
    identity = (
        job.direction.value, endpoint.scheme, endpoint.host.lower(), str(endpoint.port), endpoint.user, path,
        os.path.realpath(local),
    )  # fmt: skip
    key = hashlib.sha256("\0".join(identity).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return str(Path(platformdirs.user_state_path("ftpcli", appauthor=False), "mirrors", key))


def _sides(job: Job) -> tuple[str, str]:
    """The remote path and the local one."""
    root = job.roots[0]
    return (root.source, root.target) if job.direction is Direction.DOWNLOAD else (root.target, root.source)


@dataclass(frozen=True)
class Turn:
    """The right to run now. ``folder`` is where journals are kept; None where there are to be none."""

    around: CommandContext
    folder: str | None

    @contextmanager
    def journal(self, job: Job) -> Iterator[Journal]:
        """The journal of one run."""
        journal = self._open(job)
        try:
            yield journal
        finally:
            journal.close()

    def _open(self, job: Job) -> Journal:
        root = job.roots[0].target
        if self.folder is None:
            return Journal(root)
        remote, local = _sides(job)
        names = job.endpoint.url(remote), os.path.realpath(local)
        source, target = names if job.direction is Direction.DOWNLOAD else reversed(names)
        try:
            return open_journal(self.folder, root, source, target, self.around.warn)
        except OSError as error:
            self.around.warn(_complaint(self.folder, error, locked=True))
            return Journal(root)


@contextmanager
def turn(around: CommandContext, job: Job, mode: str) -> Iterator[Turn | None]:
    """The lock, as long as this lasts; None where the work is left to another run.

    ``mode``: fail, wait or skip. A dry run waits for nobody. Raises Locked, Stopped.
    """
    if job.rules.dry_run:
        yield Turn(around, None)
        return
    folder = state_folder(job)
    lock: RunLock | None = None
    try:
        with around.watched():
            lock = take_turn(folder, mode, around.stop, around.say)
        mine = None if lock is None else Turn(around, folder)
    except OSError as error:
        around.warn(_complaint(folder, error, locked=False))
        mine = Turn(around, None)
    try:
        yield mine
    finally:
        if lock is not None:
            lock.release()


def _complaint(folder: str, error: OSError, *, locked: bool) -> str:
    what = "the journal" if locked else "the lock and the journal"
    alone = "" if locked else "nothing keeps a second run away, and "
    why = cause_of(error)
    return (
        f"going on without {what}, for {folder} cannot be used ({why}): {alone}part files that are left when a run is "
        "killed stay where they are"
    )
