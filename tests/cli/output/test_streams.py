"""Standard output and error that are full, closed, or that nobody reads any more."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import PASSWORD, ROOT

if TYPE_CHECKING:
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

GONE = ("full", "closed", "unread")


@contextlib.contextmanager
def descriptor(how: str) -> Iterator[int | None]:
    """A descriptor that takes nothing; None for one that is closed."""
    if how == "full":
        found = os.open("/dev/full", os.O_WRONLY)
    elif how == "unread":
        reads, found = os.pipe()
        os.close(reads)
    else:
        yield None
        return
    yield found
    os.close(found)


def run(tmp_path: Path, *arguments: object, stdout: str = "", stderr: str = "") -> tuple[int, str, str]:
    """The exit code, and what could be written to the other stream."""
    command = [sys.executable, "-m", "ftpcli", *map(str, arguments)]
    closed = [f"{number}>&-" for number, how in ((1, stdout), (2, stderr)) if how == "closed"]
    if closed:
        command = ["sh", "-c", f'exec "$@" {" ".join(closed)}', "sh", *command]
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "FTPCLI_PASSWORD": PASSWORD,
        "XDG_STATE_HOME": str(tmp_path), "LANG": "C.UTF-8",
    }  # fmt: skip
    with descriptor(stdout or "closed") as out, descriptor(stderr or "closed") as err:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, timeout=60, check=False, cwd=tmp_path,
            stdout=subprocess.PIPE if out is None else out, stderr=subprocess.PIPE if err is None else err,
        )  # fmt: skip
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


# Was: the interpreter's flush at exit made it 120, whatever the run had done.
@pytest.mark.parametrize("how", GONE)
@pytest.mark.parametrize("progress", ["none", "plain", "bar"])
def test_a_transfer_goes_on_without_standard_error(scripted: Start, tmp_path: Path, how: str, progress: str) -> None:
    server = scripted(files={"/d/a": b"a" * 1000, "/d/b": b"b", "/d/deep/c": b"c"})
    server.on("RETR", "550 no", match="b", times=1)
    down = tmp_path / "down"
    code, out, _ = run(tmp_path, "mirror", "-vv", server.url("d"), down, "--progress", progress, stderr=how)
    assert (code, out) == (1, "")
    assert (down / "a").read_bytes() == b"a" * 1000
    assert (down / "deep" / "c").read_bytes() == b"c"
    assert run(tmp_path, "mirror", "-v", server.url("d"), down, "--progress", progress, stderr=how)[0] == 0
    assert (down / "b").read_bytes() == b"b"


@pytest.mark.parametrize("how", GONE)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("get", "ftp://127.0.0.1:1/x"), 3),
        (("get", "nonsense"), 2),
        (("get", "--no-such-option"), 2),
        (("ls", "ftp://bob@127.0.0.1:1/", "--password-command", "sh -c 'echo no >&2; exit 1'"), 2),
    ],
)
def test_errors_keep_their_exit_code_without_standard_error(
    tmp_path: Path, how: str, arguments: tuple[str, ...], code: int
) -> None:
    assert run(tmp_path, *arguments, stderr=how) == (code, "", "")


# Messages would go into the first file that is opened, for that would be descriptor 2.
def test_closed_standard_streams_are_not_opened_as_something_else(scripted: Start, tmp_path: Path) -> None:
    server = scripted(files={"/a": b"x" * 100_000})
    out, log = tmp_path / "a", tmp_path / "log"
    arguments = ("get", "-vv", server.url("a"), "-o", out, "--log-file", log, "--progress", "plain")
    assert run(tmp_path, *arguments, stdout="closed", stderr="closed")[0] == 0
    assert out.read_bytes() == b"x" * 100_000


@pytest.mark.parametrize(("how", "code"), [("full", 7), ("closed", 7), ("unread", 141)])
@pytest.mark.parametrize("command", ["ls", "ls --json", "cat", "get -o -", "mirror --json", "mirror -n"])
def test_data_that_cannot_be_written(scripted: Start, tmp_path: Path, how: str, code: int, command: str) -> None:
    server = scripted(files={"/d/a": b"x" * 100_000, "/d/b": b"y"})
    verb, *options = command.split()
    place = server.url("d" if verb in ("ls", "mirror") else "d/a")
    places = [place, tmp_path / "down"] if verb == "mirror" else [place]
    found, _, said = run(tmp_path, verb, *options, *places, stdout=how)
    assert found == code
    assert said.count("\n") == (0 if how == "unread" else 1), said
    assert how == "unread" or "standard output" in said or "no space left" in said


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("get", "--help"), ("profile", "path")], ids=" ".join
)
@pytest.mark.parametrize(("how", "code"), [("full", 7), ("unread", 141)])
def test_help_that_cannot_be_written(tmp_path: Path, arguments: list[str], how: str, code: int) -> None:
    found, _, said = run(tmp_path, *arguments, stdout=how)
    assert (found, said.count("\n")) == (code, 1 if how == "full" else 0)
