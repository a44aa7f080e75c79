"""Whole runs against real, strict servers: many files, several workers, limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Finished, Report, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import DataSettings, Endpoint, Secret, Timing, TlsMode, TlsSettings
from ftpcli.stop import StopToken
from tests.servers.real import Running, Setup, started

STRICT = [
    ("vsftpd", "explicit", "1.3"),
    ("vsftpd", "explicit", "1.2"),
    ("vsftpd", "implicit", "1.3"),
    ("vsftpd", "implicit", "1.2"),
    ("proftpd", "explicit", "1.3"),
    ("proftpd", "explicit", "1.2"),
    ("proftpd", "implicit", "1.3"),
    ("proftpd", "implicit", "1.2"),
]
FILES = 200
WORKERS = 8


def endpoint(server: Running, version: str = "1.3", **changes: object) -> Endpoint:
    tls = TlsMode(server.tls)
    values: dict[str, object] = {
        "scheme": {TlsMode.NONE: "ftp", TlsMode.EXPLICIT: "ftpes", TlsMode.IMPLICIT: "ftps"}[tls],
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": Secret(server.password),
        "tls": tls,
        "tls_settings": TlsSettings(cafile=str(server.cafile), minimum=version, maximum=version),
        "timing": Timing(idle=20, final_reply=20),
    }
    return Endpoint(**(values | changes))  # type: ignore[arg-type]


def carry_out(job: Job) -> tuple[Report, list[Event]]:
    events: list[Event] = []
    stop = StopToken()
    try:
        return run(job, events.append, stop, RunProgress(job.parallel)), events
    finally:
        stop.close()


def mirror(direction: Direction, where: Endpoint, source: str, target: str, parallel: int = WORKERS) -> Job:
    rules = Rules(make_parents=True)
    roots = (Root(source, target, tree=True),)
    return Job(direction, where, roots, rules, parallel=parallel, retries=3, retry_wait=0.1)


def fill(folder: Path, files: int = FILES) -> dict[str, bytes]:
    tree = {f"d{n % 7}/f{n}": os.urandom((n * 7919) % 40_000) for n in range(files)}
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tree


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=STRICT, ids="-".join)
def strict(request: pytest.FixtureRequest) -> Iterator[tuple[Running, str]]:
    program, tls, version = request.param
    with started(Setup(program, tls=tls, require_reuse=True)) as server:
        yield server, version


def test_every_data_connection_of_every_worker_resumes(strict: tuple[Running, str], tmp_path: Path) -> None:
    server, version = strict
    where = endpoint(server, version)
    tree = fill(tmp_path / "source")

    report, _ = carry_out(mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "tree"))
    assert (report.exit_code, report.failed, report.transferred) == (0, 0, FILES)
    assert contents(server.root / "tree") == tree
    assert report.connections == WORKERS
    assert report.reconnects == 0
    assert report.tls_data_resumed == report.tls_data_connections >= FILES

    report, _ = carry_out(mirror(Direction.DOWNLOAD, where, "tree", str(tmp_path / "copy")))
    assert (report.exit_code, report.failed, report.transferred) == (0, 0, FILES)
    assert contents(tmp_path / "copy") == tree
    assert report.connections == WORKERS
    assert report.reconnects == 0
    assert report.tls_data_resumed == report.tls_data_connections >= FILES
    assert report.tls is not None
    assert report.tls.version == f"TLSv{version}"

    report, _ = carry_out(mirror(Direction.DOWNLOAD, where, "tree", str(tmp_path / "copy")))
    assert (report.exit_code, report.transferred) == (0, 0)
    report, _ = carry_out(mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "tree"))
    assert (report.exit_code, report.transferred) == (0, 0)


LIMITED = [
    Setup("vsftpd", tls="explicit", max_clients=4),
    Setup("vsftpd", tls="implicit", max_per_ip=4),
    Setup("proftpd", tls="explicit", max_clients=4),
    Setup("pureftpd", tls="explicit", max_per_ip=4),
]


@pytest.mark.parametrize("setup", LIMITED, ids=lambda setup: f"{setup.program}-{setup.tls}")
def test_a_limit_of_four_is_enough_for_sixteen_workers(setup: Setup, tmp_path: Path) -> None:
    with started(setup) as server:
        tree = fill(server.root / "tree", 100)
        server.own()
        job = mirror(Direction.DOWNLOAD, endpoint(server), "tree", str(tmp_path / "copy"), parallel=16)
        report, events = carry_out(job)
        assert (report.exit_code, report.failed) == (0, 0)
        assert contents(tmp_path / "copy") == tree
        assert report.connections <= 4
        told = [event.message for event in events if isinstance(event, Warned)]
        assert len(told) == 1
        assert "connections and no more" in told[0]


@pytest.mark.parametrize("program", ["vsftpd", "proftpd", "pureftpd"])
@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
def test_ipv6_with_tls(program: str, active: bool, tmp_path: Path) -> None:
    with started(Setup(program, tls="explicit", host="::1")) as server:
        tree = fill(server.root / "tree", 10)
        server.own()
        where = endpoint(server, "1.2", data=DataSettings(active=active))
        report, _ = carry_out(mirror(Direction.DOWNLOAD, where, "tree", str(tmp_path / "copy"), parallel=2))
        assert report.exit_code == 0
        assert contents(tmp_path / "copy") == tree
        report, _ = carry_out(mirror(Direction.UPLOAD, where, str(tmp_path / "copy"), "up", parallel=2))
        assert report.exit_code == 0
        assert contents(server.root / "up") == tree


def test_active_mode_announces_the_ports_of_the_range(tmp_path: Path) -> None:
    with started(Setup("vsftpd", extra=("log_ftp_protocol=YES",))) as server:
        fill(server.root / "tree", 6)
        server.own()
        for mode in ("eprt", "port"):
            data = DataSettings(active=True, mode=mode, active_ports=(41000, 41003), active_address="127.0.0.1")
            where = endpoint(server, data=data)
            target = tmp_path / mode
            report, _ = carry_out(mirror(Direction.DOWNLOAD, where, "tree", str(target), parallel=2))
            assert report.exit_code == 0
        announced = {word for word in server.log().split() if "127,0,0,1," in word or "|127.0.0.1|" in word}
        ports = {int(word.strip('"').split("|")[3]) for word in announced if "|" in word}
        assert ports <= {41000, 41001, 41002, 41003}
        assert ports


def test_a_server_that_drops_idle_connections_fails_nothing(tmp_path: Path) -> None:
    """The job runs longer than the server's idle timeout; it needs keepalive or a reconnect."""
    with started(Setup("proftpd", tls="implicit", idle_timeout=1)) as server:
        tree = fill(server.root / "tree", 30)
        server.own()
        where = endpoint(server, timing=Timing(idle=20, final_reply=20, keepalive=0.3))
        report, _ = carry_out(mirror(Direction.DOWNLOAD, where, "tree", str(tmp_path / "copy"), parallel=3))
        assert report.exit_code == 0
        assert contents(tmp_path / "copy") == tree


