"""A run that begins after a stop was requested."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ftpcli.engine.events import Report
from ftpcli.engine.job import Direction
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer
from tests.engine.runs.test_run import Side


@pytest.mark.parametrize("direction", list(Direction))
def test_run_ends_at_once_when_already_stopped(
    server: FakeServer, tmp_path: Path, stop: StopToken, events: Events, direction: Direction
) -> None:
    """As between two rounds of --watch, or if a deadline passes before the first connection: it must not wait for
    workers that never start."""
    side = Side(direction, server, tmp_path / "local", stop, events)
    side.put({"a": b"content"}, {"b": b"other"})
    stop.request(11)
    reports: list[Report] = []
    runner = threading.Thread(target=lambda: reports.append(side.mirror(delete=True)), daemon=True)
    runner.start()
    runner.join(20)
    assert [report.exit_code for report in reports] == [11]
    assert (side.target, server.verbs("open")) == ({"b": b"other"}, [])
