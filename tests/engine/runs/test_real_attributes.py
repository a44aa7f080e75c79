"""Symbolic links, permissions and names in whole runs against real servers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Failed, Report, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.model import Endpoint, Secret, Timing
from tests.engine.runs.test_real_servers import carry_out
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started

Server = Running | Embedded
ALL = ("vsftpd", "proftpd", "proftpd-list", "pureftpd", "pyftpdlib")
# ProFTPD's LIST never shows a link to ".".
LINKS = {"lf": "f", "ld": "d", "dangling": "nowhere", "d/up": "../f", "d/loop": "../d", "a -> b": "f"}


@pytest.fixture(params=ALL)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    program, _, without = request.param.partition("-")
    if program == "pyftpdlib":
        with embedded() as running:
            yield running
    else:
        with started(Setup(program, mlsd=not without)) as running:
            yield running


def program_of(server: Server) -> str:
    return server.setup.program if isinstance(server, Running) else "pyftpdlib"


def mirror(
    server: Server, direction: Direction, source: str, target: str, **rules: object
) -> tuple[Report, list[Event]]:
    where = Endpoint(
        "ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(idle=20, final_reply=20)
    )
    settled = Rules(make_parents=True, **rules)  # type: ignore[arg-type]
    return carry_out(Job(direction, where, (Root(source, target, tree=True),), settled, parallel=2, retries=1))


def fill(root: Path) -> None:
    (root / "d").mkdir(parents=True)
    (root / "f").write_bytes(b"file of more bytes than any link has")
    (root / "d" / "in").write_bytes(b"inside")
    for name, text in LINKS.items():
        os.symlink(text, root / name)


def own(server: Server) -> None:
    if isinstance(server, Running):
        server.own()


def links(root: Path) -> dict[str, str]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path.relative_to(root))] = os.readlink(path)
    return found


def failures(events: list[Event]) -> dict[str, str]:
    return {event.path: event.error for event in events if isinstance(event, Failed)}


def test_links_are_copied_from_the_server(server: Server, tmp_path: Path) -> None:
    fill(server.root / "tree")
    own(server)
    report, events = mirror(server, Direction.DOWNLOAD, "tree", str(tmp_path / "copy"), symlinks="copy")
    assert (report.exit_code, failures(events)) == (0, {})
    assert links(tmp_path / "copy") == LINKS
    report, _ = mirror(server, Direction.DOWNLOAD, "tree", str(tmp_path / "copy"), symlinks="copy", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 0)
    os.unlink(server.root / "tree" / "lf")
    report, _ = mirror(server, Direction.DOWNLOAD, "tree", str(tmp_path / "copy"), symlinks="copy", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 1)
    assert (tmp_path / "copy" / "f").exists()


def test_links_are_followed_from_the_server(server: Server, tmp_path: Path) -> None:
    fill(server.root / "tree")
    own(server)
    report, events = mirror(server, Direction.DOWNLOAD, "tree", str(tmp_path / "copy"), symlinks="follow")
    assert set(failures(events)) == {"dangling", "d/loop", "ld/loop"}
    assert report.exit_code == 1
    copy = tmp_path / "copy"
    whole = (server.root / "tree" / "f").read_bytes()
    assert [(copy / name).read_bytes() for name in ("f", "lf", "a -> b", "d/up", "ld/up")] == [whole] * 5
    assert (copy / "ld" / "in").read_bytes() == b"inside"
    assert links(copy) == {}
    report, _ = mirror(server, Direction.DOWNLOAD, "tree", str(copy), symlinks="follow")
    assert report.transferred == 0


def test_links_are_followed_to_the_server(server: Server, tmp_path: Path) -> None:
    fill(tmp_path / "tree")
    (tmp_path / "tree" / "dangling").unlink()
    (tmp_path / "tree" / "d" / "loop").unlink()
    report, _ = mirror(server, Direction.UPLOAD, str(tmp_path / "tree"), "up", symlinks="follow")
    assert (report.exit_code, report.failed) == (0, 0)
    assert (server.root / "up" / "ld" / "up").read_bytes() == (tmp_path / "tree" / "f").read_bytes()
    assert links(server.root / "up") == {}


def test_links_are_copied_to_the_server(server: Server, tmp_path: Path) -> None:
    fill(tmp_path / "tree")
    report, events = mirror(server, Direction.UPLOAD, str(tmp_path / "tree"), "up", symlinks="copy")
    assert (server.root / "up" / "d" / "in").read_bytes() == b"inside"
    made = links(server.root / "up")
    if program_of(server) != "proftpd":
        assert made == {}
        assert failures(events) == dict.fromkeys(LINKS, "Unsupported")
        assert report.exit_code == 1
        return
    # mod_site_misc makes no dangling links, and makes the others absolute.
    assert failures(events) == {"dangling": "NotFound"}
    root = os.path.realpath(server.root / "up")
    meant = {name: os.path.normpath(os.path.join(root, os.path.dirname(name), text)) for name, text in LINKS.items()}
    del meant["dangling"]
    assert made == meant
    (tmp_path / "tree" / "dangling").unlink()
    report, _ = mirror(server, Direction.UPLOAD, str(tmp_path / "tree"), "up", symlinks="copy", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 0)
    (tmp_path / "tree" / "lf").unlink()
    os.symlink("d/in", tmp_path / "tree" / "lf")
    (tmp_path / "tree" / "ld").unlink()
    report, _ = mirror(server, Direction.UPLOAD, str(tmp_path / "tree"), "up", symlinks="copy", delete=True)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert (server.root / "up" / "lf").read_bytes() == (server.root / "up" / "d" / "in").read_bytes() == b"inside"


def test_deleting_a_link_does_not_empty_what_it_leads_to(server: Server, tmp_path: Path) -> None:
    (server.root / "up" / "kept").mkdir(parents=True)
    (server.root / "up" / "kept" / "x").write_bytes(b"1")
    os.symlink("kept", server.root / "up" / "gone")
    own(server)
    (tmp_path / "tree" / "kept").mkdir(parents=True)
    (tmp_path / "tree" / "kept" / "x").write_bytes(b"1")
    os.utime(tmp_path / "tree" / "kept" / "x", ns=(0, (server.root / "up" / "kept" / "x").stat().st_mtime_ns))
    report, events = mirror(server, Direction.UPLOAD, str(tmp_path / "tree"), "up", delete=True)
    assert (report.exit_code, report.deleted, failures(events)) == (0, 1, {})
    assert links(server.root / "up") == {}
    assert (server.root / "up" / "kept" / "x").exists()


MODES = {"a": 0o640, " b": 0o600, "d": 0o755, "d/x": 0o444, "d/deep": 0o711}


def modes(root: Path) -> dict[str, int]:
    return {name: stat.S_IMODE((root / name).stat().st_mode) for name in MODES}


def test_permissions(server: Server, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d" / "deep").mkdir(parents=True)
    for name in ("a", " b", "d/x"):
        (tree / name).write_bytes(b"1")
    for name, mode in MODES.items():
        (tree / name).chmod(mode)
    report, events = mirror(server, Direction.UPLOAD, str(tree), "up", perms=True)
    assert (report.exit_code, failures(events)) == (0, {})
    warnings = [event.message for event in events if isinstance(event, Warned)]
    if program_of(server) == "vsftpd":  # no SITE for anonymous users
        assert len(warnings) == 1
        assert "5 files and directories" in warnings[0]
        return
    assert warnings == []
    assert modes(server.root / "up") == MODES
    (tree / "a").chmod(0o600)
    report, _ = mirror(server, Direction.UPLOAD, str(tree), "up", perms=True)
    assert (report.exit_code, report.transferred) == (0, 0)
    assert modes(server.root / "up") == {**MODES, "a": 0o600}
    report, _ = mirror(server, Direction.DOWNLOAD, "up", str(tmp_path / "back"), perms=True)
    assert report.exit_code == 0
    assert modes(tmp_path / "back") == {**MODES, "a": 0o600}
