"""The program killed with SIGKILL, again and again: the next run resumes, and in the end no trace is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ftpcli.engine.job import Direction
from ftpcli.engine.transfer.outcome import SEAM
from ftpcli.part_names import is_part
from tests.servers.embedded import Embedded, embedded
from tests.servers.packages import find
from tests.servers.real import Running, Setup, started
from tests.servers.scripted.server import Connection, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program

BOTH = pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
KILLS = 50
LARGE = 1_500_000  # worth resuming in a later run
SLOW = ("--limit-rate", "2M")  # so that no run ends before it is killed
PATIENCE = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[Running | Embedded]:
    """vsftpd over TLS, or the embedded server where vsftpd is not installed."""
    if find("vsftpd") or os.environ.get("FTPCLI_REQUIRE_SERVERS") == "1":
        with started(Setup("vsftpd", tls="explicit")) as real:
            yield real
    else:
        with embedded("explicit") as server:
            yield server


class Trees:
    """A source that changes, and its mirror; one of the two is on the server."""

    def __init__(self, server: Running | Embedded, direction: Direction, folder: Path, run: Program) -> None:
        self.server = server
        self.run = run
        self.state = folder / "home" / ".state" / "ftpcli" / "mirrors"
        name = f"{direction.value}-{folder.name}"
        here, there = folder / "tree", server.root / name
        here.mkdir()
        there.mkdir()
        self.own(there)
        self.remote_source = direction is Direction.DOWNLOAD
        self.source, self.target = (there, here) if self.remote_source else (here, there)
        url = f"ftpes://{server.user}@{server.host}:{server.port}/{name}"
        sides = (url, here) if self.remote_source else (here, url)
        self.command = ("mirror", *sides, "--cafile", server.cafile, "--retry-wait", "0.1", "--progress", "none")
        self.environment = {"FTPCLI_PASSWORD": server.password}

    def own(self, path: Path) -> None:
        if isinstance(self.server, Running):
            self.server.own(path)

    def write(self, name: str, content: bytes) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if self.remote_source:
            self.own(self.source / Path(name).parts[0])

    def look(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file of the target, part files too."""
        found = {}
        for folder, _, names in os.walk(self.target):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    continue  # it is being renamed
                found[os.path.relpath(path, self.target)] = (status.st_size, status.st_mtime_ns)
        return found

    def committed(self) -> dict[str, int]:
        return {path: size for path, (size, _) in self.look().items() if not is_part(os.path.basename(path))}

    def kill(self, when: Callable[[], bool], *more: object) -> bool:
        """Start a mirror and kill it as soon as ``when`` is true; True if it did not end before."""
        process = self.run.start(*self.command, *more, env=self.environment)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not when():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        process.communicate()
        return process.returncode == -9


def contents(folder: Path) -> dict[str, bytes | None]:
    """Files and directories, hidden ones too."""
    found = folder.rglob("*")
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in found}


@pytest.fixture
def trees(server: Running | Embedded, direction: Direction, tmp_path: Path, run_ftpcli: Program) -> Trees:
    return Trees(server, direction, tmp_path, run_ftpcli)


class Source:
    """Changes a tree: no two versions of a file have the same size, for listings tell times to the minute only."""

    def __init__(self, trees: Trees, chance: random.Random) -> None:
        self.trees = trees
        self.chance = chance
        self.versions = 0
        self.names: list[str] = []
        for number in range(24):
            self.add(f"d{number % 4}/f{number}")
        for number in range(3):
            self.add(f"large{number}", LARGE)

    def content(self, size: int) -> bytes:
        self.versions += 1
        return self.chance.randbytes(size + self.versions)

    def add(self, name: str, size: int = 0) -> None:
        self.names.append(name)
        self.trees.write(name, self.content(size or self.chance.randrange(100, 60_000)))

    def change(self, step: int) -> None:
        small = [name for name in self.names if not name.startswith("large")]
        gone, changed = self.chance.sample(small, 2)
        self.names.remove(gone)
        (self.trees.source / gone).unlink()
        self.trees.write(changed, self.content(self.chance.randrange(100, 60_000)))
        self.add(f"d{step % 6}/new{step}")
        if step % 10 == 9:
            folder = self.chance.choice(small).partition("/")[0]
            self.names = [name for name in self.names if not name.startswith(f"{folder}/")]
            shutil.rmtree(self.trees.source / folder)
        if step % 4 == 0:
            self.trees.write(f"large{step % 3}", self.content(LARGE))


