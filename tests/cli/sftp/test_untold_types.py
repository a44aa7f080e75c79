"""SFTP servers that do not say what is a file and what a directory, as the protocol allows (SolarWinds)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.sftp.side import Side, tree
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

if TYPE_CHECKING:
    from tests.cli.conftest import Program


@pytest.fixture(scope="module", params=["by line", "no bits", "untold"])
def server(request: pytest.FixtureRequest) -> Iterator[ParamikoServer]:
    with paramiko_server(types=request.param) as running:
        yield running


@pytest.fixture
def side(server: ParamikoServer, run_ftpcli: Program, tmp_path: Path) -> Side:
    side = Side(server, run_ftpcli, tmp_path)
    side.write("inbox/in/a", b"1")
    side.write("inbox/b", b"22")
    (side.root / "inbox/link").symlink_to("in")
    return side


@pytest.mark.parametrize("place", ["inbox", "inbox/"])
def test_put_into_a_directory(side: Side, tmp_path: Path, place: str) -> None:
    (tmp_path / "new").write_bytes(b"new")
    result = side("put", tmp_path / "new", side.url(place))
    assert result.code == 0, result.stderr
    assert (side.root / "inbox/new").read_bytes() == b"new"
    assert (side.root / "inbox/in/a").read_bytes() == b"1"


def test_put_replaces_a_file(side: Side, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"new")
    result = side("put", tmp_path / "b", side.url("inbox"))
    assert result.code == 0, result.stderr
    assert (side.root / "inbox/b").read_bytes() == b"new"
    assert sorted(path.name for path in (side.root / "inbox").iterdir()) == ["b", "in", "link"]


@pytest.mark.parametrize("command", ["get -r", "mirror"])
def test_a_tree_comes_whole(side: Side, tmp_path: Path, command: str) -> None:
    down = tmp_path / "down"
    arguments = ("-d", down) if command == "get -r" else (down / "inbox",)
    (down / "inbox").mkdir(parents=True)
    result = side(*command.split(), "--symlinks", "copy", side.url("inbox"), *arguments)
    assert result.code == 0, result.stderr
    assert tree(down / "inbox") == tree(side.root / "inbox")


def test_mirror_up_deletes_what_is_gone(side: Side, tmp_path: Path) -> None:
    up = tmp_path / "up"
    (up / "in").mkdir(parents=True)
    (up / "in/c").write_bytes(b"333")
    result = side("mirror", "--delete", "--max-delete", "100%", up, side.url("inbox"))
    assert result.code == 0, result.stderr
    assert tree(side.root / "inbox") == tree(up)


def test_rm(side: Side) -> None:
    assert side("rm", side.url("inbox")).code == 6
    result = side("rm", "-r", side.url("inbox"))
    assert result.code == 0, result.stderr
    assert not (side.root / "inbox").exists()


@pytest.mark.parametrize(("place", "shown"), [("inbox", ["b", "in", "link"]), ("inbox/b", ["b"]), ("inbox/in", ["a"])])
def test_ls(side: Side, place: str, shown: list[str]) -> None:
    result = side("ls", side.url(place))
    assert result.code == 0, result.stderr
    assert result.stdout.split() == shown
