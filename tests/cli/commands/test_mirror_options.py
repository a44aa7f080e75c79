"""``mirror --backup-dir`` and ``--track-renames``, whole runs and errors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.server import ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
QUICK = ("--timeout", "5", "--retries", "2", "--retry-wait", "0.01", "--parallel", "2")
DATED = r"\d{4}-\d\d-\d\dT\d{6}Z"
OLD = 1_600_000_000


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (OLD + len(data), OLD + len(data)))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def below(server: ScriptedServer, folder: str) -> dict[str, bytes]:
    prefix = f"/{folder}/"
    return {name[len(prefix) :]: bytes(data) for name, data in server.files.items() if name.startswith(prefix)}


def without_date(kept: dict[str, bytes]) -> dict[str, bytes]:
    dates = {name.partition("/")[0] for name in kept}
    assert len(dates) <= 1
    assert all(re.fullmatch(DATED, date) for date in dates)
    return {name.partition("/")[2]: data for name, data in kept.items()}


# Bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{url}/site", "local", "--backup-dir", "local/old"], "inside"),
        (["{url}/site", "local", "--backup-dir", "link"], "inside"),
        (["{url}/site", "local/sub", "--backup-dir", "local/sub/../sub"], "inside"),
        (["{url}/site", "local", "--backup-dir", ""], "names no folder"),
        (["local", "{url}/site", "--backup-dir", "site/old"], "inside"),
        (["local", "{url}/", "--backup-dir", "old"], "inside"),
        (["local", "{url}//srv/site", "--backup-dir", "/srv/site/"], "inside"),
        (["local", "{url}/site", "--backup-dir", "/old"], "the same way"),
        (["local", "{url}//site", "--backup-dir", "old"], "the same way"),
        (["local", "{url}/site", "--backup-dir", "{url}/old"], "not a URL"),
        (["{url}/site", "local", "--backup-dir", "{url}/old"], "not a URL"),
        (["local", "{url}/site", "--track-renames"], "needs --delete"),
        (["local", "{url}/site", "--max-delete", "50%"], "--max-delete needs --delete"),
        (["local", "{url}/site", "--delete-before"], "--delete-before needs --delete"),
        (["local", "{url}/site", "--strict-compare"], "--strict-compare needs --compare checksum or --verify checksum"),
        (["local", "{url}/site", "--strict-compare", "--compare", "size"], "--strict-compare needs --compare checksum"),
        (["{url}/site", "local", "--watch-interval", "5"], "--watch-interval needs --watch"),
        (["local", "{url}/site", "--min-size", "5", "--max-size", "4"], "--min-size and --max-size contradict"),
        (
            ["local", "{url}/site", "--newer-than", "2026-02-01", "--older-than", "2026-01-01"],
            "--older-than contradict",
        ),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_bad_input_is_an_error_before_connecting(
    scripted: Start, run_ftpcli: Program, local: Path, arguments: list[str], words: str, dry_run: bool
) -> None:
    server = scripted()
    (local.parent / "link").symlink_to("local")
    url = server.url().rstrip("/")
    result = run_ftpcli("mirror", *(word.format(url=url) for word in arguments), *(["-n"] if dry_run else []), *QUICK)
    assert result.code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert server.connections == 0


# Regression: an empty value counted as none, so that a script's unset variable removed a CA file or a password.
@pytest.mark.parametrize(
    "name",
    ["user", "password-file", "password-command", "cafile", "cert", "config", "log-file", "identity"],
)
def test_empty_values_are_refused(run_ftpcli: Program, local: Path, name: str) -> None:
    result = run_ftpcli("mirror", local, "ftp://127.0.0.1:1/", f"--{name}", "", *QUICK)
    assert (result.code, result.stdout) == (2, "")
    assert f"'--{name}': it is empty" in result.stderr


def test_number_errors_are_in_plain_words(run_ftpcli: Program, local: Path) -> None:
    result = run_ftpcli("mirror", local, "ftp://127.0.0.1:1/", "--parallel", "x")
    assert result.code == 2
    assert "'x' is not a valid whole number" in result.stderr


def test_backup_dir_of_a_profile_is_read_as_the_target(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted(files={"/srv/www/a": b"old"})
    config = local.parent / "c.toml"
    config.write_text(f'[profiles.w]\nurl = "{server.url()}/srv"\nbackup_dir = "kept"\n')
    fill(local, {"a": b"newer"})
    result = run_ftpcli("mirror", local, "w:www", "--config", config, *QUICK)
    assert result.code == 0, result.stderr
    assert below(server, "srv/www") == {"a": b"newer"}
    assert without_date(below(server, "srv/kept")) == {"a": b"old"}


def test_limits_in_the_config_apply_to_runs_that_use_them(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted()
    config = local.parent / "c.toml"
    config.write_text(
        f'[defaults]\nmax_delete = "1"\n[profiles.w]\nurl = "{server.url()}"\nmax_delete = "3"\nwatch_interval = 5\n'
    )
    fill(local, {"a": b"new"})
    result = run_ftpcli("mirror", local, "w:site", "--config", config, *QUICK)
    assert result.code == 0, result.stderr
    assert below(server, "site") == {"a": b"new"}


def test_command_line_may_limit_the_deletes_of_a_profile(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted(files={"/site/gone": b"x"})
    config = local.parent / "c.toml"
    config.write_text(f'[profiles.w]\nurl = "{server.url()}"\ndelete = true\n')
    fill(local, {"a": b"new"})
    result = run_ftpcli("mirror", local, "w:site", "--config", config, "--max-delete", "0", *QUICK)
    assert result.code == 9, result.stderr
    assert "/site/gone" in server.files


# Whole runs


def test_download(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted(files={"/site/a": b"newer", "/site/sub/b": b"same"})
    fill(local, {"a": b"old", "gone/x": b"x", "sub/b": b"other"})
    arguments = ("mirror", server.url("site"), "local", "--delete", "--backup-dir", "kept", *QUICK)
    before = contents(local)
    planned = run_ftpcli(*arguments, "-n")
    assert (contents(local), (local.parent / "kept").exists()) == (before, False)
    assert {line for line in planned.stdout.splitlines() if line.startswith("delete")} == {
        "delete gone/x",
        "delete gone",
    }
    result = run_ftpcli(*arguments, "-v")
    assert result.code == 0, result.stderr
    assert contents(local) == {"a": b"newer", "sub/b": b"same"}
    assert without_date(contents(local.parent / "kept")) == before
    assert re.search(rf"^download a \(.*the old one is kept as kept/{DATED}/a\)$", result.stderr, re.MULTILINE)
    assert re.search(rf"^delete gone/x \(kept as kept/{DATED}/gone/x\)$", result.stderr, re.MULTILINE)


@pytest.mark.parametrize("up", [True, False])
def test_log_tells_which_side_is_the_server(scripted: Start, run_ftpcli: Program, local: Path, up: bool) -> None:
    server = scripted(files={"/site/a": b"a"})
    fill(local, {"a": b"a"})
    sides = ("local", server.url("site")) if up else (server.url("site"), "local")
    result = run_ftpcli("mirror", *sides, "-v", *QUICK)
    there = f"ftp://{server.host}:{server.port}/site"
    first = f"upload: local to {there}" if up else f"download: {there} to local"
    assert result.stderr.splitlines()[0] == first


def test_backups_without_mlst_and_size(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    """Neither MLST nor SIZE: what was listed is backed up anyway."""
    server = scripted(files={"/site/a": b"old", "/site/sub/b": b"other"}, features=("EPSV",))
    for verb in ("MLSD", "MLST", "SIZE", "MDTM"):
        server.on(verb, "500 unknown")
    fill(local, {"a": b"newer", "sub/b": b"another", "new": b"n"})
    result = run_ftpcli("mirror", local, server.url("site"), "--backup-dir", "kept", "--verify", "none", *QUICK)
    assert result.code == 0, result.stderr
    assert below(server, "site") == {"a": b"newer", "sub/b": b"another", "new": b"n"}
    assert without_date(below(server, "kept")) == {"a": b"old", "sub/b": b"other"}


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("in_place", [[], ["--in-place"]])
@pytest.mark.parametrize("drop_every", [None, 3, 4])
def test_upload(
    scripted: Start, run_ftpcli: Program, local: Path, replaces: bool, in_place: list[str], drop_every: int | None
) -> None:
    there = {"/site/a": b"old", "/site/gone/x": b"x", "/site/sub/deep/b": b"other"}
    server = scripted(files=there, rename_replaces=replaces, drop_every=drop_every)
    fill(local, {"a": b"newer", "sub/deep/b": b"same", "new": b"n"})
    result = run_ftpcli(
        "mirror", local, server.url("site"), "--delete", "--backup-dir", "kept/x", "--json", *in_place, *QUICK
    )
    assert result.code == 0, result.stderr
    assert below(server, "site") == {"a": b"newer", "sub/deep/b": b"same", "new": b"n"}
    assert without_date(below(server, "kept/x")) == {name.removeprefix("/site/"): data for name, data in there.items()}
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    kept = {line["path"]: line["backup"].split("Z/")[1] for line in lines if "backup" in line}
    assert kept == {"a": "a", "sub/deep/b": "sub/deep/b", "gone/x": "gone/x", "gone": "gone"}


def test_renames_up(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted()
    fill(local, {"one": b"12345", "flat/two": b"1234567"})
    arguments = ("mirror", local, server.url("site"), "--delete", "--track-renames", *QUICK)
    assert run_ftpcli(*arguments).code == 0
    (local / "one").rename(local / "eins")
    (local / "deep").mkdir()
    (local / "flat").rename(local / "deep" / "er")
    planned = run_ftpcli(*arguments, "-n")
    wanted = {"rename one -> eins", "rename flat/two -> deep/er/two"}
    assert {line for line in planned.stdout.splitlines() if not line.startswith("mkdir")} == {*wanted, "delete flat"}
    server.commands.clear()
    result = run_ftpcli(*arguments, "-v")
    assert result.code == 0, result.stderr
    assert below(server, "site") == {"eins": b"12345", "deep/er/two": b"1234567"}
    assert not server.sent("STOR")
    assert wanted <= set(result.stderr.splitlines())
    assert "2 renamed" in result.stderr


def test_renames_down(scripted: Start, run_ftpcli: Program, local: Path) -> None:
    server = scripted(files={"/site/eins": b"12345", "/site/deep/er/two": b"1234567"}, drop_every=3)
    fill(local, {"one": b"12345", "flat/two": b"1234567"})
    for name, content in server.files.items():
        server.tree.mtimes[name] = OLD + len(content)
    result = run_ftpcli(
        "mirror", server.url("site"), local, "--delete", "--track-renames", "--backup-dir", "kept", "--json", *QUICK
    )
    assert result.code == 0, result.stderr
    assert contents(local) == {"eins": b"12345", "deep/er/two": b"1234567"}
    assert contents(local.parent / "kept") == {}
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    renamed = {
        line["path"]: line["target"] for line in lines if line["event"] == "finished" and line["action"] == "rename"
    }
    assert renamed == {"one": "eins", "flat/two": "deep/er/two"}
    assert (lines[-1]["renamed"], lines[-1]["transferred"], lines[-1]["deleted"]) == (2, 0, 1)


def test_options_in_the_config_apply_to_those_runs_that_use_them(
    scripted: Start, run_ftpcli: Program, local: Path
) -> None:
    server = scripted(files={"/site/old": b"1"})
    config = local.parent / "config.toml"
    config.write_text("[defaults]\ndelete_before = true\nstrict_compare = true\nmax_delete = 1\n")
    fill(local, {"a": b"new"})
    arguments = ("mirror", local, f"{server.url()}site", "--config", config, *QUICK)
    assert run_ftpcli(*arguments).code == 0
    assert below(server, "site") == {"a": b"new", "old": b"1"}
    assert run_ftpcli(*arguments, "--delete").code == 0
    assert below(server, "site") == {"a": b"new"}
