"""What a transfer has of the worker that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpcli.engine.job import Rules
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.workers.local_work_lock import LocalWorkLock
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.stop import StopToken


@dataclass(frozen=True, slots=True)
class CopyContext:
    """What a worker lends to a transfer. ``moved`` is told of all bytes that go over the data connection.

    ``place`` is the server's HOST:PORT, which is part of a part file's identity. ``warn`` tells the user. ``times`` is
    told what becomes of the time of an upload, unless nobody wants to know.
    """

    progress: WorkerProgress
    moved: Callable[[int], None]
    stop: StopToken
    rules: Rules
    place: str
    journal: Journal = field(default_factory=Journal)
    local: LocalTree = field(default_factory=LocalTree)
    local_work: LocalWorkLock = field(default_factory=LocalWorkLock)
    host: HostMemory = field(default_factory=HostMemory)
    warn: Notify = lambda _: None
    times: TargetTimes | None = None
