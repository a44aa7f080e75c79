"""One file, from the first try to the last: resume, copy, count, commit.

Both directions write to a part name and rename only when the byte count, the data connection's verdict and the final
reply agree. The object outlives a try, so that what was reached is not done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.workers.cpu_turns import Turns
from ftpcli.engine.workers.worker import Worker
from ftpcli.stop import StopToken


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What a worker lends to a transfer. ``moved`` is told of all bytes that go over the data connection."""

    progress: WorkerProgress
    moved: Callable[[int], None]
    stop: StopToken
    journal: Journal = field(default_factory=Journal)
    turns: Turns = field(default_factory=Turns)

    @classmethod
    def of(cls, worker: Worker) -> TransferContext:
        return cls(worker.progress, worker.moved, worker.stop, worker.journal, worker.turns)
