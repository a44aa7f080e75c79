"""Resolves what the command line named."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress, WorkerProgress
from ftpcli.engine.tasks.context import Shared, TaskContext
from ftpcli.engine.tasks.resolve import Found, Resolve
from ftpcli.engine.trees.glob import expand
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.slot import Slot
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import LocalFileError, NotFound
from ftpcli.model import Kind
from ftpcli.part_names import part_name
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, Link

TREE = {
    "a.txt": b"1",
    "b.txt": b"2",
    ".hidden.txt": b"3",
    "[x].txt": b"4",
    part_name("a.txt", 1): b"5",
    "link": Link(),
    "one": {"a.txt": b"6", "deep": {"z.txt": b"7"}},
    "two": {"a.txt": b"8", "b.log": b"9"},
    "empty": {},
}
Go = Callable[..., tuple[Found, ...]]


@pytest.fixture
def go(stop: StopToken, events: Events) -> Go:
    def go(server: FakeServer, root: Root, direction: Direction, **rules: bool) -> tuple[Found, ...]:
        slot = Slot(server.open)
        worker = Worker(0, slot, WorkerProgress(), Policy(0), stop, events.append)
        job = Job(direction, ENDPOINT, (root,), Rules(**rules))
        try:
            return Resolve(root).run(TaskContext(worker, Shared.of(job, RunProgress(1), Journal(), stop))).found
        finally:
            slot.retire()

    return go


def matched(server: FakeServer, pattern: str) -> list[str]:
    try:
        return [path for path, _ in expand(server.open(), pattern).matches]
    except NotFound:
        return []


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*.txt", ["[x].txt", "a.txt", "b.txt"]),
        ("/*.txt", ["/[x].txt", "/a.txt", "/b.txt"]),
        (".*.txt", [".hidden.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("[[]x].txt", ["[x].txt"]),
        ("*/a.txt", ["one/a.txt", "two/a.txt"]),
        ("*/*", ["one/a.txt", "one/deep", "two/a.txt", "two/b.log"]),
        ("one/*/*", ["one/deep/z.txt"]),
        ("t*/b.*", ["two/b.log"]),
        ("one", ["one"]),
        ("A.TXT", []),
        ("none/*", []),
        ("a.txt/*", []),
        ("*/none", []),
        ("empty/*", []),
        ("*.none", []),
    ],
)
def test_patterns(pattern: str, paths: list[str]) -> None:
    assert matched(FakeServer(TREE), pattern) == paths


def test_matches_come_with_their_entries() -> None:
    found = dict(expand(FakeServer(TREE).open(), "*").matches)
    assert found["one"].kind is Kind.DIR
    assert found["a.txt"].size == 1
    assert found["link"].kind is Kind.LINK


@given(
    names=st.lists(
        st.text("ab.*?[]!", min_size=1, max_size=4).filter(lambda name: name not in (".", "..")), max_size=6
    ),
    pattern=st.text("ab.*?[]!", min_size=1, max_size=4),
)
def test_expand_matches_like_fnmatch_except_hidden_names(names: list[str], pattern: str) -> None:
    server = FakeServer(dict.fromkeys(names, b""))
    found = matched(server, pattern)
    if not set(pattern) & set("*?["):
        assert found == ([pattern] if pattern in names else [])
        return
    wanted = {name for name in names if fnmatch.fnmatchcase(name, pattern)}
    hidden = {name for name in wanted if name.startswith(".") and not pattern.startswith(".")}
    assert found == sorted(wanted - hidden)


class TestDownload:
    @pytest.mark.parametrize(
        ("into", "target"), [(False, "new"), (True, "new/a.txt"), (None, "new"), (None, "folder/a.txt")]
    )
    def test_final_name(self, tmp_path: Path, go: Go, into: bool | None, target: str) -> None:
        (tmp_path / "folder").mkdir()
        there = tmp_path / target.split("/")[0]
        (found,) = go(FakeServer(TREE), Root("one/a.txt", str(there), into=into), Direction.DOWNLOAD)
        assert found.target == str(tmp_path / target)
        assert found.entry.size == 1

    def test_glob(self, tmp_path: Path, go: Go) -> None:
        found = go(FakeServer(TREE), Root("*/a.txt", str(tmp_path), glob=True), Direction.DOWNLOAD)
        assert [(item.source, item.target) for item in found] == [
            ("one/a.txt", str(tmp_path / "a.txt")),
            ("two/a.txt", str(tmp_path / "a.txt")),
        ]

    def test_nothing_matches(self, tmp_path: Path, go: Go) -> None:
        with pytest.raises(NotFound, match=r"nothing matches \*\.none"):
            go(FakeServer(TREE), Root("*.none", str(tmp_path), glob=True), Direction.DOWNLOAD)

    def test_not_there(self, tmp_path: Path, go: Go) -> None:
        with pytest.raises(NotFound):
            go(FakeServer(TREE), Root("none", str(tmp_path)), Direction.DOWNLOAD)

    def test_a_link_that_was_named_is_followed(self, tmp_path: Path, go: Go) -> None:
        (found,) = go(FakeServer(TREE), Root("link", str(tmp_path / "x")), Direction.DOWNLOAD)
        assert (found.entry.kind, found.entry.size) == (Kind.FILE, None)

    # Was: a link that a pattern matched kept the size that MLSD gives for the link itself, so that the file "has more
    # bytes than it was listed with" and the download failed.
    def test_a_link_that_a_pattern_matched_is_followed_too(self, tmp_path: Path, go: Go) -> None:
        (found,) = go(FakeServer(TREE), Root("li*", str(tmp_path), glob=True), Direction.DOWNLOAD)
        assert (found.entry.kind, found.entry.size) == (Kind.FILE, None)

    def test_a_tree_is_not_looked_up(self, tmp_path: Path, go: Go) -> None:
        server = FakeServer(TREE)
        (found,) = go(server, Root("one", str(tmp_path), tree=True), Direction.DOWNLOAD)
        assert found.entry.kind is Kind.DIR
        assert server.calls == []


class TestUpload:
    @pytest.mark.parametrize(
        ("into", "target", "final"),
        [
            (False, "new", "new"),
            (True, "new", "new/file"),
            (True, "", "file"),
            (None, "new", "new"),
            (None, "one", "one/file"),
            (None, "", "file"),
            (None, "/", "/file"),
        ],
    )
    def test_final_name(self, tmp_path: Path, go: Go, into: bool | None, target: str, final: str) -> None:
        (tmp_path / "file").write_bytes(b"123")
        (found,) = go(FakeServer(TREE), Root(str(tmp_path / "file"), target, into=into), Direction.UPLOAD)
        assert (found.target, found.entry.size) == (final, 3)

    def test_a_source_that_ends_in_a_slash_has_a_name(self, tmp_path: Path, go: Go) -> None:
        (tmp_path / "folder").mkdir()
        (found,) = go(FakeServer(), Root(f"{tmp_path}/folder/", "", into=True), Direction.UPLOAD)
        assert found.target == "folder"

    @pytest.mark.parametrize("written", ["folder/.", "folder/./", "folder/sub/.."])
    @pytest.mark.parametrize("target", ["", "one", "new"])
    def test_a_source_without_a_name_means_its_content(self, tmp_path: Path, go: Go, written: str, target: str) -> None:
        (tmp_path / "folder" / "sub").mkdir(parents=True)
        (found,) = go(FakeServer(TREE), Root(f"{tmp_path}/{written}", target, into=True), Direction.UPLOAD)
        assert found.target == target

    def test_a_link_that_was_named_is_followed(self, tmp_path: Path, go: Go) -> None:
        (tmp_path / "file").write_bytes(b"123")
        os.symlink("file", tmp_path / "link")
        (found,) = go(FakeServer(), Root(str(tmp_path / "link"), "x"), Direction.UPLOAD)
        assert (found.entry.kind, found.entry.size, found.target) == (Kind.FILE, 3, "x")

    @pytest.mark.parametrize("name", ["none", "dangling"])
    def test_not_there(self, tmp_path: Path, go: Go, name: str) -> None:
        os.symlink("nowhere", tmp_path / "dangling")
        with pytest.raises(LocalFileError, match="no such file"):
            go(FakeServer(), Root(str(tmp_path / name), "x"), Direction.UPLOAD)

    def test_a_tree_must_be_a_directory(self, tmp_path: Path, go: Go) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LocalFileError, match="not a directory"):
            go(FakeServer(), Root(str(tmp_path / "file"), "x", tree=True), Direction.UPLOAD)

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_parents(self, tmp_path: Path, go: Go, dry_run: bool) -> None:
        (tmp_path / "file").touch()
        server = FakeServer()
        root = Root(str(tmp_path / "file"), "x/y/z")
        go(server, root, Direction.UPLOAD, make_parents=True, dry_run=dry_run)
        assert server.tree() == ({} if dry_run else {"x": {"y": {}}})
