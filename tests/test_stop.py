"""The stop token: asked for once, seen by whoever waits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ftpcli.engine.events import Report
from ftpcli.engine.job import Direction
from ftpcli.errors import Stopped
from ftpcli.net.wait import ready
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer
from tests.engine.runs.test_run import Side


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
    for wait in (lambda: stop.sleep(3600), lambda: ready((), (), 3600, stop)):
        with pytest.raises(Stopped):
            wait()


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


# Was: with nobody at work yet nobody began either, and the run waited for ever; --watch between two rounds, or a
# deadline that passed before the first connection.
@pytest.mark.parametrize("direction", list(Direction))
def test_a_run_that_begins_after_it_ends_at_once(
    server: FakeServer, tmp_path: Path, stop: StopToken, events: Events, direction: Direction
) -> None:
    side = Side(direction, server, tmp_path / "local", stop, events)
    side.put({"a": b"content"}, {"b": b"other"})
    stop.request(11)
    reports: list[Report] = []
    runner = threading.Thread(target=lambda: reports.append(side.mirror(delete=True)), daemon=True)
    runner.start()
    runner.join(20)
    assert [report.exit_code for report in reports] == [11]
    assert (side.target, server.verbs("open")) == ({"b": b"other"}, [])
