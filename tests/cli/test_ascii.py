"""Files as text: --ascii, and ;type= in URLs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.certificates import session_certificates
from tests.servers.scripted.server import Course, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
# As on a host whose own line ends are LF, which the scripted server is: CR LF is on the wire alone.
TEXT = b"".join(b"line %d\n" % number for number in range(60_000)) + b"\n\nlast, without an end"
FEATURES = pytest.mark.parametrize("features", [("SIZE", "MDTM"), ("SIZE", "MDTM", "MLST type*;size*;modify*;")])


def wire_bytes(server: ScriptedServer) -> int:
    (transfer,) = (transfer for transfer in server.transfers if transfer.verb in ("RETR", "STOR"))
    return transfer.bytes


@FEATURES
@pytest.mark.parametrize("tls", ["none", "explicit"])
@pytest.mark.parametrize("written", ["option", "url"])
def test_get(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, features: tuple[str, ...], tls: str, written: str
) -> None:
    server = scripted(files={"/f": TEXT}, tls=tls, features=features)
    place = [server.url("f"), "--ascii"] if written == "option" else [server.url("f") + ";type=a"]
    result = run_ftpcli("get", *place, "-d", tmp_path, "--json", "--cafile", session_certificates().ca)
    assert result.code == 0, result.stderr
    assert (tmp_path / "f").read_bytes() == TEXT
    assert wire_bytes(server) == len(TEXT) + TEXT.count(b"\n")
    (finished,) = (line for line in map(json.loads, result.stdout.splitlines()) if line.get("verified") is not None)
    assert finished["verified"] == "none"


@FEATURES
@pytest.mark.parametrize("tls", ["none", "explicit"])
@pytest.mark.parametrize("source", ["file", "stdin"])
@pytest.mark.parametrize("in_place", [(), ("--in-place",)])
def test_put(
    scripted: Start,
    run_ftpcli: Program,
    tmp_path: Path,
    features: tuple[str, ...],
    tls: str,
    source: str,
    in_place: tuple[str, ...],
) -> None:
    server = scripted(tls=tls, features=features)
    local = tmp_path / "f"
    local.write_bytes(TEXT)
    options = ("--cafile", session_certificates().ca, *in_place)
    if source == "file":
        result = run_ftpcli("put", local, server.url("g") + ";type=a", *options)
    else:
        process = run_ftpcli.start("put", "-", server.url("g"), "--ascii", *options, stdin=True)
        result = run_ftpcli.finish(process, input=TEXT)
    assert result.code == 0, result.stderr
    assert server.files == {"/g": TEXT}
    assert wire_bytes(server) == len(TEXT) + TEXT.count(b"\n")


def test_cat(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(files={"/f": b"one\ntwo\n"})
    result = run_ftpcli("cat", server.url("f") + ";type=a")
    assert (result.code, result.stdout) == (0, "one\ntwo\n"), result.stderr
    assert "A" in [command.argument for command in server.sent("TYPE")]


def test_a_tree(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    files = {f"/d/{name}/f": b"x\n" * size for name, size in (("a", 1), ("b", 500), ("c", 0))}
    server = scripted(files=dict(files))
    result = run_ftpcli("get", "-r", server.url("d"), "-d", tmp_path, "--ascii")
    assert result.code == 0, result.stderr
    assert {f"/d/{path.parent.name}/f": path.read_bytes() for path in (tmp_path / "d").glob("*/f")} == files
    up = run_ftpcli("put", "-r", tmp_path / "d", server.url("e/"), "--mkdir", "--ascii")
    assert up.code == 0, up.stderr
    assert {path: content for path, content in server.files.items() if path.startswith("/e")} == {
        path.replace("/d/", "/e/d/", 1): content for path, content in files.items()
    }


def test_a_download_that_broke_begins_anew(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/f": TEXT})
    server.on("RETR", Course(only=200_000, ending="rst", reply="426 Broken."), times=1)
    result = run_ftpcli("get", server.url("f"), "-d", tmp_path, "--ascii", "--retry-wait", "0.1")
    assert result.code == 0, result.stderr
    assert (tmp_path / "f").read_bytes() == TEXT
    assert "REST" not in server.verbs()


@pytest.mark.parametrize(
    ("command", "suffix"),
    [
        ("get", ";type=d"),
        ("get", ";type=x"),
        ("get", ";type="),
        ("ls", ";type=a"),
        ("rm", ";type=a"),
        ("mkdir", ";type=A"),
        ("rm", ";type=E"),
    ],
)
def test_what_cannot_be_done_is_refused(scripted: Start, run_ftpcli: Program, command: str, suffix: str) -> None:
    server = scripted(files={"/f": TEXT})
    result = run_ftpcli(command, server.url("f") + suffix)
    assert result.code == 2, result.stderr
    assert ";type=" in result.stderr
    assert server.verbs() == []


@pytest.mark.parametrize("arguments", [("sftp://h/f;type=a",), ("sftp://h/f;type=A",), ("sftp://h/f", "--ascii")])
def test_not_over_sftp(run_ftpcli: Program, arguments: tuple[str, ...]) -> None:
    result = run_ftpcli("get", *arguments)
    assert result.code == 2, result.stderr
    assert "FTP" in result.stderr


def test_an_encoded_suffix_is_part_of_the_name(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/f;type=a": b"1\r\n", "/f": b"2"})
    result = run_ftpcli("get", server.url("f%3Btype=a"), "-d", tmp_path)
    assert result.code == 0, result.stderr
    assert (tmp_path / "f;type=a").read_bytes() == b"1\r\n"
    image = run_ftpcli("get", server.url("f") + ";type=i", "-d", tmp_path)
    assert image.code == 0
    assert (tmp_path / "f").read_bytes() == b"2"
