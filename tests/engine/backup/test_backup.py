"""What is deleted or replaced is in the backup afterwards, whatever fails on the way."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpcli.engine.backup.folder import backup_folder
from ftpcli.engine.backup.local import LocalBackup
from ftpcli.engine.backup.remote import RemoteBackup, RemoteKept
from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Report, Warned
from ftpcli.engine.job import Direction
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.errors import Denied, LocalFileError, NotFound, TransientRefusal, UsageError
from ftpcli.part_names import is_part
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, Folder, Link, Tree, lost, raising, use
from tests.engine.runs.test_run import BOTH, OLD, TREE, Side, names, read, trees

DOWN = pytest.mark.parametrize("direction", [Direction.DOWNLOAD])
UP = pytest.mark.parametrize("direction", [Direction.UPLOAD])


class Kept(Side):
    """A mirror with a backup folder."""

    @property
    def place(self) -> str:
        return "kept/now" if self.up else str(self.folder.parent / "kept" / "now")

    @property
    def backup(self) -> Tree:
        if self.up:
            return self.server.tree().get("kept", {}).get("now", {})
        return read(Path(self.place)) if os.path.isdir(self.place) else {}

    def run(self, **rules: Any) -> Report:
        return self.mirror(**({"delete": True, "backup": self.place} | rules))


def files(tree: Tree) -> dict[str, bytes]:
    """Path → content, of files alone."""
    found = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update({f"{name}/{inner}": data for inner, data in files(value).items()})
        elif isinstance(value, bytes):
            found[name] = value
    return found


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Kept:
    return Kept(direction, server, tmp_path / "local", stop, events)


@BOTH
class TestRuns:
    @pytest.mark.parametrize("in_place", [False, True])
    def test_all_that_goes_or_is_replaced(self, side: Kept, in_place: bool) -> None:
        side.put(TREE, OLD)
        report = side.run(in_place=in_place)
        assert (report.exit_code, report.failed, report.deleted) == (0, 0, 6)
        assert side.target == TREE
        assert side.backup == OLD

    def test_events_say_where(self, side: Kept) -> None:
        side.put({"a": b"new", "b": b"1"}, {"a": b"old one", "gone": b"x"})
        side.run()
        where = {
            event.path: event.backup
            for event in side.events
            if isinstance(event, Deleted) or (isinstance(event, Finished) and event.action != "mkdir")
        }
        assert where == {"a": f"{side.place}/a", "b": None, "gone": f"{side.place}/gone"}

    def test_nothing_to_keep_makes_no_folder(self, side: Kept) -> None:
        side.put(TREE, {})
        assert side.run().exit_code == 0
        assert side.backup == {}
        assert not (side.folder.parent / "kept").exists()
        assert "kept" not in side.server.tree()

    def test_links_are_moved(self, side: Kept) -> None:
        side.put({"a": b"1"}, {"link": Link("nowhere"), "d": {"link": Link("/etc")}})
        assert side.run().exit_code == 0
        assert side.target == {"a": b"1"}
        assert side.backup == {"link": Link("nowhere"), "d": {"link": Link("/etc")}}

    def test_names_that_are_taken_get_a_number(self, side: Kept) -> None:
        for number in range(3):
            side.put({"a": b"1"}, {"a": b"%d older" % number, "gone": b"%d" % number, "d": {"x": b"%d" % number}})
            if side.up:
                side.server.root.inside["kept"] = FakeServer({"now": side.kept}).root if number else Folder()
            assert side.run().exit_code == 0
            side.kept = side.backup
        assert side.backup == {
            "a": b"0 older", "a.1": b"1 older", "a.2": b"2 older",
            "gone": b"0", "gone.1": b"1", "gone.2": b"2", "d": {"x": b"0", "x.1": b"1", "x.2": b"2"},
        }  # fmt: skip

    def test_a_dry_run_makes_nothing(self, side: Kept) -> None:
        side.put(TREE, OLD)
        foreseen = side.run(dry_run=True)
        assert side.target == OLD
        assert not (side.folder.parent / "kept").exists()
        assert "kept" not in side.server.tree()
        planned = [event for event in side.events if isinstance(event, Planned)]
        side.events.clear()
        report = side.run()
        assert (foreseen.would_delete, foreseen.would_transfer) == (report.deleted, report.transferred)
        done = {event.path for event in side.events if isinstance(event, Deleted)}
        assert done == {event.path for event in planned if event.action == "delete"}

    def test_the_guard_comes_first(self, side: Kept) -> None:
        many = {f"file {number}": b"x" for number in range(30)}
        side.put({"new": b"1"}, many)
        assert side.run().exit_code == 9
        assert side.backup == {}
        assert set(side.target) == {*many, "new"}


@DOWN
class TestOnTheDisk:
    def test_the_name_is_never_missing(self, side: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the new one comes, the old one has both names."""
        side.put({"a": b"new"}, {"a": b"old one"})
        there: list[tuple[bytes, bytes]] = []
        real = os.replace

        def replace(part: str, target: str, **folders: int) -> None:
            there.append(((side.folder / target).read_bytes(), Path(side.place, "a").read_bytes()))
            real(part, target, **folders)

        monkeypatch.setattr("os.replace", replace)
        assert side.run().exit_code == 0
        assert there == [(b"old one", b"old one")]

    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if the backup were on another device."""
        real = os.rename

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        def rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
            if src_dir_fd != dst_dir_fd:
                refuse()
            real(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        monkeypatch.setattr("os.link", refuse)
        monkeypatch.setattr("os.rename", rename)

    @pytest.mark.usefixtures("elsewhere")
    def test_another_device(self, side: Kept) -> None:
        side.put({**TREE, "keep": b"k"}, {**OLD, "link": Link("nowhere")})
        os.chmod(side.folder / "a.txt", 0o640)
        assert side.run().exit_code == 0
        assert side.target == {**TREE, "keep": b"k"}
        assert side.backup == {**OLD, "link": Link("nowhere")}
        for name in ("a.txt", "gone/z.txt"):
            assert Path(side.place, name).stat().st_mtime == 1_000_000
        assert Path(side.place, "a.txt").stat().st_mode & 0o777 == 0o640

    @pytest.mark.usefixtures("elsewhere")
    def test_a_disk_that_is_full(self, side: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        """No backup, no replacement, no delete; and no half copy under the file's name."""

        def fsync(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        side.put({"a": b"new", "sub": {"x": b"1"}}, {"a": b"old one", "sub": {"x": b"1", "gone": b"g"}})
        monkeypatch.setattr("ftpcli.engine.backup.local.os.fsync", fsync)
        report = side.run()
        assert side.target == {"a": b"old one", "sub": {"x": b"1", "gone": b"g"}} | {
            name: data for name, data in side.target.items() if is_part(name)
        }
        assert report.exit_code == 7
        assert side.failures() == {"a": "LocalFileError", "sub/gone": "LocalFileError"}
        assert files(side.backup) == {}

    def test_a_file_is_in_the_way(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one", "b": b"x"})
        (side.folder.parent / "kept").write_bytes(b"")
        report = side.run()
        assert side.target["a"] == b"old one"
        assert side.target["b"] == b"x"
        assert report.exit_code == 7
        (failure,) = [event for event in side.events if isinstance(event, Failed)]
        assert "cannot back up" in failure.message

    def test_folders_are_as_private_as_the_originals(self, side: Kept) -> None:
        side.put({"a": b"1"}, {"secret": {"in": {"x": b"1"}}, "a": b"22"})
        os.chmod(side.folder / "secret", 0o700)
        os.chmod(side.folder, 0o750)
        side.run()
        assert Path(side.place, "secret").stat().st_mode & 0o777 == 0o700
        assert Path(side.place).stat().st_mode & 0o777 == 0o750


@UP
class TestOnTheServer:
    @pytest.mark.parametrize("in_place", [False, True])
    @pytest.mark.parametrize("done", [False, True])
    @pytest.mark.parametrize("verb", ["stat", "mkdir", "rename", "write", "remove", "rmdir", "list", "size"])
    @pytest.mark.parametrize("after", range(8))
    def test_lost_at_any_command(self, side: Kept, verb: str, done: bool, after: int, in_place: bool) -> None:
        side.put(
            {"a": b"new", "sub": {"b": b"newer one"}}, {"a": b"old one", "sub": {"b": b"older"}, "gone": {"x": b"y"}}
        )
        at_number(side.server, verb, after, lost(), done=done)
        report = side.run(in_place=in_place, parallel=1)
        assert (report.exit_code, report.failed) == (0, 0)
        assert side.target == {"a": b"new", "sub": {"b": b"newer one"}}
        assert side.backup == {"a": b"old one", "sub": {"b": b"older"}, "gone": {"x": b"y"}}

    @pytest.mark.parametrize("verb", ["stat", "mkdir", "rename"])
    @pytest.mark.parametrize("done", [False, True])
    def test_lost_again_and_again(self, side: Kept, verb: str, done: bool) -> None:
        """Every other command of one kind is lost."""
        side.put({"a": b"new", "b": {"c": {"d": b"1"}}}, {"a": b"old one", "b": {"c": {"d": b"older", "e": b"x"}}})
        count = 0

        def now_and_then() -> None:
            nonlocal count
            count += 1
            if count % 2:
                lost()()

        side.server.on(verb, now_and_then, done=done, times=10**6)
        assert side.run(parallel=1, retries=1).exit_code == 0
        assert side.target == {"a": b"new", "b": {"c": {"d": b"1"}}}
        assert side.backup == {"a": b"old one", "b": {"c": {"d": b"older", "e": b"x"}}}

    @pytest.mark.parametrize("after", range(1, 8))
    def test_the_new_one_is_refused_its_name(self, side: Kept, after: int) -> None:
        """The old one comes back, also over a lost connection."""
        side.put({"a": b"new"}, {"a": b"old one"})
        refuse_names(side.server, "top/a")
        at_number(side.server, "rename", after, lost(), done=True)
        report = side.run(parallel=1)
        assert report.exit_code == 6
        assert side.target["a"] == b"old one"
        assert files(side.backup) == {}

    def test_what_cannot_come_back_is_told(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on("rename", raising(Denied("no")), path=f"{side.place}/a")
        refuse_names(side.server, "top/a")
        assert side.run(parallel=1).exit_code == 6
        assert files(side.backup) == {"a": b"old one"}
        (told,) = [event.message for event in side.events if isinstance(event, Warned) and "before" in event.message]
        assert f"{side.place}/a" in told

    def test_gone_for_good_between_the_two_renames(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on("rename", lambda: side.server.on("open", lost(), times=10**6), path="top/a", done=True)
        at_number(side.server, "rename", 1, lost())
        assert side.run(parallel=1).exit_code == 3
        assert files(side.backup) == {"a": b"old one"}
        assert any(f"{side.place}/a" in event.message for event in side.events if isinstance(event, Warned))
        side.server.faults.clear()
        assert side.run(parallel=1).exit_code == 0
        assert side.target == {"a": b"new"}

    @pytest.mark.parametrize("verb", ["rename", "mkdir"])
    def test_no_backup_no_change(self, side: Kept, verb: str) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on(verb, raising(Denied("no", reply="553 no")), times=10**6)
        assert side.run().exit_code == 6
        assert side.target["a"] == b"old one"

    def test_no_backup_no_delete(self, side: Kept) -> None:
        side.put({"a": b"1"}, {"a": b"1", "gone": b"2", "d": {}})
        side.server.on("mkdir", raising(Denied("no", reply="553 no")), times=10**6)
        report = side.run()
        assert (report.exit_code, report.deleted) == (6, 0)
        assert side.target == {"a": b"1", "gone": b"2", "d": {}}

    def test_refused_for_now(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on("rename", raising(TransientRefusal("later")), times=2)
        assert side.run().exit_code == 0
        assert (side.target, side.backup) == ({"a": b"new"}, {"a": b"old one"})

    @pytest.mark.parametrize("in_place", [False, True])
    def test_a_source_that_changes_meanwhile(self, side: Kept, in_place: bool) -> None:
        """What is kept is what was there before the run, not the first half of the new one."""
        side.put({"a": b"new " * 100}, {"a": b"old one"})

        def change() -> None:
            (side.folder / "a").write_bytes(b"newest")

        side.server.on("writing", change, at=200)
        assert side.run(in_place=in_place).exit_code == 0
        assert (side.target, side.backup) == ({"a": b"newest"}, {"a": b"old one"})

    def test_in_place_and_refused(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on("write", raising(Denied("no", reply="553 no")))
        assert side.run(in_place=True).exit_code == 6
        assert (side.target["a"], files(side.backup)) == (b"old one", {})

    def test_in_place_and_the_source_is_gone(self, side: Kept) -> None:
        side.put({"a": b"new"}, {"a": b"old one"})
        side.server.on("list", (side.folder / "a").unlink, done=True, path="top")
        assert side.run(in_place=True).exit_code == 7
        assert side.target["a"] == b"old one"

    def test_a_server_that_renames_onto_nothing(self, side: Kept) -> None:
        side.put(TREE, OLD)
        side.server.renames_over = False
        assert side.run().exit_code == 0
        assert (side.target, side.backup) == (TREE, OLD)

    def test_folders_are_made_once(self, side: Kept) -> None:
        target = {"d": {f"f{number}": b"old %d" % number for number in range(20)}}
        side.put({"d": {f"f{number}": b"new" for number in range(20)}}, target)
        assert side.run(parallel=1).exit_code == 0
        assert side.backup == target
        assert len(side.server.verbs("mkdir")) == 3  # kept, now and d
        assert side.server.verbs("mkdir")[-1] == ("mkdir", "kept/now/d")


def test_a_task_that_was_handed_on(server: FakeServer) -> None:
    """The first worker moved the old file away, and could not reach the server any more."""
    server.root = FakeServer({"site": {"a": b"old"}}).root
    backup, session = RemoteBackup("kept/now"), server.open()
    for _ in range(2):
        kept = RemoteKept(backup, "site/a", "a", there=True)
        kept.keep(session)
        assert kept.place == "kept/now/a"
    assert server.tree() == {"site": {}, "kept": {"now": {"a": b"old"}}}
    with pytest.raises(NotFound):
        RemoteKept(backup, "site/b", "b", there=True).keep(session)


def at_number(server: FakeServer, verb: str, number: int, act: Callable[[], object], *, done: bool = False) -> None:
    """``act`` at one command of a kind, counted from 0."""
    count = -1

    def perhaps() -> None:
        nonlocal count
        count += 1
        if count == number:
            act()

    server.on(verb, perhaps, done=done, times=10**6)


def refuse_names(server: FakeServer, path: str) -> None:
    """No part file gets the name ``path``; what comes from elsewhere does."""
    real = server.parent

    def parent(target: str) -> tuple[Folder, str]:
        last = server.calls[-1]
        if target == path and last[0] == "rename" and last[2] == path and is_part(str(last[1]).rpartition("/")[2]):
            raise Denied("not this name", reply="553 no")
        return real(target)

    server.parent = parent  # type: ignore[method-assign]


# Was what is in the backup and the target there before?


@BOTH
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=trees,
    target=trees,
    in_place=st.booleans(),
    fault=st.none()
    | st.tuples(st.sampled_from(["rename", "mkdir", "stat", "remove", "write"]), st.integers(0, 9), st.booleans()),
)
def test_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
    direction: Direction,
    source: Tree,
    target: Tree,
    in_place: bool,
    fault: tuple[str, int, bool] | None,
) -> None:
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        side = Kept(direction, server, Path(folder, "local"), stop, Events())
        side.put(source, target)
        if fault is not None:
            at_number(server, fault[0], fault[1], lost(), done=fault[2])
        report = side.run(allow_empty_source=True, max_delete=10**9, in_place=in_place, compare="always")
        assert side.source == source
        for path, data in files(target).items():
            assert data in (files(side.target).get(path), files(side.backup).get(path)), path
        if report.exit_code == 0:
            assert side.target == source
            assert not set(names(target)) - {*names(side.target), *names(side.backup)}
    stop.close()


# Where a backup may be


DAY = 1795246812.9  # 2026-11-21T07:40:12Z


def test_the_folder_has_the_date() -> None:
    assert backup_folder(Direction.UPLOAD.target, "old", "site", DAY) == "old/2026-11-21T074012Z"
    assert backup_folder(Direction.UPLOAD.target, "/old", "/site", DAY) == "/old/2026-11-21T074012Z"
    assert backup_folder(Direction.DOWNLOAD.target, "/old", "/site", DAY) == "/old/2026-11-21T074012Z"


@pytest.mark.parametrize(
    ("directory", "target"),
    [("site", "site"), ("site/old", "site"), ("./site/", "site"), ("x/../site/a", "site"), ("old", ""), ("", "site"),
     ("/a/b", "/a"), ("/a", "/"), ("/site", "site"), ("site", "/home/site"), ("../old", ".."), ("old", ".."),
     ("/a", ""), ("../old", "site"), ("old", "old/2026-11-21T074012Z"), ("old", "old/2026-11-21T074012Z/x")],
)  # fmt: skip
@pytest.mark.parametrize("direction", Direction)
def test_a_backup_folder_that_will_not_do(
    direction: Direction, directory: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if direction is Direction.DOWNLOAD:
        (tmp_path / "home").mkdir()
        monkeypatch.chdir(tmp_path / "home")
        if (directory, target) in (("/site", "site"), ("site", "/home/site"), ("/a", ""), ("../old", "site")):
            return  # on the disk it is known where these are
    with pytest.raises(UsageError):
        backup_folder(direction.target, directory, target, DAY)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    ("directory", "target"),
    [("old", "site"), ("site-old", "site"), ("site", "site/x"), ("/a/old", "/a/site"), ("../old", "../site"),
     ("..", "../site"), ("/", "/site")],
)  # fmt: skip
def test_a_backup_folder_that_does(
    direction: Direction, directory: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    assert backup_folder(direction.target, directory, target, DAY) == os.path.join(directory, "2026-11-21T074012Z")


def test_links_are_seen_through(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "other name").symlink_to("site")
    for directory, target in (("other name/old", "site"), ("site/old/deep", "other name"), ("other name", "site")):
        with pytest.raises(UsageError, match="inside"):
            backup_folder(Direction.DOWNLOAD.target, str(tmp_path / directory), str(tmp_path / target), DAY)


def test_both_written_the_same_way_is_what_is_asked() -> None:
    with pytest.raises(UsageError, match="the same way"):
        backup_folder(Direction.UPLOAD.target, "/old", "site", DAY)


# Was: a link that had been kept was a directory to write to, for what a later round of --watch kept below its name.
def test_nothing_is_kept_through_a_link_in_the_backup(tmp_path: Path) -> None:
    outside, tree, kept = tmp_path / "outside", tmp_path / "tree", tmp_path / "kept" / "now"
    (tree / "x").mkdir(parents=True)
    (tree / "x" / "old").write_bytes(b"old")
    outside.mkdir()
    kept.mkdir(parents=True)
    (kept / "x").symlink_to(outside)
    folders = LocalTree(str(tree), str(kept))
    with pytest.raises(LocalFileError, match="symbolic link is in the place"):
        LocalBackup(str(kept), folders).save(str(tree / "x" / "old"), "x/old")
    folders.close()
    assert os.listdir(outside) == []
