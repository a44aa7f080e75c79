"""Servers that cannot set times: a second mirror transfers nothing there either, and changes are still detected."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ftpcli.engine.compare.decide import TIME_DIFFERS_HERE
from ftpcli.engine.events import Planned
from ftpcli.engine.job import Direction
from ftpcli.errors import Denied
from ftpcli.model import Endpoint, Secret
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, raising
from tests.engine.runs.test_real_servers import carry_out, contents, endpoint, fill, mirror
from tests.engine.runs.test_run import Side
from tests.servers.real import Setup, started
from tests.servers.scripted.server import FEATURES, ScriptedServer

NAMES = ("a", "b", "c", "d", "e")
ARRIVED = 2_000_000  # the fake gives uploads the time 1,000,000, which is that of the sources too


@pytest.fixture
def side(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    """A tree, and its copy on a server, with later times of arrival."""
    side = Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)
    side.put(dict.fromkeys(NAMES, b"content"), dict.fromkeys(NAMES, b"content"))
    for name in NAMES:
        server.file(f"top/{name}").mtime = ARRIVED
    server.sets_times = False
    server.clock = time.time
    return side


def test_nothing_is_sent_again(side: Side) -> None:
    assert side.mirror(parallel=1).transferred == 0
    assert 1 <= len(side.server.verbs("set_mtime")) <= 3, "the answer is remembered"
    assert {side.server.file(f"top/{name}").mtime for name in NAMES} == {ARRIVED}


def test_a_dry_run_tries_nothing_out_and_says_so(side: Side) -> None:
    assert side.mirror(dry_run=True).would_transfer == len(NAMES)
    assert {event.why for event in side.events if isinstance(event, Planned)} == {TIME_DIFFERS_HERE}
    assert side.server.verbs("set_mtime") == side.server.verbs("write") == []


@pytest.mark.parametrize("newer", [True, False])
def test_what_changed_since_is_sent(side: Side, newer: bool) -> None:
    (side.folder / "b").write_bytes(b"CONTENT" if newer else b"content, and more")
    when = ARRIVED + 100 if newer else 1_000_000
    os.utime(side.folder / "b", (when, when))
    assert side.mirror().transferred == 1
    assert side.target == side.source


def test_a_newer_target_counts_as_different_if_times_can_be_set(side: Side) -> None:
    side.server.sets_times = True
    assert side.mirror(parallel=1).transferred == len(NAMES)
    assert {side.server.file(f"top/{name}").mtime for name in NAMES} == {1_000_000}


def test_a_refusal_for_one_file_says_nothing_about_others(side: Side) -> None:
    side.server.sets_times = True
    side.server.on("set_mtime", raising(Denied("not yours", reply="550 no")), path="top/a", times=99)
    assert side.mirror(parallel=1).transferred >= len(NAMES) - 1, "the refused file may be the first one tried"


@pytest.mark.parametrize(("compare", "transferred"), [("size", 0), ("time", 5), ("checksum", 5)])
def test_arrival_times_are_ignored_with_auto_only(side: Side, compare: str, transferred: int) -> None:
    assert side.mirror(compare=compare).transferred == transferred


def test_downloads_are_not_affected(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> None:
    down = Side(Direction.DOWNLOAD, server, tmp_path / "local", stop, events)
    down.put({"a": b"content"}, {"a": b"content"})
    os.utime(down.folder / "a", (ARRIVED, ARRIVED))
    server.sets_times = False
    assert down.mirror().transferred == 1


# Was: every run copied everything again, because no copy has its source's time.
@pytest.mark.parametrize("direction", list(Direction))
def test_without_times_a_second_run_moves_nothing(
    server: FakeServer, tmp_path: Path, stop: StopToken, events: Events, direction: Direction
) -> None:
    server.clock = time.time
    side = Side(direction, server, tmp_path / "local", stop, events)
    side.put({"a": b"content", "b": b"content"}, {"a": b"content", "b": b"content"})
    files = {name: (server.file(f"top/{name}"), side.folder / name) for name in ("a", "b")}
    for there, here in files.values():
        if side.up:
            there.mtime = ARRIVED
        else:
            os.utime(here, (ARRIVED, ARRIVED))
    assert side.mirror(times=False).transferred == 0
    assert server.verbs("set_mtime") == []
    side.mirror(times=False, compare="time", dry_run=True)
    assert {event.path for event in events if isinstance(event, Planned)} == {"a", "b"}, "times always count"
    there, here = files["b"]
    there.mtime, newer = (there.mtime, ARRIVED + 9) if side.up else (ARRIVED + 9, ARRIVED)
    os.utime(here, (newer, newer))
    assert side.mirror(times=False).transferred == 1


# Was: a small file got LIST's time, precise to the minute or day; without a digest the server was asked for its time,
# which then differed from the copy's.
@pytest.mark.parametrize("rules", [{"compare": "checksum"}, {"times": False}], ids=["checksum", "no-times"])
def test_downloads_from_listings_to_the_day(rules: dict[str, str | bool], tmp_path: Path) -> None:
    with started(Setup("vsftpd")) as server:
        os.utime(server.write("tree/a", b"content"), (1_600_000_000, 1_600_000_000))
        job = mirror(Direction.DOWNLOAD, endpoint(server), "tree", str(tmp_path / "copy"))
        job = replace(job, rules=replace(job.rules, **rules))  # type: ignore[arg-type]
        assert [carry_out(job)[0].transferred for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("setup", [Setup("vsftpd", extra=("mdtm_write=NO",)), Setup("vsftpd")], ids=["never", "can"])
def test_vsftpd_with_and_without_times(setup: Setup, tmp_path: Path) -> None:
    fill(tmp_path / "source", 20)
    for path in (tmp_path / "source").rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    with started(setup) as server:
        job = mirror(Direction.UPLOAD, endpoint(server), str(tmp_path / "source"), "up", parallel=2)
        assert carry_out(job)[0].transferred == 20
        assert carry_out(job)[0].transferred == 0
        (tmp_path / "source/d1/f1").write_bytes(bytes((tmp_path / "source/d1/f1").stat().st_size))
        os.utime(tmp_path / "source/d1/f1", (4_000_000_000, 4_000_000_000))
        assert carry_out(job)[0].transferred == 1
        assert contents(server.root / "up") == contents(tmp_path / "source")


@pytest.mark.parametrize("lists_facts", [True, False])
def test_a_server_with_no_command_for_times(lists_facts: bool, tmp_path: Path) -> None:
    hidden = ("MFMT",) if lists_facts else ("MFMT", "MLST type*;size*;modify*;perm*;")
    features = tuple(name for name in FEATURES if name not in hidden)
    (tmp_path / "source").mkdir()
    for name in NAMES:
        (tmp_path / "source" / name).write_bytes(b"content")
        os.utime(tmp_path / "source" / name, (1_600_000_000, 1_600_000_000))
    with ScriptedServer(features=features) as server:
        server.on("MFMT", "500 unknown")
        where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password))
        job = mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "/up", parallel=1)
        assert carry_out(job)[0].transferred == len(NAMES)
        before = len(server.commands)
        assert carry_out(job)[0].transferred == 0
        asked = [c for c in server.commands[before:] if c.verb in ("MDTM", "SITE") and " " in c.argument]
        assert len(asked) <= 6, "two commands for each of three files are enough"
