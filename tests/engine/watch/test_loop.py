"""The loop of rounds: when the next one comes, and what it compares. Uses a real folder and made-up rounds."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Failed, OnEvent, Report, Skipped, Summary, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules, Scope
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.engine.watch.loop import watch
from ftpcli.errors import ConnectFailed, GuardRefused, LocalFileError, NoSpace, Refused
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, Tree, lost, raising
from tests.engine.runs.test_run import read

PATIENCE = 20.0
NEVER = 3600.0
SOON = 0.05


class Rounds:
    """``watch`` in a thread, with real runs on the fake server unless a test makes up a round."""

    def __init__(self, folder: Path, stop: StopToken, events: Events, direction: Direction, **rules: object) -> None:
        roots = (str(folder), "top") if direction is Direction.UPLOAD else ("top", str(folder))
        self.job = Job(direction, ENDPOINT, (Root(*roots, tree=True),), Rules(**rules), retries=0, retry_wait=0.0)  # type: ignore[arg-type]
        self.stop = stop
        self.events = events
        self.scopes: list[Scope | None] = []
        self.made_up: dict[int, Callable[[OnEvent], Report]] = {}
        self.done = 0
        self.code: int | None = None
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None

    def start(self, interval: float) -> None:
        def work() -> None:
            try:
                self.code = watch(self.job, interval, self.mirror, self.events.append, self.stop)
            except BaseException as error:
                self.error = error

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def mirror(self, job: Job, on_event: OnEvent) -> Report:
        self.scopes.append(job.rules.only)
        make_up = self.made_up.pop(len(self.scopes), None)
        report = make_up(on_event) if make_up else run(job, on_event, self.stop, RunProgress(2))
        self.done += 1
        return report

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (self.scopes, self.events[-5:])
            assert self.error is None
            time.sleep(0.01)

    def end(self, code: int = 130) -> int | None:
        self.stop.request(code)
        return self.wait()

    def wait(self) -> int | None:
        assert self.thread is not None
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/f").write_bytes(b"1")
    (folder / "c").mkdir()
    return folder


Up = Callable[..., Rounds]


@pytest.fixture
def rounds(folder: Path, stop: StopToken, events: Events, server: FakeServer) -> Iterator[Up]:  # noqa: ARG001
    made: list[Rounds] = []

    def make(direction: Direction = Direction.UPLOAD, **rules: object) -> Rounds:
        made.append(Rounds(folder, stop, events, direction, **rules))
        return made[-1]

    yield make
    for rounds in made:
        if rounds.thread is not None:
            rounds.end()


def failing(error: Exception, path: str = "", **report: int) -> Callable[[OnEvent], Report]:
    """A round that fails, either as a whole or at one path."""
    code: int = getattr(error, "exit_code")  # noqa: B009

    def round_(on_event: OnEvent) -> Report:
        on_event(Failed(path, type(error).__name__, str(error), None, code))
        found = Report(failed=bool(path), exit_code=code, failure_codes={code} if path else set(), **report)
        on_event(Summary(found))
        return found

    return round_


def at_server(server: FakeServer) -> Tree:
    with server.lock:
        found: Tree = server.tree().get("top", {})
        return found


def here(folder: Path) -> Tree:
    """The content; nothing while it is changing."""
    try:
        return read(folder)
    except FileNotFoundError:
        return {}


def test_changes_are_mirrored_and_nothing_else_is_listed(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds(delete=True)
    up.start(NEVER)
    up.until(lambda: up.done == 1)
    assert at_server(server) == read(folder)
    server.calls.clear()
    (folder / "a/b/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))
    (folder / "d/e").mkdir(parents=True)
    (folder / "d/e/f").write_bytes(b"3")
    up.until(lambda: at_server(server) == read(folder))
    os.unlink(folder / "a/f")
    up.until(lambda: at_server(server) == read(folder))
    assert None not in up.scopes[1:]
    assert "top/c" not in {call[1] for call in server.verbs("list")}
    assert up.end(143) == 143


def test_what_changes_during_a_round_is_in_the_next(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds()
    server.on("write", lambda: (folder / "c/late").write_bytes(b"2"))
    server.on("list", lambda: (folder / "a/late").write_bytes(b"2"), path="top/a", done=True)
    up.start(NEVER)
    up.until(lambda: {"a", "c"} <= {*at_server(server)} and "late" in at_server(server)["c"])
    up.until(lambda: at_server(server) == read(folder))
    assert up.end() == 130


def test_a_round_that_failed_is_followed_by_a_whole_one(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds()
    up.start(SOON)
    up.until(lambda: up.done == 1)
    server.on("write", raising(NoSpace("no room", reply="552 no")))
    (folder / "c/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))
    assert up.scopes[1] is not None
    assert up.scopes[2] is None
    assert [event.error for event in up.events.of(Failed) if isinstance(event, Failed)] == ["NoSpace"]


def test_a_failed_file_does_not_keep_others_from_being_mirrored(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds()
    server.on("write", raising(Refused("never", reply="550 no")), times=1)
    (folder / "c/fine").write_bytes(b"2")
    up.start(NEVER)
    up.until(lambda: up.done == 1)
    # Atomically: on a busy machine, creating and then writing a file is seen as two changes.
    (folder.parent / "new").write_bytes(b"2")
    (folder.parent / "new").rename(folder / "a/b/new")
    up.until(lambda: at_server(server).get("a", {}).get("b", {}) == {"new": b"2"})
    assert up.scopes == [None, Scope(frozenset({"a/b"}))]


def test_lost_connections_are_reported_in_one_line_and_retried(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds()
    up.start(SOON)
    up.until(lambda: up.done == 1)
    server.on("open", raising(ConnectFailed("nobody answers")), times=3)
    (folder / "c/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))
    assert up.scopes[2:5] == [None] * 3
    failed = [event for event in up.events if isinstance(event, Failed)]
    assert [(event.path, event.error) for event in failed] == [("", "ConnectFailed")] * 3


def test_a_connection_that_is_lost_in_a_round(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds()
    up.start(SOON)
    up.until(lambda: up.done == 1)
    server.on("write", lost())
    (folder / "c/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))


@pytest.mark.parametrize("error", [GuardRefused("no"), ConnectFailed("nobody answers"), Refused("the password")])
def test_an_error_that_ends_the_first_round_ends_the_watch(rounds: Up, error: Exception) -> None:
    up = rounds()
    up.made_up[1] = failing(error, transferred=3)
    up.start(SOON)
    assert up.wait() == error.exit_code  # type: ignore[attr-defined]
    assert up.scopes == [None]


def test_a_first_round_that_achieves_nothing_ends_the_watch(rounds: Up) -> None:
    down = rounds(Direction.DOWNLOAD)  # there is no such directory on the server
    down.start(SOON)
    assert down.wait() == 6
    assert down.scopes == [None]


def test_a_first_round_with_some_failures_does_not_end_the_watch(rounds: Up) -> None:
    up = rounds()
    up.made_up[1] = failing(Refused("one"), "a/f", transferred=1)
    up.start(SOON)
    up.until(lambda: up.done == 2)
    assert up.scopes[1] is None


def test_a_source_that_cannot_be_watched(rounds: Up, folder: Path) -> None:
    up = rounds()
    folder.rename(folder.parent / "elsewhere")
    up.start(SOON)
    up.wait()
    assert isinstance(up.error, LocalFileError)
    assert up.scopes == []


def test_a_source_that_vanishes_deletes_nothing_and_may_come_back(rounds: Up, folder: Path, server: FakeServer) -> None:
    up = rounds(delete=True)
    up.start(SOON)
    up.until(lambda: up.done == 1)
    before = at_server(server)
    folder.rename(folder.parent / "elsewhere")
    up.until(lambda: len(up.events.of(Failed)) >= 2)
    folder.mkdir()  # like a mount point without its disk
    up.until(lambda: any(isinstance(event, Failed) and event.error == "GuardRefused" for event in up.events))
    assert at_server(server) == before
    folder.rmdir()
    (folder.parent / "elsewhere").rename(folder)
    count = up.done
    up.until(lambda: up.done > count + 2 or (up.scopes[-1] is None and up.done > count))
    (folder / "c/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))
    assert not up.events.of(Deleted)


def test_a_guard_sees_the_whole_tree(rounds: Up, folder: Path, server: FakeServer) -> None:
    """Twenty deletes among a directory's twenty files are too many for the guard; among the tree's 200 they are not."""
    for number in range(220):
        (folder / ("c" if number < 20 else "a") / f"f{number}").write_bytes(b"")
    up = rounds(delete=True)
    up.start(NEVER)
    up.until(lambda: up.done == 1)
    (folder / "c").rename(folder.parent / "elsewhere")
    up.until(lambda: at_server(server) == read(folder))
    assert up.scopes[1:3] == [Scope(frozenset({""})), None]
    assert not up.events.of(Failed)
    assert all(event.report.exit_code == 0 for event in up.events if isinstance(event, Summary))


def test_entries_that_the_guard_protects_stay_and_changes_wait(rounds: Up, folder: Path, server: FakeServer) -> None:
    for number in range(20):
        (folder / f"a/f{number}").write_bytes(b"")
    up = rounds(delete=True)
    up.start(SOON)
    up.until(lambda: up.done == 1)
    (folder / "a").rename(folder.parent / "elsewhere")
    up.until(lambda: up.events.of(Failed))
    count = up.done
    (folder / "c").rmdir()
    up.until(lambda: up.done > count + 5)
    assert set(up.scopes[2:]) == {None}
    assert not up.events.of(Deleted)
    assert len(at_server(server)["a"]) == 22


def test_a_remote_source_is_polled(rounds: Up, folder: Path, server: FakeServer) -> None:
    server.root = FakeServer({"top": {"x": b"1"}}).root
    down = rounds(Direction.DOWNLOAD, delete=True)
    down.start(SOON)
    down.until(lambda: here(folder) == {"x": b"1"})
    server.root = FakeServer({"top": {"x": b"1", "y": {"z": b"2"}}}).root
    down.until(lambda: here(folder) == at_server(server))
    count = down.done
    down.until(lambda: down.done > count + 2)
    assert set(down.scopes) == {None}
    assert down.end() == 130


def test_up_to_date_files_are_reported_once(rounds: Up, server: FakeServer) -> None:
    server.root = FakeServer({"top": {"x": b"1"}}).root
    down = rounds(Direction.DOWNLOAD)
    down.start(SOON)
    down.until(lambda: down.done >= 4)
    down.end()
    summaries = [event for event in down.events if isinstance(event, Summary)]
    assert len(summaries) >= 3
    assert not summaries[0].idle
    assert all(event.idle for event in summaries[1:3])
    assert down.events.of(Skipped) == []


def test_stopping_in_the_middle_of_a_round(rounds: Up, server: FakeServer, stop: StopToken) -> None:
    up = rounds()
    server.on("write", lambda: stop.request(11), path=None)
    up.start(NEVER)
    assert up.wait() == 11
    assert server.live == 0


def test_stop_callbacks_are_removed_after_each_round(rounds: Up, server: FakeServer, stop: StopToken) -> None:
    server.root = FakeServer({"top": {}}).root
    down = rounds(Direction.DOWNLOAD)
    down.start(SOON)
    down.until(lambda: down.done >= 5)
    down.end()
    assert len(stop._cutters) <= 1


def test_a_watcher_that_cannot_be_renewed_leaves_rounds_at_the_interval(
    rounds: Up, folder: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = rounds()
    up.start(SOON)
    up.until(lambda: up.done == 1)

    def refuse(*_: object, **__: object) -> None:
        raise LocalFileError("cannot watch it: too many")

    monkeypatch.setattr("ftpcli.engine.watch.loop.Watcher", refuse)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_bytes(b"1")  # watchfiles gives up on such a name
    up.until(lambda: up.events.of(Warned))
    (folder / "c/new").write_bytes(b"2")
    up.until(lambda: at_server(server) == read(folder))