def test_times_are_set_on_both_sides(tmp_path: Path) -> None:
    for program in ("vsftpd", "proftpd", "pureftpd"):
        with started(Setup(program)) as server:
            source = tmp_path / program / "file"
            source.parent.mkdir()
            source.write_bytes(b"x")
            os.utime(source, (1_500_000_000, 1_500_000_000))
            report, _ = carry_out(mirror(Direction.UPLOAD, endpoint(server), str(source.parent), "up"))
            assert report.exit_code == 0
            assert int((server.root / "up/file").stat().st_mtime) == 1_500_000_000
            back = tmp_path / f"{program}-back"
            report, _ = carry_out(mirror(Direction.DOWNLOAD, endpoint(server), "up", str(back)))
            # vsftpd's LIST shows the day only of a file that old.
            assert abs((back / "file").stat().st_mtime - 1_500_000_000) < 86_400


@pytest.mark.parametrize(("program", "uploaded"), [("proftpd", "time"), ("pureftpd", "size"), ("vsftpd", "size")])
def test_how_a_copy_is_verified(program: str, uploaded: str, tmp_path: Path) -> None:
    """ProFTPD answers MFMT with the time it has set; the others only confirm it."""
    sizes = {"small": 10, "large": 1024 * 1024}
    (tmp_path / "source").mkdir()
    for name, size in sizes.items():
        (tmp_path / "source" / name).write_bytes(os.urandom(size))

    def verified(job: Job) -> dict[str, str]:
        report, events = carry_out(job)
        assert report.exit_code == 0
        return {event.path: event.verified for event in events if isinstance(event, Finished) and event.bytes}

    with started(Setup(program, tls="explicit")) as server:
        where = endpoint(server)
        up = mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "up", parallel=1)
        assert verified(up) == {"small": uploaded, "large": uploaded}
        down = mirror(Direction.DOWNLOAD, where, "up", str(tmp_path / "copy"), parallel=1)
        assert verified(down) == {"small": "size", "large": "time"}
        assert contents(tmp_path / "copy") == contents(tmp_path / "source")
