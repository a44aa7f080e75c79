"""Text for people: messages, summaries and progress, without terminal escapes, secrets, or noise in cron."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.cli.commands.ls import below_top
from ftpcli.cli.output.listing import json_line, long_lines, mode_text, ordered, time_text
from ftpcli.cli.output.logs import logging_to
from ftpcli.cli.output.progress import Pace, showing
from ftpcli.cli.output.render import EventPrinter, connections_line, show_summary, summary_line
from ftpcli.cli.output.sanitize import sanitized
from ftpcli.cli.output.screen import Screen, emit
from ftpcli.cli.output.units import duration_text, size_text
from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Report, Retrying, Skipped, Warned
from ftpcli.engine.progress import RunProgress
from ftpcli.model import Entry, Kind, TlsFacts

FILE = Entry("a.txt", Kind.FILE, size=1234, mtime=1_600_000_000.0, mode=0o640, owner="ann", group="staff")
FAILED = Failed("dir/a\x1b[31m", "Refused", "cannot read", "550 \x07no", 6)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Said:
    """Everything that went to standard error so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def all_events(printer: EventPrinter) -> None:
    printer(Planned("f", "download", 5, "missing"))
    printer(Retrying("f", "ConnectionLost", "lost", 1, 2.0))
    printer(Finished("f", "download", 0, bytes=5, seconds=0.5, tries=2, resumed_from=3))
    printer(Skipped("same", "up to date"))
    printer(Deleted("old"))


