"""A pool of worker threads with one slot each. Tasks go in through one queue; results and events come out of another.

The first worker starts alone until its session is open, so that a wrong password is tried once and not N times. More
workers start while tasks are waiting. When the server admits no further connection, the new worker puts its tasks back
and ends; the others do the work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty
from typing import Generic

from ftpcli.engine.events import Event, Warned
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.local_work_lock import LocalWorkLock
from ftpcli.engine.workers.messages import Batching, Failure, Perform, ResultT, TaskT, Told
from ftpcli.engine.workers.pool_state import PoolState
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.slot import Slot
from ftpcli.engine.workers.worker import Worker
from ftpcli.engine.workers.worker_thread import Outbox, PoolServices, Queues, WorkerThread
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

_LONGEST_PAUSE = 86_400.0


@dataclass(frozen=True)
class PoolSettings:
    """``limit``: the most workers. ``keepalive``: seconds after which an idle session is pinged, 0 for never.
    ``place``: the server's ``host:port``, for messages."""

    limit: int
    opener: Callable[[], Session]
    policy: retry.Policy
    keepalive: float
    place: str
    rate: RateLimit | None = None


class WorkerPool(Generic[TaskT, ResultT]):
    """See the module. All methods are for the coordinator's thread, except ``warn`` and ``cut``.

    ``in_flight``: tasks that were submitted and whose results have not been taken yet.
    """

    def __init__(
        self,
        settings: PoolSettings,
        perform: Perform[TaskT, ResultT],
        batching: Batching[TaskT, ResultT],
        progress: RunProgress,
        stop: StopToken,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._stop = stop
        keepalive = min(settings.keepalive, _LONGEST_PAUSE) or None
        state = PoolState(settings.limit, settings.place)
        queues: Queues[TaskT, ResultT] = Queues()
        self._services = PoolServices(queues, state, perform, batching, self._settle, keepalive)
        self._arrived: deque[ResultT | Failure[TaskT] | Told] = deque()
        self._local_work = LocalWorkLock()
        self._threads: list[threading.Thread] = []
        self._slots: list[Slot] = []
        self.in_flight = 0
        stop.on_cut(self.cut)

    @property
    def size(self) -> int:
        """How many workers may hold a session now."""
        return max(1, self._services.state.limit)

    @property
    def pipelines(self) -> bool:
        """Whether small files can be pipelined on this server."""
        return any(slot.pipelines for slot in self._slots)

    def submit(self, task: TaskT) -> None:
        self.in_flight += 1
        self._services.state.submitted()
        self._services.queues.tasks.put(task)
        self._grow()

    def next_result(self) -> ResultT | Failure[TaskT] | Told:
        """The next result of a task, a Failure, or a Told event; waits for it."""
        if not self._arrived:
            self._arrived.extend(self._services.queues.results.get())
        result = self._arrived.popleft()
        if not isinstance(result, Told):
            self.in_flight -= 1
        self._grow()
        return result

    def _grow(self) -> None:
        self._services.state.hire(self._start, self._proven, lambda: self._stop.requested)

    def _start(self) -> None:
        number = len(self._slots)
        slot = Slot(self._open, self._others_live, self._proven)
        outbox = Outbox(self._services.queues)
        progress, policy, rate = self._progress.workers[number], self._settings.policy, self._settings.rate
        worker = Worker(number, slot, progress, policy, self._stop, outbox.tell, rate, self._local_work)
        loop = WorkerThread(worker, outbox, self._services)
        thread = threading.Thread(target=loop.run, name=f"worker-{number + 1}", daemon=True)
        self._slots.append(slot)
        try:
            thread.start()
        except RuntimeError:
            self._slots.pop()
            raise
        self._threads.append(thread)

    def _open(self) -> Session:
        self._local_work.release()
        with self._services.state.opening():
            return self._settings.opener()

    def _proven(self) -> bool:
        return any(slot.opened for slot in self._slots)

    def _others_live(self) -> bool:
        return any(slot.live for slot in self._slots)

    def _settle(self) -> None:
        message = self._services.state.settled(lambda: sum(slot.live for slot in self._slots))
        if message:
            self.warn(message)

    def warn(self, message: str) -> None:
        """Emit a warning; passed to sessions. May be called from any thread."""
        self._services.queues.results.put([Told(Warned(message))])

    def cut(self) -> None:
        """Abort every blocking wait of all sessions. May be called from any thread."""
        for slot in list(self._slots):
            slot.cut()

    def dismiss(self) -> None:
        """Tell all workers to end, and wait until they have."""
        for _ in self._threads:
            self._services.queues.tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._stop.off_cut(self.cut)

    def leftover_events(self) -> list[Event]:
        """Events that arrived after the last result."""
        while True:
            try:
                self._arrived.extend(self._services.queues.results.get_nowait())
            except Empty:
                return [result.event for result in self._arrived if isinstance(result, Told)]

    def connections(self) -> tuple[int, int]:
        """Sessions opened, and how many of them replaced a lost one."""
        opened = sum(slot.opened for slot in self._slots)
        return opened, opened - sum(1 for slot in self._slots if slot.opened)

    def slots(self) -> list[Slot]:
        return self._slots
