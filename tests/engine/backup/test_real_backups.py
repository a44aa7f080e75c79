"""Backups and renames on real servers, both ways."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Finished, Report
from ftpcli.engine.job import Direction, Job, Root, Rules
from tests.engine.runs.test_real_servers import carry_out, contents, endpoint
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started

THEN = 1_750_000_000
SOURCE = {"a.txt": b"newer", "sub/deep/b": b"same", "new": b"new", "moved/p1": b"picture 1", "moved/p2": b"picture two"}
TARGET = {"a.txt": b"old", "sub/deep/b": b"same", "gone/er/x": b"x", "p1": b"picture 1", "q2": b"picture two"}
BACKUP = {"a.txt": b"old", "gone/er/x": b"x"}


@pytest.fixture(params=["vsftpd", "proftpd", "proftpd without MLSD", "pureftpd", "pyftpdlib"])
def server(request: pytest.FixtureRequest) -> Iterator[Running | Embedded]:
    program, _, less = request.param.partition(" ")
    if program == "pyftpdlib":
        with embedded() as running:
            yield running
    else:
        with started(Setup(program, mlsd=not less)) as running:
            yield running


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (THEN + 7 * len(data), THEN + 7 * len(data)))


def mirror(
    server: Running | Embedded, direction: Direction, local: Path, **rules: object
) -> tuple[Report, list[Event]]:
    up = direction is Direction.UPLOAD
    if isinstance(server, Running):
        server.own()
    roots = (Root(*((str(local), "tree") if up else ("tree", str(local))), tree=True),)
    given = Rules(delete=True, make_parents=True, track_renames=True, **rules)  # type: ignore[arg-type]
    where = endpoint(server)  # type: ignore[arg-type]
    return carry_out(Job(direction, where, roots, given, parallel=3, retries=1, retry_wait=0.1))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("direction", Direction)
def test_kept_and_renamed(server: Running | Embedded, direction: Direction, in_place: bool, tmp_path: Path) -> None:
    up = direction is Direction.UPLOAD
    local, remote = tmp_path / "local", server.root / "tree"
    source, target = (local, remote) if up else (remote, local)
    fill(source, SOURCE)
    fill(target, TARGET)
    backup, kept = ("kept/now", server.root / "kept/now") if up else (str(tmp_path / "kept/now"), tmp_path / "kept/now")
    foreseen, _ = mirror(server, direction, local, backup=backup, in_place=in_place, dry_run=True)
    assert contents(target) == TARGET
    assert not kept.exists()

    report, events = mirror(server, direction, local, backup=backup, in_place=in_place)
    assert (report.exit_code, report.failed) == (0, 0), events
    assert contents(target) == contents(source) == SOURCE
    assert contents(kept) == BACKUP
    renamed = {event.path: event.target for event in events if isinstance(event, Finished) and event.action == "rename"}
    assert renamed == {"p1": "moved/p1", "q2": "moved/p2"}
    assert (report.renamed, report.transferred, report.deleted) == (2, 2, 3)
    assert (foreseen.would_rename, foreseen.would_transfer, foreseen.would_delete) == (2, 2, 3)
    assert not [name for folder in (local, server.root) for name in contents(folder) if "ftpcli-part" in name]

    report, _ = mirror(server, direction, local, backup=backup)
    assert (report.exit_code, report.transferred, report.renamed, report.deleted) == (0, 0, 0, 0)


def test_links_are_moved_into_the_backup(server: Running | Embedded, tmp_path: Path) -> None:
    """One that leads nowhere may stay: ProFTPD and pyftpdlib do not list it, vsftpd does not rename it."""
    fill(tmp_path / "local", {"a": b"1"})
    tree, kept = server.root / "tree", server.root / "kept/now"
    fill(tree, {"a": b"1"})
    (tree / "dangling").symlink_to("nowhere")
    (tree / "link").symlink_to("a")
    report, _ = mirror(server, Direction.UPLOAD, tmp_path / "local", backup="kept/now")
    assert os.readlink(kept / "link") == "a"
    assert (tree / "dangling").is_symlink() != (kept / "dangling").is_symlink()
    assert set(os.listdir(tree)) == {"a", "dangling"} - set(os.listdir(kept))
    refused = isinstance(server, Running) and server.setup.program == "vsftpd"
    assert report.exit_code == (6 if refused else 0)
