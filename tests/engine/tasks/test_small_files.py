"""Batches of small files: the same trees, reports and failures as one file after the other."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from ftpcli.engine.events import Failed, Finished, Retrying, Started
from ftpcli.engine.job import Direction
from ftpcli.engine.tasks import small_files
from ftpcli.engine.trees.local import OpenSource
from ftpcli.engine.workers import pool as pool
from ftpcli.engine.workers.local_work_lock import LocalWorkLock
from ftpcli.errors import ConnectionLost, Denied, FtpcliError, NotFound
from ftpcli.part_names import is_part
from ftpcli.session.contract import Fetched, ToStore
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakePipelined, FakeServer, Tree, lost, raising
from tests.engine.runs.test_run import BOTH, Side, names

MANY: Tree = {f"d{number % 3}": {} for number in range(3)}
for number in range(100):
    MANY[f"d{number % 3}"][f"f{number}"] = bytes([number]) * (number * 7 % 600)
LARGE = b"L" * 5000  # more than the fake server's sessions take in a batch


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of files in each batch."""
    sizes: list[int] = []
    for step in ("fetch", "store"):
        plain = getattr(FakePipelined, step)

        def counted(self: FakePipelined, files: list[object], plain: object = plain) -> object:
            sizes.append(len(files))
            return plain(self, files)  # type: ignore[operator]

        monkeypatch.setattr(FakePipelined, step, counted)
    return sizes


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    server.pipelines = True
    return Side(direction, server, tmp_path / "local", stop, events)


def assert_done(side: Side, tree: Tree) -> None:
    assert side.target == tree
    assert not [name for name in names(side.target) if is_part(name.rpartition("/")[2])]


@pytest.mark.parametrize(
    ("direction", "verb"),
    [
        *((Direction.DOWNLOAD, verb) for verb in ("read", "reading")),
        *((Direction.UPLOAD, verb) for verb in ("write", "writing", "set_mtime", "rename")),
    ],
)
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("times", [1, 2, 30])
def test_a_connection_that_is_lost(side: Side, verb: str, done: bool, times: int) -> None:
    side.put(MANY, {"d0": {"f0": b"older, and longer"}})
    side.server.on(verb, lost(), done=done, times=times)
    report = side.mirror(retries=40, parallel=2)
    assert (report.exit_code, report.transferred, report.failed) == (0, 100, 0)
    assert_done(side, MANY)


