"""N workers, each a thread with one slot. Tasks go in by one queue, results and events come out by another.

The first worker goes alone until its session is open: a wrong password is tried once and not N times. Others join
while tasks wait. When the server admits no more, the newcomer hands its task back and leaves; those that are in do
the work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ftpcli.engine.events import Event, Started, Warned
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.cpu_turns import Turns
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.slot import NotAdmitted, Slot
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, Retry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

_LONGEST_PAUSE = 86_400.0
# A server that so often did not stand several files at once gets one after the other.
_MISHAPS = 3


class Task(Protocol):
    def run(self, worker: Worker) -> Any: ...


class Together(Protocol):
    """Which tasks one worker may take at once, and how it begins them."""

    most: int
    most_bytes: int

    def may_join(self, task: object) -> bool: ...
    def size(self, task: object) -> int: ...
    def is_here(self, task: object) -> bool: ...
    def begin(self, tasks: Sequence[Any], worker: Worker) -> list[Any]: ...


@dataclass(frozen=True)
class Failure:
    """A task that did not work out; None between two of them. ``error`` may be a defect of ours, which the coordinator
    raises again."""

    task: Any
    error: BaseException


@dataclass(frozen=True)
class Told:
    """An event on its way to the coordinator, who alone passes events on."""

    event: Event


class _Outbox:
    """What one worker has to tell. While files go together it is kept for the last of them: for each single word two
    threads would pass the interpreter on."""

    def __init__(self, results: SimpleQueue[list[Any]]) -> None:
        self._results = results
        self._kept: list[Any] = []
        self.keeps = False

    def put(self, item: Any) -> None:
        self._kept.append(item)
        if not self.keeps:
            self.flush()

    def flush(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, []
            self._results.put(kept)

    def tell(self, event: Event) -> None:
        self.put(Told(event))
        if not isinstance(event, Started):
            self.flush()  # it may take its time


class WorkerPool:
    """See the module. All methods are for the coordinator's thread, but for ``cut``."""

    def __init__(
        self,
        limit: int,
        opener: Callable[[], Session],
        policy: retry.Policy,
        progress: RunProgress,
        stop: StopToken,
        keepalive: float,
        place: str,
        together: Together,
        rate: RateLimit | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._limit = limit
        self._opener = opener
        self._policy = policy
        self._progress = progress
        self._stop = stop
        self._keepalive = min(keepalive, _LONGEST_PAUSE) or None
        self._place = place
        self._together = together
        self._rate = rate
        self._journal = journal or Journal()
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._results: SimpleQueue[list[Any]] = SimpleQueue()
        self._arrived: deque[Any] = deque()
        self._lock = threading.Lock()
        self._turns = Turns()
        self._threads: list[threading.Thread] = []
        self._slots: list[Slot] = []
        self._unfinished = 0  # tasks in the queue and in the hands of workers
        self._working = 0
        self.pipelines = False
        self._mishaps = 0
        self._opening = 0
        self._refusal: NotAdmitted | None = None
        self._fatal: FtpcliError | None = None
        self.in_flight = 0
        stop.on_cut(self.cut)

    @property
    def size(self) -> int:
        """Workers that may hold a session now."""
        return max(1, self._limit)

    def submit(self, task: Task) -> None:
        self.in_flight += 1
        with self._lock:
            self._unfinished += 1
        self._tasks.put(task)
        self._grow()

    def next_result(self) -> Any:
        """The next result of a task, a Failure, or a Told event; waits for it."""
        if not self._arrived:
            self._arrived.extend(self._results.get())
        result = self._arrived.popleft()
        if not isinstance(result, Told):
            self.in_flight -= 1
        self._grow()
        return result

    def _grow(self) -> None:
        with self._lock:
            # The queue's length would not do: of a task that was just taken nobody knows yet who has it.
            wanted = self._unfinished - self._working
            room = self._limit - self._working
            if wanted <= 0 or room <= 0 or (self._working and not self._proven()):
                return
            # Once asked to stop nobody else begins; but a task that is submitted gets its result, even if that is none.
            if self._stop.requested and self._working:
                return
            number = len(self._slots)
            slot = Slot(self._open, self._others_live, self._proven)
            self._slots.append(slot)
            self._working += 1
            thread = threading.Thread(target=self._work, args=(number, slot), name=f"worker-{number + 1}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more threads for us
                self._slots.pop()
                self._working -= 1
                self._limit = self._working
                if not self._working:
                    raise
            else:
                self._threads.append(thread)

    def _open(self) -> Session:
        with self._lock:
            self._opening += 1
        self._turns.give_up()
        try:
            session = self._opener()
            self.pipelines = session.pipelined is not None
            return session
        finally:
            with self._lock:
                self._opening -= 1

    def _proven(self) -> bool:
        return any(slot.opened for slot in self._slots)

    def _others_live(self) -> bool:
        return any(slot.live for slot in self._slots)

    def _work(self, number: int, slot: Slot) -> None:
        progress = self._progress.workers[number]
        outbox = _Outbox(self._results)
        worker = Worker(
            number, slot, progress, self._policy, self._stop, outbox.tell, self._rate, self._journal, self._turns
        )
        hand: deque[Task | None] = deque()
        try:
            while (task := self._take(hand, worker, outbox)) is not None:
                outbox.keeps = bool(hand) and self._together.is_here(task)
                try:
                    with self._turns.taken() if outbox.keeps else nullcontext():
                        # What stops the run for one stops it for all: a wrong password is not tried for every task.
                        result = task.run(worker) if self._fatal is None else Failure(task, self._fatal)
                except NotAdmitted as error:
                    self._leave((task, *hand), error)
                    break
                except FtpcliError as error:
                    if error.retry is Retry.STOP_RUN:
                        self._fatal = error
                    result = Failure(task, error)
                except BaseException as error:
                    result = Failure(task, error)
                if not hand:
                    with self._lock:
                        self._unfinished -= 1
                self._settle()
                outbox.put(result)
        except BaseException as error:
            outbox.put(Failure(None, error))  # nobody is to wait for this worker
        finally:
            outbox.flush()
            slot.retire()

    def _take(self, hand: deque[Task | None], worker: Worker, outbox: _Outbox) -> Task | None:
        """The next task; None to go home. An idle session is kept alive meanwhile."""
        while not hand:
            try:
                hand.append(self._tasks.get(timeout=self._keepalive))
            except Empty:
                worker.slot.keep_alive()
            else:
                self._gather(hand, worker, outbox)
        return hand.popleft()

    def _gather(self, hand: deque[Task | None], worker: Worker, outbox: _Outbox) -> None:
        """More tasks, where small files can go together, and what that comes to."""
        apart = not self.pipelines or self._mishaps >= _MISHAPS or self._rate is not None
        if apart or self._fatal is not None or worker.slot.at_hand() is None:
            return
        total = self._together.size(hand[0])
        together = self._together
        while together.may_join(hand[-1]) and len(hand) < together.most and total < together.most_bytes:
            try:
                hand.append(self._tasks.get_nowait())
            except Empty:
                break
            total += self._together.size(hand[-1])
        if len(hand) < 2:
            return
        with self._lock:
            self._unfinished -= sum(task is not None for task in hand) - 1  # one is in a worker's hands
        try:
            begun = self._together.begin(hand, worker)
        except BaseException as error:
            outbox.put(Failure(hand[0], error))
            return
        self._mishaps += worker.slot.at_hand() is None
        hand.clear()
        hand.extend(begun)

    def _leave(self, tasks: Sequence[Task | None], error: NotAdmitted) -> None:
        with self._lock:
            # Both at once, or a place that just became free would be filled again, at a door that is shut.
            self._working -= 1
            self._limit = max(1, min(self._limit, self._working))
            self._refusal = self._refusal or error
            self._unfinished += len(tasks) - 1
        for task in tasks:
            self._tasks.put(task)
        self._settle()

    def _settle(self) -> None:
        """Tell how many connections the server admits, once, when nobody is at its door any more."""
        with self._lock:
            if self._refusal is None or self._opening or self._refusal is _TOLD:
                return
            error, self._refusal = self._refusal, _TOLD
            count = sum(slot.live for slot in self._slots)
        connections = "1 connection" if count == 1 else f"{count} connections"
        why = error.reply or error.message
        if error.by_limit:
            message = f"{self._place} admits {connections} and no more; going on with that ({why})"
        else:
            message = f"no further connection to {self._place} can be had; going on with {connections} ({why})"
        self._tell(Warned(message))

    def _tell(self, event: Event) -> None:
        self._results.put([Told(event)])

    def warn(self, message: str) -> None:
        """For sessions: something the user should know. May be called from any worker."""
        self._tell(Warned(message))

    def cut(self) -> None:
        for slot in list(self._slots):
            slot.cut()

    def dismiss(self) -> None:
        """Send everybody home and wait for it."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._stop.off_cut(self.cut)

    def leftover_events(self) -> list[Event]:
        """Events that came in after the last result."""
        while True:
            try:
                self._arrived.extend(self._results.get_nowait())
            except Empty:
                return [result.event for result in self._arrived if isinstance(result, Told)]

    def connections(self) -> tuple[int, int]:
        """Sessions opened, and how many of them replaced a lost one."""
        opened = sum(slot.opened for slot in self._slots)
        return opened, opened - sum(1 for slot in self._slots if slot.opened)

    def slots(self) -> list[Slot]:
        return self._slots


_TOLD = NotAdmitted("told")
