"""One worker's thread: takes tasks, does them one by one or in batches, and returns results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic

from ftpcli.engine.events import Event, Started
from ftpcli.engine.workers.messages import Batching, Begun, Failure, Perform, ResultT, TaskT, Told
from ftpcli.engine.workers.pool_state import PoolState
from ftpcli.engine.workers.slot import NotAdmitted
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, Retry


class Queues(Generic[TaskT, ResultT]):
    """``tasks`` go in (None ends one worker); lists of ``results`` and events come out."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[TaskT | None] = SimpleQueue()
        self.results: SimpleQueue[list[ResultT | Failure[TaskT] | Told]] = SimpleQueue()


class Outbox(Generic[TaskT, ResultT]):
    """One worker's results and events. During a batch they are kept until its end: each queue put costs a switch of the
    interpreter lock, so results are batched."""

    def __init__(self, queues: Queues[TaskT, ResultT]) -> None:
        self._queues = queues
        self._kept: list[ResultT | Failure[TaskT] | Told] = []
        self.keeps = False

    def put(self, item: ResultT | Failure[TaskT] | Told) -> None:
        self._kept.append(item)
        if not self.keeps:
            self.flush()

    def flush(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, []
            self._queues.results.put(kept)

    def tell(self, event: Event) -> None:
        self.put(Told(event))
        if not isinstance(event, Started):
            self.flush()  # e.g. Retrying: the worker may wait for long now


class _Held(Generic[TaskT, ResultT]):
    """A task that this worker took, and how it was begun if that was in a batch."""

    __slots__ = ("begun", "task")

    def __init__(self, task: TaskT, begun: Begun[ResultT] | None = None) -> None:
        self.task = task
        self.begun = begun

    @property
    def is_local(self) -> bool:
        return self.begun is not None and self.begun.is_local


@dataclass(frozen=True)
class PoolServices(Generic[TaskT, ResultT]):
    """What every thread of a pool uses. ``settle`` is called when a task is done or put back; ``keepalive``: seconds
    after which an idle session is pinged, None for never."""

    queues: Queues[TaskT, ResultT]
    state: PoolState
    perform: Perform[TaskT, ResultT]
    batching: Batching[TaskT, ResultT]
    settle: Callable[[], None]
    keepalive: float | None


class WorkerThread(Generic[TaskT, ResultT]):
    """See the module."""

    def __init__(self, worker: Worker, outbox: Outbox[TaskT, ResultT], services: PoolServices[TaskT, ResultT]) -> None:
        self._worker = worker
        self._outbox = outbox
        self._services = services
        self._queues = services.queues
        self._state = services.state
        self._held: deque[_Held[TaskT, ResultT]] = deque()

    def run(self) -> None:
        """Do tasks until the pool ends, or the server admits no session for this worker."""
        try:
            while (held := self._next()) is not None:
                self._outbox.keeps = bool(self._held) and held.is_local
                try:
                    result = self._do(held)
                except NotAdmitted as error:
                    self._leave((held.task, *(other.task for other in self._held)), error)
                    break
                if not self._held:
                    self._state.finished()
                self._services.settle()
                self._outbox.put(result)
        except BaseException as error:
            self._outbox.put(Failure(None, error))  # or the coordinator would wait for this worker's result forever
        finally:
            self._outbox.flush()
            self._worker.slot.retire()

    def _do(self, held: _Held[TaskT, ResultT]) -> ResultT | Failure[TaskT]:
        fatal = self._state.fatal
        if fatal is not None:
            return Failure(held.task, fatal)
        try:
            with self._worker.local_work.held() if self._outbox.keeps else nullcontext():
                if held.begun is not None:
                    return held.begun.finish()
                return self._services.perform(held.task, self._worker)
        except NotAdmitted:
            raise
        except FtpcliError as error:
            if error.retry is Retry.STOP_RUN:
                self._state.stop_run(error)
            return Failure(held.task, error)
        except BaseException as error:
            return Failure(held.task, error)

    def _next(self) -> _Held[TaskT, ResultT] | None:
        """The next task; None when the worker is to end. Keeps an idle session alive while waiting."""
        while not self._held:
            try:
                task = self._queues.tasks.get(timeout=self._services.keepalive)
            except Empty:
                self._worker.slot.keep_alive()
                continue
            if task is None:
                return None
            self._held.extend(self._begin(self._batch(task)))
        return self._held.popleft()

    def _batch(self, task: TaskT) -> list[TaskT]:
        """The task, and those behind it in the queue that may be done in one batch with it."""
        tasks, size = [task], self._services.batching.size(task)
        if size is None or not self._may_batch():
            return tasks
        total = size
        while len(tasks) < self._services.batching.most and total < self._services.batching.most_bytes:
            try:
                other = self._queues.tasks.get_nowait()
            except Empty:
                break
            if other is None:
                self._queues.tasks.put(None)
                break
            tasks.append(other)
            size = self._services.batching.size(other)
            if size is None:
                break
            total += size
        return tasks

    def _may_batch(self) -> bool:
        if not self._state.may_batch or self._worker.rate is not None or self._state.fatal is not None:
            return False
        session = self._worker.slot.at_hand()
        return session is not None and session.pipelined is not None

    def _begin(self, tasks: Sequence[TaskT]) -> list[_Held[TaskT, ResultT]]:
        if len(tasks) == 1:
            return [_Held(tasks[0])]
        self._state.finished(len(tasks) - 1)  # the pool counts a batch as one task
        try:
            begun = self._services.batching.begin(tasks, self._worker)
        except BaseException as error:
            self._outbox.put(Failure(tasks[0], error))
            return [_Held(task) for task in tasks[1:]]
        if self._worker.slot.at_hand() is None:
            self._state.batch_lost()
        return [_Held(task, how) for task, how in zip(tasks, begun, strict=True)]

    def _leave(self, tasks: Sequence[TaskT], error: NotAdmitted) -> None:
        """Put the tasks back into the queue, for workers that the server admits."""
        self._state.leave(len(tasks), error)
        for task in tasks:
            self._queues.tasks.put(task)
        self._services.settle()
