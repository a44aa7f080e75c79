"""No path leads elsewhere once it was checked, whoever swaps directories for links meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpcli.engine.backup.local import LocalBackup
from ftpcli.engine.trees.folder_handle import Folders
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.errors import LocalFileError
from ftpcli.model import Entry, Kind


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree, and beside it what is none of its business."""
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/a/b/file").write_bytes(b"content")
    (tmp_path / "outside/b").mkdir(parents=True)
    (tmp_path / "outside/b/file").write_bytes(b"secret")
    return tmp_path / "top"


def swap(top: Path, name: str) -> None:
    """Put a link to the same place outside where a directory or file of the tree was."""
    path = top / name
    path.rename(top.parent / "moved")
    outside = top.parent / "outside" / os.path.relpath(name, "a")
    os.symlink(outside.resolve(), path)


def commit(tree: LocalTree, path: str) -> None:
    part = tree.open_part(path, resume=False, begun=lambda _: None, mode=None)
    part.append(b"new")
    part.commit(None)


KEPT = "/nowhere/kept"
FILE = Entry("file", Kind.FILE, 7)
STEPS: dict[str, Callable[[LocalTree, str], object]] = {
    "read": lambda tree, path: tree.open_source(path),
    "write": commit,
    "list": lambda tree, path: tree.list(os.path.dirname(path)),
    "list for a target": lambda tree, path: tree.list_if_there(os.path.dirname(path), expected=True),
    "look": lambda tree, path: tree.look(path),
    "make a directory": lambda tree, path: tree.make_directory(f"{os.path.dirname(path)}/new/below", None),
    "open a directory": lambda tree, path: tree.open_directory(os.path.dirname(path), 0o777),
    "delete": lambda tree, path: tree.remove(path, Kind.FILE),
    "make a link": lambda tree, path: tree.make_link(f"{path}.link", "x", replaces=False, kept=None),
    "rename": lambda tree, path: tree.rename(path, f"{path}.new", FILE),
    "rename to": lambda tree, path: tree.rename(os.path.dirname(os.path.dirname(path)), f"{path}.new", FILE),
    "sweep": lambda tree, path: tree.sweep(path),
    "back up": lambda tree, path: LocalBackup(KEPT, tree).save(path, "a/b/file"),
}


def outside(top: Path) -> dict[str, tuple[bytes, int]]:
    found = (top.parent / "outside").rglob("*")
    return {str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mode) for path in found}


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("swapped", ["a", "a/b"])
@pytest.mark.parametrize("step", STEPS)
def test_a_directory_that_was_swapped_for_a_link(top: Path, step: str, swapped: str, used: bool) -> None:
    tree, path = LocalTree(str(top)), str(top / "a/b/file")
    if used:  # the directory is already open
        tree.open_source(path).close()
    before = outside(top)
    swap(top, swapped)
    with pytest.raises(LocalFileError, match="symbolic link"):
        STEPS[step](tree, path)
    assert outside(top) == before
    if step != "open a directory":
        assert "symbolic link" in tree.set_mode(path, 0o777)
        assert outside(top) == before


@pytest.mark.parametrize("step", ["read", "write", "delete"])
def test_a_directory_that_is_swapped_after_it_was_opened(top: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is taken in the directory that was listed, wherever that is by now."""
    tree, path = LocalTree(str(top)), str(top / "a/b/file")
    before, place = outside(top), tree.place

    def late(doing: str, path: str) -> object:
        found = place(doing, path)
        swap(top, "a/b")
        return found

    monkeypatch.setattr(tree, "place", late)
    if step == "read":
        with tree.open_source(path) as source:
            assert source.file.read() == b"content"
    else:
        STEPS[step](tree, path)
        assert {"write": [b"new"], "delete": []}[step] == [file.read_bytes() for file in top.parent.glob("moved/*")]
    assert outside(top) == before


@pytest.mark.parametrize("step", ["read", "delete", "write"])
def test_a_file_that_was_swapped_for_a_link(top: Path, step: str) -> None:
    tree, path = LocalTree(str(top)), str(top / "a/b/file")
    before = outside(top)
    swap(top, "a/b/file")
    if step == "read":
        with pytest.raises(LocalFileError, match="a symbolic link has come in its place"):
            tree.open_source(path)
    else:
        STEPS[step](tree, path)  # the link is deleted or replaced
    assert outside(top) == before


def test_the_root_may_be_a_link(top: Path) -> None:
    os.symlink("top", top.parent / "link")
    for root in (f"{top.parent}/link", f"{top.parent}/link/", f"{top.parent}/link/a"):
        with LocalTree(root).open_source(f"{top.parent}/link/a/b/file") as source:
            assert source.file.read() == b"content"


@pytest.mark.parametrize("holds_named", [False, True])
def test_what_the_user_named_in_the_root_may_be_a_link(top: Path, holds_named: bool) -> None:
    os.symlink("a", top / "named")
    os.symlink("b", top / "a" / "deeper")
    tree = LocalTree(str(top), holds_named=holds_named)
    if holds_named:
        tree.open_source(str(top / "named/b/file")).close()
    else:
        with pytest.raises(LocalFileError, match="symbolic link"):
            tree.open_source(str(top / "named/b/file"))
    with pytest.raises(LocalFileError, match="symbolic link"):
        tree.open_source(str(top / "named/deeper/file"))


def test_a_source_that_was_named_may_be_a_link(top: Path) -> None:
    os.symlink("top/a/b/file", top.parent / "link")
    LocalTree(str(top), f"{top.parent}/link").open_source(f"{top.parent}/link").close()


@pytest.mark.parametrize("linked", ["a", "a/b/file"])
def test_a_followed_link_leads_where_it_led_when_it_was_checked(top: Path, linked: str) -> None:
    swap(top, linked)
    tree, link = LocalTree(str(top)), top / linked
    folder = os.path.dirname(link)
    assert tree.followed(folder, tree.list(folder), None).outside
    with tree.open_source(str(top / "a/b/file")) as source:
        assert source.file.read() == b"secret"  # that is what --symlinks follow is for
    (top.parent / "shadow/b").mkdir(parents=True)
    (top.parent / "shadow/b/file").write_bytes(b"not checked")
    link.unlink()
    os.symlink(top.parent / "shadow" / os.path.relpath(linked, "a"), link)
    with tree.open_source(str(top / "a/b/file")) as source:
        assert source.file.read() == b"secret"


def test_a_directory_that_was_made_anew_is_opened_anew(top: Path) -> None:
    tree, path = LocalTree(str(top)), top / "a/b/file"
    tree.open_source(str(path)).close()
    (top / "a").rename(top / "old")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"newer")
    with tree.open_source(str(path)) as source:
        assert source.file.read() == b"newer"


def test_few_descriptors_stay_open(top: Path) -> None:
    for number in range(50):
        (top / f"{number}/x/y").mkdir(parents=True)
    before = descriptors()
    tree = LocalTree(str(top))
    for number in range(50):
        tree.make_directory(str(top / f"{number}/x/y/z"), None)
        tree.look(str(top / f"{number}/x/file"))
    assert descriptors() <= before + 1
    del tree
    assert descriptors() == before


def test_directories_are_made_with_those_above_them(top: Path) -> None:
    folders = Folders([str(top / "new")])
    folders.make(str(top / "new"), 0o755)
    folders.make(str(top / "new/a/b"), 0o700)
    folders.make(str(top / "new/a/b"), 0o700)
    assert (top / "new/a/b").stat().st_mode & 0o777 == 0o700
    assert (top / "new/a").stat().st_mode & 0o077
