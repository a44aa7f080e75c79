"""The only retry loop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpcli import errors
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.slot import Slot
from ftpcli.errors import ConnectionLost, FtpcliError, PortClosed, Retry, Stopped, TransientRefusal
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken
from tests.engine.fake import FakeServer, raising

ALL = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, FtpcliError) and error.__init__ is FtpcliError.__init__
]


class Waits(StopToken):
    """Records the waits instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Attempt:
    """Raises each of the errors once, then returns 'done'. Records the sessions it was given."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.sessions: list[Session] = []

    def __call__(self, session: Session) -> str:
        self.sessions.append(session)
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture
def waits() -> Iterator[Waits]:
    token = Waits()
    yield token
    token.close()


def test_a_success_is_not_repeated(waits: Waits) -> None:
    attempt = Attempt()
    assert retry.run(Policy(), Slot(FakeServer().open), waits, attempt) == "done"
    assert len(attempt.sessions) == 1


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_error_decides_whether_it_is_retried(kind: type[FtpcliError], waits: Waits) -> None:
    server = FakeServer()
    slot = Slot(server.open)
    attempt = Attempt(kind("once"))
    if kind.retry in (Retry.GIVE_UP, Retry.STOP_RUN):
        with pytest.raises(kind):
            retry.run(Policy(5), slot, waits, attempt)
        assert len(attempt.sessions) == 1
        return
    assert retry.run(Policy(5), slot, waits, attempt) == "done"
    first, second = attempt.sessions
    assert (first is second) == (kind.retry is Retry.SAME_SESSION)
    assert server.live == 1


def test_retries_are_counted_and_waits_grow(waits: Waits) -> None:
    attempt = Attempt(*(TransientRefusal("not now") for _ in range(9)))
    with pytest.raises(TransientRefusal):
        retry.run(Policy(retries=4, wait=2.0), Slot(FakeServer().open), waits, attempt)
    assert len(attempt.sessions) == 5
    assert waits.seconds == [2, 4, 8, 16]


def test_waits_have_a_limit(waits: Waits) -> None:
    attempt = Attempt(*(TransientRefusal("not now") for _ in range(12)))
    retry.run(Policy(retries=12, wait=1.0), Slot(FakeServer().open), waits, attempt)
    assert waits.seconds[-1] == 60


def test_a_lost_connection_is_replaced_at_once(waits: Waits) -> None:
    attempt = Attempt(*(ConnectionLost("gone") for _ in range(3)))
    retry.run(Policy(retries=3, wait=1.0), Slot(FakeServer().open), waits, attempt)
    assert waits.seconds == [2, 4]


class Dropping:
    """Loses each connection after so many bytes more, and takes so many seconds for them."""

    def __init__(self, each: int, seconds: float, whole: int) -> None:
        self.each, self.seconds, self.whole = each, seconds, whole
        self.tries = self.reached = 0
        self.now = 1000.0

    def run(self, waits: Waits, retries: int) -> None:
        slot = Slot(FakeServer().open)
        retry.run(Policy(retries), slot, waits, self.attempt, progress=lambda: self.reached, clock=lambda: self.now)

    def attempt(self, _: Session) -> None:
        self.tries += 1
        self.now += self.seconds
        self.reached += self.each
        if self.reached < self.whole:
            raise ConnectionLost("gone, but further than before")


@pytest.mark.parametrize(("each", "seconds"), [(1024 * 1024, 1.0), (A_STEP, 0.1), (64 * 1024, 600.0), (2**30, 1e5)])
def test_enough_progress_resets_the_count(waits: Waits, each: int, seconds: float) -> None:
    server = Dropping(each, seconds, 50 * each)
    server.run(waits, retries=1)
    assert server.tries == 50
    assert waits.seconds == []


# Was: any byte reset the count, so a server that sends a few and stalls kept a run going without end.
@pytest.mark.parametrize(("each", "seconds"), [(1, 0.0), (10, 0.01), (60, 60.0), (4000, 10.0), (70_000, 3600.0)])
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_too_little_progress_does_not(waits: Waits, retries: int, each: int, seconds: float) -> None:
    server = Dropping(each, seconds, 10**9)
    with pytest.raises(ConnectionLost):
        server.run(waits, retries)
    assert server.tries == retries + 1


def test_several_tries_may_gain_enough_together(waits: Waits) -> None:
    server = Dropping(6_000, 20.0, 600_000)
    server.run(waits, retries=3)
    assert server.tries == 100


def test_every_retry_is_reported(waits: Waits) -> None:
    told: list[tuple[str, int, float]] = []
    retry.run(
        Policy(3, 1.0),
        Slot(FakeServer().open),
        waits,
        Attempt(TransientRefusal("first"), ConnectionLost("second")),
        on_retry=lambda error, tries, wait: told.append((error.message, tries, wait)),
    )
    assert told == [("first", 1, 1.0), ("second", 2, 2.0)]


def test_a_stop_ends_the_wait(stop: StopToken) -> None:
    def attempt(_: Session) -> None:
        stop.request(143)
        raise TransientRefusal("not now")

    with pytest.raises(Stopped):
        retry.run(Policy(9, 60.0), Slot(FakeServer().open), stop, attempt)


def test_a_stop_before_the_start(stop: StopToken) -> None:
    stop.request(130)
    server = FakeServer()
    with pytest.raises(Stopped):
        retry.run(Policy(), Slot(server.open), stop, Attempt())
    assert server.logins == 0


def test_a_port_that_is_closed_from_the_start_is_tried_once(waits: Waits) -> None:
    server = FakeServer()
    server.on("open", raising(PortClosed("refused")), times=2)
    with pytest.raises(PortClosed):
        retry.run(Policy(), Slot(server.open), waits, Attempt())
    assert len(server.faults) == 1
    assert server.faults[0].times == 1


def test_a_port_that_closes_later_is_tried_again(waits: Waits) -> None:
    server = FakeServer()
    slot = Slot(server.open)
    slot.session()
    server.on("open", raising(PortClosed("restarting")), times=2)
    assert retry.run(Policy(), slot, waits, Attempt(ConnectionLost("x"))) == "done"


def test_a_port_to_which_others_connected_is_tried_again(waits: Waits) -> None:
    server = FakeServer()
    server.on("open", raising(PortClosed("restarting")), times=2)
    assert retry.run(Policy(), Slot(server.open, proven=lambda: True), waits, Attempt()) == "done"


def test_unexpected_exceptions_are_not_retried(waits: Waits) -> None:
    attempt = Attempt(ValueError("a defect"))
    with pytest.raises(ValueError, match="defect"):
        retry.run(Policy(), Slot(FakeServer().open), waits, attempt)
    assert len(attempt.sessions) == 1


# Was: `policy.wait * 2 ** (failures - 1)` overflows at the 1025th failure (--retries 2000 --retry-wait 0).
def test_very_many_retries(waits: Waits) -> None:
    attempt = Attempt(*(TransientRefusal("not now") for _ in range(1100)))
    assert retry.run(Policy(2000, 0.0), Slot(FakeServer().open), waits, attempt) == "done"
