"""The lock that lets one mirror at a time run for a source and a target, and the folder of its lock and journals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ftpcli.cli.running.context import CommandContext
from ftpcli.engine.job import Job, Side
from ftpcli.engine.journal.journal import Journal, open_journal
from ftpcli.engine.journal.last_run import load
from ftpcli.engine.journal.lock import RunLock, acquire_lock
from ftpcli.engine.trees.local import real_path
from ftpcli.errors import cause_of


def state_folder(job: Job) -> str:
    """The folder of a source and target: the same however their paths are spelled and whatever the job's rules are."""
    import platformdirs

    endpoint = job.endpoint
    local, remote = job.direction.local_and_remote(job.roots[0].source, job.roots[0].target)
    absolute = "/" if remote.startswith("/") else ""
    path = absolute + "/".join(name for name in remote.split("/") if name not in ("", "."))
    identity = (
        job.direction.value, endpoint.scheme, endpoint.host.lower(), str(endpoint.port), endpoint.user, path,
        real_path(local),
    )  # fmt: skip
    key = hashlib.sha256("\0".join(identity).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return str(Path(platformdirs.user_state_path("ftpcli", appauthor=False), "mirrors", key))


@dataclass(frozen=True)
class MirrorLock:
    """A lock that is held. ``folder`` is where journals are kept; None: nothing is locked and no journal kept."""

    context: CommandContext
    folder: str | None

    @contextmanager
    def journal(self, job: Job) -> Iterator[Journal]:
        """The journal of one run, closed at the end of the ``with`` block."""
        journal = self._open(job)
        try:
            yield journal
        finally:
            journal.close()

    def _open(self, job: Job) -> Journal:
        root = job.roots[0].target
        journal = Journal(root)
        if self.folder is not None:
            try:
                journal = open_journal(self.folder, root, *_names(job), self.context.warn)
            except OSError as error:
                self.context.warn(_warning(self.folder, error, locked=True))
        journal.last = load(self.folder or state_folder(job), job.rules)
        return journal


def _names(job: Job) -> tuple[str, str]:
    """Source and target as the journal names them, wherever the program was started."""
    root, direction = job.roots[0], job.direction
    sides = (direction.source, root.source), (direction.target, root.target)
    source, target = (real_path(path) if side is Side.LOCAL else job.name_of(side, path) for side, path in sides)
    return source, target


@contextmanager
def hold_lock(context: CommandContext, job: Job, mode: str) -> Iterator[MirrorLock | None]:
    """Hold the lock inside the ``with`` block; None where another run has it and ``mode`` is skip.

    ``mode``: fail, wait or skip. A dry run takes no lock. Raises Locked, Stopped.
    """
    if job.rules.dry_run:
        yield MirrorLock(context, None)
        return
    folder = state_folder(job)
    lock: RunLock | None = None
    try:
        lock = acquire_lock(folder, mode, context.stop, context.say)
        held = None if lock is None else MirrorLock(context, folder)
    except OSError as error:
        context.warn(_warning(folder, error, locked=False))
        held = MirrorLock(context, None)
    try:
        yield held
    finally:
        if lock is not None:
            lock.release()


def _warning(folder: str, error: OSError, *, locked: bool) -> str:
    what = "the journal" if locked else "the lock and the journal"
    alone = "" if locked else "nothing keeps a second run away, and "
    why = cause_of(error)
    return (
        f"going on without {what}, for {folder} cannot be used ({why}): {alone}part files that are left when a run is "
        "killed stay where they are"
    )
