"""Wildcards on the command line: only what was typed unencoded acts as one, with every command that takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.server import ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
NAMES = ("report[1].txt", "report1.txt", "what?.txt", "whatx.txt", "*", "a", "[", "]", "%2A", "%5B1%5D")
FILES = {f"/d/{name}": name.encode() for name in NAMES}
ENCODED = {
    "report%5B1%5D.txt": "report[1].txt",
    "report%5b1].txt": "report[1].txt",
    "what%3F.txt": "what?.txt",
    "%2A": "*",
    "%5B": "[",
    "%252A": "%2A",
}
PATTERNS = {
    "%2A*": {"*"},
    "report%5B*": {"report[1].txt"},
    "report[1].txt": {"report1.txt"},
    "[%2Aa]": {"*", "a"},
    "?": {"*", "a", "[", "]"},
    "what%3F*": {"what?.txt"},
}
CASES = [(written, {name}) for written, name in ENCODED.items()] + list(PATTERNS.items())


def names(server: ScriptedServer) -> set[str]:
    return {path.removeprefix("/d/") for path in server.files}


@pytest.mark.parametrize(("written", "meant"), CASES)
@pytest.mark.parametrize("features", [("SIZE", "MLST type*;size*;"), ("SIZE",)])
def test_rm_deletes_what_was_meant(
    scripted: Start, run_ftpcli: Program, written: str, meant: set[str], features: tuple[str, ...]
) -> None:
    server = scripted(files=dict(FILES), features=features)
    result = run_ftpcli("rm", server.url("d/") + written)
    assert result.code == 0, result.stderr
    assert names(server) == set(NAMES) - meant


@pytest.mark.parametrize(("written", "meant"), CASES)
def test_get_and_ls_take_what_was_meant(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, written: str, meant: set[str]
) -> None:
    server = scripted(files=dict(FILES))
    down = tmp_path / "down"
    result = run_ftpcli("get", server.url("d/") + written, "-d", down)
    assert result.code == 0, result.stderr
    assert {path.name for path in down.iterdir()} == meant
    result = run_ftpcli("ls", server.url("d/") + written)
    assert {line.rpartition("/")[2] for line in result.stdout.splitlines()} == meant


@pytest.mark.parametrize("command", [("rm",), ("get",), ("ls",)])
@pytest.mark.parametrize("written", ["%3F", "x%2A", "%5Ba-z%5D"])
def test_a_name_that_is_not_there_matches_nothing(
    scripted: Start, run_ftpcli: Program, command: tuple[str, ...], written: str
) -> None:
    server = scripted(files=dict(FILES))
    result = run_ftpcli(*command, server.url("d/") + written)
    assert result.code == 6, result.stderr
    assert names(server) == set(NAMES)


def test_a_profiles_path_is_not_decoded_and_its_directory_is_no_pattern(
    scripted: Start, run_ftpcli: Program, tmp_path: Path
) -> None:
    server = scripted(files={"/[ab]/%2A": b"1", "/[ab]/x": b"2", "/a/x": b"3", "/b/%2A": b"4"})
    config = tmp_path / "config.toml"
    config.write_text(f'[profiles.there]\nurl = "{server.url("%5Bab%5D")}"\n')
    config.chmod(0o600)
    assert run_ftpcli("rm", "--config", config, "there:%2A").code == 0
    assert set(server.files) == {"/[ab]/x", "/a/x", "/b/%2A"}
    assert run_ftpcli("rm", "--config", config, "there:?").code == 0
    assert set(server.files) == {"/a/x", "/b/%2A"}
