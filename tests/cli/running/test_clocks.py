"""Servers whose clock is off, and servers that do not keep the times that they are given: whole runs.

On each of them a second mirror sends nothing, and a change that keeps the size is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.clock import Clock
from tests.servers.paramiko_server import paramiko_server
from tests.servers.scripted import FEATURES, ScriptedServer

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


@sites()
@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("mtime", [None, OLD], ids=["fresh", "old"])
def test_a_second_run_sends_nothing_and_a_change_is_sent(
    kind: str, clock: Clock, mtime: float | None, run_ftpcli: Program, tmp_path: Path
) -> None:
    with site_of(kind, replace(clock), run_ftpcli, tmp_path) as site:
        site.write(TREE, mtime)
        assert site.mirror()[0] == set(TREE)
        site.check()
        assert site.mirror()[0] == set()
        site.write({"a": b"VERSION 2"})
        assert site.mirror("--dry-run")[0] == {"a"}
        assert site.mirror()[0] == {"a"}
        site.check()
        assert site.mirror()[0] == set()
