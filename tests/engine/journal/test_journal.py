"""What the next run learns from a journal, however the last one ended."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from ftpcli.engine.journal import file as journal_file
from ftpcli.engine.journal import journal as journal_module
from ftpcli.engine.journal.journal import Failures, Journal, open_journal
from ftpcli.part_names import part_name

NONE = Failures()
ROOT = "up/site"


def part(path: str, version: int = 1) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{part_name(name, version)}" if folder else part_name(name, version)


class Runs:
    """Opens the journal as one run after the other does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal"
        self.warnings: list[str] = []
        self.opened: list[Journal] = []

    def begin(self, root: str = ROOT) -> Journal:
        self.opened.append(open_journal(str(self.folder), root, "here", "there", self.warnings.append))
        return self.opened[-1]

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.path.read_text("ascii").splitlines()]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path)
    yield runs
    for opened in runs.opened:
        opened.close()


def killed(runs: Runs, journal: Journal) -> None:
    """As after kill -9: what was written is there, and nobody tidies up."""
    journal.close()
    runs.opened.remove(journal)


def outstanding(journal: Journal) -> tuple[set[str], set[tuple[str, str]]]:
    return set(journal.stale(NONE)), set(journal.displaced())


def test_a_killed_run_leaves_what_was_begun_and_not_committed(runs: Runs) -> None:
    first = runs.begin()
    for name in ("up/site/a", "up/site/d/b"):
        first.begin(part(name))
    first.displace("up/site/" + part_name("a", "aside"), "up/site/a")
    first.commit("up/site/d/b", part("up/site/d/b"))
    killed(runs, first)

    aside = "up/site/" + part_name("a", "aside")
    assert outstanding(runs.begin()) == ({part("up/site/a")}, {(aside, "up/site/a")})


def test_a_line_is_in_the_file_before_the_call_returns(runs: Runs) -> None:
    journal = runs.begin()
    journal.begin(part("up/site/a"))
    assert runs.lines()[-1] == {"part": part("a")}
    journal.displace("up/site/" + part_name("a", "aside"), "up/site/a")
    assert runs.lines()[-1] == {"aside": part_name("a", "aside"), "of": "a"}


