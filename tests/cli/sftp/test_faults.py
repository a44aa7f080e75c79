"""Servers that stop, refuse, are full or limit connections, and trees that are hard to copy."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.sftp.side import LARGE, Side, part_size, tree, wait_for
from tests.servers.processes import _descendants
from tests.servers.real import Running, Setup, started

if TYPE_CHECKING:
    from tests.cli.conftest import Program

UP_AND_DOWN = pytest.mark.parametrize("up", [True, False], ids=["up", "down"])


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(Setup("sshd", tls="ssh")) as running:
        yield running


@pytest.fixture
def side(server: Running, run_ftpcli: Program, tmp_path: Path) -> Side:
    return Side(server, run_ftpcli, tmp_path)


def begun(side: Side, up: bool, *more: object) -> subprocess.Popen[bytes]:
    """A slow transfer of one file, in progress."""
    here = side.folder / "file"
    (here if up else side.write("file")).write_bytes(LARGE)
    command = ("put", here, side.url("file")) if up else ("get", side.url("file"), "-o", here)
    process = side.start(*command, "--limit-rate", "2M", *more)
    folder = side.root if up else side.folder
    wait_for(lambda: part_size(folder) > 500_000)
    return process


@UP_AND_DOWN
def test_killed_session(side: Side, server: Running, up: bool) -> None:
    process = begun(side, up, "--json")
    for session in _descendants(server.process.popen.pid):
        os.kill(session, signal.SIGKILL)
    result = side.run.finish(process)
    assert result.code == 0, result
    assert '"event": "retrying"' in result.stdout
    assert (side.folder / "file").read_bytes() == (side.root / "file").read_bytes() == LARGE


# Regression: the first block went to the lost session, the rest to the next one, and that counted as a success.
def test_session_killed_before_a_slow_pipe_yields_data(side: Side, server: Running) -> None:
    process = side.start("put", "-", side.url("stream"), stdin=True)
    wait_for(lambda: any(side.root.iterdir()))
    for session in _descendants(server.process.popen.pid):
        os.kill(session, signal.SIGKILL)
    time.sleep(0.5)  # until the client has noticed
    result = side.run.finish(process, input=LARGE)
    assert result.code == 3, result
    assert "standard input cannot be sent again" in result.stderr
    assert not (side.root / "stream").exists()


@UP_AND_DOWN
def test_stalled_server(side: Side, server: Running, up: bool) -> None:
    process = begun(side, up, "--timeout", "3", "--retries", "0")
    frozen = [server.process.popen.pid, *_descendants(server.process.popen.pid)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        result = side.run.finish(process)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert result.code == 3, result
    assert "3 seconds" in result.stderr


def test_one_unreadable_file(side: Side) -> None:
    for number in range(12):
        side.write(f"tree/f{number:02}", b"x" * number)
    side.write("tree/closed/in", b"1")
    (side.root / "tree/f03").chmod(0)
    (side.root / "tree/closed").chmod(0)
    (side.folder / "copy/closed").mkdir(parents=True)
    (side.folder / "copy/closed/in").write_bytes(b"old")
    try:
        result = side("mirror", side.url("tree"), side.folder / "copy", "--parallel", "4", "--delete")
    finally:
        (side.root / "tree/closed").chmod(0o755)
    assert result.code == 1, result
    assert "f03: cannot download" in result.stderr
    assert "closed: cannot list" in result.stderr
    assert len(list((side.folder / "copy").glob("f*"))) == 11
    assert (side.folder / "copy/closed/in").read_bytes() == b"old"


@pytest.mark.parametrize("program", ["sshd", "proftpd"])
def test_full_disk(run_ftpcli: Program, tmp_path: Path, program: str) -> None:
    """It is reported before the transfer; a stream, whose length is unknown, leaves nothing."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    with mounted(12) as disk, started(Setup(program, tls="ssh"), base=disk) as running:
        side = Side(running, run_ftpcli, tmp_path)
        (tmp_path / "too-large").write_bytes(bytes(20_000_000))
        (tmp_path / "fits").write_bytes(bytes(6_000_000))
        result = side("put", tmp_path / "too-large", tmp_path / "fits", side.url(), "--json")
        assert result.code == 1, result
        assert "the server has no room for it: 20000000 bytes are needed, and" in result.stderr
        assert '"moved": 6000000' in result.stdout
        # Overwritten data frees its space.
        side.good("put", tmp_path / "fits", side.url("fits"), "--in-place")
        result = side("put", "-", side.url("stream"), input=bytes(20_000_000))
        assert result.code == 6, result
        assert "disk is full" in result.stderr
        assert [path.name for path in side.root.iterdir()] == ["fits"]


