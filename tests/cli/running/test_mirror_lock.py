"""One mirror at a time for one source and target, and the folder of its lock and journal."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftpcli.part_names import part_name
from tests.servers.embedded import Embedded, embedded

if TYPE_CHECKING:
    from tests.cli.conftest import Program

PATIENCE = 20.0
LOGIN = {"FTPCLI_USER": "demo", "FTPCLI_PASSWORD": "demo"}


@pytest.fixture
def server() -> Iterator[Embedded]:
    with embedded() as server:
        yield server


@pytest.fixture
def url(server: Embedded) -> str:
    return f"ftp://{server.host}:{server.port}/tree"


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".state" / "ftpcli" / "mirrors"


class Held:
    """A mirror that takes a minute, while it is at work."""

    def __init__(self, run: Program, server: Embedded, url: str, mirrors: Path, target: Path) -> None:
        server.write("tree/slow.bin", bytes(600_000))
        self.process = run.start("mirror", "--limit-rate", "10k", url, target, env=LOGIN)
        deadline = time.monotonic() + PATIENCE
        while not (list(mirrors.glob("*/lock")) and list(target.glob(".*"))):
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def held(run_ftpcli: Program, server: Embedded, url: str, mirrors: Path, tmp_path: Path) -> Held:
    return Held(run_ftpcli, server, url, mirrors, tmp_path / "copy")


def test_second_run_is_refused_with_advice(run_ftpcli: Program, held: Held, url: str, tmp_path: Path) -> None:
    result = run_ftpcli("mirror", "--json", url, tmp_path / "copy", env=LOGIN)
    assert result.code == 10
    assert result.stderr.count("\n") == 1
    assert f"process {held.process.pid} on " in result.stderr
    assert "--lock wait" in result.stderr
    failed, summary = map(json.loads, result.stdout.splitlines())
    assert (failed["error"], failed["exit_code"], summary["exit_code"]) == ("Locked", 10, 10)


def test_skip_prints_one_line(run_ftpcli: Program, held: Held, url: str, tmp_path: Path) -> None:
    result = run_ftpcli("mirror", "--lock", "skip", url, tmp_path / "copy", env=LOGIN)
    assert (result.code, result.stdout) == (0, "")
    assert result.stderr.count("\n") == 1
    assert str(held.process.pid) in result.stderr
    assert run_ftpcli("mirror", "-v", "--lock", "skip", url, tmp_path / "copy", env=LOGIN).stderr.count("\n") == 1
    assert run_ftpcli("mirror", "-q", "--lock", "skip", url, tmp_path / "copy", env=LOGIN).said == ""


def test_waiting_ends_with_the_deadline(run_ftpcli: Program, held: Held, url: str, tmp_path: Path) -> None:
    result = run_ftpcli("mirror", "--lock", "wait", "--deadline", "0.5", url, tmp_path / "copy", env=LOGIN)
    assert result.code == 11
    assert result.stderr.count("waiting: ") == 1
    assert held.process.poll() is None


def test_waiting_ends_with_an_interrupt(run_ftpcli: Program, held: Held, url: str, tmp_path: Path) -> None:
    waiting = run_ftpcli.start("mirror", "--lock", "wait", url, tmp_path / "copy", env=LOGIN)
    assert waiting.stderr is not None
    assert b"waiting: " in waiting.stderr.readline()
    waiting.terminate()
    assert run_ftpcli.finish(waiting).code == 143
    assert held.process.poll() is None


def test_killed_run_releases_lock_and_part_file_is_resumed(
    run_ftpcli: Program, held: Held, url: str, mirrors: Path, tmp_path: Path
) -> None:
    waiting = run_ftpcli.start("mirror", "--lock", "wait", url, tmp_path / "copy", env=LOGIN)
    assert waiting.stderr is not None
    waiting.stderr.readline()
    held.process.kill()
    assert run_ftpcli.finish(waiting).code == 0
    assert os.listdir(tmp_path / "copy") == ["slow.bin"]
    assert list(mirrors.iterdir()) == []


def test_dry_run_and_other_target_need_no_lock(
    run_ftpcli: Program, held: Held, server: Embedded, url: str, mirrors: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in mirrors.rglob("*") if path.is_file()}
    assert run_ftpcli("mirror", "--dry-run", url, tmp_path / "copy", env=LOGIN).stdout == "download slow.bin\n"
    after = {path: path.read_bytes() for path in mirrors.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    # The run that holds the lock still writes to its journal.
    assert all(after[path].startswith(content) for path, content in before.items())
    server.write("other/a", b"a")
    other = url.replace("/tree", "/other")
    assert run_ftpcli("mirror", other, tmp_path / "other", env=LOGIN).code == 0
    assert held.process.poll() is None


@pytest.mark.parametrize("way", ["relative", "link", "dots", "same"])
def test_lock_is_shared_by_other_spellings_of_the_paths(
    run_ftpcli: Program, held: Held, url: str, tmp_path: Path, way: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "copy")
    target = {"relative": "copy", "link": tmp_path / "link", "dots": tmp_path / "home/../copy", "same": "./copy/"}[way]
    address = {"dots": f"{url}//", "relative": url.replace("/tree", "/./tree/")}.get(way, url)
    result = run_ftpcli("mirror", address, target, env=LOGIN, cwd=tmp_path)
    assert result.code == 10
    assert held.process.poll() is None


def test_state_folder_is_private_and_removed_at_the_end(
    run_ftpcli: Program, server: Embedded, url: str, mirrors: Path, tmp_path: Path
) -> None:
    server.write("tree/a", b"alpha")
    result = run_ftpcli("mirror", url, tmp_path / "copy", env=LOGIN)
    assert (result.code, result.stderr) == (0, "")
    assert stat.S_IMODE(mirrors.stat().st_mode) == 0o700
    assert list(mirrors.iterdir()) == []


@pytest.mark.parametrize("way", ["file", "closed"])
def test_unwritable_state_folder_is_one_warning(
    run_ftpcli: Program, server: Embedded, url: str, tmp_path: Path, way: str
) -> None:
    if way == "closed" and os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    blocked = tmp_path / "blocked"
    if way == "file":
        blocked.write_bytes(b"")
    else:
        blocked.mkdir(0o500)
    server.write("tree/a", b"alpha")
    result = run_ftpcli("mirror", url, tmp_path / "copy", env={**LOGIN, "XDG_STATE_HOME": str(blocked)})
    assert result.code == 0
    assert result.stderr.count("warning: going on without the lock and the journal") == 1
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "copy" / "a").read_bytes() == b"alpha"


def test_damaged_journal_is_only_a_warning(
    run_ftpcli: Program, held: Held, url: str, mirrors: Path, tmp_path: Path
) -> None:
    held.process.kill()
    held.process.wait()
    (journal,) = mirrors.glob("*/journal")
    journal.write_bytes(b"no\nidea\n")
    (tmp_path / "copy" / part_name("foreign")).write_bytes(b"x")
    result = run_ftpcli("mirror", url, tmp_path / "copy", env=LOGIN)
    assert result.code == 0
    assert result.stderr.count("warning: ") == 1
    assert "is damaged (line 1)" in result.stderr
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"slow.bin", part_name("foreign")}
    (kept,) = mirrors.glob("*/*")
    assert kept.read_bytes() == b"no\nidea\n"
    assert run_ftpcli("mirror", url, tmp_path / "copy", env=LOGIN).stderr == ""


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--backup-dir", "kept")])
@pytest.mark.parametrize("upload", [False, True])
def test_a_working_directory_that_was_deleted_is_no_internal_error(
    run_ftpcli: Program,
    url: str,
    mirrors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    upload: bool,
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = run_ftpcli("mirror", *options, *(("x", url) if upload else (url, "x")), env=LOGIN, cwd=Path("."))
    assert (result.code, result.stdout) == (7, "")
    assert result.stderr.endswith(": no such file or directory\n")
    assert result.stderr.startswith("ftpcli: cannot find ")
    assert not mirrors.exists()
