"""A file that became a directory, or the reverse: with --delete it is replaced, else it stays a conflict by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Planned
from ftpcli.engine.job import Direction, FilterRules
from ftpcli.errors import Denied
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, Link, Tree, raising
from tests.engine.runs.test_run import BOTH, Side, read

FILE: Tree = {"x": b"content", "same": b"1"}
FOLDER: Tree = {"x": {"f": b"old", "sub": {"g": b"old", "empty": {}}}, "same": b"1"}


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(direction, server, tmp_path / "local", stop, events)


def deleted(side: Side) -> list[str]:
    return [event.path for event in side.events if isinstance(event, Deleted)]


@BOTH
class TestReplaced:
    @pytest.mark.parametrize("before", [False, True])
    @pytest.mark.parametrize("parallel", [1, 3])
    @pytest.mark.parametrize(
        ("source", "target"),
        [
            (FILE, FOLDER),
            (FOLDER, FILE),
            ({"x": {}}, {"x": b"1"}),
            ({"x": b"1"}, {"x": {}}),
            ({"x": {"y": b"1"}, "z": b"2"}, {"x": b"1", "z": {"y": b"2"}}),
            ({"d": {"x": {"x": b"1"}}}, {"d": {"x": b"1"}, "gone": b"2"}),
            ({"x": b"1"}, {"x": Link("nowhere")}),
        ],
    )
    def test_with_delete(self, side: Side, source: Tree, target: Tree, parallel: int, before: bool) -> None:
        side.put(source, target)
        assert (side.mirror(delete=True, delete_before=before, parallel=parallel).exit_code, side.failures()) == (0, {})
        assert side.target == side.source == source
        side.events.clear()
        report = side.mirror(delete=True)
        assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ({"x": Link("same"), "same": b"1"}, FILE),
            ({"x": Link("same"), "same": b"1"}, FOLDER),
            (FILE, {"x": Link("same"), "same": b"1"}),
            (FOLDER, {"x": Link("same"), "same": b"1"}),
            ({"x": {"l": Link("../same")}, "same": b"1"}, FILE),
        ],
    )
    def test_links_that_are_copied(self, side: Side, source: Tree, target: Tree) -> None:
        side.put(source, target)
        assert (side.mirror(delete=True, symlinks="copy").exit_code, side.failures()) == (0, {})
        assert side.target == source

    def test_everything_in_it_is_counted(self, side: Side) -> None:
        side.put(FILE, FOLDER)
        report = side.mirror(delete=True)
        assert report.deleted == 5
        assert deleted(side)[-1] == "x"
        assert sorted(deleted(side)) == ["x", "x/f", "x/sub", "x/sub/empty", "x/sub/g"]

    @pytest.mark.parametrize("limit", [0, 4])
    def test_the_guard_comes_first(self, side: Side, limit: int) -> None:
        side.put(FILE, FOLDER)
        assert side.mirror(delete=True, max_delete=limit).exit_code == 9
        assert side.target == FOLDER

    def test_a_dry_run_shows_it(self, side: Side) -> None:
        source, target = {"x": b"1", "y": {"z": b"2"}}, {"x": {"f": b"3"}, "y": b"4"}
        side.put(source, target)
        assert side.mirror(delete=True, dry_run=True).exit_code == 0
        assert side.target == target
        planned = {(event.path, event.action) for event in side.events if isinstance(event, Planned)}
        copy = side.direction.value
        assert planned == {
            ("x", "delete"), ("x/f", "delete"), ("y", "delete"), ("x", copy), ("y", "mkdir"), ("y/z", copy),
        }  # fmt: skip

    def test_the_old_one_goes_into_the_backup(self, side: Side) -> None:
        side.put({"x": b"1", "y": {"z": b"2"}}, {"x": {"f": b"3"}, "y": b"4"})
        place = "kept/now" if side.up else str(side.folder.parent / "kept" / "now")
        assert side.mirror(delete=True, backup=place).exit_code == 0
        kept = side.server.tree()["kept"]["now"] if side.up else read(Path(place))
        assert kept == {"x": {"f": b"3"}, "y": b"4"}
        assert side.target == {"x": b"1", "y": {"z": b"2"}}

    def test_a_file_of_it_may_be_renamed(self, side: Side) -> None:
        side.put({"new": b"unique content", "x": b"1"}, {"x": {"f": b"unique content"}})
        assert side.mirror(delete=True, track_renames=True).exit_code == 0
        assert side.target == {"new": b"unique content", "x": b"1"}

    def test_the_old_file_may_be_renamed(self, side: Side) -> None:
        side.put({"new": b"unique content", "x": {"y": b"1"}}, {"x": b"unique content"})
        assert side.mirror(delete=True, track_renames=True).exit_code == 0
        assert side.target == {"new": b"unique content", "x": {"y": b"1"}}


@BOTH
class TestKept:
    @pytest.mark.parametrize(("source", "target"), [(FILE, FOLDER), (FOLDER, FILE)])
    def test_without_delete_it_is_a_conflict(self, side: Side, source: Tree, target: Tree) -> None:
        side.put({**source, "new": b"2"}, target)
        assert side.mirror().exit_code != 0
        assert side.target == {**target, "new": b"2"}
        assert set(side.failures()) == {"x"}

    def test_a_link_in_the_place_of_a_directory_may_be_on_purpose(self, side: Side) -> None:
        """And it keeps nothing else from being deleted."""
        side.put({"x": {"f": b"1"}}, {"x": Link("elsewhere"), "gone": b"2", "dir": {"gone": b"3"}})
        assert side.mirror(delete=True).exit_code != 0
        assert side.target == {"x": Link("elsewhere")}
        assert set(side.failures()) == {"x"}

    @pytest.mark.parametrize(
        ("source", "target", "pattern"),
        [
            ({"x": b"1"}, {"x": {"f": b"2", "deep": {"keep": b"3", "g": b"4"}}}, "keep"),
            ({"x": b"1"}, {"x": {"f": b"2"}}, "x/"),
            ({"x": {"f": b"1"}}, {"x": b"22222"}, "*.o"),
        ],
    )
    def test_what_is_excluded_protects_all_of_it(self, side: Side, source: Tree, target: Tree, pattern: str) -> None:
        side.put({**source, "new": b"5"}, {**target, "gone": b"6"})
        filters = FilterRules(patterns=(pattern,), max_size=4)
        assert side.mirror(delete=True, filters=filters).exit_code != 0
        assert side.target == {**target, "new": b"5"}
        assert set(side.failures()) == {"x"}

    def test_a_failure_beside_it_protects_it(self, side: Side) -> None:
        if side.up:
            pytest.skip("the server refuses to be read")
        side.put({"x": b"1", "bad": b"2"}, {"x": {"f": b"3"}, "gone": b"4"})
        side.server.on("read", raising(Denied("no")), path="top/bad", times=-1)
        assert side.mirror(delete=True).exit_code != 0
        assert side.target == {"x": {"f": b"3"}, "gone": b"4"}
        assert set(side.failures()) == {"bad", "x"}

    def test_a_subdirectory_that_cannot_be_listed_protects_it(self, side: Side) -> None:
        if not side.up:
            pytest.skip("the local side is always listed")
        side.put({"x": b"1"}, {"x": {"f": b"2", "sub": {"g": b"3"}}, "gone": b"4"})
        side.server.on("list", raising(Denied("no")), path="top/x/sub", times=-1)
        assert side.mirror(delete=True).exit_code != 0
        assert side.target == {"x": {"f": b"2", "sub": {"g": b"3"}}}

    def test_what_cannot_be_deleted_stays_a_conflict(self, side: Side) -> None:
        if not side.up:
            pytest.skip("the server refuses")
        side.put({"x": {"f": b"1"}}, {"x": b"2"})
        side.server.on("remove", raising(Denied("no")), path="top/x", times=-1)
        assert side.mirror(delete=True).exit_code != 0
        assert side.target == {"x": b"2"}
        assert set(side.failures()) == {"x"}
