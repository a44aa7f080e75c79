"""Whole runs over a server in memory: the trees afterwards, and the report."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Report, Retrying, Skipped, Started, Summary, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.engine.trees.remote import make_directories
from ftpcli.errors import (
    ConnectFailed,
    Denied,
    FtpcliError,
    LocalFileError,
    LoginRejected,
    NotFound,
    Refused,
    TransientRefusal,
)
from ftpcli.part_names import is_part
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, File, Folder, Link, Tree, lost, raising, use

TREE: Tree = {
    "a.txt": b"alpha",
    "empty.txt": b"",
    "big.bin": bytes(range(256)) * 10,
    "sub": {"b.txt": b"beta", "deep": {"er": {"c.txt": b"gamma"}}},
    "nothing": {},
}
OLD: Tree = {
    "a.txt": b"too long",
    "gone.txt": b"x",
    "gone": {"inner": {"y.txt": b"y"}, "z.txt": b"z"},
    "sub": {"old": b"o"},
}
BOTH = pytest.mark.parametrize("direction", Direction)


class Side:
    """The two trees of a mirror, whichever way it goes."""

    def __init__(self, direction: Direction, server: FakeServer, folder: Path, stop: StopToken, events: Events) -> None:
        self.direction = direction
        self.server = server
        self.folder = folder
        self.stop = stop
        self.events = events
        self.up = direction is Direction.UPLOAD

    def put(self, source: Tree, target: Tree) -> None:
        remote, local = (target, source) if self.up else (source, target)
        self.server.root = Folder({"top": FakeServer(remote).root})
        write(self.folder, local)

    @property
    def source(self) -> Tree:
        return read(self.folder) if self.up else self.server.tree()["top"]

    @property
    def target(self) -> Tree:
        return self.server.tree()["top"] if self.up else read(self.folder)

    def mirror(self, *, parallel: int = 3, retries: int = 2, **rules: object) -> Report:
        here, there = str(self.folder), "top"
        root = Root(*((here, there) if self.up else (there, here)), into=False, tree=True)
        return go(self, (root,), parallel=parallel, retries=retries, **rules)

    def failures(self) -> dict[str, str]:
        return {event.path: event.error for event in self.events if isinstance(event, Failed)}


def go(side: Side, roots: tuple[Root, ...], *, parallel: int = 3, retries: int = 2, **rules: object) -> Report:
    job = Job(
        side.direction, ENDPOINT, roots, Rules(**rules), parallel=parallel, retries=retries, retry_wait=0.0  # type: ignore[arg-type]
    )  # fmt: skip
    report = run(job, side.events.append, side.stop, RunProgress(parallel))
    assert side.server.live == 0
    assert isinstance(side.events[-1], Summary)
    return report


def write(folder: Path, tree: Tree) -> None:
    folder.mkdir(exist_ok=True)
    for name, value in tree.items():
        path = folder / name
        if isinstance(value, dict):
            write(path, value)
        elif isinstance(value, Link):
            os.symlink(value.target, path)
        else:
            path.write_bytes(value)
            os.utime(path, (1_000_000, 1_000_000))


def read(folder: Path) -> Tree:
    tree: Tree = {}
    for path in folder.iterdir():
        if path.is_symlink():
            tree[path.name] = Link(os.readlink(path))
        else:
            tree[path.name] = read(path) if path.is_dir() else path.read_bytes()
    return tree


def names(tree: Tree, prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from names(value, f"{prefix}{name}/")


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(direction, server, tmp_path / "local", stop, events)


@BOTH
class TestMirror:
    @pytest.mark.parametrize("parallel", [1, 4])
    def test_a_whole_tree(self, side: Side, parallel: int) -> None:
        side.put(TREE, {})
        report = side.mirror(parallel=parallel)
        assert side.target == TREE
        assert (report.exit_code, report.transferred, report.failed, report.deleted) == (0, 5, 0, 0)
        assert report.bytes == 5 + 2560 + 4 + 5
        assert len(side.events.of(Started)) == 5
        assert len([event for event in side.events if isinstance(event, Finished) and event.action != "mkdir"]) == 5

    def test_the_second_time_there_is_nothing_to_do(self, side: Side) -> None:
        side.put(TREE, {})
        side.mirror()
        side.events.clear()
        report = side.mirror(delete=True)
        assert (report.exit_code, report.transferred, report.skipped, report.deleted) == (0, 0, 5, 0)
        assert side.events.of(Planned, Started) == []

    def test_differences_are_copied_and_the_rest_stays(self, side: Side) -> None:
        side.put({**TREE, "same": b"1"}, {**OLD, "same": b"1"})
        report = side.mirror()
        assert report.exit_code == 0
        assert side.target == {
            **OLD, **TREE, "same": b"1", "sub": {**OLD["sub"], **TREE["sub"]},
        }  # fmt: skip
        assert "same" in {event.path for event in side.events if isinstance(event, Skipped)}

    def test_delete(self, side: Side) -> None:
        side.put(TREE, OLD)
        report = side.mirror(delete=True)
        assert side.target == TREE
        assert report.exit_code == 0
        deleted = [event.path for event in side.events if isinstance(event, Deleted)]
        assert set(deleted) == {"gone", "gone/inner", "gone/inner/y.txt", "gone/z.txt", "gone.txt", "sub/old"}
        assert report.deleted == len(deleted)
        assert deleted.index("gone/inner") < deleted.index("gone")

    def test_deletes_come_last(self, side: Side) -> None:
        side.put(TREE, OLD)
        side.mirror(delete=True)
        kinds = [type(event) for event in side.events if isinstance(event, (Finished, Deleted))]
        assert [kind for kind, _ in itertools.groupby(kinds)] == [Finished, Deleted]

    def test_a_digest_that_differs_is_an_answer_and_not_retried(self, side: Side) -> None:
        side.server.digests = "sha256"
        side.put({"a": b"11", "b": b"22", "same": b"33"}, {"a": b"99", "b": b"88", "same": b"33"})
        report = side.mirror(compare="checksum")
        assert side.target == {"a": b"11", "b": b"22", "same": b"33"}
        assert (report.transferred, report.skipped, report.reconnects) == (2, 1, 0)
        assert not side.events.of(Retrying)

    def test_dry_run(self, side: Side) -> None:
        side.put(TREE, OLD)
        report = side.mirror(delete=True, dry_run=True)
        assert side.target == OLD
        assert {call[0] for call in side.server.calls} <= {"list", "stat", "list_links"}
        planned = {(event.action, event.path) for event in side.events if isinstance(event, Planned)}
        assert {path for action, path in planned if action == "delete"} == {
            "gone", "gone/inner", "gone/inner/y.txt", "gone/z.txt", "gone.txt", "sub/old",
        }  # fmt: skip
        assert (side.direction.value, "sub/deep/er/c.txt") in planned
        assert report.exit_code == 0
        assert side.events.of(Started, Finished, Deleted) == []

    def test_a_dry_run_reports_what_the_run_does(self, side: Side) -> None:
        side.put(TREE, OLD)
        foreseen = side.mirror(delete=True, dry_run=True)
        side.events.clear()
        report = side.mirror(delete=True)
        assert (foreseen.would_transfer, foreseen.would_bytes, foreseen.skipped, foreseen.would_make_directories) == (
            report.transferred, report.bytes, report.skipped, report.made_directories,
        )  # fmt: skip
        assert foreseen.would_delete == report.deleted == 6
        assert (foreseen.transferred, foreseen.bytes, foreseen.made_directories, foreseen.deleted) == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("where", "elsewhere"),
        [("", {"sub/old"}), ("sub", {"gone", "gone/inner", "gone/inner/y.txt", "gone/z.txt", "gone.txt"})],
        ids=["the problem is at the root", "the problem is in sub"],
    )
    def test_an_unreadable_line_blocks_deletes_there(self, side: Side, where: str, elsewhere: set[str]) -> None:
        side.put(TREE, OLD)
        side.server.problems["/".join(filter(None, ("top", where)))] = ("what is this: ???",)
        report = side.mirror(delete=True)
        assert {event.path for event in side.events if isinstance(event, Deleted)} == elsewhere
        assert report.exit_code != 0
        assert set(names(OLD)) - elsewhere <= set(names(side.target)), "nothing else is gone"
        assert set(names(TREE)) <= set(names(side.target)), "and all is brought"
        assert any("nothing is deleted in" in event.message for event in side.events if isinstance(event, Warned))

    def test_a_failure_blocks_deletes_in_its_directory_only(self, side: Side) -> None:
        side.put(TREE, OLD)
        verb = "write" if side.up else "read"
        side.server.on(verb, raising(FtpcliError("no")))
        report = side.mirror(delete=True, parallel=1)
        (failure,) = [event.path for event in side.events if isinstance(event, Failed)]
        deleted = {event.path for event in side.events if isinstance(event, Deleted)}
        folder = failure.rpartition("/")[0]
        assert not any(path.rpartition("/")[0] == folder for path in deleted)
        assert deleted
        assert (report.failed, report.transferred, report.exit_code) == (1, 4, 1)

    def test_names_that_a_listing_hides_are_not_deleted(self, side: Side) -> None:
        if side.up:
            return  # local listings hide nothing
        side.put({"new": b"1"}, {".hidden": b"2", "gone": b"3"})
        side.server.hides_dot_files = True
        report = side.mirror(delete=True)
        assert (report.exit_code, report.held_back, report.deleted) == (1, 1, 1)
        assert side.target == {"new": b"1", ".hidden": b"2"}
        assert side.mirror(delete=True, dry_run=True).exit_code == 1
        assert any("leading dot" in event.message for event in side.events if isinstance(event, Warned))

    def test_a_listing_that_may_be_truncated_deletes_nothing(self, side: Side) -> None:
        if side.up:
            return
        side.put({"new": b"1"}, {"gone": b"3"})
        side.server.doubt = "it may be cut"
        assert side.mirror(delete=True, dry_run=True).exit_code == 1
        report = side.mirror(delete=True)
        assert (report.exit_code, report.held_back) == (1, 1)
        assert side.target == {"new": b"1", "gone": b"3"}
        assert any("it may be cut" in event.message for event in side.events if isinstance(event, Warned))

    def test_an_empty_source_is_refused(self, side: Side) -> None:
        side.put({}, OLD)
        report = side.mirror(delete=True)
        assert report.exit_code == 9
        assert side.target == OLD
        assert side.mirror(delete=True, allow_empty_source=True, max_delete_percent=100).exit_code == 0
        assert side.target == {}

    def test_a_target_that_cannot_be_listed_is_not_taken_for_empty(self, side: Side) -> None:
        """A server answers 550 for what does not exist and for what it does not show; MKD reveals that it exists."""
        if not side.up:
            pytest.skip("only a server mixes the two up")
        side.put({"a": b"1"}, {"a": b"1", "gone": b"2"})
        side.server.on("list", raising(NotFound("not found, or no permission", reply="550 no")), times=10**6)
        assert side.mirror(delete=True).exit_code == 6
        assert side.failures() == {".": "NotFound"}
        assert side.target == {"a": b"1", "gone": b"2"}

    def test_too_many_deletes_are_refused_before_the_first(self, side: Side) -> None:
        many = {f"file {number}": b"" for number in range(30)}
        side.put({"new": b"1", "file 0": b""}, many)
        report = side.mirror(delete=True)
        assert report.exit_code == 9
        assert side.events.of(Deleted) == []
        assert set(side.target) == {*many, "new"}
        assert side.mirror(delete=True, max_delete=28, dry_run=True).exit_code == 9
        planned = {event.path for event in side.events.of(Planned) if event.action == "delete"}
        assert planned == set(many) - {"file 0"}, "a dry run shows what it is that is refused"
        assert side.mirror(delete=True, max_delete=28).exit_code == 9
        assert set(side.target) == {*many, "new"}
        assert side.mirror(delete=True, max_delete=29).exit_code == 0
        assert set(side.target) == {"new", "file 0"}

    def test_a_handful_may_always_be_deleted(self, side: Side) -> None:
        side.put({"new": b"1"}, {f"file {number}": b"" for number in range(10)})
        assert side.mirror(delete=True).exit_code == 0
        assert set(side.target) == {"new"}

    def test_entries_added_to_a_directory_to_be_deleted_stay(self, side: Side) -> None:
        """Only listed names are deleted, one by one, and a directory only if it is empty."""
        side.put({"new": b"1"}, {"gone": {"x": b"1"}})
        fresh = {"came.txt": b"just now"}

        def come(event: object) -> None:
            collect(event)  # type: ignore[arg-type]
            if isinstance(event, Deleted) and event.path == "gone/x":
                if side.up:
                    side.server.find("top/gone").inside["came.txt"] = File(b"just now")  # type: ignore[union-attr]
                else:
                    write(side.folder / "gone", fresh)

        collect = side.events.append
        side.events.append = come  # type: ignore[method-assign]
        report = side.mirror(delete=True, parallel=1)
        assert report.exit_code != 0
        assert side.target["gone"] == fresh

    def test_conflicts(self, side: Side) -> None:
        side.put({"x": b"file", "y": {"in": b"1"}, "z": b"fine"}, {"x": {"in": b"2"}, "y": b"file", "w": b"extra"})
        report = side.mirror()
        assert side.target == {"x": {"in": b"2"}, "y": b"file", "w": b"extra", "z": b"fine"}
        assert side.failures() == dict.fromkeys(("x", "y"), "Refused" if side.up else "LocalFileError")
        assert report.exit_code == 1

    def test_links_are_skipped_and_never_followed(self, side: Side) -> None:
        side.put({"link": Link("/etc"), "a": b"1"}, {"a": b"old content"})
        report = side.mirror(delete=True)
        assert side.target == {"a": b"1"}
        assert report.skipped == 1
        assert report.exit_code == 0

    def test_a_link_of_the_target_is_deleted_and_not_what_it_leads_to(self, side: Side, tmp_path: Path) -> None:
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious" / "file").touch()
        side.put({"a": b"1"}, {"link": Link(str(tmp_path / "precious"))})
        side.mirror(delete=True)
        assert side.target == {"a": b"1"}
        assert (tmp_path / "precious" / "file").exists()

    def test_part_files_are_ignored(self, side: Side) -> None:
        part = ".x.00000000.ftpcli-part"
        side.put({part: b"1", "a": b"2"}, {".y.00000000.ftpcli-part": b"3"})
        side.mirror(delete=True)
        assert side.target == {"a": b"2", ".y.00000000.ftpcli-part": b"3"}

    def test_a_source_that_is_not_there(self, side: Side) -> None:
        side.put({}, OLD)
        if side.up:
            side.folder.rmdir()
        else:
            side.server.root = Folder()
        report = side.mirror(delete=True)
        assert side.target == OLD, "an absent source is no empty one"
        assert report.exit_code == (7 if side.up else 6)

    @pytest.mark.parametrize("verb", ["list", "open"])
    @pytest.mark.parametrize("done", [False, True])
    def test_lost_connections_are_replaced(self, side: Side, verb: str, done: bool) -> None:
        side.put(TREE, OLD)
        side.server.on(verb, lost(), done=done and verb != "open", times=2)
        assert side.mirror(delete=True, retries=3).exit_code == 0
        assert side.target == TREE
        assert side.events.of(Retrying)

    @pytest.mark.parametrize("at", [0, 1000, 2000])
    def test_lost_in_the_middle_of_files(self, side: Side, at: int) -> None:
        side.put(TREE, {})
        side.server.on("writing" if side.up else "reading", lost(), at=at, times=3)
        report = side.mirror(retries=4)
        assert side.target == TREE
        assert (report.exit_code, report.reconnects > 0) == (0, True)
        assert not [name for name in names(side.target) if is_part(name)]

    def test_stop(self, side: Side) -> None:
        side.put(TREE, OLD)
        side.server.on("writing" if side.up else "reading", lambda: side.stop.request(143), at=1000)
        report = side.mirror(delete=True)
        assert report.exit_code == 143
        assert side.events.of(Deleted) == []

    def test_stop_while_it_deletes(self, side: Side) -> None:
        side.put({"new": b""}, {f"file {number}": b"" for number in range(100)})
        collect = side.events.append

        def stop_soon(event: object) -> None:
            collect(event)  # type: ignore[arg-type]
            if isinstance(event, Deleted):
                side.stop.request(130)

        side.events.append = stop_soon  # type: ignore[method-assign]
        assert side.mirror(delete=True, max_delete=100).exit_code == 130
        assert 0 < len(side.events.of(Deleted)) < 100

    def test_a_wrong_password(self, side: Side) -> None:
        side.put(TREE, OLD)
        side.server.takes_password = False
        report = side.mirror(parallel=8)
        assert report.exit_code == 5
        assert side.server.logins == 1
        assert list(side.failures().values()) == ["LoginRejected"]

    def test_a_limit_of_the_server(self, side: Side) -> None:
        tree = {f"file {number}": b"x" * number for number in range(60)}
        side.put(tree, {})
        side.server.admits = 2
        report = side.mirror(parallel=8)
        assert side.target == tree
        assert report.exit_code == 0
        assert len(side.events.of(Warned)) <= 1

    def test_a_wide_and_deep_tree(self, side: Side) -> None:
        tree: Tree = {}
        for number in range(10):
            tree[f"d{number}"] = {f"f{inner}": b"%d" % inner for inner in range(10)} | {"deeper": {"x": b"1"}}
        side.put(tree, {})
        assert side.mirror(parallel=4).transferred == 110
        assert side.target == tree


trees = st.recursive(
    st.binary(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c", "é"]), inner, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


@BOTH
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=trees, target=trees, parallel=st.integers(1, 3))
def test_any_two_trees(
    monkeypatch: pytest.MonkeyPatch, direction: Direction, source: Tree, target: Tree, parallel: int
) -> None:
    """After a mirror with --delete and full comparison both are equal."""
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        side = Side(direction, server, Path(folder, "local"), stop, Events())
        side.put(source, target)
        report = side.mirror(
            delete=True, compare="always", parallel=parallel, allow_empty_source=True, max_delete=10**9
        )
        after = side.target
        assert side.source == source
    stop.close()
    assert (report.exit_code, after) == (0, source)


@BOTH
def test_a_server_that_is_gone_for_good_ends_the_run(side: Side) -> None:
    """Not every file tries to connect again."""
    side.put({f"file {number}": b"1" for number in range(50)}, {})
    verb = "write" if side.up else "read"
    knocks: list[None] = []

    def knock() -> None:
        knocks.append(None)
        raise ConnectFailed("nobody answers")

    def die() -> None:
        side.server.on("open", knock, times=10**6)
        lost()()

    side.server.on(verb, die, times=10**6)
    report = side.mirror(parallel=2, retries=2)
    assert report.exit_code == 3
    assert 0 < len(knocks) < 20, "some tries by each of two workers, and not some by each of 50 files"
    assert side.events.of(Retrying)


class TestRoots:
    """Several files and directories, named one by one."""

    def test_two_sources_of_one_name_do_not_replace_each_other(self, side: Side) -> None:
        side.put({"one": {"same": b"1"}, "two": {"same": b"2"}}, {})
        report = go(side, tuple(Root(f"top/{name}/same", str(side.folder), into=True) for name in ("one", "two")))
        assert report.exit_code == 1
        assert side.target["same"] in (b"1", b"2")
        (failure,) = [event for event in side.events if isinstance(event, Failed)]
        assert "would replace" in failure.message

    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.DOWNLOAD

    def test_files_and_directories(self, side: Side) -> None:
        side.put(TREE, {})
        here = str(side.folder)
        report = go(side, (Root("top/a.txt", here, into=True), Root("top/sub", here, into=True)), compare="always")
        assert side.target == {"a.txt": TREE["a.txt"], "sub": TREE["sub"]}
        assert report.exit_code == 0

    def test_a_directory_without_recursive(self, side: Side) -> None:
        side.put(TREE, {})
        roots = (Root("top/sub", str(side.folder), into=True), Root("top/a.txt", str(side.folder), into=True))
        report = go(side, roots, recursive=False)
        assert side.target == {"a.txt": TREE["a.txt"]}
        assert report.exit_code == 1
        assert side.failures() == {"top/sub": "Refused"}

    @pytest.mark.parametrize(("error", "code"), [(Denied("no"), 6), (Refused("no"), 6), (TransientRefusal("later"), 6)])
    def test_one_failure_gives_its_own_exit_code(self, side: Side, error: Refused, code: int) -> None:
        side.put(TREE, {})
        side.server.on("read", raising(error), times=9)
        assert go(side, (Root("top/a.txt", str(side.folder), into=True),)).exit_code == code

    def test_one_failure_among_successes_is_1(self, side: Side) -> None:
        side.put(TREE, {})
        here = str(side.folder)
        assert go(side, (Root("top/none", here, into=True), Root("top/a.txt", here, into=True))).exit_code == 1

    def test_failures_of_different_kinds_are_1(self, side: Side) -> None:
        side.put(TREE, {"a.txt": {}})
        here = str(side.folder)
        assert go(side, (Root("top/none", here), Root("top/a.txt", f"{here}/a.txt"))).exit_code == 1

    # Was: all roots are queued from the start, and each tried the password again (see also workers/test_pool).
    def test_a_wrong_password_is_tried_once(self, side: Side) -> None:
        side.put(TREE, {})
        side.server.takes_password = False
        report = go(side, tuple(Root(f"top/{name}", str(side.folder), into=True) for name in TREE), parallel=8)
        assert report.exit_code == LoginRejected.exit_code
        assert side.server.logins == 1


class TestDeleting:
    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.UPLOAD

    # Was: the server had deleted it and only its reply was lost; the retry got "not found" and the run failed.
    @pytest.mark.parametrize(("verb", "tree"), [("remove", {"gone.txt": b"1"}), ("rmdir", {"gone": {"x": b"1"}})])
    def test_lost_after_a_delete(self, side: Side, verb: str, tree: Tree) -> None:
        side.put({}, tree)
        side.server.on(verb, lost(), done=True)
        report = side.mirror(delete=True, allow_empty_source=True)
        assert side.target == {}
        assert report.exit_code == 0

    # Was: deleted entries of a directory were neither reported nor counted if a later one failed.
    def test_deleted_entries_are_reported_even_if_a_later_one_fails(self, side: Side) -> None:
        side.put({}, {"gone": {"x": b"1", "y": b"2"}})
        side.server.on("rmdir", raising(Denied("no")))
        report = side.mirror(delete=True, allow_empty_source=True)
        assert side.target == {"gone": {}}
        assert {event.path for event in side.events if isinstance(event, Deleted)} == {"gone/x", "gone/y"}
        assert report.deleted == 2

    def test_a_directory_with_an_incomplete_listing_is_not_deleted(self, side: Side) -> None:
        side.put({}, {"gone": {"x": b"1"}})
        side.server.problems["top/gone"] = ("???",)
        report = side.mirror(delete=True, allow_empty_source=True)
        assert side.target == {"gone": {"x": b"1"}}
        assert report.exit_code == 1


def test_an_unexpected_exception_is_raised_and_nothing_is_left(
    server: FakeServer, tmp_path: Path, stop: StopToken
) -> None:
    server.root = FakeServer({"top": {f"f{number}": b"1" for number in range(20)}}).root
    server.on("read", raising(ZeroDivisionError()))
    job = Job(Direction.DOWNLOAD, ENDPOINT, (Root("top", str(tmp_path), tree=True, into=False),))
    with pytest.raises(ZeroDivisionError):
        run(job, Events().append, stop, RunProgress(4))
    assert server.live == 0


def test_two_workers_make_the_same_directories(server: FakeServer) -> None:
    """After the parent is made, the other worker makes the directory that both need first."""
    session = server.open()

    def overtake() -> None:
        above = server.find("a")
        assert isinstance(above, Folder)
        above.inside["b"] = Folder()

    server.on("mkdir", overtake, path="a", done=True)
    make_directories(session, "a/b")
    assert server.tree() == {"a": {"b": {}}}


# Was: an OSError, and so an internal error: a buffered write fails only when the file is read or closed.
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("count", [1, 500])
def test_no_disk_space_for_the_list_of_deletes(
    server: FakeServer,
    tmp_path: Path,
    stop: StopToken,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda _: open("/dev/full", "r+b"))  # noqa: SIM115
    side = Side(Direction.DOWNLOAD, server, tmp_path / "here", stop, events)
    old: Tree = {f"old {number}": b"" for number in range(count)}
    side.put({"a": b"1"}, old)
    with pytest.raises(LocalFileError, match="no space left"):
        side.mirror(delete=True, max_delete=count)
    assert old.keys() <= side.target.keys()