@pytest.mark.timeout(600)
@BOTH
def test_trees_are_equal_after_fifty_kills(trees: Trees, direction: Direction) -> None:
    chance = random.Random(f"kills {direction.value}")
    source = Source(trees, chance)
    step = killed = killed_in_transfer = resumable = journals = 0
    while killed < KILLS:  # on a stalled machine a run may end before it is killed
        assert step < 2 * KILLS
        before = trees.look()
        pause = chance.uniform(0, 0.15)
        early = step % 5 == 0
        moving = 0.0

        def now(before: dict[str, tuple[int, int]] = before, pause: float = pause, early: bool = early) -> bool:
            nonlocal moving
            if early:  # at any moment between the start of the process and its first bytes
                time.sleep(pause * 2)
                return True
            if not moving and any(before.get(path) != facts for path, facts in trees.look().items()):
                moving = time.monotonic()
            return bool(moving) and time.monotonic() >= moving + pause

        dead = trees.kill(now, "--delete", "--max-delete", "100%", *SLOW)
        killed += dead
        killed_in_transfer += dead and bool(moving)
        resumable += any(is_part(os.path.basename(path)) for path in trees.look())
        journals += any(trees.state.glob("*/journal"))
        source.change(step)
        step += 1
    assert killed_in_transfer >= KILLS * 0.6
    assert resumable >= KILLS * 0.3
    assert journals >= KILLS * 0.6

    result = trees.run(*trees.command, "--delete", "--max-delete", "100%", env=trees.environment)
    assert (result.code, result.stderr) == (0, "")
    assert contents(trees.target) == contents(trees.source)
    assert not [path for path in trees.target.rglob("*") if is_part(path.name)]
    assert list(trees.state.iterdir()) == []


@BOTH
def test_files_committed_before_a_kill_are_not_sent_again(trees: Trees) -> None:
    sizes = {f"d{number % 3}/f{number}": 40_000 + number for number in range(30)}
    for name, size in sizes.items():
        trees.write(name, os.urandom(size))
    assert trees.kill(lambda: len(trees.committed()) >= 10, "--limit-rate", "500K")
    there = trees.committed()
    assert 10 <= len(there) < len(sizes)

    result = trees.run(*trees.command, "--json", env=trees.environment)
    assert result.code == 0, result.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    copied = {event["path"]: event for event in events if event["event"] == "finished" and event["action"] != "mkdir"}
    assert set(copied).isdisjoint(there)
    assert set(copied) | set(trees.committed()) == set(sizes)
    moved = sum(event["bytes"] - event["resumed_from"] for event in copied.values())
    assert moved <= sum(sizes.values()) - sum(there.values())
    again = SEAM * sum(event["resumed_from"] > 0 for event in copied.values())  # what a resumed download compares
    assert moved <= events[-1]["moved"] <= moved + again
    assert contents(trees.target) == contents(trees.source)


@pytest.mark.parametrize("removed", [False, True], ids=["source there", "source removed"])
@pytest.mark.parametrize(
    ("verb", "number", "done"),
    [("RNTO", 2, False), ("RNTO", 2, True), ("RNTO", 3, False), ("RNTO", 3, True), ("DELE", 1, False)],
)
def test_killed_replacement_never_loses_the_old_file(
    scripted: Callable[..., ScriptedServer],
    run_ftpcli: Program,
    tmp_path: Path,
    verb: str,
    number: int,
    done: bool,
    removed: bool,
) -> None:
    """Killed at each step of a replacement by rename: an RNTO that is refused, RNTO of the old file to another name,
    RNTO of the new one, and DELE of the old one."""
    old, new = b"old" * 100, b"new" * 200
    server = scripted(files={"/a": old}, rename_replaces=False)
    source = tmp_path / "up" / "a"
    source.parent.mkdir()
    source.write_bytes(new)
    count = 0
    dead = threading.Event()

    def hook(connection: Connection, argument: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            process.kill()
            process.wait()
        if count < number or (count == number and done):
            connection.default(verb, argument)
        if count == number:
            dead.set()

    server.on(verb, hook, times=number)
    process = run_ftpcli.start("mirror", source.parent, server.url())
    process.communicate()
    assert dead.wait(PATIENCE)
    assert {old, new} & set(server.files.values())

    if removed:
        source.unlink()
        (source.parent / "b").write_bytes(b"b")
    result = run_ftpcli("mirror", source.parent, server.url())
    assert (result.code, result.stderr) == (0, "")
    if removed:
        assert server.files.pop("/b") == b"b"
    assert list(server.files) == ["/a"]
    assert server.files["/a"] in ((old, new) if removed else (new,))
    assert list((tmp_path / "home" / ".state" / "ftpcli" / "mirrors").iterdir()) == []
