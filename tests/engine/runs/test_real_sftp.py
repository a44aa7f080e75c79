"""Whole runs over SFTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Report
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.model import Endpoint, Timing
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.sftp import login as opening
from tests.engine.runs.test_real_servers import carry_out, contents, fill
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.login import log_in
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

FILES = 200
WORKERS = 4
Server = Running | ParamikoServer


@pytest.fixture(params=["sshd", "proftpd", "paramiko"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and a login that needs neither a known host key nor an agent."""
    with paramiko_server() if request.param == "paramiko" else started(Setup(request.param, tls="ssh")) as running:

        def open_sftp(where: Endpoint, _memory: HostMemory, _notify: Notify, stop: StopSignal | None) -> object:
            there = log_in(where.host, where.port, where.user, identity=running.identity, password=running.password)
            return opening.open_sftp_over(there, where, stop)

        monkeypatch.setattr(opening, "open_sftp", open_sftp)
        yield running


def endpoint(server: Server) -> Endpoint:
    return Endpoint("sftp", server.host, server.port, server.user, timing=Timing(idle=20, final_reply=20))


def mirror(server: Server, direction: Direction, source: object, target: object, **rules: object) -> Report:
    roots = (Root(str(source), str(target), tree=True),)
    settled = Rules(make_parents=True, **rules)  # type: ignore[arg-type]
    report, _ = carry_out(Job(direction, endpoint(server), roots, settled, parallel=WORKERS, retries=2, retry_wait=0.1))
    return report


def test_a_tree_both_ways(server: Server, tmp_path: Path) -> None:
    tree = fill(tmp_path / "source", FILES)
    (tmp_path / "source" / "d0" / "large").write_bytes(tree.setdefault("d0/large", os.urandom(3_000_000)))
    os.utime(tmp_path / "source" / "d0" / "large", (1_500_000_000, 1_500_000_000))

    report = mirror(server, Direction.UPLOAD, tmp_path / "source", "up/tree")
    assert (report.exit_code, report.failed, report.transferred) == (0, 0, FILES + 1)
    assert contents(server.root / "up" / "tree") == tree
    assert int((server.root / "up/tree/d0/large").stat().st_mtime) == 1_500_000_000
    assert 1 <= report.connections <= WORKERS
    assert report.reconnects == 0
    assert report.tls is None

    report = mirror(server, Direction.DOWNLOAD, "up/tree", tmp_path / "copy")
    assert (report.exit_code, report.failed, report.transferred) == (0, 0, FILES + 1)
    assert contents(tmp_path / "copy") == tree
    assert int((tmp_path / "copy/d0/large").stat().st_mtime) == 1_500_000_000

    # What is the same is left alone; what the source no longer has is deleted.
    os.remove(tmp_path / "source" / "d0" / "large")
    report = mirror(server, Direction.UPLOAD, tmp_path / "source", "up/tree", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 1)
    report = mirror(server, Direction.DOWNLOAD, f"{server.root}/up/tree", tmp_path / "copy", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 1)
    assert contents(tmp_path / "copy") == contents(tmp_path / "source")


def test_overwriting_and_one_file_that_may_not_be_read(server: Server, tmp_path: Path) -> None:
    fill(tmp_path / "source", 20)
    assert mirror(server, Direction.UPLOAD, tmp_path / "source", "tree").exit_code == 0
    changed = fill(tmp_path / "source", 20)
    for path in (tmp_path / "source").rglob("f*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    assert mirror(server, Direction.UPLOAD, tmp_path / "source", "tree").exit_code == 0
    assert contents(server.root / "tree") == changed
    if os.geteuid() == 0 and isinstance(server, ParamikoServer):
        return  # it runs as root, which may read everything
    (server.root / "tree/d1/f1").chmod(0)
    report = mirror(server, Direction.DOWNLOAD, "tree", tmp_path / "copy")
    assert (report.exit_code, report.failed, report.transferred) == (1, 1, 19) or report.failure_codes == {6}
    assert report.failed == 1
    assert report.reconnects == 0


def test_links_that_are_named_lead_to_directories(server: Server, tmp_path: Path) -> None:
    tree = fill(tmp_path / "source", 5)
    (server.root / "release").mkdir()
    if isinstance(server, Running):
        server.own()
    (server.root / "current").symlink_to("release")
    assert mirror(server, Direction.UPLOAD, tmp_path / "source", "current").exit_code == 0
    assert (server.root / "current").is_symlink()
    assert contents(server.root / "release") == tree
    where = endpoint(server)
    for root in (Root("current", str(tmp_path / "one")), Root("current", str(tmp_path / "two"), tree=True)):
        assert carry_out(Job(Direction.DOWNLOAD, where, (root,), Rules(make_parents=True)))[0].exit_code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == tree
    (tmp_path / "single").write_bytes(b"x")
    job = Job(Direction.UPLOAD, where, (Root(str(tmp_path / "single"), "current", into=None),), Rules())
    assert carry_out(job)[0].exit_code == 0
    assert (server.root / "release/single").read_bytes() == b"x"


def test_a_source_that_is_not_there(server: Server, tmp_path: Path) -> None:
    report = mirror(server, Direction.DOWNLOAD, "absent", tmp_path / "copy")
    assert report.exit_code == 6
