"""A server whose second answer to one command comes when the next was sent: nothing refused is called done in the end.

Between two commands with the same codes nobody can tell whose answer it is; that there was one too many shows later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.certificates import session_certificates
from tests.servers.scripted.faults import late
from tests.servers.scripted.server import ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Result

Start = Callable[..., ScriptedServer]
FILES = {"/w/kept": b"k", "/w/sub/a": b"1", "/w/sub/b": b"22"}
ARGUMENTS = ("--progress", "none", "--retry-wait", "0", "--cafile")


def served(scripted: Start, tls: str, refusal: str) -> ScriptedServer:
    server = scripted(tls=tls, files=dict(FILES))
    server.on("DELE", refusal)
    server.on("DELE", late("250 Deleted."), times=1)
    return server


def judge(result: Result) -> None:
    assert result.code == 12, result.stderr
    assert "DELE /w/sub/a" in result.stderr
    assert "DELE /w/sub/b" in result.stderr
    assert "127.0.0.1" in result.stderr


@pytest.mark.parametrize("refusal", ["550 Permission denied.", "450 Busy."])
@pytest.mark.parametrize("tls", ["none", "explicit", "implicit"])
class TestRefusedAndCalledDone:
    def test_mirror(self, scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, refusal: str) -> None:
        server = served(scripted, tls, refusal)
        (tmp_path / "w/sub").mkdir(parents=True)
        (tmp_path / "w/kept").write_bytes(b"k")
        options = (*ARGUMENTS, session_certificates().ca, "--parallel", "1", "--delete", "--compare", "size")
        judge(run_ftpcli("mirror", tmp_path / "w", server.url("w/"), *options))
        assert len(server.files) == 2

    def test_rm(self, scripted: Start, run_ftpcli: Program, tls: str, refusal: str) -> None:
        server = served(scripted, tls, refusal)
        judge(run_ftpcli("rm", server.url("w/sub/*"), *ARGUMENTS, session_certificates().ca))
        assert len(server.files) == 2


def test_what_was_done_is_not_in_doubt(scripted: Start, run_ftpcli: Program) -> None:
    """Whichever reply answered which command, none of them is a refusal."""
    server = scripted(files=dict(FILES))
    server.on("DELE", late("250 Deleted."))
    result = run_ftpcli("rm", server.url("w/sub/*"), "--retry-wait", "0")
    assert result.code == 0, result.stderr
    assert server.files == {"/w/kept": b"k"}


@pytest.mark.parametrize("goodbye", ["200 Bye.", "250 Bye.", "500 Bye?"])
def test_another_answer_to_quit_is_no_doubt(scripted: Start, run_ftpcli: Program, goodbye: str) -> None:
    server = scripted(files=dict(FILES))
    server.on("QUIT", lambda c, _: c.goodbye(goodbye))
    result = run_ftpcli("rm", server.url("w/sub/a"), server.url("w/sub/b"))
    assert result.code == 0, result.stderr
    assert server.files == {"/w/kept": b"k"}
