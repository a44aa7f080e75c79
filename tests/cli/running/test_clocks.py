"""Servers whose clock is off, and servers that do not keep the times that they are given: whole runs.

On each of them a second mirror sends nothing, and a change that keeps the size is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.clock import Clock
from tests.servers.scripted.server import FEATURES, ScriptedServer
from tests.servers.ssh.paramiko_server import paramiko_server

if TYPE_CHECKING:
    from tests.cli.conftest import Program

QUICK = ("--timeout", "20", "--retries", "1", "--retry-wait", "0.01", "--parallel", "2")
HOUR, DAY = 3600.0, 86_400.0
TREE = {"a": b"version 1", "b": b"other", "sub/c": b"deep"}
OLD = 1_700_000_003


@dataclass
class Site:
    """A local tree, and where it is mirrored to."""

    run: Program
    folder: Path
    url: str
    read: Callable[[], dict[str, bytes]]

    def write(self, files: dict[str, bytes], mtime: float | None = None) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if mtime is not None:
                os.utime(path, (mtime, mtime))

    def mirror(self, *options: str) -> tuple[set[str], list[str]]:
        """What was sent (in a dry run: would be), and the warnings."""
        result = self.run("mirror", self.folder, self.url, "--json", *QUICK, *options)
        assert result.code == 0, result.said
        told = [json.loads(line) for line in result.stdout.splitlines()]
        done = "planned" if "--dry-run" in options else "finished"
        sent = {line["path"] for line in told if line["event"] == done and line["action"] == "upload"}
        return sent, [line["message"] for line in told if line["event"] == "warning"]

    def check(self) -> None:
        here = {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*")
                if path.is_file()}  # fmt: skip
        assert self.read() == here


def sites(kinds: str = "mlsd list sftp") -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds.split())


LIST_ONLY = tuple(name for name in FEATURES if not name.startswith("MLST"))


@contextlib.contextmanager
def site_of(kind: str, clock: Clock, run: Program, tmp_path: Path, features: tuple[str, ...] = ()) -> Iterator[Site]:
    folder = tmp_path / "source"
    folder.mkdir()
    if kind == "sftp":
        with paramiko_server(clock=clock) as server:
            up = server.root / "up"

            def stored() -> dict[str, bytes]:
                return {str(path.relative_to(up)): path.read_bytes() for path in up.rglob("*") if path.is_file()}

            (tmp_path / "known").touch()
            url = f"sftp://{server.user}@{server.host}:{server.port}/~/up"
            options = ("--known-hosts", str(tmp_path / "known"), "--accept-new-host-key", "--ssh-config", "none")
            yield Site(_with(run, *options, "--no-agent"), folder, url, stored)
        return
    settings = vars(clock) | {"features": features or (FEATURES if kind == "mlsd" else LIST_ONLY)}
    with ScriptedServer(**settings) as scripted:
        if kind == "list":
            scripted.on("MLSD", "500 no")
            scripted.on("MLST", "500 no")
        if features and "MFMT" not in features:
            scripted.on("MFMT", "500 no")
        yield Site(
            run, folder, scripted.url("up"), lambda: {name.removeprefix("/up/"): bytes(data) for name, data in
                                                      scripted.files.items()},
        )  # fmt: skip


def _with(run: Program, *options: str) -> Program:
    return lambda *args: run(*args, *options)  # type: ignore[return-value]


CLOCKS = {
    "right": Clock(),
    "ahead an hour": Clock(clock_offset=HOUR),
    "behind": Clock(clock_offset=-120),
    "ignores": Clock(ignores_times=True),
    "ignores, 1 h ahead": Clock(clock_offset=HOUR, ignores_times=True),
    "ignores, 7 min ahead": Clock(clock_offset=420, ignores_times=True),
    "ignores, 3 d ahead": Clock(clock_offset=3 * DAY, ignores_times=True),
    "ignores, 2 min behind": Clock(clock_offset=-120, ignores_times=True),
    "ignores, 3 d behind": Clock(clock_offset=-3 * DAY, ignores_times=True),
    "ignores, odd": Clock(clock_offset=97.4, ignores_times=True),
    "2 s": Clock(time_precision=2),
    "minute": Clock(time_precision=60),
    "day": Clock(time_precision=86_400),
    "2 h later": Clock(time_shift=2 * HOUR),
    "5:30 h earlier": Clock(time_shift=-5.5 * HOUR),
    "minute, 1 h later": Clock(time_precision=60, time_shift=HOUR),
}


EVERY_WAY = [(kind, name) for name in CLOCKS for kind in ("mlsd", "sftp")]
# What LIST shows to the minute; the rest is as with MLSD.
EVERY_WAY += [("list", name) for name in ("right", "ignores", "ignores, 7 min ahead", "2 s", "2 h later")]


@pytest.mark.parametrize(("kind", "name"), EVERY_WAY, ids=lambda value: value)
@pytest.mark.parametrize("mtime", [None, OLD], ids=["fresh", "old"])
def test_a_second_run_sends_nothing_and_a_change_is_sent(
    kind: str, name: str, mtime: float | None, run_ftpcli: Program, tmp_path: Path
) -> None:
    with site_of(kind, replace(CLOCKS[name]), run_ftpcli, tmp_path) as site:
        site.write(TREE, mtime)
        assert site.mirror()[0] == set(TREE)
        site.check()
        assert site.mirror()[0] == set()
        site.write({"a": b"VERSION 2"})
        assert site.mirror("--dry-run")[0] == {"a"}
        assert site.mirror()[0] == {"a"}
        site.check()
        assert site.mirror()[0] == set()


@sites("mlsd list")
@pytest.mark.parametrize("offset", [0, HOUR, -120, 3 * DAY])
def test_no_command_for_times(kind: str, offset: float, run_ftpcli: Program, tmp_path: Path) -> None:
    features = tuple(name for name in FEATURES if name != "MFMT" and (kind == "mlsd" or not name.startswith("MLST")))
    with site_of(kind, Clock(clock_offset=offset), run_ftpcli, tmp_path, features) as site:
        site.write(TREE)
        assert site.mirror()[0] == set(TREE)
        assert site.mirror()[0] == set()
        site.write({"sub/c": b"DEEP"})
        assert site.mirror()[0] == {"sub/c"}
        site.check()


@pytest.mark.parametrize("within", [0.2, 0.9])
def test_a_change_in_the_second_of_the_arrival(within: float, run_ftpcli: Program, tmp_path: Path) -> None:
    """Was: by chance the arrival's time is the new version's, which was never sent."""
    with ScriptedServer(ignores_times=True) as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write(TREE)
        assert site.mirror()[0] == set(TREE)
        arrived = server.tree.mtimes["/up/sub/c"] + within
        server.tree.mtimes["/up/sub/c"] += 5  # it need not be the real one, only later than the run began
        site.write({"sub/c": b"DEEP"}, arrived + 5)
        assert site.mirror()[0] == {"sub/c"}


SENTENCES = {
    "right": None,
    "ahead an hour": None,
    "ignores": "accepts the times that files are given and ignores them; a file",
    "ignores, 7 min ahead": "ignores them, and the server's clock is 7 minutes ahead; a file",
    "ignores, 3 d behind": "ignores them, and the server's clock is 3 days behind; a file",
    "2 s": "keeps times to 2 seconds only; compared accordingly",
    "minute": "keeps times to the minute only; compared accordingly",
    "day": "keeps times to the day only; compared accordingly",
    "2 h later": "shows the times that files are given 2 hours later; compared accordingly",
}


@sites("mlsd sftp")
@pytest.mark.parametrize("name", SENTENCES)
def test_it_is_said_once(kind: str, name: str, run_ftpcli: Program, tmp_path: Path) -> None:
    with site_of(kind, replace(CLOCKS[name]), run_ftpcli, tmp_path) as site:
        site.write(TREE, OLD)
        for _ in range(2):
            told = [warning for warning in site.mirror()[1] if warning.startswith("the server ")]
            words = SENTENCES[name]
            assert [words in warning for warning in told if words] == ([True] if words else told)


def test_a_clock_that_is_off_is_told_where_times_cannot_be_set(run_ftpcli: Program, tmp_path: Path) -> None:
    features = tuple(name for name in FEATURES if name != "MFMT")
    with site_of("mlsd", Clock(clock_offset=-120), run_ftpcli, tmp_path, features) as site:
        site.write(TREE, OLD)
        assert any("the server's clock is 2 minutes behind; compared accordingly" in line for line in site.mirror()[1])


@sites("mlsd sftp")
def test_files_of_another_run_on_a_server_that_is_new_to_us(kind: str, run_ftpcli: Program, tmp_path: Path) -> None:
    """No state of an earlier run, as in CI: the times of the server alone tell."""
    for name in ("ignores, 1 h ahead", "ignores, 3 d behind", "2 s", "minute", "2 h later"):
        here = tmp_path / name.replace(" ", "")
        here.mkdir()
        with site_of(kind, replace(CLOCKS[name]), run_ftpcli, here) as site:
            site.write(TREE, OLD)
            assert site.mirror()[0] == set(TREE)
            shutil.rmtree(run_ftpcli.folder / "home", ignore_errors=True)
            (run_ftpcli.folder / "home").mkdir()
            assert site.mirror()[0] == set(), name
            site.write({"b": b"OTHER"})
            shutil.rmtree(run_ftpcli.folder / "home", ignore_errors=True)
            (run_ftpcli.folder / "home").mkdir()
            assert site.mirror()[0] == {"b"}, name


def scripted_site(server: ScriptedServer, run: Program, tmp_path: Path) -> Site:
    folder = tmp_path / "source"
    folder.mkdir(exist_ok=True)
    return Site(run, folder, server.url("up"), dict)


def test_a_server_that_keeps_times_is_asked_one_question_in_a_first_run_and_none_later(
    run_ftpcli: Program, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write({f"f{n}": b"x" for n in range(10)}, OLD)
        site.mirror()
        assert len(server.sent("MLST")) <= 2  # two workers
        before = len(server.commands)
        site.mirror()
        site.write({"f3": b"y"})
        site.mirror()
        later = [command.verb for command in server.commands[before:]]
        assert later.count("STOR") == 1
        assert "MLST" not in later[: later.index("STOR")]


def test_a_dry_run_stores_nothing_and_no_marker_stays(run_ftpcli: Program, tmp_path: Path) -> None:
    with ScriptedServer(ignores_times=True, clock_offset=HOUR) as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write(TREE, OLD)
        server.tree.write("/up/a", b"VERSION 1")
        server.tree.write("/up/sub/c", b"deep")
        result = run_ftpcli("mirror", site.folder, site.url, "--dry-run", "-v", *QUICK)
        assert "a dry run does not try out how this server keeps times" in result.said
        assert not {"STOR", "MFMT", "DELE"} & set(server.verbs())
        assert site.mirror()[0] == {"b"}
        assert set(server.files) == {"/up/a", "/up/b", "/up/sub/c"}


@pytest.mark.parametrize("refused", ["STOR", "DELE", "MLST", "MFMT"])
def test_a_marker_that_is_refused(refused: str, run_ftpcli: Program, tmp_path: Path) -> None:
    """What cannot be tried out is compared as it is."""
    with ScriptedServer(ignores_times=True) as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write({"a": b"1"}, OLD)
        server.tree.write("/up/a", b"2")
        server.on(refused, "550 no", match="ftpcli-clock")
        assert site.mirror()[0] <= {"a"}


def test_a_server_that_takes_no_hidden_names(run_ftpcli: Program, tmp_path: Path) -> None:
    with ScriptedServer(ignores_times=True, clock_offset=-HOUR) as server:
        server.on("STOR", "553 no", match="/.")
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write(TREE, OLD)
        assert site.mirror()[0] == set(TREE)
        assert site.mirror()[0] == set()
        assert {f"/up/{name}" for name in TREE} == set(server.files)


# --newer-only and --modify-window


@pytest.mark.parametrize("offset", [0, HOUR, -3 * DAY])
def test_newer_only_goes_by_the_clock_of_the_server(offset: float, run_ftpcli: Program, tmp_path: Path) -> None:
    with ScriptedServer(ignores_times=True, clock_offset=offset) as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        now = time.time()
        site.write({"newer": b"changed just now, longer"}, now)
        site.write({"older": b"longer than what is there"}, now - 600)
        for name in ("newer", "older"):
            server.tree.write(f"/up/{name}", b"there", now - 300 + offset)
        assert site.mirror("--newer-only")[0] == {"newer"}
        assert server.files["/up/older"] == b"there"


@pytest.mark.parametrize(("off", "window", "sent"), [(5, 5, False), (-5, 5, False), (6, 5, True), (1, 0, True)])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_modify_window(direction: str, off: int, window: int, sent: bool, run_ftpcli: Program, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write({"a": b"here"}, OLD)
        server.tree.write("/up/a", b"HERE", OLD + off)
        sides = (site.folder, site.url) if direction == "up" else (site.url, site.folder)
        result = run_ftpcli("mirror", *sides, "--modify-window", window, "--json", *QUICK)
        assert result.code == 0, result.said
        assert json.loads(result.stdout.splitlines()[-1])["transferred"] == sent


def test_modify_window_outweighs_what_is_learnt(run_ftpcli: Program, tmp_path: Path) -> None:
    with ScriptedServer(time_precision=60) as server:
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write({"a": b"here"}, OLD // 60 * 60 + 30)
        assert site.mirror()[0] == {"a"}
        assert site.mirror()[0] == set()
        assert site.mirror("--modify-window", "10")[0] == {"a"}
        assert site.mirror("--modify-window", "30")[0] == set()


def test_a_zone_with_daylight_saving(run_ftpcli: Program, tmp_path: Path) -> None:
    """The server shows local time: in summer an hour more than in winter."""
    summer, winter = OLD - 150 * DAY, float(OLD)
    with ScriptedServer() as server:

        class Local(Clock):
            def kept(self, given: float) -> float | None:
                return given + (2 * HOUR if given < OLD - 60 * DAY else HOUR)

        server.tree.clock = Local()
        site = scripted_site(server, run_ftpcli, tmp_path)
        site.write({"summer": b"1", "sommer": b"2"}, summer)
        site.write({"winter": b"3"}, winter)
        assert len(site.mirror()[0]) == 3
        assert site.mirror()[0] == set()
        site.write({"summer": b"4"}, summer + HOUR / 2)
        assert site.mirror()[0] == {"summer"}
