"""Servers for which two names are one file, by FTP with and without MLST, and by SFTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.model import Endpoint, Secret
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.sftp import login as opening
from tests.engine.runs.test_real_servers import carry_out, contents
from tests.engine.runs.test_real_sftp import endpoint as sftp_endpoint
from tests.servers.scripted.name_rules import EXACT, IGNORES_CASE, LOWER, NFD, WINDOWS, NameRules
from tests.servers.scripted.server import FEATURES, ScriptedServer
from tests.servers.ssh.login import log_in
from tests.servers.ssh.paramiko_server import PASSWORD, paramiko_server

SERVERS = ("mlst", "size only", "no size", "renames onto nothing", "sftp")
Files = Callable[[], dict[str, bytes]]


@pytest.fixture(autouse=True)
def _every_host_key_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_sftp(where: Endpoint, _memory: HostMemory, _notify: Notify, stop: StopSignal | None) -> object:
        there = log_in(where.host, where.port, where.user, password=PASSWORD)
        return opening.open_sftp_over(there, where, stop)

    monkeypatch.setattr(opening, "open_sftp", open_sftp)


@contextmanager
def server_with(name: str, rule: NameRules, files: dict[str, bytes]) -> Iterator[tuple[Endpoint, Files]]:
    """A server with these files below ``top``, and what it has afterwards."""
    if name == "sftp":
        with paramiko_server(names=rule) as there:
            for path, content in files.items():
                there.write(f"top/{path}", content)
            yield sftp_endpoint(there), lambda: contents(there.root / "top")
        return
    features = tuple(each for each in FEATURES if not each.startswith("MLST")) if "size" in name else FEATURES
    rooted = {f"/top/{path}": content for path, content in files.items()}
    with ScriptedServer(
        rooted, names=rule, features=features, rename_replaces=name != "renames onto nothing"
    ) as scripted:
        for verb in ("MLSD", "MLST") if "size" in name else ():
            scripted.on(verb, "500 what?")
        if name == "no size":
            scripted.on("SIZE", "502 not here")
        where = Endpoint("ftp", scripted.host, scripted.port, scripted.user, Secret(scripted.password))
        yield where, lambda: {path.removeprefix("/top/"): data for path, data in scripted.files.items()}


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("rule", "source", "listed"),
    [
        (IGNORES_CASE, "logo.png", "Logo.png"),
        (LOWER, "Docs/Logo.png", "docs/logo.png"),
        (NFD, "é/ü", "e\u0301/u\u0308"),
        (WINDOWS, "Notes. /a.", "nOTES/a"),
        (EXACT, "docs/logo.png", "Docs/Logo.png"),
    ],
)
def test_the_new_content_is_there_afterwards(
    name: str, rule: NameRules, source: str, listed: str, tmp_path: Path
) -> None:
    path = tmp_path / "source" / source
    path.parent.mkdir(parents=True)
    path.write_bytes(b"new content")
    with server_with(name, rule, {listed: b"old", "gone": b"gone"}) as (where, files):
        report, _ = carry_out(_mirror(where, tmp_path / "source"))
        there = files()
        assert [data for path, data in there.items() if _one(path, rule) == _one(source, rule)] == [b"new content"]
        if name != "no size":
            assert (report.exit_code, len(there)) == (0, 1)
            assert report.deleted == (3 if rule is EXACT else 1)
            again, _ = carry_out(_mirror(where, tmp_path / "source"))
            assert (again.exit_code, again.transferred, again.deleted) == (0, 0, 0)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("rule", [IGNORES_CASE, LOWER, WINDOWS])
def test_neither_of_two_replaces_the_other(name: str, rule: NameRules, tmp_path: Path) -> None:
    for folder, content in ({"Docs": b"first", "docs": b"second"}).items():
        (tmp_path / "source" / folder).mkdir(parents=True)
        (tmp_path / "source" / folder / "a").write_bytes(content)
    with server_with(name, rule, {"x": b"old"}) as (where, files):
        for _ in range(2):
            report, _ = carry_out(_mirror(where, tmp_path / "source"))
            assert (bool(report.exit_code), report.deleted) == (True, 0)
            assert len(files()) == 2


def _one(path: str, rule: NameRules) -> list[str]:
    return [rule.one(name) for name in path.split("/")]


def _mirror(where: Endpoint, source: Path) -> Job:
    rules = Rules(delete=True, max_delete_percent=100.0)
    return Job(Direction.UPLOAD, where, (Root(str(source), "top", tree=True),), rules, retries=1, retry_wait=0.0)
