"""The cost of many entries in memory and events. tests/benchmarks/scale.py has the figures for a million of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ftpcli.__main__ import main
from ftpcli.engine.events import Event, OnEvent, Report, Skipped
from ftpcli.engine.job import Direction, Job, Root
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Secret
from ftpcli.stop import StopToken
from tests.servers.measured import run_measured
from tests.servers.scripted.imaginary import Chain, Forest, Wide, make_tree, serving

MIB = 1024
tells_memory = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells how much memory it took")


def planned(shape: Forest | Chain, folder: Path) -> tuple[int, int]:
    """The peak memory in KiB of a dry run into an empty target, and how many directories it listed."""
    with serving(shape) as server:
        command = [
            sys.executable,
            "-m",
            "ftpcli",
            "mirror",
            "--dry-run",
            "--delete",
            server.url(),
            str(folder / "none"),
        ]
        ended, peak = run_measured(command, {"FTPCLI_PASSWORD": server.password})
        assert (ended.returncode, ended.stderr) == (0, "")
        listed = len(server.sent("MLSD"))
    assert "download" in ended.stdout
    return peak, listed


@tells_memory
def test_memory_of_a_larger_tree(tmp_path: Path) -> None:
    """40,000 entries more would be 8 MiB and more, if their listings were kept."""
    small, few = planned(Forest(20_000), tmp_path)
    large, many = planned(Forest(60_000), tmp_path)
    assert (few, many) == (223, 667)
    assert large - small < 4 * MIB, (small, large)
    assert large < 100 * MIB


@tells_memory
def test_thousand_nested_directories(tmp_path: Path) -> None:
    peak, listed = planned(Chain(1000), tmp_path)
    assert listed == 1001
    assert peak < 100 * MIB


@pytest.mark.parametrize(
    ("option", "told"), [("-q", False), ("-v", False), ("-vv", True), ("--log-file=log", True), ("--report=log", True)]
)
def test_unchanged_entries_are_reported_to_listeners(
    option: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path / "local", Wide(3))
    heard: list[bool] = []

    def listening(
        job: Job, on_event: OnEvent, stop: StopToken, meter: RunProgress, journal: Journal | None, *, tell_skipped: bool
    ) -> Report:
        heard.append(tell_skipped)
        return run(job, on_event, stop, meter, journal, tell_skipped=tell_skipped)

    monkeypatch.setattr("ftpcli.engine.run.run", listening)
    monkeypatch.chdir(tmp_path)
    with serving(Wide(3)) as server:
        monkeypatch.setenv("FTPCLI_PASSWORD", server.password)
        monkeypatch.setattr(sys, "argv", ["ftpcli", "mirror", "--config=/dev/null", option, server.url(), "local"])
        assert main() == 0
    assert heard == [told]
    if option.endswith("=log"):
        assert (tmp_path / "log").read_text().count("up to date") == 3


def test_unreported_entries_are_counted(tmp_path: Path) -> None:
    make_tree(tmp_path / "local", Wide(3))
    events: list[Event] = []
    stop = StopToken()
    with serving(Wide(3)) as server:
        endpoint = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password))
        job = Job(Direction.DOWNLOAD, endpoint, (Root("", str(tmp_path / "local"), tree=True),))
        report = run(job, events.append, stop, RunProgress(1), tell_skipped=False)
    stop.close()
    assert (report.exit_code, report.skipped, report.entries, report.transferred) == (0, 3, 3, 0)
    assert not [event for event in events if isinstance(event, Skipped)]
