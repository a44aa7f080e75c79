"""What one worker of the pool has: a session slot, a retry policy, its progress, and a way to emit events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpcli.engine.events import Event
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.local_work_lock import LocalWorkLock
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.slot import Slot
from ftpcli.stop import StopToken


@dataclass(frozen=True)
class Worker(retry.Retrier):
    """One worker, used in its own thread only. ``rate`` and ``local_work`` are shared by all workers of a run."""

    number: int
    slot: Slot
    progress: WorkerProgress
    policy: retry.Policy
    stop: StopToken
    tell: Callable[[Event], None]
    rate: RateLimit | None = None
    local_work: LocalWorkLock = field(default_factory=LocalWorkLock)

    def moved(self, count: int) -> None:
        """``count`` bytes went over the data connection. Sleeps while the run is ahead of its rate limit."""
        self.progress.add(count)
        if self.rate is not None:
            self.rate.take(count)
