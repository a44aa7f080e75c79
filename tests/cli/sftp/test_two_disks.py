"""Moves between two file systems of one server: sshd copies the file by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.sftp.side import Side, tree
from tests.servers.real import Running, Setup, started

if TYPE_CHECKING:
    from tests.cli.conftest import Program

CONTENT = os.urandom(300_000)
TIME = 1_500_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(Setup("sshd")) as running:
        yield running


@pytest.fixture
def side(server: Running, run_ftpcli: Program, tmp_path: Path) -> Side:
    return Side(server, run_ftpcli, tmp_path)


@pytest.fixture
def disk(side: Side) -> Iterator[Path]:
    """A directory of the server's on another file system: one of its own for root, else in /dev/shm."""
    folder = side.root / "disk"
    folder.mkdir()
    if (
        shutil.which("mount")
        and not subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False).returncode
    ):
        side.own(folder)
        yield folder
        subprocess.run(["umount", folder], check=True)
        return
    folder.rmdir()
    if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == os.stat(side.root).st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        os.chmod(elsewhere, 0o755)
        side.own(Path(elsewhere))
        folder.symlink_to(elsewhere)
        yield folder


def names(folder: Path) -> set[str]:
    """Hidden ones, too."""
    return set(os.listdir(folder))


def make(side: Side, name: str) -> Path:
    path = side.write(name, CONTENT)
    path.chmod(0o640)
    os.utime(path, (TIME, TIME))
    return path


def test_copied_file(side: Side, disk: Path) -> None:
    path = make(side, "a")
    owner = path.stat().st_uid, path.stat().st_gid
    result = side("mv", "-v", side.url("a"), side.url("disk/b"))
    assert result.code == 0, result
    assert "the server copies it" in result.stderr
    found = (disk / "b").stat()
    assert (disk / "b").read_bytes() == CONTENT
    assert (found.st_mode & 0o7777, found.st_mtime, found.st_uid, found.st_gid) == (0o640, TIME, *owner)
    assert names(disk) == {"b"}
    assert not path.exists()
    make(side, "c")
    side.good("mv", side.url("disk/b"), side.url("c"))
    assert (side.root / "c").read_bytes() == CONTENT
    assert names(disk) == set()


def test_file_of_several_requests(side: Side, disk: Path) -> None:
    size = 64 * 1024 * 1024 + 5
    path = side.write("large", CONTENT)
    with path.open("r+b") as file:
        file.seek(size - 5)
        file.write(b"12345")
    side.good("mv", side.url("large"), side.url("disk/"))
    with (disk / "large").open("rb") as file:
        assert file.read(len(CONTENT)) == CONTENT
        file.seek(size - 5)
        assert file.read() == b"12345"
    assert not path.exists()


@pytest.mark.parametrize("what", ["directory", "link", "full disk"])
def test_unsupported_moves(side: Side, disk: Path, what: str) -> None:
    path = side.root / "x"
    if what == "directory":
        path = make(side, "x/inner")
    elif what == "link":
        make(side, "inner")
        path.symlink_to("inner")
    elif os.path.ismount(disk):
        make(side, "x")
        subprocess.run(["mount", "-o", "remount,size=64k", disk], check=True)
    else:
        pytest.skip("only root makes a small file system")
    result = side("mv", side.url("x"), side.url("disk/x"))
    assert result.code == 6
    assert "/x: the server refused (server: Failure)" in result.stderr
    assert names(disk) == set()
    assert path.read_bytes() == CONTENT


def test_file_onto_itself(side: Side, disk: Path) -> None:
    """Between two mounts of one directory nothing can be renamed either; a copy would overwrite the original."""
    again = side.root / "again"
    again.mkdir()
    if not os.path.ismount(disk) or subprocess.run(["mount", "--bind", disk, again], check=False).returncode:
        pytest.skip("only root mounts one directory twice")
    try:
        make(side, "disk/a")
        result = side("mv", side.url("disk/a"), side.url("again/a"))
        assert result.code == 6
        side.good("mv", side.url("disk/a"), side.url("again/b"))
        assert names(disk) == {"b"}
        assert (disk / "b").read_bytes() == CONTENT
    finally:
        subprocess.run(["umount", again], check=True)


def test_backup_on_another_disk(side: Side, disk: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "source", side.root / "target"
    (source / "d").mkdir(parents=True)
    (source / "d/changes").write_bytes(b"new")
    for name in ("changes", "goes"):
        make(side, f"target/d/{name}")
    side.good("mirror", source, side.url("target"), "--delete", "--backup-dir", disk / "kept")
    assert tree(target) == tree(source)
    (run,) = (disk / "kept").iterdir()
    assert tree(run) == {"d": None, "d/changes": CONTENT, "d/goes": CONTENT}
    assert (run / "d/goes").stat().st_mtime == TIME


def test_renamed_file_is_not_sent_again(side: Side, disk: Path, tmp_path: Path) -> None:
    if not os.path.ismount(disk):
        pytest.skip("only root has one tree over two file systems here")
    source = tmp_path / "source"
    (source / "disk").mkdir(parents=True)
    (source / "disk/b").write_bytes(CONTENT)
    os.utime(source / "disk/b", (TIME, TIME))
    make(side, "a")
    out = side.good("mirror", source, side.url(), "--delete", "--track-renames", "--json")
    summary = json.loads(out.splitlines()[-1])
    assert (summary["renamed"], summary["transferred"], summary["bytes"]) == (1, 0, 0)
    assert tree(side.root) == {"disk": None, "disk/b": CONTENT}