@BOTH
class TestMirror:
    @pytest.mark.parametrize("parallel", [1, 4])
    def test_a_tree_of_small_files_and_a_large_one(self, side: Side, parallel: int, batches: list[int]) -> None:
        tree = MANY | {"large": LARGE}
        side.put(tree, {"d0": {"f0": b"older, and longer"}})
        report = side.mirror(parallel=parallel)
        assert (report.exit_code, report.transferred, report.failed) == (0, 101, 0)
        assert report.bytes == report.moved == len(LARGE) + sum(number * 7 % 600 for number in range(100))
        assert_done(side, tree)
        for kind in (Started, Finished):
            told = [event.path for event in side.events if isinstance(event, kind) and event.action != "mkdir"]
            assert sorted(told) == sorted(name for name in names(tree) if name not in ("d0", "d1", "d2"))
        assert max(batches) > 10
        assert sum(batches) > 50
        # Times were copied, too.
        side.events.clear()
        assert side.mirror().transferred == 0

    def test_after_repeated_lost_connections_files_are_sent_one_by_one(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried = []

        def breaks(self: FakePipelined, files: object) -> None:
            tried.append(files)
            self.session.healthy = False
            raise ConnectionLost("too much at once")

        monkeypatch.setattr(FakePipelined, "fetch", breaks)
        monkeypatch.setattr(FakePipelined, "store", breaks)
        side.put(MANY, {})
        report = side.mirror(parallel=1)
        assert (report.exit_code, report.transferred) == (0, 100)
        assert len(tried) == 3
        assert_done(side, MANY)
        assert not side.events.of(Retrying), "no file was tried twice"

    def test_a_local_file_that_cannot_be_used(self, side: Side) -> None:
        side.put(MANY, {})
        if side.up:
            os.remove(side.folder / "d1" / "f40")
            os.symlink("nowhere", side.folder / "d1" / "f40")
        else:
            (side.folder / "d1").mkdir()
            (side.folder / "d1" / "f40").mkdir()
        side.mirror(symlinks="follow")
        assert [event.path for event in side.events.of(Failed)] == ["d1/f40"]

    def test_stopped_in_the_middle(self, side: Side) -> None:
        side.put(MANY, {})
        collect = side.events.append

        def stop_soon(event: object) -> None:
            collect(event)  # type: ignore[arg-type]
            if isinstance(event, Finished) and event.action != "mkdir":
                side.stop.request(130)

        side.events.append = stop_soon  # type: ignore[method-assign]
        report = side.mirror(parallel=1)
        assert report.exit_code == 130
        del side.events.append
        side.stop.close()

    @pytest.mark.parametrize("rules", [{"verify": "none"}, {"times": False}, {"perms": True}, {"verify": "checksum"}])
    def test_whatever_the_rules(self, side: Side, rules: dict[str, object]) -> None:
        side.put(MANY, {})
        side.server.digests = "sha256"
        assert side.mirror(**rules).transferred == 100
        assert_done(side, MANY)

    def test_a_defect_ends_the_run(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        side.put(MANY, {})

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(small_files.SmallFiles, "begin", broken)
        with pytest.raises(ZeroDivisionError):
            side.mirror()


@pytest.mark.parametrize("direction", [Direction.UPLOAD])
class TestUploads:
    def test_a_source_that_changes_after_it_was_stored_is_sent_again(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        side.put(MANY, {})
        plain = FakePipelined.store

        def store(self: FakePipelined, files: list[ToStore]) -> object:
            stored = plain(self, files)
            if any("/.f3." in file.path for file in files):
                (side.folder / "d0" / "f3").write_bytes(b"another")
            return stored

        monkeypatch.setattr(FakePipelined, "store", store)
        assert side.mirror(parallel=1).exit_code == 0
        assert_done(side, MANY | {"d0": MANY["d0"] | {"f3": b"another"}})

    @pytest.mark.parametrize("together", [True, False])
    def test_two_contents_in_one_second(self, side: Side, batches: list[int], together: bool) -> None:
        """The server keeps times to the second. Was: the second content counted as up to date for ever."""
        side.server.pipelines = together
        side.put({}, {})
        time.sleep(1 - time.time() % 1)  # a second that is long enough for both
        for content in (b"one", b"two"):
            for name in ("a", "b", "c"):
                (side.folder / name).write_bytes(content)
            assert side.mirror(parallel=1).transferred == 3
            assert_done(side, {"a": content, "b": content, "c": content})
        # The first file of the second run goes as soon as it is known that the server keeps times.
        assert batches[:1] == ([3] if together else [])

    @pytest.mark.parametrize("together", [True, False])
    def test_a_content_that_changes_all_the_time(self, side: Side, together: bool) -> None:
        """It changes while the end of its second is awaited, and again in the second of the version then sent."""
        side.server.pipelines = together
        side.put({}, {})
        path = side.folder / "a"
        time.sleep(1 - time.time() % 1)
        second = int(time.time())
        path.write_bytes(b"one")

        def at(moment: float) -> None:
            time.sleep(max(0.0, second + moment - time.time()))

        def change() -> None:
            at(1.001)
            for _ in range(4):
                path.write_bytes(b"two")
                time.sleep(0.004)
            at(1.6)
            path.write_bytes(b"six")

        writer = threading.Thread(target=change)
        writer.start()
        side.mirror(parallel=1)
        writer.join()
        at(3)
        assert side.mirror(parallel=1).exit_code == 0
        assert_done(side, {"a": b"six"})
        assert side.mirror(parallel=1).transferred == 0

    def test_a_source_that_changes_while_it_is_read_leaves_the_batch(
        self, side: Side, monkeypatch: pytest.MonkeyPatch, batches: list[int]
    ) -> None:
        side.put(MANY, {})
        with monkeypatch.context() as patch:
            patch.setattr(OpenSource, "unchanged", lambda _: False)
            assert side.mirror().transferred == 0
        assert batches
        assert set(batches) == {0}

    def test_a_rename_whose_reply_was_lost_counts_as_done(self, side: Side) -> None:
        side.put(MANY, {})
        side.server.on("rename", lost(), done=True)
        assert side.mirror(parallel=1).transferred == 100
        assert_done(side, MANY)

    def test_names_that_are_taken_where_the_server_does_not_replace(self, side: Side) -> None:
        old = {name: dict.fromkeys(inside, b"older, and longer than all") for name, inside in MANY.items()}
        side.put(MANY, old)
        side.server.renames_over = False
        assert side.mirror().transferred == 100
        assert_done(side, MANY)

    def test_a_server_that_sets_no_times(self, side: Side) -> None:
        side.put(MANY, {})
        side.server.sets_times = False
        assert side.mirror().transferred == 100
        assert_done(side, MANY)

    # Was: a worker that waited for the server held up all others.
    @pytest.mark.parametrize("verb", ["write", "open"])
    def test_the_local_work_lock_is_released_while_waiting_for_the_server(
        self, side: Side, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        """A source that changed after it was stored is sent again, after the connection was lost."""
        side.put(MANY, {})
        local_work = LocalWorkLock()
        monkeypatch.setattr(pool, "LocalWorkLock", lambda: local_work)
        plain = FakePipelined.rename
        free = []

        def take() -> None:
            with local_work.held():
                pass

        def look() -> None:
            other = threading.Thread(target=take, daemon=True)
            other.start()
            other.join(5)
            free.append(not other.is_alive())

        def rename(self: FakePipelined, pairs: list[tuple[str, str]]) -> list[bool]:
            done = plain(self, pairs)
            if not free and any(target.endswith("/f3") for _, target in pairs):
                (side.folder / "d0" / "f3").write_bytes(b"another")
                side.server.on(verb, look)
                self.session.healthy = verb == "write"
            return done

        monkeypatch.setattr(FakePipelined, "rename", rename)
        assert side.mirror(parallel=1).exit_code == 0
        assert free == [True]
        assert_done(side, MANY | {"d0": MANY["d0"] | {"f3": b"another"}})

    # Was: a rename that the server refused was taken for one whose reply was lost, and an older file of the same size
    # for the new one.
    def test_a_part_file_that_is_gone_is_not_taken_for_renamed(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        side.put(dict.fromkeys("abc", b"new!"), dict.fromkeys("abc", b"old!"))
        plain = FakePipelined.rename

        def rename(self: FakePipelined, pairs: list[tuple[str, str]]) -> list[bool]:
            for path, target in pairs:
                if target.endswith("/b"):
                    self.session.remove(path)
            return plain(self, pairs)

        monkeypatch.setattr(FakePipelined, "rename", rename)
        report = side.mirror(parallel=1, compare="always")
        assert (report.transferred, report.failed) == (3, 0), "it is sent again, under a plain name"
        assert side.target == {"a": b"new!", "b": b"new!", "c": b"new!"}


@pytest.mark.parametrize("direction", [Direction.DOWNLOAD])
@pytest.mark.parametrize("error", [NotFound("gone", reply="550 gone"), Denied("no", reply="553 no")])
def test_a_refused_file_is_reported_and_the_others_are_sent(side: Side, error: FtpcliError) -> None:
    side.put(MANY, {})
    side.server.on("read", raising(error), path="top/d2/f50", times=2)  # once in the batch, once by itself
    report = side.mirror()
    assert (report.transferred, report.failed) == (99, 1)
    (failed,) = side.events.of(Failed)
    assert (failed.path, failed.reply) == ("d2/f50", error.reply)


@pytest.mark.parametrize("direction", [Direction.DOWNLOAD])
def test_a_version_other_than_the_listed_one_is_not_accepted(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.put(MANY, {})
    monkeypatch.setattr(FakePipelined, "fetch_one", lambda _, _path, size: Fetched(b"?" * size, 2_000_000.0))
    assert side.mirror().exit_code == 0
    assert_done(side, MANY)


@pytest.mark.parametrize("direction", [Direction.DOWNLOAD])
@pytest.mark.parametrize("rules", [{}, {"verify": "checksum"}])
def test_without_batches_each_worker_takes_one_file(side: Side, rules: dict[str, object]) -> None:
    side.server.pipelines = bool(rules)
    side.put({f"f{number}": b"x" for number in range(30)}, {})
    three = threading.Barrier(3)
    side.server.on("read", lambda: three.wait(10), times=30)
    assert side.mirror(parallel=3, retries=0, **rules).transferred == 30
