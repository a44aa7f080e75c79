"""Source and target are on one machine, and one contains the other: the run stops before it copies itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Failed, Report
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.plan.overlap import Overlap
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.errors import Denied, NotFound
from ftpcli.model import Endpoint, Listing, Secret
from ftpcli.part_names import part_name
from ftpcli.session.ftp.session import FtpSession
from ftpcli.stop import StopToken
from tests.engine.fake import Events, Tree
from tests.engine.runs.test_run import BOTH, names, read, write
from tests.servers.embedded import Embedded, embedded

TREE: Tree = {"a.txt": b"1", "z": {"b.txt": b"2", "deep": {"c.txt": b"3"}}, "y": {"a.txt": b"4"}}


@pytest.fixture
def here() -> Iterator[Embedded]:
    with embedded() as server:
        yield server


class Disk:
    """A tree on the disk that server and client share."""

    def __init__(self, server: Embedded, stop: StopToken, events: Events) -> None:
        self.server = server
        self.stop = stop
        self.events = events
        write(server.root / "tree", TREE)

    def mirror(self, direction: Direction, source: str, target: str, **rules: object) -> Report:
        """Both are paths below the server's root."""
        if direction is Direction.DOWNLOAD:
            root = Root(source, str(self.server.root / target), into=False, tree=True)
        else:
            root = Root(str(self.server.root / source), target, into=False, tree=True)
        server = self.server
        endpoint = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password))
        job = Job(direction, endpoint, (root,), Rules(**{"max_delete_percent": 100.0, "delete": True, **rules}))  # type: ignore[arg-type]
        return run(job, self.events.append, self.stop, RunProgress(job.parallel))

    @property
    def tree(self) -> Tree:
        return read(self.server.root / "tree")

    def refusals(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Failed)]


@pytest.fixture
def disk(here: Embedded, stop: StopToken, events: Events) -> Disk:
    return Disk(here, stop, events)


@BOTH
class TestOverlap:
    def test_the_same_directory(self, disk: Disk, direction: Direction) -> None:
        report = disk.mirror(direction, "tree", "tree", compare="always")
        assert report.exit_code == 2
        assert disk.tree == TREE
        assert report.transferred == 0
        (message,) = disk.refusals()
        assert "the same directory" in message

    @pytest.mark.parametrize("inner", ["t", "z/t", "z/deep/t", "y", "z/deep"])
    @pytest.mark.parametrize("times", [1, 2])
    def test_the_source_contains_the_target(self, disk: Disk, direction: Direction, inner: str, times: int) -> None:
        """The target may exist already and hold what an earlier try left."""
        for _ in range(times):
            disk.events.clear()
            report = disk.mirror(direction, "tree", f"tree/{inner}", delete=False)
            assert report.exit_code == 2
            (message,) = disk.refusals()
            assert "the source contains the target" in message
            assert max(name.count("/") for name in names(disk.tree)) < 8, "it ends"
        assert disk.events.of(Deleted) == []
        assert [name for name in names(disk.tree) if name.endswith("ftpcli-part")] == []

    def test_an_old_copy_of_the_source_as_target_within_it(self, disk: Disk, direction: Direction) -> None:
        write(disk.server.root / "tree/t", TREE)
        assert disk.mirror(direction, "tree", "tree/t").exit_code == 2
        assert TREE.items() <= disk.tree.items()

    def test_separate_directories_are_accepted(self, disk: Disk, direction: Direction) -> None:
        write(disk.server.root / "other", {"y": {"b.txt": b"2"}, "old": {"a.txt": b"x"}})
        assert disk.mirror(direction, "tree", "other").exit_code == 0
        assert read(disk.server.root / "other") == TREE == disk.tree
        disk.events.clear()
        assert disk.mirror(direction, "tree", "new").exit_code == 0
        assert read(disk.server.root / "new") == TREE

    def test_nested_directories_of_the_same_name_are_accepted(self, disk: Disk, direction: Direction) -> None:
        """The paths look like an endless mirror, but are an ordinary tree."""
        write(disk.server.root / "tree/x", {"x": {"x": {"x": {"f": b"1"}}}})
        before = disk.tree
        assert disk.mirror(direction, "tree", "new").exit_code == 0
        assert read(disk.server.root / "new") == before == disk.tree

    def test_a_dry_run_makes_no_marker(self, disk: Disk, direction: Direction) -> None:
        stamps = {path: path.stat().st_mtime_ns for path in disk.server.root.rglob("*")}
        disk.mirror(direction, "tree", "tree/t", dry_run=True)
        assert {path: path.stat().st_mtime_ns for path in disk.server.root.rglob("*")} == stamps

    def test_markers_of_killed_runs_are_swept(self, disk: Disk, direction: Direction) -> None:
        left = part_name("ftpcli-here", 1), part_name("another", 1)
        for folder in ("tree", "other"):
            (disk.server.root / folder).mkdir(exist_ok=True)
            for name in left:
                (disk.server.root / folder / name).touch()
        assert disk.mirror(direction, "tree", "other").exit_code == 0
        local = disk.server.root / ("other" if direction is Direction.DOWNLOAD else "tree")
        assert [name for name in left if os.path.lexists(local / name)] == [left[1]]

    def test_the_marker_is_removed_after_a_stop(self, disk: Disk, direction: Direction) -> None:
        listen = disk.events.append

        def stop_soon(event: object) -> None:
            listen(event)  # type: ignore[arg-type]
            disk.stop.request(130)

        disk.events.append = stop_soon  # type: ignore[method-assign]
        assert disk.mirror(direction, "tree", "new").exit_code == 130
        assert not list(disk.server.root.rglob(".ftpcli-here*"))


