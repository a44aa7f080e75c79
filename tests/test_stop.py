"""The stop token: requested once, seen by every thread that waits."""

from __future__ import annotations

import pytest

from ftpcli.errors import Stopped
from ftpcli.net.wait import ready
from ftpcli.stop import StopToken


def test_nothing_happens_before_a_request(stop: StopToken) -> None:
    stop.check()
    stop.sleep(0)
    assert ready((), (), 0, stop) == frozenset()


def test_first_request_sets_the_exit_code(stop: StopToken) -> None:
    stop.request(143)
    stop.request(130)
    with pytest.raises(Stopped) as caught:
        stop.check()
    assert caught.value.exit_code == stop.exit_code == 143


def test_request_ends_waits(stop: StopToken) -> None:
    stop.request(130)
    for wait in (lambda: stop.sleep(3600), lambda: ready((), (), 3600, stop)):
        with pytest.raises(Stopped):
            wait()


def test_descriptor_stays_readable(stop: StopToken) -> None:
    stop.request(130)
    for _ in range(3):
        assert ready((stop.fileno(),), (), 0) == {stop.fileno()}


def test_cut_calls_every_cutter(stop: StopToken) -> None:
    cut: list[str] = []
    stop.on_cut(lambda: cut.append("a"))
    stop.on_cut(lambda: cut.append("b"))
    stop.cut()
    assert cut == ["a", "b"]
    assert not stop.requested
