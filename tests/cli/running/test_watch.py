"""``mirror --watch`` as its users run it. Every wait is for an event, with a generous limit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_faults import files_below, local_tree, many, options, relative
from tests.servers.scripted.server import ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
PATIENCE = 30.0
FILES = {"/up/a/f": b"1", "/up/a/b/g": b"22", "/up/c": b"333"}
SOON = ("--watch-interval", "0.2")


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"it did not happen; exit code {process.poll()}, {process.communicate()[1].decode()}")
        time.sleep(0.02)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return local_tree(tmp_path / "source", {name.removeprefix("/up"): data for name, data in FILES.items()})


def present(folder: Path) -> dict[str, bytes] | None:
    """The files below ``folder``; None if one disappears meanwhile."""
    try:
        return files_below(folder)
    except FileNotFoundError:
        return None


def uploaded(server: ScriptedServer) -> dict[str, bytes]:
    with server.tree.lock:
        return {name.removeprefix("/up/"): data for name, data in server.files.items()}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("tls", ["none", "explicit"])
def test_local_source(
    scripted: Start, run_ftpcli: Program, source: Path, tls: str, number: signal.Signals, code: int
) -> None:
    server = scripted(tls=tls)
    process = run_ftpcli.start("mirror", "--watch", "--delete", source, server.url("up"), *options())
    wait_for(lambda: uploaded(server) == present(source), process)
    (source / "a/b/new").write_bytes(b"new")
    wait_for(lambda: uploaded(server) == present(source), process)
    (source / "d/e").mkdir(parents=True)
    (source / "d/e/f").write_bytes(b"deep")
    wait_for(lambda: uploaded(server) == present(source), process)
    (source / "c").write_bytes(b"4444")
    wait_for(lambda: uploaded(server) == present(source), process)
    shutil.rmtree(source / "d")
    wait_for(lambda: uploaded(server) == present(source) and not server.tree.exists("/up/d"), process)
    process.send_signal(number)
    result = run_ftpcli.finish(process)
    assert result.code == code
    assert result.stdout == ""
    assert f"watching {source}; press Ctrl-C to stop" in result.stderr
    assert not [name for name in uploaded(server) if "ftpcli-part" in name]
    assert server.open == 0


def test_remote_source(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server, target = scripted(files=dict(FILES)), tmp_path / "target"
    url = server.url("up").replace("@", ":secret-Pw1@")
    process = run_ftpcli.start("mirror", "--watch", "--delete", url, target, *SOON, *options())
    wait_for(lambda: present(target) == uploaded(server), process)
    with server.tree.lock:
        server.files["/up/a/new"] = b"new"
        del server.files["/up/c"]
    wait_for(lambda: present(target) == uploaded(server), process)
    process.send_signal(signal.SIGINT)
    result = run_ftpcli.finish(process)
    assert result.code == 130
    assert "watching ftp://127.0.0.1" in result.stderr
    assert "secret-Pw1" not in result.said


@pytest.mark.parametrize("up", [True, False])
def test_server_restart(scripted: Start, run_ftpcli: Program, tmp_path: Path, up: bool) -> None:
    """Changes made while it was down are caught up with, and nothing is deleted because the server did not answer."""
    server, folder = ScriptedServer(files={} if up else dict(FILES)).start(), tmp_path / "folder"
    if up:
        local_tree(folder, relative(many(3)))
    places = (folder, server.url("up")) if up else (server.url("up"), folder)
    process = run_ftpcli.start("mirror", "--watch", "--delete", *places, *SOON, *options("--retries", "0"))
    wait_for(lambda: present(folder) == uploaded(server), process)
    port = server.port
    server.stop()
    before = uploaded(server)
    if up:
        (folder / "meanwhile").write_bytes(b"new")
    else:
        server.files["/up/meanwhile"] = b"new"
    wait_for(lambda: _heard(process, b"ftpcli:"), process)
    assert files_below(folder).items() >= before.items()
    again = scripted(files=dict(server.files), at_port=port)
    wait_for(lambda: present(folder) == uploaded(again) and "meanwhile" in uploaded(again), process)
    process.send_signal(signal.SIGINT)
    assert run_ftpcli.finish(process).code == 130


def _heard(process: subprocess.Popen[bytes], text: bytes) -> bool:
    assert process.stderr is not None
    return text in process.stderr.readline()


def test_one_line_per_round_with_changes(scripted: Start, run_ftpcli: Program, source: Path, tmp_path: Path) -> None:
    server = scripted()
    process = run_ftpcli.start("mirror", "--watch", "-v", source, server.url("up"), *options("--json"))
    wait_for(lambda: uploaded(server) == present(source), process)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").rename(source / "a/new")
    wait_for(lambda: "a/new" in uploaded(server), process)
    os.utime(source / "a/b", (1e9, 1e9))  # a change that needs no transfer
    (tmp_path / "last").write_bytes(b"new")
    (tmp_path / "last").rename(source / "a/b/last")
    assert process.stdout is not None
    told: list[bytes] = []
    while sum(b'"summary"' in line for line in told) < 3:
        told.append(process.stdout.readline())
        assert told[-1], process.communicate()
    process.send_signal(signal.SIGINT)
    result = run_ftpcli.finish(process)
    lines = [json.loads(line) for line in (*told, *result.stdout.splitlines())]
    summaries = [line for line in lines if line["event"] == "summary"]
    assert [(line["transferred"], line["exit_code"]) for line in summaries[:2]] == [(3, 0), (1, 0)]
    assert (summaries[-1]["transferred"], summaries[-1]["exit_code"]) == (5, 130)
    assert lines[-1] is summaries[-1]
    assert len(summaries) == 4
    assert {line["path"] for line in lines if line["event"] == "finished" and line["action"] == "upload"} == {
        *files_below(source)
    }
    assert sum(" file" in line and " in " in line for line in result.stderr.splitlines()) == 3


def test_quiet(scripted: Start, run_ftpcli: Program, source: Path) -> None:
    server = scripted()
    process = run_ftpcli.start("mirror", "--watch", "-q", source, server.url("up"), *options())
    wait_for(lambda: uploaded(server) == present(source), process)
    process.send_signal(signal.SIGINT)
    result = run_ftpcli.finish(process)
    assert result.code == 130
    assert "watching" not in result.stderr


def test_deadline_ends_the_watch(scripted: Start, run_ftpcli: Program, source: Path) -> None:
    server = scripted()
    result = run_ftpcli("mirror", "--watch", source, server.url("up"), "--deadline", "6", *options())
    assert result.code == 11
    assert uploaded(server) == files_below(source)


def test_file_still_being_written_arrives_whole(scripted: Start, run_ftpcli: Program, source: Path) -> None:
    server = scripted()
    process = run_ftpcli.start("mirror", "--watch", source, server.url("up"), *SOON, *options())
    wait_for(lambda: uploaded(server) == present(source), process)
    with (source / "growing").open("wb", buffering=0) as file:
        for _ in range(30):
            file.write(bytes(10_000))
            time.sleep(0.02)
    wait_for(lambda: uploaded(server) == present(source), process)
    process.send_signal(signal.SIGINT)
    assert run_ftpcli.finish(process).code == 130


def test_failing_first_round_ends_the_watch(scripted: Start, run_ftpcli: Program, source: Path, tmp_path: Path) -> None:
    server = scripted()
    result = run_ftpcli("mirror", "--watch", source, server.url("up"), *options(), env={"FTPCLI_PASSWORD": "wrong"})
    assert result.code == 5
    assert run_ftpcli("mirror", "--watch", server.url("no"), tmp_path / "target", *options()).code == 6
    assert run_ftpcli("mirror", "--watch", tmp_path / "no", server.url("up"), *options()).code == 7


def test_invalid_combinations(run_ftpcli: Program, source: Path) -> None:
    result = run_ftpcli("mirror", "--watch", "--dry-run", source, "ftp://127.0.0.1/x")
    assert result.code == 2
    assert "--dry-run" in result.stderr
    assert run_ftpcli("mirror", "--watch", "--watch-interval", "0", source, "ftp://127.0.0.1/x").code == 2