@contextlib.contextmanager
def mounted(size: int) -> Iterator[Path]:
    """A file system of so many MiB."""
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=755", "tmpfs", folder]
    try:
        if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
    finally:
        folder.rmdir()


@pytest.mark.parametrize(
    "setup",
    [
        Setup("sshd", tls="ssh", extra=("MaxStartups 1:100:1",)),
        Setup("proftpd", tls="ssh", max_per_ip=2),
        Setup("proftpd", tls="ssh", max_clients=2),
    ],
    ids=["sshd", "proftpd-host", "proftpd-all"],
)
def test_server_with_a_connection_limit(run_ftpcli: Program, tmp_path: Path, setup: Setup) -> None:
    with started(setup) as running:
        side = Side(running, run_ftpcli, tmp_path)
        for number in range(60):
            side.write(f"tree/f{number}", b"%d" % number)
        result = side("mirror", side.url("tree"), tmp_path / "copy", "--parallel", "8")
        assert result.code == 0, result
        assert tree(tmp_path / "copy") == tree(side.root / "tree")


def test_names_in_another_encoding(side: Side) -> None:
    (side.root / "tree").mkdir()
    with open(os.fsencode(side.root / "tree") + b"/caf\xe9", "wb") as file:
        file.write(b"1")
    side.own(side.root)
    assert side.good("ls", side.url("tree"), "--encoding", "latin-1") == "café\n"
    side.good("mirror", side.url("tree"), side.folder / "raw")
    assert os.listdir(os.fsencode(side.folder / "raw")) == [b"caf\xe9"]
    side.good("mirror", side.url("tree"), side.folder / "read", "--encoding", "latin-1")
    assert os.listdir(side.folder / "read") == ["café"]
    side.good("mirror", side.folder / "raw", side.url("back"))
    assert os.listdir(os.fsencode(side.root / "back")) == [b"caf\xe9"]


def test_link_cycles(side: Side) -> None:
    side.write("tree/f", b"1")
    for name, text in {"self": ".", "a": "b", "b": "a", "dangling": "nowhere"}.items():
        (side.root / "tree" / name).symlink_to(text)
    result = side("mirror", side.url("tree"), side.folder / "followed", "--symlinks", "follow")
    assert result.code == 1, result
    assert tree(side.folder / "followed") == {"f": b"1"}
    side.good("mirror", side.url("tree"), side.folder / "copied", "--symlinks", "copy")
    assert tree(side.folder / "copied") == tree(side.root / "tree")
    side.good("rm", "-r", side.url("tree"))


def test_sparse_and_empty_files(side: Side) -> None:
    with side.write("sparse").open("wb") as file:
        file.truncate(5_000_000)
        file.seek(2_000_000)
        file.write(b"x")
    side.write("empty")
    side.good("get", side.url("sparse"), side.url("empty"), "-d", side.folder / "copy")
    assert tree(side.folder / "copy") == tree(side.root)


@UP_AND_DOWN
def test_source_that_grows_during_the_transfer(side: Side, up: bool) -> None:
    process = begun(side, up)
    source, target = (side.folder, side.root) if up else (side.root, side.folder)
    with (source / "file").open("ab") as file:
        file.write(b"more")
    assert side.run.finish(process).code == 0
    assert (target / "file").read_bytes() == LARGE + b"more"


def test_directory_of_many_files(side: Side) -> None:
    folder = side.root / "many"
    folder.mkdir()
    for number in range(5000):
        (folder / f"f{number}").touch()
    assert len(side.good("ls", side.url("many")).splitlines()) == 5000
    assert side.good("mirror", side.url("many"), side.folder / "copy", "--dry-run").count("download f") == 5000
