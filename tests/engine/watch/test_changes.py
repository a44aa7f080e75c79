"""From changed paths to a round's scope, and what a run with such a scope touches."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ftpcli.engine.compare.filters import Filters
from ftpcli.engine.events import Deleted, Skipped, Warned
from ftpcli.engine.job import Direction, FilterRules, Scope
from ftpcli.engine.watch import changes as module
from ftpcli.engine.watch.changes import Changes
from ftpcli.model import Kind
from ftpcli.part_names import part_name
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, Link, Tree, use
from tests.engine.runs.test_run import Side, trees

FILE, DIR, LINK = Kind.FILE, Kind.DIR, Kind.LINK


def changes(*patterns: str, **limits: float) -> Changes:
    return Changes(Filters(FilterRules(patterns, **limits)))  # type: ignore[arg-type]


def scope(directories: set[str], trees: set[str] | None = None) -> Scope:
    return Scope(frozenset(directories), frozenset(trees or ()))


@pytest.mark.parametrize(
    ("path", "kind", "modified", "expected"),
    [
        ("a", FILE, False, scope({""})),
        ("a/b/c", FILE, False, scope({"a/b"})),
        ("a/b/c", FILE, True, scope({"a/b"})),
        ("a/b/c", None, False, scope({"a/b"})),
        ("a/b", DIR, False, scope({"a"}, {"a/b"})),
        ("a/b", DIR, True, scope({"a"})),
        ("a/b", LINK, False, scope({"a"})),
        ("", DIR, True, scope({""})),
    ],
)
def test_one_change(path: str, kind: Kind | None, modified: bool, expected: Scope) -> None:
    found = changes()
    assert not found
    found.add(path, kind, modified=modified)
    assert found
    assert found.scope() == expected


def test_the_root_itself_appears_or_vanishes() -> None:
    found = changes()
    found.add("a/b", FILE, modified=False)
    found.add("", None, modified=False)
    assert found.everything
    assert found.scope() is None


@pytest.mark.parametrize(
    ("patterns", "path", "kind", "matters"),
    [
        (("*.log",), "a/x.log", FILE, False),
        (("*.log",), "a/x.log", None, False),
        (("*.log",), "a/x.txt", FILE, True),
        (("cache/",), "cache", DIR, False),
        (("cache/",), "cache/x", FILE, False),
        (("cache/",), "a/cache/b/x", None, False),
        (("cache/",), "a/cached", FILE, True),
        (("!*.html",), "a/x.txt", FILE, False),
        (("!*.html",), "a/x.html", FILE, True),
        (("!*.html",), "a", DIR, True),
        (("*", "!/a/"), "b/x", FILE, False),
        ((), part_name("x", 1), FILE, False),
        ((), part_name("x", 1), None, False),
        ((), "a/" + part_name("x", 1), FILE, False),
        ((), part_name("x", 1) + "/x", FILE, True),
    ],
)
def test_excluded_changes_start_no_round(
    patterns: tuple[str, ...], path: str, kind: Kind | None, matters: bool
) -> None:
    found = changes(*patterns)
    found.add(path, kind, modified=False)
    assert bool(found) is matters


def test_sizes_and_times_are_left_to_the_round() -> None:
    found = changes(min_size=10, newer_than=5.0)
    found.add("a", FILE, modified=True)
    assert found


def test_very_many_changes_count_as_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 10)
    found = changes()
    for number in range(20):
        found.add(f"d/f{number}", FILE, modified=False)
    assert found.scope() == scope({"d"})
    for number in range(10):
        found.add(f"d{number}/f", FILE, modified=False)
    assert found.everything
    found = changes()
    for number in range(11):
        found.add(f"d/d{number}", DIR, modified=False)
    assert found.everything


# Runs with a scope ------------------------------------------------------------------------------------------------


SOURCE: Tree = {
    "top": b"new",
    "changed": {"f": b"new", "inner": {"g": b"new"}, "fresh": {"h": {"i": b"new"}}},
    "other": {"f": b"new", "deep": {"f": b"new", "g": b"g"}},
}
TARGET: Tree = {
    "top": b"old!",
    "stray": b"",
    "changed": {"f": b"old!", "gone": {"x": b"", "y": b""}, "inner": {"g": b"old!", "stray": b""}},
    "other": {"f": b"old!", "stray": b"", "deep": {"f": b"old!", "g": b"g"}},
}


@pytest.fixture
def side(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    side = Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)
    side.put(SOURCE, TARGET)
    return side


def listed(side: Side) -> set[str]:
    return {str(call[1]).removeprefix("top").lstrip("/") for call in side.server.verbs("list")}


def test_a_directory_is_compared_without_its_subdirectories(side: Side) -> None:
    report = side.mirror(delete=True, only=scope({"changed"}))
    assert report.exit_code == 0
    inner = {"g": b"old!", "stray": b""}
    assert side.target == {**TARGET, "changed": {"f": b"new", "fresh": {"h": {"i": b"new"}}, "inner": inner}}
    assert listed(side) == {"", "changed", "changed/gone"}
    assert {event.path for event in side.events if isinstance(event, Skipped)} == set()


def test_a_tree_is_compared_with_all_below(side: Side) -> None:
    side.mirror(delete=True, only=scope({""}, {"changed"}))
    assert side.target["changed"] == SOURCE["changed"]
    assert side.target["top"] == b"new"
    assert "stray" not in side.target
    assert side.target["other"] == TARGET["other"]


def test_directories_above_are_only_passed_through(side: Side) -> None:
    side.mirror(delete=True, only=scope({"other/deep"}))
    assert side.target == {**TARGET, "other": {**TARGET["other"], "deep": SOURCE["other"]["deep"]}}
    assert listed(side) == {"", "other", "other/deep"}


def test_a_directory_missing_on_both_sides_is_no_failure(side: Side) -> None:
    assert side.mirror(delete=True, only=scope({"nowhere/at/all"}, {"nowhere/at/all/x"})).exit_code == 0
    assert side.target == TARGET


def test_a_missing_target_is_mirrored_completely(side: Side) -> None:
    side.server.root.inside.clear()
    side.mirror(only=scope({"changed"}))
    assert side.target == SOURCE


def test_a_missing_parent_in_the_target_is_mirrored_completely(side: Side) -> None:
    del side.server.find("top").inside["other"]  # type: ignore[union-attr]
    side.mirror(only=scope({"other/deep"}))
    assert side.target == {**TARGET, "other": SOURCE["other"]}


def test_a_link_in_the_place_of_a_directory_is_not_followed(side: Side) -> None:
    shutil.rmtree(side.folder / "changed")
    (side.folder / "changed").symlink_to("other")
    report = side.mirror(delete=True, only=scope({"", "changed"}, {"changed"}))
    assert side.target["changed"] == TARGET["changed"]
    assert (report.exit_code, report.transferred) == (0, 1)
    assert not side.events.of(Warned), "that a link was left out is said once, by the first mirror"


def test_filters_hold(side: Side) -> None:
    side.mirror(delete=True, only=scope({"changed"}), filters=FilterRules(("gone/", "f")))
    assert side.target["changed"]["gone"] == TARGET["changed"]["gone"]
    assert side.target["changed"]["f"] == b"old!"
    assert side.target["changed"]["fresh"] == SOURCE["changed"]["fresh"]


def test_the_guard_holds(side: Side) -> None:
    assert side.mirror(delete=True, max_delete=2, only=scope({"changed"})).exit_code == 9
    assert not side.events.of(Deleted)


def tell(found: Changes, old: Tree, new: Tree, prefix: str = "") -> None:
    """The least that a watcher reports: nothing about the content of a directory that appeared or vanished."""
    for name in {*old, *new}:
        path, before, after = prefix + name, old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            tell(found, before, after, f"{path}/")
        elif after is None:
            found.add(path, None, modified=False)
        elif before is None or isinstance(before, dict) or isinstance(after, dict):
            kind = DIR if isinstance(after, dict) else LINK if isinstance(after, Link) else FILE
            found.add(path, kind, modified=False)
        elif before != after:
            found.add(path, FILE, modified=True)


def folders(tree: Tree, prefix: str = "") -> set[str]:
    """The paths of all directories."""
    below = {prefix + name: node for name, node in tree.items() if isinstance(node, dict)}
    return set(below).union(*(folders(node, f"{path}/") for path, node in below.items()))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=trees, new=trees)
def test_the_reported_changes_suffice_to_update_the_target(
    monkeypatch: pytest.MonkeyPatch, old: Tree, new: Tree
) -> None:
    found = changes()
    tell(found, old, new)
    assume(found)
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        side = Side(Direction.UPLOAD, server, Path(folder, "local"), stop, Events())
        side.put(new, old)
        report = side.mirror(
            delete=True, compare="always", allow_empty_source=True, max_delete=10**9, only=found.scope()
        )
        assert (report.exit_code, side.target) == (0, new)
    stop.close()
    told = found.scope()
    assert told is not None
    for path in listed(side) & folders(old) & folders(new):
        assert any(f"{changed}/".startswith(f"{path}/") for changed in told.directories | told.trees)
