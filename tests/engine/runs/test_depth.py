"""Trees that are deeper than Python's recursion limit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted
from ftpcli.engine.job import Direction
from ftpcli.engine.verbs import remove
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.solo import Solo
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, File, Folder
from tests.engine.runs.test_run import BOTH, Side

DEEP = 1100


def chain(depth: int) -> Folder:
    folder = Folder({"f": File(b"x")})
    for _ in range(depth - 1):
        folder = Folder({"d": folder, "f": File(b"x")})
    return folder


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Iterator[Side]:
    yield Side(direction, server, tmp_path / "local", stop, events)
    subprocess.run(["rm", "-rf", tmp_path / "local"], check=True)  # pytest's own cleanup would recurse too deep


@BOTH
def test_a_mirror_and_its_deletes(side: Side) -> None:
    side.put({}, {})
    if side.up:
        folder = side.folder
        for _ in range(DEEP):
            folder.mkdir(exist_ok=True)
            (folder / "f").write_bytes(b"x")
            folder /= "d"
    else:
        side.server.root.inside["top"] = chain(DEEP)
    report = side.mirror()
    assert (report.exit_code, report.transferred, report.entries) == (0, DEEP, 2 * DEEP - 1)
    again = side.mirror(delete=True)
    assert (again.exit_code, again.skipped, again.transferred) == (0, DEEP, 0)
    if side.up:
        subprocess.run(["rm", "-rf", side.folder / "d"], check=True)
    else:
        side.server.root.inside["top"] = chain(1)
    gone = side.mirror(delete=True, max_delete=10_000)
    assert (gone.exit_code, gone.deleted) == (0, 2 * (DEEP - 1))
    assert side.target == {"f": b"x"}


# Was: RecursionError below about 480 directories.
def test_rm_r(server: FakeServer, stop: StopToken, events: Events) -> None:
    server.root.inside["top"] = chain(DEEP)
    with Solo(ENDPOINT, Policy(0, 0.0), events.append, stop) as solo:
        remove(solo, "top", recursive=True, glob=False)
    assert server.tree() == {}
    gone = [event.path for event in events if isinstance(event, Deleted)]
    assert len(gone) == 2 * DEEP
    assert gone[-1] == "top"
