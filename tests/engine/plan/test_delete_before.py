"""``--delete-before``: what is deleted makes room for what is copied, and every guard holds."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Warned
from ftpcli.engine.job import Direction
from ftpcli.errors import Denied, LocalFileError, NoSpace
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, Tree, raising
from tests.engine.runs.test_run import BOTH, OLD, TREE, Side

FULL = "cannot upload: the server has no room for it, or the quota is used up"


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(direction, server, tmp_path / "local", stop, events)


def in_order(side: Side) -> list[str]:
    return ["delete" if isinstance(event, Deleted) else "copy" for event in side.events
            if isinstance(event, Deleted) or (isinstance(event, Finished) and event.action != "mkdir")]  # fmt: skip


@BOTH
def test_deletes_come_first_and_the_result_is_the_same(side: Side) -> None:
    side.put(TREE, OLD)
    report = side.mirror(delete=True, max_delete=100, delete_before=True)
    assert (report.exit_code, side.target) == (0, side.source)
    order = in_order(side)
    assert order == sorted(order, reverse=True)
    assert {"delete", "copy"} == set(order)


@BOTH
def test_a_dry_run_changes_nothing(side: Side) -> None:
    side.put(TREE, OLD)
    plans = []
    for first in (True, False):
        side.events.clear()
        side.mirror(delete=True, max_delete=100, delete_before=first, dry_run=True)
        plans.append({(event.path, event.action) for event in side.events if isinstance(event, Planned)})
    assert side.target == OLD
    assert plans[0] == plans[1]
    assert {("gone.txt", "delete"), ("gone/z.txt", "delete"), ("big.bin", side.direction.value)} <= plans[0]


@BOTH
def test_a_guard_refuses_before_anything_is_done(side: Side) -> None:
    side.put(TREE, OLD)
    assert side.mirror(delete=True, max_delete=1, delete_before=True).exit_code == 9
    assert all(side.target[name] == OLD[name] for name in ("a.txt", "gone.txt", "gone"))


@BOTH
def test_an_empty_source_deletes_nothing(side: Side) -> None:
    side.put({}, OLD)
    assert side.mirror(delete=True, max_delete=100, delete_before=True).exit_code == 9
    assert side.target == OLD


@BOTH
def test_a_listing_that_failed_keeps_what_its_directory_has(side: Side) -> None:
    side.put({"in": {"sub": {"new": b"1"}}, "a": b"2"}, {"in": {"sub": {"old": b"3"}}, "gone": b"4"})
    side.server.on("list", raising(Denied("no", reply="550 no")), path="top/in/sub", times=99)
    assert side.mirror(delete=True, max_delete=100, delete_before=True).exit_code != 0
    assert side.target["in"] == {"sub": {"old": b"3"}}
    assert side.target["a"] == b"2"


@pytest.mark.parametrize("delete_before", [False, True])
def test_a_full_server(
    server: FakeServer, tmp_path: Path, stop: StopToken, events: Events, delete_before: bool
) -> None:
    side = Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)
    side.put({"new": b"12345"}, {"old": b"12345"})

    def full() -> None:
        if "old" in side.target:
            raise NoSpace(FULL, reply="552 Quota exceeded")

    server.on("write", full, times=99)
    report = side.mirror(delete=True, delete_before=delete_before)
    told = [event.message for event in events if isinstance(event, Failed)]
    if delete_before:
        assert (report.exit_code, side.target, told) == (0, {"new": b"12345"}, [])
    else:
        assert report.exit_code != 0
        assert "old" in side.target
        assert told == [f"{FULL}; --delete-before deletes first, which may make room"]


# Was: not told, because the error that names the file hid what the system had said.
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_local_disk(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events, number: int) -> None:
    side = Side(Direction.DOWNLOAD, server, tmp_path / "local", stop, events)
    side.put({"new": b"12345"}, {"old": b"12345"})

    def full() -> None:
        raise LocalFileError("cannot write") from OSError(number, os.strerror(number))

    server.on("reading", full, at=1)
    assert side.mirror(delete=True).exit_code == 7
    (told,) = (event.message for event in events if isinstance(event, Failed))
    assert told.startswith(f"{tmp_path / 'local' / 'new'}: cannot write")
    assert ("--delete-before" in told) == (number != errno.EIO)


def test_many_new_directories(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> None:
    side = Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)
    tree: Tree = {f"d{n}": {"in": {"f": b"x"}, "g": b"y"} for n in range(30)}
    side.put(tree, {"old": b"z"})
    assert side.mirror(delete=True, delete_before=True).exit_code == 0
    assert side.target == tree
    assert in_order(side)[0] == "delete"


def test_a_similar_name_is_left_to_the_next_run(
    server: FakeServer, tmp_path: Path, stop: StopToken, events: Events
) -> None:
    """Before the new file is there, nobody can tell whether its name and the old one are the same on the server."""
    side = Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)
    side.put({"lOgO.png": b"new"}, {"LOGO.png": b"old", "gone.txt": b"1"})
    report = side.mirror(delete=True, delete_before=True)
    assert (report.exit_code, report.held_back) == (1, 1)
    assert side.target == {"lOgO.png": b"new", "LOGO.png": b"old"}
    (told,) = events.of(Warned)
    assert "similar names are not deleted" in told.message
    assert side.mirror(delete=True, delete_before=True).exit_code == 0
    assert side.target == side.source
