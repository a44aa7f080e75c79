"""The stop token: asked for once, seen by whoever waits."""

from __future__ import annotations

import time

import pytest

from ftpcli.engine.stop import StopToken
from ftpcli.errors import Stopped
from ftpcli.net.wait import ready


def test_nothing_happens_before_it_is_asked_for(stop: StopToken) -> None:
    stop.check()
    stop.sleep(0)
    assert ready((), (), 0, stop) == frozenset()


def test_the_first_request_counts(stop: StopToken) -> None:
    stop.request(143)
    stop.request(130)
    with pytest.raises(Stopped) as caught:
        stop.check()
    assert caught.value.exit_code == stop.exit_code == 143


def test_it_ends_waits(stop: StopToken) -> None:
    stop.request(130)
    began = time.monotonic()
    for wait in (lambda: stop.sleep(60), lambda: ready((), (), 60, stop)):
        with pytest.raises(Stopped):
            wait()
    assert time.monotonic() - began < 5


def test_it_stays_readable_for_everybody(stop: StopToken) -> None:
    stop.request(130)
    for _ in range(3):
        assert ready((stop.fileno(),), (), 0) == {stop.fileno()}


def test_cut_reaches_all(stop: StopToken) -> None:
    cut: list[str] = []
    stop.on_cut(lambda: cut.append("a"))
    stop.on_cut(lambda: cut.append("b"))
    stop.cut()
    assert cut == ["a", "b"]
    assert not stop.requested
