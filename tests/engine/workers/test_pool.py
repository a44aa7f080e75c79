"""Workers: how many there are, what happens if the server does not admit them, and that all end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import pytest

from ftpcli.engine.events import Warned
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.workers.messages import Failure, Told
from ftpcli.engine.workers.pool import PoolSettings, WorkerPool
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import Busy, LoginRejected, NotFound, PortClosed, Stopped
from ftpcli.stop import StopToken
from tests.engine.fake import FakeServer, lost, raising

Pool = WorkerPool[Any, Any]
Hire = Callable[..., Pool]
PATIENCE = 10


@dataclass(frozen=True)
class Ask:
    """A task that asks the server for one file."""

    number: int
    wait: threading.Barrier | None = None

    def run(self, worker: Worker) -> tuple[int, int]:
        worker.insist(str(self.number), lambda session: session.stat("a"))
        if self.wait is not None:
            self.wait.wait(PATIENCE)
        return self.number, worker.number


def perform(task: Any, worker: Worker) -> Any:
    return task.run(worker)


class OneByOne:
    """No task may be part of a batch."""

    most = most_bytes = 1

    def size(self, task: object) -> None: ...
    def begin(self, tasks: Sequence[object], worker: Worker) -> Sequence[None]:  # noqa: ARG002  (never called)
        raise AssertionError("it is never part of a batch")


def results(pool: Pool, told: list[Any] | None = None) -> list[Any]:
    """All results and events until no task is left."""
    found = []
    while pool.in_flight:
        result = pool.next_result()
        if isinstance(result, Told):
            (told if told is not None else []).append(result.event)
        else:
            found.append(result)
    return found


@pytest.fixture
def hire(stop: StopToken) -> Iterator[Hire]:
    pools: list[Pool] = []

    def hire(server: FakeServer, limit: int, retries: int = 0, keepalive: float = 0.0) -> Pool:
        settings = PoolSettings(limit, server.open, Policy(retries, 0.0), keepalive, "fake:21")
        pool: Pool = WorkerPool(settings, perform, OneByOne(), RunProgress(limit), stop)
        pools.append(pool)
        return pool

    yield hire
    for pool in pools:
        pool.dismiss()


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("worker-")]


@pytest.fixture
def busy_server() -> FakeServer:
    return FakeServer({"a": b"1"})


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_every_task_is_done_once(busy_server: FakeServer, hire: Hire, limit: int) -> None:
    pool = hire(busy_server, limit)
    for number in range(50):
        pool.submit(Ask(number))
    assert sorted(number for number, _ in results(pool)) == list(range(50))
    assert 1 <= busy_server.logins <= limit
    assert pool.connections() == (busy_server.logins, 0)


def test_work_is_done_at_the_same_time(busy_server: FakeServer, hire: Hire) -> None:
    """The barrier opens only when four tasks run at once."""
    pool = hire(busy_server, 4)
    pool.submit(Ask(0))
    results(pool)
    together = threading.Barrier(4)
    for number in range(4):
        pool.submit(Ask(number, together))
    assert {worker for _, worker in results(pool)} == {0, 1, 2, 3}
    assert len(workers()) == 4


# Was: such a task had left the queue while its worker still counted as idle, so no worker was started for the next.
def test_a_task_just_taken_occupies_its_worker(busy_server: FakeServer, hire: Hire) -> None:
    class Queue(SimpleQueue[Any]):
        def get(self, *arguments: Any, **options: Any) -> Any:
            task = super().get(*arguments, **options)
            if isinstance(task, Ask):
                taken.set()
                assert go_on.wait(PATIENCE)
            return task

    taken, go_on = threading.Event(), threading.Event()
    pool = hire(busy_server, 2)
    pool._services.queues.tasks = Queue()
    go_on.set()
    pool.submit(Ask(0))
    results(pool)
    taken.clear()
    go_on.clear()
    pool.submit(Ask(1))
    assert taken.wait(PATIENCE)
    pool.submit(Ask(2))
    assert len(workers()) == 2
    go_on.set()
    assert sorted(number for number, _ in results(pool)) == [1, 2]


def test_no_more_workers_start_than_needed(busy_server: FakeServer, hire: Hire) -> None:
    pool = hire(busy_server, 8)
    for number in range(5):
        pool.submit(Ask(number))
        results(pool)
    assert busy_server.logins == 1


def test_the_first_worker_runs_alone_until_its_session_is_open(busy_server: FakeServer, hire: Hire) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        opening.set()
        assert go_on.wait(PATIENCE)

    busy_server.on("open", wait)
    pool = hire(busy_server, 8)
    for number in range(8):
        pool.submit(Ask(number))
    assert opening.wait(PATIENCE)
    assert workers() == ["worker-1"]
    go_on.set()
    assert len(results(pool)) == 8


# Was: each waiting task tried again, and a server that counts failed logins locked the user out.
@pytest.mark.parametrize("tasks", [1, 8])
def test_a_wrong_password_is_tried_once(busy_server: FakeServer, hire: Hire, tasks: int) -> None:
    busy_server.takes_password = False
    pool = hire(busy_server, 8)
    for number in range(tasks):
        pool.submit(Ask(number))
    failures = results(pool)
    assert all(isinstance(failure.error, LoginRejected) for failure in failures)
    assert busy_server.logins == 1


@pytest.mark.parametrize("admits", [1, 2, 3])
def test_a_connection_limit_is_kept_and_reported_once(busy_server: FakeServer, hire: Hire, admits: int) -> None:
    busy_server.admits = admits
    pool = hire(busy_server, 8)
    told: list[Any] = []
    for round_ in range(3):
        for number in range(40):
            pool.submit(Ask(round_ * 40 + number))
        assert sorted(number for number, _ in results(pool, told)) == list(range(round_ * 40, round_ * 40 + 40))
    assert busy_server.live <= admits
    told += pool.leftover_events()
    if busy_server.logins > busy_server.live:  # a worker was not admitted
        (warning,) = told
        assert isinstance(warning, Warned)
        assert "admits" in warning.message
        assert "421 too many" in warning.message
    else:
        assert told == []


@pytest.mark.parametrize("turn", range(10))
def test_several_workers_are_refused_at_once(busy_server: FakeServer, hire: Hire, turn: int) -> None:
    """Six workers are refused at the same time; their tasks are done by the one that has a session."""
    pool = hire(busy_server, 7)
    together, door = threading.Barrier(2), threading.Barrier(6)
    pool.submit(Ask(0, together))
    while not busy_server.verbs("stat"):  # the first one is in, and busy
        time.sleep(0.001)

    def knock() -> None:
        door.wait(PATIENCE)
        raise Busy("full", reply="421 full")

    busy_server.on("open", knock, times=6)
    submitted = 1
    while busy_server.faults:  # until all six have tried to connect
        pool.submit(Ask(submitted))
        submitted += 1
        time.sleep(0.001)
    told: list[Any] = []
    together.wait(PATIENCE)
    found = results(pool, told)
    for number in range(submitted, submitted + 20):
        pool.submit(Ask(number))
    found += results(pool, told)
    told += pool.leftover_events()
    assert [failure for failure in found if isinstance(failure, Failure)] == []
    assert sorted(number for number, _ in found) == list(range(submitted + 20)), turn
    assert {worker for _, worker in found} == {0}
    assert pool.size == 1
    assert [event.message for event in told] == [
        "fake:21 admits 1 connection and no more; going on with that (421 full)"
    ]


# Was: a refused connection was taken for a wrong address although others had sessions, so all those tasks failed.
def test_a_firewall_that_refuses_further_connections(busy_server: FakeServer, hire: Hire) -> None:
    pool = hire(busy_server, 4)
    together = threading.Barrier(2)
    pool.submit(Ask(0, together))
    while not busy_server.verbs("stat"):  # the first one is in, and busy
        time.sleep(0.001)
    knocked = threading.Event()

    def refuse() -> None:
        knocked.set()
        raise PortClosed("refused")

    busy_server.on("open", refuse, times=3)
    for number in range(1, 20):
        pool.submit(Ask(number))
    assert knocked.wait(PATIENCE)
    together.wait(PATIENCE)
    told: list[Any] = []
    assert sorted(results(pool, told)) == [(number, 0) for number in range(20)]
    told += pool.leftover_events()
    assert [event.message for event in told if isinstance(event, Warned)] == [
        "no further connection to fake:21 can be had; going on with 1 connection (refused)"
    ]


def test_a_full_server_fails_the_first_worker(busy_server: FakeServer, hire: Hire) -> None:
    busy_server.admits = 0
    pool = hire(busy_server, 8)
    pool.submit(Ask(0))
    (failure,) = results(pool)
    assert isinstance(failure.error, Busy)


def test_errors_come_back_with_their_task(busy_server: FakeServer, hire: Hire) -> None:
    busy_server.root.inside.clear()
    pool = hire(busy_server, 2)
    pool.submit(Ask(7))
    (failure,) = results(pool)
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, NotFound)
    assert failure.task.number == 7


def test_unexpected_exceptions_come_back_too(busy_server: FakeServer, hire: Hire) -> None:
    busy_server.on("stat", raising(ZeroDivisionError()))
    pool = hire(busy_server, 2)
    pool.submit(Ask(0))
    (failure,) = results(pool)
    assert isinstance(failure.error, ZeroDivisionError)
    pool.submit(Ask(1))
    assert results(pool) == [(1, 0)], "the worker goes on"


def test_a_lost_session_is_replaced(busy_server: FakeServer, hire: Hire) -> None:
    pool = hire(busy_server, 1, retries=1)
    busy_server.on("stat", lost())
    pool.submit(Ask(0))
    assert results(pool) == [(0, 0)]
    assert pool.connections() == (2, 1)
    assert busy_server.live == 1


def test_dismiss_ends_all_threads_and_sessions(busy_server: FakeServer, hire: Hire) -> None:
    pool = hire(busy_server, 4)
    for number in range(20):
        pool.submit(Ask(number))
    results(pool)
    pool.dismiss()
    assert workers() == []
    assert busy_server.live == 0


def test_idle_sessions_are_kept_alive(busy_server: FakeServer, hire: Hire) -> None:
    pinged = threading.Event()
    busy_server.on("ping", pinged.set)
    pool = hire(busy_server, 1, keepalive=0.01)
    pool.submit(Ask(0))
    results(pool)
    assert pinged.wait(PATIENCE)


# Was: the worker ended silently, and its tasks were waited for forever.
def test_an_exception_between_two_tasks_comes_back(busy_server: FakeServer, hire: Hire) -> None:
    pool = hire(busy_server, 1, keepalive=0.01)
    pool.submit(Ask(1))
    assert results(pool) == [(1, 0)]
    busy_server.on("ping", raising(RuntimeError("a defect")))
    result = pool.next_result()
    assert isinstance(result, Failure)
    assert isinstance(result.error, RuntimeError)


def test_after_a_stop_no_worker_starts_and_tasks_fail(busy_server: FakeServer, hire: Hire, stop: StopToken) -> None:
    pool = hire(busy_server, 4)
    pool.submit(Ask(0))
    results(pool)
    stop.request(130)
    for number in range(4):
        pool.submit(Ask(number))
    failures = results(pool)
    assert [type(failure.error) for failure in failures] == [Stopped] * 4
    assert len(workers()) == 1


def test_cut_reaches_every_session(busy_server: FakeServer, hire: Hire, stop: StopToken) -> None:
    """The second Ctrl-C ends a worker's blocking wait."""
    pool = hire(busy_server, 1)
    hanging = threading.Event()

    @dataclass(frozen=True)
    class Hang:
        def run(self, worker: Worker) -> bool:
            session: Any = worker.slot.session()
            hanging.set()
            return bool(session.was_cut.wait(PATIENCE))

    pool.submit(Hang())
    assert hanging.wait(PATIENCE)
    stop.cut()
    assert results(pool) == [True]
