"""Ctrl-C and SIGTERM."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ftpcli.cli.running.signals import PLAIN_NOTICE, TRANSFER_NOTICE, Signals
from ftpcli.stop import StopToken

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Handlers that a stop leaves in place, and the end of the process that a second signal sets off."""
    before = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGALRM)}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_stops_and_the_second_cuts(
    number: signal.Signals, code: int, stop: StopToken, capfd: pytest.CaptureFixture[str]
) -> None:
    cuts: list[bool] = []
    stop.on_cut(lambda: cuts.append(True))
    with Signals(stop).caught():
        os.kill(os.getpid(), number)
        assert (stop.requested, stop.exit_code, cuts) == (True, code, [])
        os.kill(os.getpid(), number)
        assert cuts == [True]
    assert capfd.readouterr().err == f"{PLAIN_NOTICE}\n"


def test_without_a_signal_all_is_as_before(stop: StopToken) -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with Signals(stop).caught():
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before


# Was: the handlers were taken away at the end of a run, and a second SIGTERM some milliseconds later ended the process
# by signal, where its exit code should tell.
def test_a_second_signal_after_the_end_changes_nothing(stop: StopToken) -> None:
    with Signals(stop).caught():
        os.kill(os.getpid(), signal.SIGTERM)
    stop.close()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.exit_code == 143


def test_further_signals_do_not_put_the_end_off(stop: StopToken) -> None:
    with Signals(stop).caught():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        signal.setitimer(signal.ITIMER_REAL, 1000)
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900


def test_what_a_transfer_announces(stop: StopToken) -> None:
    said: list[str] = []
    signals = Signals(stop)
    with signals.caught(), signals.announced(said.append):
        os.kill(os.getpid(), signal.SIGTERM)
    assert said == [TRANSFER_NOTICE]
