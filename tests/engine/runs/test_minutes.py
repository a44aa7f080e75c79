"""Servers whose listings show times to the minute: a file that changes twice in one minute is not missed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Report
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.stop import StopToken
from tests.servers.real import Running, Setup, started


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(Setup("vsftpd")) as running:
        yield running


def mirror(
    server: Running, direction: Direction, tree: Path, folder: Path, stop: StopToken, *, dry_run: bool = False
) -> Report:
    timing = Timing(idle=20, final_reply=20)
    endpoint = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=timing)
    source, target = (tree.name, str(folder)) if direction is Direction.DOWNLOAD else (str(folder), tree.name)
    rules = Rules(make_parents=True, dry_run=dry_run)
    events: list[Event] = []
    return run(Job(direction, endpoint, (Root(source, target, tree=True),), rules), events.append, stop, RunProgress(4))


# Was: the second content counted as up to date for ever.
@pytest.mark.parametrize(
    ("direction", "age"), [(Direction.DOWNLOAD, 0), (Direction.UPLOAD, 0), (Direction.UPLOAD, 20 * 86_400)]
)
def test_a_second_change_in_one_minute_is_detected(
    server: Running, direction: Direction, age: int, tmp_path: Path, stop: StopToken
) -> None:
    folder = tmp_path / "local"
    down = direction is Direction.DOWNLOAD
    minute = (int(time.time()) - age) // 60 * 60 - 120
    tree = server.root / f"{direction.value} {age}"
    place, copy = (tree, folder) if down else (folder, tree)
    place.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate((b"AAAA", b"BBBB")):
        (place / "file").write_bytes(content)
        os.utime(place / "file", (minute + 5 + 20 * number,) * 2)
        if down:
            server.own()
        assert mirror(server, direction, tree, folder, stop, dry_run=True).would_transfer == 1
        assert mirror(server, direction, tree, folder, stop).transferred == 1
        assert (copy / "file").read_bytes() == content
        again = mirror(server, direction, tree, folder, stop)
        assert (again.transferred, again.skipped, again.exit_code) == (0, 1, 0)


def test_a_file_copied_after_its_minute_is_not_rechecked(server: Running, tmp_path: Path, stop: StopToken) -> None:
    tree = server.root / "old"
    tree.mkdir()
    (tree / "file").write_bytes(b"1")
    minute = int(time.time()) // 60 * 60 - 7200
    os.utime(tree / "file", (minute + 25,) * 2)
    server.own()
    folder = tmp_path / "local"
    assert mirror(server, Direction.DOWNLOAD, tree, folder, stop).transferred == 1
    assert (folder / "file").stat().st_mtime == minute
    assert mirror(server, Direction.DOWNLOAD, tree, folder, stop).transferred == 0
    (tree / "file").write_bytes(b"2")
    os.utime(tree / "file", (minute + 60,) * 2)
    assert mirror(server, Direction.DOWNLOAD, tree, folder, stop).transferred == 1