def test_an_upload_to_a_target_that_contains_the_source_is_refused(disk: Disk, tmp_path: Path) -> None:
    """With --delete the target would lose the source, which is not in the source."""
    before = read(disk.server.root)
    report = disk.mirror(Direction.UPLOAD, "tree/z", "tree")
    assert report.exit_code == 2
    assert disk.events.of(Deleted) == []
    assert disk.tree.keys() >= before["tree"].keys()
    assert disk.tree["z"] == TREE["z"]
    assert not list(tmp_path.rglob(".ftpcli-here*"))


@pytest.mark.parametrize("inner", ["t", "z/t"])
def test_an_upload_from_a_directory_without_a_marker(disk: Disk, inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overlap, "_mark", lambda *_: None)
    assert disk.mirror(Direction.UPLOAD, "tree", f"tree/{inner}").exit_code == 2


def test_a_probe_file_that_could_not_be_deleted_is_swept_at_the_end(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(disk.server.root / "tree/x", {"x": {"f": b"1"}})
    before = disk.tree
    remove, refused = FtpSession.remove, []

    def remove_later(session: FtpSession, path: str) -> None:
        if "ftpcli-here" in path and path not in refused:
            refused.append(path)
            raise Denied("not now", reply="550 not now")
        remove(session, path)

    monkeypatch.setattr(FtpSession, "remove", remove_later)
    assert disk.mirror(Direction.UPLOAD, "tree", "new").exit_code == 0
    assert refused
    assert read(disk.server.root / "new") == before


def test_a_target_that_the_server_never_lists_is_listed_twice(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """MKD says that it exists, MLSD that it does not, which may mean that it must not be read."""
    asked = []

    def refuse(_: FtpSession, path: str) -> Listing:
        asked.append(path)
        assert len(asked) < 20, "it goes on endlessly"
        raise NotFound("not found, or no permission", reply="550 no")

    monkeypatch.setattr(FtpSession, "list", refuse)
    (disk.server.root / "new").mkdir()
    assert disk.mirror(Direction.UPLOAD, "tree", "new", delete=False).exit_code == 0
    assert asked.count("new") == 2
    assert read(disk.server.root / "new") == disk.tree