@given(st.text())
def test_sanitized_text_is_printable(text: str) -> None:
    shown = sanitized(text)
    assert len(shown) == len(text)
    shown.encode("utf-8")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.txt", "plain.txt"),
        ("ümläut 漢字 🙂", "ümläut 漢字 🙂"),
        ("a\x1b[2Jb", "a?[2Jb"),
        ("a\nb\tc", "a?b?c"),
        ("\udce9t\udcff", "?t?"),
        ("gpj\u202e.exe", "gpj?.exe"),
        ("\x9b31m", "?31m"),
        ("a\u2028b", "a?b"),
    ],
)
def test_names_on_a_terminal(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    emit(name)
    assert out.getvalue() == shown + "\n"


@pytest.mark.parametrize(
    "name", ["\udce9t\udcff", "gpj\u202e.exe", "ü", "a b", "::", "C++ ::", "#1 [x]", "Foo::Bar.3pm"]
)
def test_names_in_a_pipe_keep_their_bytes(name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit(f"x {name}")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"x " + os.fsencode(name) + b"\n"


# Was: such a name made several lines of one, for scripts and for the log of a CI system alike.
@pytest.mark.parametrize(
    "control", ["\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\x1b", "\x9b", "\0", "\t", "\b"]
)
def test_names_in_a_pipe_have_no_control_characters(control: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit(f"a{control}\udcffb")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"a?\xffb\n"


def test_failure_is_one_line_at_every_verbosity(err: Said) -> None:
    for screen in (Screen(), Screen(quiet=True), Screen(verbosity=2)):
        EventPrinter(screen)(FAILED)
    assert err.getvalue() == "ftpcli: dir/a?[31m: cannot read (server: 550 ?no)\n" * 3


def test_failure_of_the_run_has_no_path(err: Said) -> None:
    EventPrinter(Screen())(Failed("", "LoginRejected", "no", None, 5))
    assert err.getvalue() == "ftpcli: no\n"


def test_quiet_by_default(err: Said) -> None:
    all_events(EventPrinter(Screen()))
    assert err.getvalue() == ""


def test_one_line_per_file_with_v(err: Said) -> None:
    all_events(EventPrinter(Screen(verbosity=1)))
    assert err.getvalue().splitlines() == [
        "f: lost; try 1 failed, the next one is in 2.0 s",
        "download f (5 B, 0.5 s, resumed at 3 B, 2 tries, missing)",
        "delete old",
    ]
    printer = EventPrinter(Screen(verbosity=1))
    for event in (
        Deleted("old", "kept/old"),
        Finished("one", "rename", 0, target="two"),
        Finished("f", "upload", 0, bytes=5, seconds=0.5, backup="kept/f"),
    ):
        printer(event)
    assert err.getvalue().splitlines()[3:] == [
        "delete old (kept as kept/old)",
        "rename one -> two",
        "upload f (5 B, 0.5 s, the old one is kept as kept/f)",
    ]
    all_events(EventPrinter(Screen(verbosity=2)))
    assert "skip same: up to date" in err.getvalue()


def test_warning_is_shown_once_and_with_q(err: Said) -> None:
    printer = EventPrinter(Screen(quiet=True))
    printer(Warned("careful\x1b"))
    printer(Warned("careful\x1b"))
    assert err.getvalue() == "ftpcli: warning: careful?\n"


def test_plan_of_a_dry_run_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    printer = EventPrinter(Screen(), dry_run=True)
    printer(Planned("a b", "download", 5, "missing"))
    printer(Planned("old", "delete"))
    printer(Planned("one", "rename", target="two"))
    sys.stdout.flush()
    assert capsys.readouterr() == ("download a b\ndelete old\nrename one -> two\n", "")
    with_reasons = EventPrinter(Screen(verbosity=1), dry_run=True)
    with_reasons(Planned("a b", "download", 5, "missing"))
    with_reasons(Planned("one", "rename", target="two"))
    sys.stdout.flush()
    assert capsys.readouterr() == ("download a b (missing)\nrename one -> two\n", "")


REPORT = Report(transferred=2, skipped=3, deleted=1, bytes=5 << 20, seconds=2.0, connections=4, reconnects=1)
FACTS = TlsFacts("TLSv1.3", "AES", "00", "CN=x")


def test_summary() -> None:
    assert summary_line(REPORT) == "2 files, 5.0 MiB in 2.0 s (2.5 MiB/s), 3 skipped, 1 deleted"
    assert summary_line(Report(renamed=2, seconds=0.1)) == "nothing transferred in 0.1 s, 2 renamed"
    assert summary_line(Report(failed=1, seconds=0.1)) == "nothing transferred in 0.1 s, 1 failed"
    idle = Report(skipped=999_990, seconds=24.4, entries=1_000_000)
    assert summary_line(idle) == (
        "nothing transferred in 24 s, 999,990 skipped, 1,000,000 entries looked at (41,000/s)"
    )
    assert summary_line(Report(seconds=0.01, entries=1)) == "nothing transferred in 0.0 s, 1 entry looked at"
    busy = replace(REPORT, entries=5)
    assert "looked at" not in summary_line(busy)
    assert summary_line(busy, detailed=True).endswith(", 5 entries looked at (2/s)")
    assert connections_line(REPORT) == "4 connections, 1 reconnect"
    with_tls = Report(connections=1, tls_data_connections=7, tls_data_resumed=7, tls=FACTS)
    assert connections_line(with_tls) == (
        "1 connection, 0 reconnects; TLS data connections resumed 7 of 7 (TLSv1.3, AES)"
    )


def test_when_the_summary_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(stream: io.StringIO, screen: Screen, report: Report = REPORT) -> int:
        monkeypatch.setattr(sys, "stderr", stream)
        screen.terminal = stream.isatty()
        show_summary(screen, report)
        return len(stream.getvalue().splitlines())

    assert shown(io.StringIO(), Screen()) == 0
    assert shown(io.StringIO(), Screen(), Report(transferred=1, failed=1)) == 1
    assert shown(Terminal(), Screen()) == 1
    assert shown(Terminal(), Screen(quiet=True)) == 0
    assert shown(io.StringIO(), Screen(verbosity=1)) == 2
    assert shown(Terminal(), Screen(), Report(exit_code=3)) == 0


@pytest.mark.parametrize(
    ("choice", "environment", "colored"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {}, False),
    ],
)
def test_color(choice: str, environment: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    Screen(color=choice).fail("x")
    assert ("\x1b[31m" in stream.getvalue()) is colored


def test_log_file_and_stderr(tmp_path: Path, err: Said) -> None:
    path = tmp_path / "log"
    screen = Screen(verbosity=1)
    with logging_to(screen, str(path)):
        logging.getLogger("ftpcli.session").info("connected to %s", "h\x1b")
        logging.getLogger("ftpcli.session").debug("> NOOP")
        EventPrinter(screen)(FAILED)
    assert err.getvalue().splitlines()[0] == "connected to h?"
    text = path.read_text()
    assert "connected to h?" in text
    assert "cannot read" in text
    assert "NOOP" not in text
    assert "\x1b" not in text
    with logging_to(Screen(verbosity=2), str(path)):
        logging.getLogger("ftpcli.session").debug("> NOOP")
    assert "MainThread: > NOOP" in err.getvalue()
    assert "> NOOP" in path.read_text()
    assert logging.getLogger("ftpcli").handlers == []


def test_listing_orders() -> None:
    entries = [
        Entry("b", Kind.FILE, size=1, mtime=3.0), Entry("a", Kind.FILE, size=5, mtime=1.0), Entry(".c", Kind.DIR)
    ]  # fmt: skip
    names = {
        order: [entry.name for entry in ordered(entries, order, hidden=False)] for order in ("name", "size", "time")
    }
    assert names == {"name": ["a", "b"], "size": ["a", "b"], "time": ["b", "a"]}
    assert len(ordered(entries, "name", hidden=True)) == 3


def test_long_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    link = Entry("l", Kind.LINK, target="../x", mtime=1_600_000_000.0, precision=86400.0, mtime_is_utc=False)
    assert long_lines([("a.txt", FILE), ("l", link)]) == [
        "-rw-r----- ann staff 1234 2020-09-13 12:26:40 a.txt",
        "l????????? -   -        - 2020-09-13          l -> ../x",
    ]
    assert mode_text(Entry("d", Kind.DIR, mode=0o755)) == "drwxr-xr-x"
    assert time_text(Entry("d", Kind.DIR)) == "-"


def test_json_lines() -> None:
    found = json.loads(json_line("d/a.txt", FILE))
    assert (found["v"], found["path"], found["name"], found["type"], found["size"]) == (
        1,
        "d/a.txt",
        "a.txt",
        "file",
        1234,
    )
    assert (found["mtime"], found["mode"], found["owner"]) == ("2020-09-13T12:26:40Z", "0640", "ann")
    odd = json.loads(json_line("\udce9", Entry("\udce9", Kind.FILE, mtime=0.0, precision=60.0, mtime_is_utc=False)))
    assert (odd["name"], odd["path_base64"], odd["mtime"]) == ("\ufffd", "6Q==", "1970-01-01T00:00:00")


@pytest.mark.parametrize(
    ("top", "directory", "below"),
    [("", "", ""), ("", "a/b", "a/b"), ("a", "a", ""), ("a", "a/b", "b"), ("a", "ab", None), ("a/f", "a", None),
     ("/", "/a", "a"), ("/", "/", "")],
)  # fmt: skip
def test_below_top(top: str, directory: str, below: str | None) -> None:
    assert below_top(top, directory) == below


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_000, "1.0 MiB"),
        (350 << 20, "350 MiB"),
        (1 << 50, "1.0 PiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.949, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_pace() -> None:
    progress, now = RunProgress(2), [0.0]
    pace = Pace(progress, clock=lambda: now[0])
    progress.planned_files, progress.planned_bytes = 3, 4000
    pace.sample()
    progress.workers[0].start("f", 2000, 0)
    progress.workers[0].add(1000)
    now[0] = 2.0
    pace.sample()
    assert (pace.speed, pace.done, pace.left_text()) == (500.0, 1000, "")
    progress.listing = False
    assert pace.left_text() == "6.0 s left"
    assert pace.amount_text() == "0 of 3 files, 1000 B of 3.9 KiB"


@pytest.mark.parametrize(
    ("choice", "screen", "drawn"),
    [("none", Screen(), False), ("auto", Screen(), False), ("bar", Screen(quiet=True), False), ("bar", Screen(), True)],
)
def test_bars(choice: str, screen: Screen, drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = RunProgress(2)
    progress.planned_bytes = 1000
    progress.workers[1].start("a [b]\x1b[2J/c.txt", 1000, 100)
    with showing(choice, screen, progress):
        pass
    assert ("c.txt" in stream.getvalue()) is drawn
    assert "\x1b[2J/" not in stream.getvalue()


def test_lines_beside_progress_bars_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with showing("bar", Screen(), RunProgress(1)) as say:
        say("press again to cut the connections")
    # The line replaces the bars, which are drawn again below it.
    assert re.search(r"\x1b\[2K\S*press again to cut the connections\s*\n[^\n]*total", stream.getvalue())


def test_plain_progress(err: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftpcli.cli.output.progress.PLAIN_INTERVAL", 0.01)
    with showing("plain", Screen(), RunProgress(1)):
        while not err.getvalue():
            time.sleep(0.01)
    assert err.getvalue().splitlines()[0] == "0 of 0+ files, 0 B of 0 B, 0 B/s"
