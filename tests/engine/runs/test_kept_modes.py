"""An upload over an existing file keeps its permission bits, and is never more open than that on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Failed, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Timing
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.sftp import login as opening
from ftpcli.stop import StopToken
from tests.engine.runs.test_real_servers import endpoint
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.login import log_in
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

Server = Running | ParamikoServer
CASES = ["sshd-ssh", "proftpd-ssh", "paramiko-ssh", "proftpd-none", "pureftpd-none"]


@pytest.fixture(params=CASES)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    program, tls = request.param.split("-")
    with paramiko_server() if program == "paramiko" else started(Setup(program, tls=tls)) as running:

        def open_sftp(where: Endpoint, _memory: HostMemory, _notify: Notify, stop: StopSignal | None) -> object:
            there = log_in(where.host, where.port, where.user, identity=running.identity, password=running.password)
            return opening.open_sftp_over(there, where, stop)

        monkeypatch.setattr(opening, "open_sftp", open_sftp)
        yield running


def upload(server: Server, *roots: Root, **rules: object) -> tuple[int, list[Event]]:
    if server.tls == "ssh":
        where = Endpoint("sftp", server.host, server.port, server.user, timing=Timing(idle=20, final_reply=20))
    else:
        assert isinstance(server, Running)
        where = endpoint(server)
    events: list[Event] = []
    stop = StopToken()
    job = Job(Direction.UPLOAD, where, roots, Rules(**rules), parallel=1, retries=1, retry_wait=0.0)  # type: ignore[arg-type]
    try:
        return run(job, events.append, stop, RunProgress(1)).exit_code, events
    finally:
        stop.close()


MODES = {"secret": 0o600, "group": 0o640, "script": 0o755, "plain": 0o644, "read-only": 0o444}


def make(server: Server, source: Path, size: int) -> None:
    source.mkdir(exist_ok=True)
    for name, mode in MODES.items():
        (source / name).write_bytes(os.urandom(size))
        os.utime(source / name, (6e8, 6e8))
        path = server.write(f"tree/{name}", b"old")
        path.chmod(mode)
        if isinstance(server, Running):
            server.own(path)


def modes(server: Server) -> dict[str, int]:
    return {name: (server.root / "tree" / name).stat().st_mode & 0o7777 for name in MODES}


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("named", [True, False])
def test_the_old_mode_is_kept(server: Server, tmp_path: Path, named: bool, size: int) -> None:
    source = tmp_path / "source"
    make(server, source, size)
    if named:
        roots = [Root(str(source / name), f"tree/{name}") for name in MODES]
        code, _ = upload(server, *roots, compare="always")
    else:
        code, _ = upload(server, Root(str(source), "tree", tree=True))
    assert code == 0
    assert {name: (server.root / "tree" / name).read_bytes() for name in MODES} == {
        name: (source / name).read_bytes() for name in MODES
    }
    assert modes(server) == MODES


def test_a_link_is_not_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    kept = server.write("kept", b"old")
    if isinstance(server, Running):
        server.own(kept)
    (server.root / "link").symlink_to("kept")
    code, events = upload(server, Root(str(tmp_path / "new"), "link"), compare="always")
    assert (server.root / "link").is_symlink(), server
    assert kept.read_bytes() == b"old"
    assert code == 6
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert "--in-place" in failed.message
    if isinstance(server, Running) and server.setup.program == "pureftpd":
        return  # it writes through no link
    assert upload(server, Root(str(tmp_path / "new"), "link"), compare="always", in_place=True)[0] == 0
    assert (server.root / "link").is_symlink()
    assert kept.read_bytes() == b"new"


def test_a_new_file_is_no_more_open_than_its_source(server: Server, tmp_path: Path) -> None:
    if server.tls != "ssh" or isinstance(server, ParamikoServer):
        pytest.skip("cannot make a file with permission bits")
    for name, size in (("a", 10), ("b", 10), ("large", 300_000)):
        (tmp_path / name).write_bytes(bytes(size))
        (tmp_path / name).chmod(0o600)
        os.utime(tmp_path / name, (6e8, 6e8))
    roots = [Root(str(tmp_path / name), name) for name in ("a", "b", "large")]
    assert upload(server, *roots, compare="always")[0] == 0
    assert [(server.root / name).stat().st_mode & 0o777 for name in ("a", "b", "large")] == [0o600] * 3


@pytest.mark.parametrize("perms", [True, False])
def test_what_cannot_be_private_there_fails_alone(tmp_path: Path, perms: bool) -> None:
    with started(Setup("vsftpd")) as server:  # no SITE for anonymous users
        for name, mode in (("secret", 0o600), ("plain", 0o644)):
            server.write(f"tree/{name}", b"old").chmod(mode)
            (tmp_path / name).write_bytes(b"longer")
            (tmp_path / name).chmod(mode)
        server.own()
        code, events = upload(server, Root(str(tmp_path), "tree", tree=True), perms=perms)
        assert code
        assert [event.path for event in events if isinstance(event, Failed)] == ["secret"]
        assert {path.name: path.read_bytes() for path in (server.root / "tree").iterdir()} == {
            "secret": b"old",
            "plain": b"longer",
        }
        assert not any("part files" in event.message for event in events if isinstance(event, Warned))
