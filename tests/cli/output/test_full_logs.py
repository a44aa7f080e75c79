"""A report or a log on a full disk: said once, and nothing of the transfer is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Program
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

FILES = {f"/d/{number}": b"x" * number for number in range(50)}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--report", "the report ends early, and the work goes on: No space left on device"),
        ("--log-file", "cannot write the log file /dev/full; the run goes on without it"),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_the_run_goes_on(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, option: str, said: str, fails: bool
) -> None:
    server = scripted(files=FILES)
    if fails:
        server.on("RETR", "550 no", match="/49")
    done = run_ftpcli("mirror", server.url("d"), tmp_path / "down", option, "/dev/full", "--progress", "none")
    assert done.code == (1 if fails else 0)
    assert done.stderr.count(f"ftpcli: warning: {said}\n") == 1
    assert len(done.stderr.splitlines()) == (3 if fails else 1), done.stderr
    assert len(list((tmp_path / "down").iterdir())) == (49 if fails else 50)


def test_both_at_once(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files=FILES)
    options = ("--report", "/dev/full", "--log-file", "/dev/full", "-vv")
    done = run_ftpcli("mirror", server.url("d"), tmp_path / "down", *options)
    assert done.code == 0
    assert done.stderr.count("warning") == 2


@pytest.mark.parametrize("option", ["--report", "--log-file"])
def test_one_that_cannot_be_begun_is_a_mistake(run_ftpcli: Program, tmp_path: Path, option: str) -> None:
    done = run_ftpcli("get", "ftp://127.0.0.1:1/x", option, tmp_path / "nowhere" / "file")
    assert done.code == 2
    assert done.stderr.startswith(f"ftpcli: {option} ")
    assert len(done.stderr.splitlines()) == 1