def test_what_is_left_is_told(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    first = runs.begin()
    first.begin(part("up/site/0"))
    first.commit("up/site/0", part("up/site/0"))
    first.begin(part("up/site/1"))  # what is done may wait for what is begun
    head, *rest = runs.lines()
    assert (head["source"], head["target"], head["ftpcli_journal"]) == ("here", "there", 1)
    assert rest == [{"part": part("0")}, {"done": "0", "part": part("0")}, {"part": part("1")}]
    killed(runs, first)
    with caplog.at_level("INFO", "ftpcli.journal"):
        runs.begin()
    assert f"going on from the run that began {head['started']}; left: 1 part files, 0 files set aside" in caplog.text


def test_a_journal_of_an_earlier_version_is_read(runs: Runs) -> None:
    """It counted what was planned and done, in the first line and in lines of its own."""
    head = {"ftpcli_journal": 1, "source": "here", "target": "there", "planned": 5, "committed": 3}
    records = [head, {"plan": "a", "bytes": 3}, {"part": part("a")}, {"plan": "b", "bytes": None}, {"part": part("b")}]
    records.append({"done": "b", "part": part("b")})
    runs.path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert outstanding(runs.begin()) == ({part("up/site/a")}, set())
    assert runs.warnings == []


def test_nothing_outstanding_means_no_journal(runs: Runs) -> None:
    journal = runs.begin()
    journal.begin(part("up/site/a"))
    assert runs.path.exists()
    journal.commit("up/site/a", part("up/site/a"))
    journal.settle()
    journal.close()
    assert os.listdir(runs.folder) == []


def test_the_end_of_a_run_keeps_only_what_is_outstanding(runs: Runs) -> None:
    journal = runs.begin()
    for number in range(100):
        journal.begin(part(f"up/site/{number}"))
        if number != 7:
            journal.commit(f"up/site/{number}", part(f"up/site/{number}"))
    journal.settle()
    journal.close()
    assert runs.lines()[1:] == [{"part": part("7")}]
    assert os.listdir(runs.folder) == ["journal"]


def test_a_part_file_that_this_run_goes_on_with_is_not_stale(runs: Runs) -> None:
    first = runs.begin()
    first.begin(part("up/site/a"))
    first.begin(part("up/site/b"))
    killed(runs, first)
    second = runs.begin()
    second.begin(part("up/site/a"))
    assert second.stale(NONE) == [part("up/site/b")]
    second.useless(part("up/site/a"))
    assert set(second.stale(NONE)) == {part("up/site/a"), part("up/site/b")}
    second.gone(part("up/site/b"))
    second.gone(part("up/site/a"))
    second.settle()
    second.close()
    assert not runs.path.exists()


def test_part_files_of_what_failed_stay(runs: Runs) -> None:
    first = runs.begin()
    long = "n" * 250
    for name in ("a", "d/a", "d/e/x", "f/y", long):
        first.begin(part(f"up/site/{name}"))
    killed(runs, first)
    second = runs.begin()

    def stale(*failed: str) -> set[str]:
        failures = Failures()
        for shown in failed:
            failures.add(shown)
        return set(second.stale(failures))

    everything = {part(f"up/site/{name}") for name in ("a", "d/a", "d/e/x", "f/y", long)}
    assert stale() == everything
    assert stale("a") == everything - {part("up/site/a")}
    assert stale("d") == everything - {part("up/site/d/a"), part("up/site/d/e/x")}
    assert stale("f/y", long) == everything - {part("up/site/f/y"), part(f"up/site/{long}")}
    assert stale(".") == stale("") == set()
    # What this run began itself, and can never go on with, does not wait for another one.
    second.begin(part("up/site/a"))
    second.useless(part("up/site/a"))
    assert part("up/site/a") in stale("a")


@pytest.mark.parametrize("root", ["", "x", "/", "/srv/x/", "./x", ".."])
def test_names_are_kept_below_whatever_the_root_is_called(runs: Runs, root: str) -> None:
    first = runs.begin(root)
    first.begin(os.path.join(root, part("d/a")))
    assert runs.lines()[-1] == {"part": part("d/a")}
    killed(runs, first)
    assert runs.begin("other/way").stale(NONE) == ["other/way/" + part("d/a")]


def test_names_that_are_not_unicode_come_back(runs: Runs) -> None:
    name = "up/site/" + part_name("\udcff\udc80 \n\u2028é")
    first = runs.begin()
    first.begin(name)
    killed(runs, first)
    assert runs.begin().stale(NONE) == [name]


def test_cut_at_any_byte_it_loads_and_never_invents_anything(runs: Runs) -> None:
    """As power loss may leave it. What was committed may look begun again; the sweep then finds nothing."""
    first = runs.begin()
    first.begin(part("up/site/a"))
    first.begin(part("up/site/b"))
    first.displace("up/site/" + part_name("a", "aside"), "up/site/a")
    first.commit("up/site/b", part("up/site/b"))
    first.gone("up/site/" + part_name("a", "aside"))
    killed(runs, first)
    whole = runs.path.read_bytes()
    for end in range(len(whole) + 1):
        for tail in (b"", b"\0" * 10):
            if tail and end and whole[end - 1 : end] != b"\n":
                continue
            runs.path.write_bytes(whole[:end] + tail)
            journal = runs.begin()
            parts, asides = outstanding(journal)
            assert parts <= {part("up/site/a"), part("up/site/b")}
            assert {target for _, target in asides} <= {"up/site/a"}
            if end >= len(whole) - 1:
                assert (parts, asides) == ({part("up/site/a")}, set())
            killed(runs, journal)
    assert runs.warnings == []


HEAD = b'{"ftpcli_journal": 1}\n'
GOOD = json.dumps({"part": part("a")}).encode() + b"\n"
DAMAGED = {
    "no journal": b"hello\n",
    "another kind of JSON": b'{"a": 1}\n' + GOOD,
    "a list": b"[1]\n",
    "a hole": HEAD + b"\0" * 50 + b"\n" + GOOD,
    "a bad line": HEAD + b'{"part": \n' + GOOD,
    "an unknown line": HEAD + b'{"fetch": "a"}\n' + GOOD,
    "no line ends": HEAD + b"x" * 2_000_000 + b"\n",
    "too deep": HEAD + b"[" * 100_000 + b"\n",
    "no part file": HEAD + b'{"part": "precious"}\n',
    "absolute": HEAD + json.dumps({"part": "/" + part("a")}).encode() + b"\n",
    "above the root": HEAD + json.dumps({"part": "../" + part("a")}).encode() + b"\n",
    "above the root in between": HEAD + json.dumps({"part": "d/../../" + part("a")}).encode() + b"\n",
    "aside is no part name": HEAD + b'{"aside": "a", "of": "b"}\n',
    "aside of something outside": HEAD + json.dumps({"aside": part("a"), "of": "../b"}).encode() + b"\n",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_journal_is_set_aside_and_a_new_one_begun(runs: Runs, content: bytes) -> None:
    runs.path.write_bytes(content)
    journal = runs.begin()
    assert outstanding(journal) == (set(), set())
    (warning,) = runs.warnings
    assert "is damaged (line " in warning
    (kept,) = (path for path in runs.folder.iterdir() if path != runs.path)
    assert str(kept) in warning
    assert kept.read_bytes() == content
    journal.settle()
    journal.close()
    assert [path.name for path in runs.folder.iterdir()] == [kept.name]


def test_a_journal_of_a_newer_version_is_set_aside(runs: Runs) -> None:
    for _ in range(2):
        runs.path.write_bytes(b'{"ftpcli_journal": 2, "x": []}\nwhatever\n')
        killed(runs, runs.begin())
    assert len(runs.warnings) == 2
    assert "newer version" in runs.warnings[0]
    assert len(list(runs.folder.iterdir())) == 3  # neither replaced the other


def test_a_long_run_does_not_grow_a_long_journal(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_LARGEST", 2000)
    journal = runs.begin()
    journal.begin(part("up/site/kept"))
    for number in range(1000):
        journal.begin(part(f"up/site/{number}"))
        journal.commit(f"up/site/{number}", part(f"up/site/{number}"))
        assert runs.path.stat().st_size < 3000
    killed(runs, journal)
    assert list(journal_file.read(str(runs.path)).parts) == [part("kept")]


def test_lines_are_on_disk_within_a_second_also_if_none_follows(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    monkeypatch.setattr(journal_file, "_BATCH", 0.01)
    real = os.fsync
    journal = runs.begin()

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.set()

    monkeypatch.setattr(os, "fsync", fsync)
    journal.begin(part("up/site/a"))
    assert synced.wait(10)
    synced.clear()
    journal.begin(part("up/site/b"))
    journal.close()
    assert synced.is_set()


class Freezer:
    """Stops the journal's writer before the line that it executes as the ``at``-th, until it is let go."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.frozen, self.free = threading.Event(), threading.Event()

    def trace(self, frame: FrameType, event: str, _argument: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename != journal_file.__file__:
            return None
        if event == "line":
            self.left -= 1
            if not self.left:
                self.frozen.set()
                self.free.wait(20)
        return self.trace


# Was: the thread cleared the flag that `close` had just set, and `close` waited for it for ever. Whatever the writer is
# about to do, `close` may come first and get as far as it can.
@pytest.mark.parametrize("at", range(1, 31))
def test_closed_at_any_moment_of_the_writer(runs: Runs, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journal_file, "_BATCH", 0.0)
    journal = runs.begin()
    monkeypatch.setattr(os, "fsync", synced.append)
    freezer = Freezer(at)
    threading.settrace(freezer.trace)
    try:
        journal.begin(part("up/site/a"))  # starts the writer
    finally:
        threading.settrace(None)  # type: ignore[arg-type]  # the stubs know no None
    waits = threading.Event()
    join = threading.Thread.join

    def joined(thread: threading.Thread, timeout: float | None = None) -> None:
        waits.set()
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", joined)
    freezer.frozen.wait(0.2)  # where it is not frozen by now, it waits for work
    closing = threading.Thread(target=journal.close, daemon=True)
    closing.start()
    waits.wait(0.2)  # where `close` does not get so far, it waits for the lock that the writer has
    freezer.free.set()
    join(closing, 20)
    assert not closing.is_alive()
    assert synced


def test_a_full_disk_ends_the_journal_and_not_the_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = runs.begin()
    journal.begin(part("up/site/a"))
    monkeypatch.setattr(os, "write", lambda _descriptor, data: len(data) // 2)
    journal.begin(part("up/site/b"))
    assert "no space left" in journal.trouble
    journal.begin(part("up/site/c"))
    monkeypatch.undo()
    assert outstanding(runs.begin())[0] == {part("up/site/a")}  # if it is killed now

    journal.settle()
    assert journal.trouble == ""  # there is room again
    journal.close()
    assert outstanding(runs.begin())[0] == {part(f"up/site/{name}") for name in "abc"}


def test_a_disk_that_stays_full_keeps_the_journal_there_was(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    first = runs.begin()
    first.begin(part("up/site/a"))
    first.begin(part("up/site/b"))
    first.gone(part("up/site/b"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    first.settle()
    monkeypatch.undo()
    assert "no space left" in first.trouble
    first.close()
    assert os.listdir(runs.folder) == ["journal"]
    assert outstanding(runs.begin())[0] == {part("up/site/a")}
