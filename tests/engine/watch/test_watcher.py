"""The thread that watches a tree, on the real file system. Tests wait for events, not for fixed times."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpcli.engine.job import FilterRules
from ftpcli.engine.watch import watcher as module
from ftpcli.engine.watch.changes import Changes
from ftpcli.engine.watch.watcher import Watcher
from ftpcli.errors import LocalFileError
from ftpcli.part_names import part_name
from ftpcli.stop import StopToken

PATIENCE = 20.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/f").write_bytes(b"1")
    return root


@pytest.fixture
def watcher(root: Path, _looks_around: None) -> Iterator[Watcher]:
    watcher = Watcher(str(root), FilterRules(("*.log",)))
    yield watcher
    watcher.close()


@pytest.fixture(autouse=True)
def _looks_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AROUND", 200)


class Seen:
    """Everything that a watcher has reported so far."""

    def __init__(self, watcher: Watcher, stop: StopToken) -> None:
        self.watcher = watcher
        self.stop = stop
        self.directories: set[str] = set()
        self.trees: set[str] = set()
        self.everything = False

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, (self.directories, self.trees, self.everything)
            self.stop.sleep(left, self.watcher.fileno())
            self.add(self.watcher.take())

    def add(self, changes: Changes) -> None:
        scope = changes.scope()
        if scope is None:
            self.everything = True
        else:
            self.directories |= scope.directories
            self.trees |= scope.trees


@pytest.fixture
def seen(watcher: Watcher, stop: StopToken) -> Seen:
    return Seen(watcher, stop)


def test_changes_are_seen_from_the_first_moment(root: Path, seen: Seen) -> None:
    (root / "a/f").write_bytes(b"2")
    seen.until(lambda: "a" in seen.directories)
    (root / "a/b/g").write_bytes(b"2")
    seen.until(lambda: "a/b" in seen.directories)
    os.unlink(root / "a/b/g")
    seen.directories.clear()
    seen.until(lambda: "a/b" in seen.directories)
    assert seen.trees == set()
    assert not seen.watcher.blind


def test_new_directories_are_watched_too(root: Path, seen: Seen) -> None:
    (root / "new/deep").mkdir(parents=True)
    seen.until(lambda: "" in seen.directories and "new" in seen.trees)
    (root / "new/deep/f").write_bytes(b"1")
    seen.until(lambda: "new/deep" in seen.directories or "new/deep" in seen.trees)


def test_a_directory_that_was_moved_here_is_a_tree(root: Path, seen: Seen) -> None:
    (root / "a").rename(root / "z")
    seen.until(lambda: "z" in seen.trees)
    (root / "z/b/f").write_bytes(b"1")
    seen.until(lambda: "z/b" in seen.directories)


def test_what_is_excluded_and_part_files_are_not_seen(root: Path, seen: Seen) -> None:
    (root / "a/b/x.log").write_bytes(b"1")
    (root / "a/b" / part_name("x", 1)).write_bytes(b"1")
    (root / "a/seen").write_bytes(b"1")
    seen.until(lambda: "a" in seen.directories)
    assert "a/b" not in seen.directories


def test_reading_changes_nothing(root: Path, seen: Seen) -> None:
    (root / "a/f").read_bytes()
    os.listdir(root / "a/b")
    (root / "marker").write_bytes(b"1")
    seen.until(lambda: "" in seen.directories)
    assert seen.directories == {""}


def test_nothing_is_reported_twice(root: Path, seen: Seen, watcher: Watcher) -> None:
    assert not watcher.take()
    (root / "a/f").write_bytes(b"2")
    seen.until(lambda: "a" in seen.directories)


def test_links_are_not_followed(root: Path, tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    seen.until(lambda: seen.directories == {""})
    (tmp_path / "outside/f").write_bytes(b"1")
    (root / "a/f").write_bytes(b"2")
    seen.until(lambda: "a" in seen.directories)
    assert seen.directories == {"", "a"}
    assert seen.trees == set()


def test_links_are_followed_where_they_belong_to_the_tree(root: Path, tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    watcher = Watcher(str(root), FilterRules(), follow=True)
    try:
        (tmp_path / "outside/f").write_bytes(b"1")
        seen = Seen(watcher, stop)
        seen.until(lambda: "link" in seen.directories)
    finally:
        watcher.close()


def test_a_root_that_is_a_link(root: Path, tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "link").symlink_to(root)
    watcher = Watcher(str(tmp_path / "link") + "/", FilterRules())
    try:
        (root / "a/f").write_bytes(b"2")
        seen = Seen(watcher, stop)
        seen.until(lambda: "a" in seen.directories)
    finally:
        watcher.close()


@pytest.mark.parametrize("back", [False, True])
def test_a_removed_root_makes_the_watcher_blind(root: Path, seen: Seen, back: bool) -> None:
    root.rename(root.parent / "elsewhere")
    if back:
        shutil.copytree(root.parent / "elsewhere", root)
    seen.until(lambda: seen.everything and seen.watcher.blind)


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="file names are UTF-8 there")
def test_a_name_that_is_not_utf_8_counts_as_a_loss(root: Path, seen: Seen) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_bytes(b"1")
    seen.until(lambda: seen.everything)
    assert seen.watcher.blind


def test_very_many_changes_at_once_count_as_a_loss(root: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STORM", 5)
    for number in range(50):
        (root / f"a/f{number}").write_bytes(b"1")
    seen.until(lambda: seen.everything)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_only_a_directory_can_be_watched(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LocalFileError, match="cannot watch"):
        Watcher(str(tmp_path / kind), FilterRules())


def test_an_error_of_the_system_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(*_: object, **__: object) -> Iterator[None]:
        raise OSError("OS file watch limit reached.")
        yield

    monkeypatch.setattr("watchfiles.watch", watch)
    with pytest.raises(LocalFileError, match="limit reached"):
        Watcher(str(root), FilterRules())
