"""Every command and flag over SFTP, as for FTP: the whole program against real servers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.sftp.side import LARGE, Server, Side, local_tree, part_size, tree, wait_for
from tests.servers.processes import _descendants
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.paramiko_server import paramiko_server

if TYPE_CHECKING:
    from tests.cli.conftest import Program

ONLY_SSHD = pytest.mark.parametrize("server", ["sshd"], indirect=True)


@pytest.fixture(scope="module", params=["sshd", "proftpd", "paramiko"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with paramiko_server() if request.param == "paramiko" else started(Setup(request.param, tls="ssh")) as running:
        yield running


@pytest.fixture
def side(server: Server, run_ftpcli: Program, tmp_path: Path) -> Side:
    return Side(server, run_ftpcli, tmp_path)


def events(text: str, kind: str) -> list[dict[str, object]]:
    return [event for event in map(json.loads, text.splitlines()) if event.get("event") == kind]


# Small commands -----------------------------------------------------------------------------------------------------


def test_listings(side: Side) -> None:
    path = side.write("d/a.txt", b"12345")
    os.utime(path, (1_500_000_000, 1_500_000_000))
    path.chmod(0o640)
    (side.root / "d/link").symlink_to("a.txt")
    side.write("b", b"")
    assert side.good("ls", side.url()).splitlines() == ["b", "d"]
    assert side.good("ls", "-R", side.url()).splitlines() == ["b", "d", "d/a.txt", "d/link"]
    mode, _owner, _group, size, date, clock, name = side.good("ls", "-l", side.url("d/a.txt")).split()
    assert (mode, size, date, clock, name) == ("-rw-r-----", "5", "2017-07-14", "02:40:00", "a.txt")
    found = {
        entry["path"]: entry for entry in map(json.loads, side.good("ls", "-R", "--json", side.url()).splitlines())
    }
    assert (found["d/a.txt"]["size"], found["d/a.txt"]["mtime"]) == (5, "2017-07-14T02:40:00Z")
    assert (found["d/a.txt"]["type"], found["d/a.txt"]["mode"]) == ("file", "0640")
    assert (found["d"]["type"], found["d/link"]["type"]) == ("dir", "link")
    assert side("ls", side.url("absent")).code == 6


def test_directories_odd_names_and_deletion(side: Side) -> None:
    assert side("mkdir", side.url("a/b/c")).code == 6
    side.good("mkdir", "-p", side.url("a/b/c"))
    side.good("mkdir", "-p", side.url("a/b/c"))
    refused = side("mkdir", side.url("a"))
    assert refused.code == 6
    assert "it is there already" in refused.stderr
    side.write("a/f", b"1")
    side.good("mv", side.url("a/f"), side.url("a/b/g"))
    assert tree(side.root) == {"a": None, "a/b": None, "a/b/c": None, "a/b/g": b"1"}
    assert side("mv", side.url("a/f"), side.url("a/x")).code == 6
    assert "-r deletes directories as well" in side("rm", side.url("a")).stderr
    (side.root / "a/outside").symlink_to(side.folder)
    side.good("rm", "-r", side.url("a"))
    assert tree(side.root) == {}
    assert side.folder.exists(), "the link goes, and not what it leads to"
    assert side("rm", side.url("a")).code == 6


# One file and several -----------------------------------------------------------------------------------------------


def test_downloads(side: Side, tmp_path: Path) -> None:
    files = {"one.txt": b"1", "two.txt": b"22", "other": LARGE, "empty.txt": b"", "sub/deep": b"4"}
    for name, content in files.items():
        side.write(f"src/{name}", content)
    side.good("get", side.url("src/other"), "-o", tmp_path / "renamed")
    assert (tmp_path / "renamed").read_bytes() == LARGE
    assert side.good("get", side.url("src/two.txt"), "-o", "-") == side.good("cat", side.url("src/two.txt")) == "22"
    side.good("get", side.url("src/*.txt"), "-d", tmp_path / "glob")
    assert tree(tmp_path / "glob") == {name: files[name] for name in ("one.txt", "two.txt", "empty.txt")}
    side.good("get", "-r", side.url("src"), "-d", tmp_path / "all")
    assert tree(tmp_path / "all") == {"src": None, "src/sub": None, **{f"src/{name}": files[name] for name in files}}
    assert "it is a directory" in side("cat", side.url("src")).stderr
    missing = side("get", side.url("src/absent"), "-d", tmp_path / "none")
    assert missing.code == 6
    assert "not found" in missing.stderr


def test_uploads(side: Side, tmp_path: Path) -> None:
    source = local_tree(tmp_path / "source")
    assert side("put", source / "a.txt", side.url("new/deep/")).code == 6
    side.good("put", source / "a.txt", side.url("new/deep/"), "--mkdir")
    assert (side.root / "new/deep/a.txt").stat().st_mtime == 1_500_000_000
    side.good("put", "-", side.url("stdin"), input=LARGE)
    assert (side.root / "stdin").read_bytes() == LARGE
    (source / "d/link").unlink()
    side.good("put", "-r", source, side.url("all/"), "--mkdir")
    assert tree(side.root / "all/source") == tree(source)
    side.good("put", source / "x.sh", side.url("new/deep/a.txt"), "--in-place")
    assert (side.root / "new/deep/a.txt").read_bytes() == b"#!"


# Mirrors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_mirror(side: Side, tmp_path: Path, up: bool) -> None:
    """Times, permissions and links are copied; equal files stay, deleted ones go to the backup folder."""
    source = local_tree(side.root / "source" if not up else tmp_path / "source")
    if not up and isinstance(side.server, Running) and side.server.setup.program == "proftpd":
        (source / "d/link").unlink()  # its READLINK returns an absolute path
    os.utime(source / "d/large", (1_400_000_007, 1_400_000_007))  # no other file's time: it is recognised by that
    side.own(side.root)
    target = side.root / "target" if up else tmp_path / "target"
    kept = side.root / "kept" if up else tmp_path / "kept"
    sides = (source, side.url("target")) if up else (side.url("source"), target)
    command = ("mirror", *sides, "--parallel", "4", "--delete", "--perms", "--symlinks", "copy")
    shown = side.good(*command, "--dry-run")
    assert {"a.txt", "d/large", "x.sh"} <= {word for line in shown.splitlines() for word in line.split()}
    assert not target.exists()

    text = side.good(*command, "--verify", "size", "--json")
    assert tree(target) == tree(source)
    assert (target / "a.txt").stat().st_mtime == 1_500_000_000
    assert (target / "x.sh").stat().st_mode & 0o777 == 0o755
    (summary,) = events(text, "summary")
    files = sum(content is not None for content in tree(source).values())
    assert (summary["transferred"], summary["failed"], summary["exit_code"]) == (files, 0, 0)
    assert 1 <= int(str(summary["connections"])) <= 4
    assert {event["path"] for event in events(text, "finished") if event["action"] in ("upload", "download")} == {
        "a.txt",
        "d/large",
        "d/e/empty",
        "x.sh",
    }

    for compare in ("auto", "size"):
        (summary,) = events(side.good(*command, "--compare", compare, "--json"), "summary")
        assert (summary["transferred"], summary["deleted"], summary["moved"]) == (0, 0, 0)

    (source / "d/large").rename(source / "moved")
    (source / "x.sh").unlink()
    (source / "a.txt").write_bytes(b"changed!")
    side.own(side.root)
    more = ("--track-renames", "--backup-dir", kept, "--report", tmp_path / "report")
    side.good(*command, *more)
    assert tree(target) == tree(source)
    (summary,) = events((tmp_path / "report").read_text(), "summary")
    assert (summary["renamed"], summary["transferred"], summary["deleted"]) == (1, 1, 1)
    (run,) = kept.iterdir()
    assert tree(run) == {"a.txt": b"aaa", "x.sh": b"#!"}


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_links_are_followed(side: Side, tmp_path: Path, up: bool) -> None:
    """Regression: a large file behind a link counted as changed, for the link was examined after the transfer."""
    source = local_tree(side.root / "source" if not up else tmp_path / "source")
    side.own(side.root)
    target = side.root / "target" if up else tmp_path / "target"
    sides = (source, side.url("target")) if up else (side.url("source"), target)
    side.good("mirror", *sides, "--symlinks", "follow")
    large = (source / "d/large").read_bytes()
    assert tree(target) == {**tree(source), "d/link": large}
    (summary,) = events(side.good("mirror", *sides, "--symlinks", "follow", "--json"), "summary")
    assert summary["transferred"] == 0


@ONLY_SSHD
@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_watch(side: Side, tmp_path: Path, up: bool) -> None:
    source = (tmp_path if up else side.root) / "source"
    target = (side.root if up else tmp_path) / "target"
    source.mkdir()
    (source / "a").write_bytes(b"1")
    sides = (source, side.url("target")) if up else (side.url("source"), target)
    process = side.start("mirror", *sides, "--watch", "--watch-interval", "1")
    wait_for(lambda: (target / "a").exists())
    (source / "b").write_bytes(b"22")
    wait_for(lambda: (target / "b").exists())
    process.send_signal(2)
    assert side.run.finish(process).code == 130
    assert tree(target) == {"a": b"1", "b": b"22"}


# Interrupted, slowed down, described by a profile -------------------------------------------------------------------


@ONLY_SSHD
@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_killed_and_resumed(side: Side, tmp_path: Path, up: bool) -> None:
    assert isinstance(side.server, Running)
    here, there = tmp_path / "file", side.root / "file"
    (here if up else side.write("file")).write_bytes(LARGE)
    command = ("put", here, side.url("file")) if up else ("get", side.url("file"), "-o", here)
    process = side.start(*command, "--limit-rate", "1M")
    folder = side.root if up else tmp_path
    wait_for(lambda: part_size(folder) > 1_000_000)
    process.kill()
    process.communicate()
    wait_for(lambda: not _descendants(side.server.process.popen.pid))  # it writes what it has received before it ends
    reached = part_size(folder)
    text = side.good(*command, "--json")
    (went_on_at,) = (event["resumed_from"] for event in events(text, "finished"))
    # An upload sends the last blocks again: they may not have reached the server's disk.
    assert went_on_at in ((reached, reached - 65536) if up else (reached,))
    assert here.read_bytes() == there.read_bytes() == LARGE
    assert part_size(folder) == 0


@ONLY_SSHD
def test_rate_and_deadline(side: Side, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LARGE)
    command = ("put", tmp_path / "file", side.url("file"))
    result = side(*command, "--limit-rate", "300k", "--deadline", "5")
    assert result.code == 11, result
    assert "the deadline passed" in result.stderr
    assert 0 < part_size(side.root) < 2_500_000
    side.good(*command)
    assert (side.root / "file").read_bytes() == LARGE


def test_profile(side: Side, tmp_path: Path) -> None:
    side.write("f", b"1")
    options = dict(zip(side.options[::2], side.options[1::2], strict=True))
    config = tmp_path / "config.toml"
    lines = [f'url = "{side.url()}"', 'ssh_config = "none"', f'known_hosts = "{options["--known-hosts"]}"']
    if "--identity" in options:
        lines.append(f'identity = ["{options["--identity"]}"]')
    config.write_text("\n".join(["[profiles.there]", *lines]) + "\n")
    result = side.run("ls", "there:", "--config", config, env=side.env)
    assert (result.code, result.stdout, result.stderr) == (0, "f\n", "")
