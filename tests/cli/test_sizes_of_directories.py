"""Servers that answer SIZE for directories, as several embedded ones do: a directory is never taken for a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.server import Connection, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

FILES = {"/d/inner/a": b"1", "/d/b": b"22", "/top": b"333"}
ANSWERS = ["213 0", "213 4096"]


@pytest.fixture(params=[(home, answer) for home in ("/", "/d") for answer in ANSWERS], ids=str)
def server(request: pytest.FixtureRequest, scripted: Callable[..., ScriptedServer]) -> ScriptedServer:
    home, answer = request.param

    def size(c: Connection, argument: str) -> None:
        if c.server.tree.is_dir(c.path(argument)):
            c.reply(answer)
        else:
            c.default("SIZE", argument)

    server = scripted(files=dict(FILES), features=("SIZE", "MDTM"), home=home, rename_replaces=False)
    server.on("SIZE", size)
    return server


def absolute(server: ScriptedServer, path: str) -> str:
    return server.url(f"/{path}")


@pytest.mark.parametrize("place", ["d", "d/", "d/inner"])
def test_put_into_a_directory(server: ScriptedServer, run_ftpcli: Program, tmp_path: Path, place: str) -> None:
    (tmp_path / "new").write_bytes(b"new")
    result = run_ftpcli("put", tmp_path / "new", absolute(server, place))
    assert result.code == 0, result.stderr
    assert server.files == {**FILES, f"/{place.rstrip('/')}/new": b"new"}
    assert "DELE" not in server.verbs()


def test_put_replaces_a_file(server: ScriptedServer, run_ftpcli: Program, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"new")
    result = run_ftpcli("put", tmp_path / "b", absolute(server, "d"))
    assert result.code == 0, result.stderr
    assert server.files == {**FILES, "/d/b": b"new"}


def test_get_a_tree(server: ScriptedServer, run_ftpcli: Program, tmp_path: Path) -> None:
    result = run_ftpcli("get", "-r", absolute(server, "d"), "-d", tmp_path)
    assert result.code == 0, result.stderr
    assert (tmp_path / "d/inner/a").read_bytes() == b"1"
    assert (tmp_path / "d/b").read_bytes() == b"22"


def test_rm_a_tree(server: ScriptedServer, run_ftpcli: Program) -> None:
    assert run_ftpcli("rm", absolute(server, "d")).code == 6
    assert server.files == FILES
    result = run_ftpcli("rm", "-r", absolute(server, "d"))
    assert result.code == 0, result.stderr
    assert server.files == {"/top": b"333"}


@pytest.mark.parametrize(("place", "shown"), [("d", ["b", "inner"]), ("d/b", ["b"]), ("top", ["top"])])
def test_ls(server: ScriptedServer, run_ftpcli: Program, place: str, shown: list[str]) -> None:
    result = run_ftpcli("ls", absolute(server, place))
    assert result.code == 0, result.stderr
    assert result.stdout.split() == shown


def test_a_directory_whose_size_only_is_known_is_not_moved_aside(
    scripted: Callable[..., ScriptedServer], run_ftpcli: Program, tmp_path: Path
) -> None:
    """It was learnt elsewhere that SIZE is for files, and this one is an exception."""
    server = scripted(files={"/d/x/a": b"1"}, features=("SIZE",), rename_replaces=False)
    server.on("SIZE", "213 4096", match="/d/x")
    server.on("SIZE", "213 3", match=".ftpcli-part")
    (tmp_path / "x").write_bytes(b"new")
    result = run_ftpcli("put", tmp_path / "x", server.url("d/x"))
    assert result.code != 0
    assert server.files["/d/x/a"] == b"1"
    assert all(command.argument.rpartition("/")[2] != "x" for command in server.sent("RNFR"))


def test_an_ordinary_server_is_asked_once(
    scripted: Callable[..., ScriptedServer], run_ftpcli: Program, tmp_path: Path
) -> None:
    server = scripted(files={f"/d/{name}": name.encode() for name in "abcdef"}, features=("SIZE",))
    places = [server.url(f"d/{name}") for name in "abcdef"]
    result = run_ftpcli("get", *places, "-d", tmp_path, "--parallel", "1")
    assert result.code == 0, result.stderr
    assert [command.argument for command in server.sent("SIZE")].count("/d") == 1
    assert "CWD" not in server.verbs()
