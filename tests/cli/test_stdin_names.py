"""``put -`` on servers that do not want part files: it cannot be sent twice, and nothing that was sent is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.server import FEATURES, Connection, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
OPTIONS = ("--retry-wait", "0", "--progress", "none")


def refusing(verb: str, reply: str, where: Callable[[str], bool]) -> Callable[[Connection, str], None]:
    return lambda c, argument: c.reply(reply) if where(argument.rpartition("/")[2]) else c.default(verb, argument)


@pytest.mark.parametrize("reply", ["553 No dots.", "550 Permission denied."])
@pytest.mark.parametrize("name", ["new", "old"])
def test_no_name_with_a_dot(scripted: Start, run_ftpcli: Program, reply: str, name: str) -> None:
    server = scripted(files={"/d/old": b"old"})
    server.on("STOR", refusing("STOR", reply, lambda leaf: leaf.startswith(".")))
    result = run_ftpcli("put", "-", server.url(f"d/{name}"), *OPTIONS, input=b"content")
    assert result.code == 0, result.stderr
    assert "leading dot" in result.stderr
    assert server.files == {"/d/old": b"old", f"/d/{name}": b"content"}


@pytest.mark.parametrize("name", ["new", "old"])
def test_no_part_file_at_all(scripted: Start, run_ftpcli: Program, name: str) -> None:
    server = scripted(files={"/d/old": b"old"})
    server.on("STOR", refusing("STOR", "550 Only images.", lambda leaf: leaf.endswith(".ftpcli-part")))
    result = run_ftpcli("put", "-", server.url(f"d/{name}"), *OPTIONS, input=b"content")
    assert "--in-place" in result.stderr
    if name == "new":
        assert result.code == 0, result.stderr
        assert server.files == {"/d/old": b"old", "/d/new": b"content"}
    else:
        assert result.code == 6, result.stderr
        assert server.files == {"/d/old": b"old"}, "what is there is not written over"


@pytest.mark.parametrize(
    ("verb", "reply", "code"), [("RNTO", "553 no", 6), ("RNFR", "550 no", 6), ("RNFR", "502 ?", 12)]
)
@pytest.mark.parametrize("name", ["new", "old"])
def test_what_cannot_be_renamed_is_named(
    scripted: Start, run_ftpcli: Program, verb: str, reply: str, code: int, name: str
) -> None:
    server = scripted(files={"/d/old": b"old"})
    server.on(verb, reply)
    result = run_ftpcli("put", "-", server.url(f"d/{name}"), *OPTIONS, input=b"content")
    assert result.code == code, result.stderr
    assert server.files["/d/old"] == b"old"
    (part,) = (path for path in server.files if path != "/d/old")
    assert server.files[part] == b"content"
    assert part.lstrip("/") in result.stderr
    assert "--in-place" in result.stderr


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("stdin", [True, False])
def test_a_directory_has_the_name(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, replaces: bool, stdin: bool
) -> None:
    server = scripted(files={"/d/x/inner": b"1"}, rename_replaces=replaces)
    (tmp_path / "x").write_bytes(b"content")
    if stdin:
        result = run_ftpcli("put", "-", server.url("d/x"), *OPTIONS, input=b"content")
    else:
        result = run_ftpcli("put", tmp_path / "x", server.url("d/"), *OPTIONS)
    assert result.code == 6, result.stderr
    assert "directory has the name d/x" in result.stderr
    assert server.files["/d/x/inner"] == b"1"


@pytest.mark.parametrize("features", [("SIZE",), FEATURES])
def test_what_was_stored_in_place_and_is_not_there(
    scripted: Start, run_ftpcli: Program, features: tuple[str, ...]
) -> None:
    server = scripted(files={"/d/old": b"old"}, features=features)

    def lose(c: Connection, argument: str) -> None:
        c.default("STOR", argument)
        del c.server.files[c.path(argument)]

    server.on("STOR", lose)
    result = run_ftpcli("put", "--in-place", "-", server.url("d/old"), *OPTIONS, input=b"content")
    assert result.code == 8, result.stderr
    assert "d/old" in result.stderr
    assert "is not there" in result.stderr
    assert len(server.sent("STOR")) == 1
