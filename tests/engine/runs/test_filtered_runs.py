"""Filters and verification in whole runs, over the fake server."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Planned
from ftpcli.engine.job import Direction, FilterRules
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer
from tests.engine.runs.test_run import Side

TREE = {
    "keep.txt": b"1",
    "skip.log": b"2",
    "cache": {"a.txt": b"3"},
    "sub": {"keep.txt": b"4", "skip.log": b"5", "cache": {"b": b"6"}},
}


@pytest.fixture(params=Direction)
def side(
    request: pytest.FixtureRequest,
    server: FakeServer,
    tmp_path: Path,
    stop: StopToken,
    events: Events,
) -> Side:
    return Side(request.param, server, tmp_path / "local", stop, events)


def patterns(*texts: str) -> FilterRules:
    return FilterRules(patterns=texts)


def test_excluded_entries_are_neither_copied_nor_listed(side: Side) -> None:
    side.put(TREE, {})
    side.mirror(filters=patterns("*.log", "cache/"))
    assert side.target == {"keep.txt": b"1", "sub": {"keep.txt": b"4"}}
    assert not any("cache" in str(call[1]) for call in side.server.calls)


def test_excluded_entries_are_never_deleted(side: Side) -> None:
    there = {"skip.log": b"x", "gone.txt": b"x", "old": {"skip.log": b"x", "y.txt": b"y"}, "cache": {"z": b"z"}}
    side.put({"keep.txt": b"1"}, there)
    report = side.mirror(delete=True, filters=patterns("*.log", "cache/"))
    assert report.exit_code == 0
    assert side.target == {
        "keep.txt": b"1",
        "skip.log": b"x",
        "old": {"skip.log": b"x"},
        "cache": {"z": b"z"},
    }
    assert {event.path for event in side.events if isinstance(event, Deleted)} == {"gone.txt", "old/y.txt"}


def test_includes_first_make_only_the_directories_that_are_needed(side: Side) -> None:
    side.put({"a": {"b": {"x.txt": b"1", "y.log": b"2"}}, "c": {"z.log": b"3"}, "w.txt": b"4"}, {"c2": {"k.log": b"5"}})
    report = side.mirror(delete=True, filters=patterns("!*.txt"))
    assert report.exit_code == 0
    assert side.target == {"a": {"b": {"x.txt": b"1"}}, "w.txt": b"4", "c2": {"k.log": b"5"}}


# Was: such a directory's content counted twice, which distorted the share that the delete guard allows.
def test_a_directory_made_when_needed_counts_once(side: Side) -> None:
    gone = {f"{number}.txt": b"" for number in range(12)}
    side.put({"d": {"new.txt": b"1"}}, {"d": gone})
    assert side.mirror(delete=True, filters=patterns("!*.txt")).exit_code == 9
    assert side.target == {"d": gone | {"new.txt": b"1"}}


def test_sizes(side: Side) -> None:
    side.put({"small": b"1", "large": b"1" * 100}, {"small": b"22", "large": b"2", "also small": b"3"})
    side.mirror(delete=True, filters=FilterRules(min_size=50))
    assert side.target == {"small": b"22", "large": b"1" * 100, "also small": b"3"}


def test_a_dry_run_reports_the_same(side: Side) -> None:
    side.put(TREE, {"old": {"y.txt": b"y", "skip.log": b""}})
    rules = {"delete": True, "filters": patterns("*.log")}
    side.mirror(dry_run=True, **rules)
    planned = {event.path for event in side.events if isinstance(event, Planned) and event.action == "delete"}
    side.events.clear()
    side.mirror(**rules)
    assert {event.path for event in side.events if isinstance(event, Deleted)} == planned == {"old/y.txt"}


def test_compare_by_digest(side: Side) -> None:
    side.server.digests = "sha256"
    side.put({"same": b"12", "other": b"34"}, {"same": b"12", "other": b"43"})
    report = side.mirror(compare="checksum")
    assert (report.transferred, report.skipped) == (1, 1)
    assert side.target == {"same": b"12", "other": b"34"}
