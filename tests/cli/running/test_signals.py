"""Ctrl-C and SIGTERM."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftpcli.cli.running.signals import PLAIN_NOTICE, TRANSFER_NOTICE, Signals
from ftpcli.stop import StopToken

if TYPE_CHECKING:
    from tests.cli.conftest import Program
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

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


# Was: by signal, in most of these cases, for the interpreter's shutdown takes a while.
@pytest.mark.parametrize("pause", [0.0, 0.005, 0.01, 0.02, 0.04])
def test_several_in_a_row_end_the_program_with_its_exit_code(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, pause: float
) -> None:
    server = scripted(files={"/f": b"x" * 300_000})
    process = run_ftpcli.start("get", server.url("f"), "-o", tmp_path / "f", "--limit-rate", "10k")
    server.wait_for(lambda: "RETR" in server.verbs())
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
        time.sleep(pause)
    assert run_ftpcli.finish(process).code == 143


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
