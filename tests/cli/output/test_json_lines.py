"""``--json`` and ``--report``: the form of each event, and whole runs whose lines scripts can rely on."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.engine.events import (
    Deleted,
    Event,
    Failed,
    Finished,
    Planned,
    Report,
    Retrying,
    Skipped,
    Started,
    Summary,
    Warned,
)
from ftpcli.engine.json_events import as_record
from ftpcli.engine.report import count
from ftpcli.model import TlsFacts
from tests.servers.certificates import session_certificates
from tests.servers.scripted.server import Course, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Result

Start = Callable[..., ScriptedServer]
Line = dict[str, Any]
ROOT = Path(__file__).parents[3]
QUICK = ("--timeout", "5", "--retries", "1", "--retry-wait", "0.1")
FACTS = TlsFacts("TLSv1.3", "AES", "00", "CN=x", data_connections=2, data_resumed=2, data_resumed_last=True)
# Fields are only ever added: scripts rely on these.
FIELDS = {
    "planned": {"path", "action", "bytes", "why"},
    "started": {"path", "action", "worker", "bytes"},
    "retrying": {"path", "error", "message", "tries", "wait"},
    "finished": {"path", "action", "worker", "bytes", "seconds", "tries", "resumed_from", "verified"},
    "failed": {"path", "error", "message", "reply", "exit_code"},
    "skipped": {"path", "reason"},
    "deleted": {"path"},
    "warning": {"message"},
    "summary": {
        "transferred", "renamed", "skipped", "made_directories", "deleted", "failed", "bytes", "seconds", "connections",
        "reconnects", "tls_data_connections", "tls_data_resumed", "exit_code", "entries", "entries_per_second",
    },
}  # fmt: skip
CONNECTIONS = ("connections", "reconnects", "tls_data_connections", "tls_data_resumed")


def records(text: str) -> list[Line]:
    """The lines, each checked: whole, ASCII, of a known event with all its fields."""
    assert text.isascii()
    assert text == "" or text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    for record in found:
        assert record["v"] == 1
        assert FIELDS[record["event"]] <= record.keys(), record
    return found


def run_records(result: Result) -> list[Line]:
    """The lines of a run that was not killed."""
    found = records(result.stdout)
    assert [record["event"] == "summary" for record in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["exit_code"] == result.code
    return found


def of(found: list[Line], event: str) -> list[Line]:
    return [record for record in found if record["event"] == event]


def options(*more: object) -> tuple[object, ...]:
    return (*QUICK, "--cafile", session_certificates().ca, *more)


def shell(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a script in which $FTPCLI stands for the program and its arguments."""
    words = map(str, [*arguments, *options()])
    program = script.replace("$FTPCLI", f'{sys.executable} -m ftpcli "$@"')
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "FTPCLI_PASSWORD": ScriptedServer.password}
    command = ["bash", "-c", program, "ftpcli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


# The form of each event ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "form"),
    [
        (
            Planned("a/b", "download", 5, "missing"),
            {"event": "planned", "path": "a/b", "action": "download", "bytes": 5, "why": "missing"},
        ),
        (
            Started("f", "upload", 2, None),
            {"event": "started", "path": "f", "action": "upload", "worker": 2, "bytes": None},
        ),
        (
            Retrying("f", "ConnectionLost", "lost", 1, 0.5),
            {
                "event": "retrying", "path": "f", "error": "ConnectionLost", "message": "lost", "tries": 1, "wait": 0.5,
            },
        ),
        (
            Finished("f", "download", 1, 9, 0.25, 2, 4, "size", FACTS),
            {
                "event": "finished", "path": "f", "action": "download", "worker": 1, "bytes": 9, "seconds": 0.25,
                "tries": 2, "resumed_from": 4, "verified": "size",
                "tls": {"version": "TLSv1.3", "cipher": "AES", "data_resumed": True},
            },
        ),
        (
            Finished("old", "rename", 0, target="new"),
            {
                "event": "finished", "path": "old", "action": "rename", "worker": 0, "bytes": 0, "seconds": 0.0,
                "tries": 1, "resumed_from": 0, "verified": "none", "target": "new",
            },
        ),
        (
            Failed("f", "Denied", "no", "550 no", 6),
            {
                "event": "failed", "path": "f", "error": "Denied", "message": "no", "reply": "550 no", "exit_code": 6,
            },
        ),
        (Skipped("f", "up to date"), {"event": "skipped", "path": "f", "reason": "up to date"}),
        (Deleted("f"), {"event": "deleted", "path": "f"}),
        (Deleted("f", "kept/f"), {"event": "deleted", "path": "f", "backup": "kept/f"}),
        (
            Planned("old", "rename", target="new"),
            {"event": "planned", "path": "old", "action": "rename", "bytes": None, "why": "", "target": "new"},
        ),
        (Warned("careful"), {"event": "warning", "message": "careful"}),
    ],
)  # fmt: skip
def test_form(event: Event, form: Line) -> None:
    assert as_record(event, 1_600_000_000.25) == {"v": 1, "time": "2020-09-13T12:26:40.250Z", **form}


def test_form_of_a_summary() -> None:
    report = Report(
        transferred=1, skipped=2, made_directories=3, deleted=4, failed=5, bytes=6, seconds=7.5, connections=8,
        reconnects=9, tls_data_connections=10, tls_data_resumed=11, tls=FACTS, exit_code=12, failure_codes={6},
        entries=1500,
    )  # fmt: skip
    found = as_record(Summary(report), 0.0)
    assert {name: found[name] for name in FIELDS["summary"]} == {
        name: getattr(report, name) for name in FIELDS["summary"]
    }
    assert found["entries_per_second"] == 200.0
    assert not {"tls", "failure_codes"} & found.keys()
    json.dumps(found)
    uncounted = as_record(Summary(report, connections_known=False), 0.0)
    assert {name for name in uncounted if uncounted[name] is None} == set(CONNECTIONS)


def test_every_event_has_a_form() -> None:
    assert {as_record(event, 0.0)["event"] for event in EXAMPLES} == FIELDS.keys()


EXAMPLES: list[Event] = [
    Planned("p", "download"), Started("p", "download", 0), Retrying("p", "E", "m", 1, 1.0),
    Finished("p", "download", 0), Failed("p", "E", "m", "r", 6), Skipped("p", "r"), Deleted("p"),
    Warned("m"), Summary(Report()),
]  # fmt: skip
ANY_TEXT = st.one_of(st.text(st.characters()), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))


@given(ANY_TEXT)
def test_every_text_becomes_valid_json(text: str) -> None:
    for event in EXAMPLES:
        odd = type(event)(*(text if isinstance(value, str) else value for value in _values(event)))
        line = json.dumps(as_record(odd, 0.0))
        assert line.isascii()
        assert "\n" not in line
        json.dumps(json.loads(line), ensure_ascii=False).encode(
            "utf-8"
        )  # no lone surrogate: strict parsers refuse those


def _values(event: Event) -> list[Any]:
    return [getattr(event, field.name) for field in fields(event)]


@given(st.binary())
def test_names_are_lossless(raw: bytes) -> None:
    found = as_record(Deleted(raw.decode("utf-8", "surrogateescape")), 0.0)
    assert raw == (base64.b64decode(found["path_base64"]) if "path_base64" in found else found["path"].encode())


def test_name_in_another_encoding() -> None:
    found = as_record(Deleted("caf\udce9"), 0.0)
    assert (found["path"], found["path_base64"]) == ("caf\ufffd", "Y2Fm6Q==")


def test_summary_counts_the_lines() -> None:
    total = Report()
    for event in (
        Finished("a", "download", 0, bytes=5), Finished("b", "upload", 0, bytes=6), Finished("c", "mkdir", 0),
        Finished("d", "rename", 0), Skipped("e", ""), Deleted("f"),
        Failed("g", "E", "", None, 6), Failed("", "E", "", None, 5),
        Summary(Report(transferred=9, connections=1, tls_data_connections=4, tls_data_resumed=3, exit_code=1)),
        Summary(Report(transferred=9, connections=2, reconnects=1, entries=7, seconds=1.0)),
    ):  # fmt: skip
        count(total, event)
    assert total == Report(
        transferred=2, renamed=1, bytes=11, made_directories=1, skipped=1, deleted=1, failed=1, connections=3,
        reconnects=1, tls_data_connections=4, tls_data_resumed=3, entries=7, failure_codes={6},
    )  # fmt: skip


def test_a_dry_run_counts_what_it_would_do() -> None:
    foreseen = Report()
    for event in (
        Planned("a", "download", 5), Planned("b", "link"), Planned("c", "mkdir"), Planned("d", "chmod"),
        Planned("e", "rename", target="f"), Planned("g", "delete"),
    ):  # fmt: skip
        count(foreseen, event, dry_run=True)
    expected = Report(would_transfer=2, would_bytes=5, would_make_directories=1, would_rename=1, would_delete=1)
    assert foreseen == expected
    total = Report()
    count(total, Planned("a", "download", 5))  # of a run that then did it
    assert total == Report()
    count(total, Summary(foreseen))
    assert total == expected


# Whole runs ---------------------------------------------------------------------------------------------------------


def test_mirror_with_a_file_that_fails(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/good": b"12345", "/sub/bad": b"x", "/same": b"y"})
    server.on("RETR", "550 Not for you.", match="bad")
    (tmp_path / "down").mkdir()
    assert run_ftpcli("get", server.url("same"), "-d", tmp_path / "down", *options()).code == 0
    report = tmp_path / "run.jsonl"
    report.write_text("of an earlier run\n")
    arguments = ("mirror", server.url(), tmp_path / "down", "--no-times", "--compare", "size", *options())
    result = run_ftpcli(*arguments, "--json", "--report", report)
    assert result.code == 1
    found = run_records(result)
    assert records(report.read_text("ascii")) == found
    assert {record["path"] for record in of(found, "planned")} == {"good", "sub/bad"}
    assert {record["path"] for record in of(found, "started")} == {"good", "sub/bad"}
    assert [(record["path"], record["reason"]) for record in of(found, "skipped")] == [("same", "up to date")]
    downloads = {record["path"]: record for record in of(found, "finished") if record["action"] == "download"}
    assert [(path, record["bytes"], record["tries"]) for path, record in downloads.items()] == [("good", 5, 1)]
    assert "tls" not in downloads["good"]
    (failed,) = of(found, "failed")
    assert (failed["path"], failed["error"], failed["exit_code"]) == ("sub/bad", "Denied", 6) or failed[
        "exit_code"
    ] == 6
    assert "Not for you." in failed["reply"]
    summary = found[-1]
    assert (summary["transferred"], summary["failed"], summary["skipped"], summary["bytes"]) == (1, 1, 1, 5)
    assert summary["connections"] == server.connections - 1
    assert "sub/bad" in result.stderr


def test_dry_run(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/new": b"12345"})
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "old").write_text("x")
    arguments = ("mirror", "--dry-run", "--delete", "--max-delete", "100%", server.url(), tmp_path / "down", *options())
    found = run_records(run_ftpcli(*arguments, "--json"))
    plan = [(record["action"], record["path"]) for record in of(found, "planned")]
    assert plan == [("download", "new"), ("delete", "old")]
    assert (found[-1]["transferred"], found[-1]["deleted"]) == (0, 0)
    assert (found[-1]["would_transfer"], found[-1]["would_bytes"], found[-1]["would_delete"]) == (1, 5, 1)
    report = tmp_path / "run.jsonl"
    result = run_ftpcli(*arguments, "--report", report)
    assert result.stdout == "download new\ndelete old\n"
    assert [record["event"] for record in records(report.read_text())] == ["planned", "planned", "summary"]


def test_tls_facts_and_no_secret(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(tls="explicit", require_resumption=True, files={f"/f{i}": b"x" * i for i in range(4)})
    url = server.url().replace("tester@", f"tester:{server.password}@")
    result = run_ftpcli("mirror", url, tmp_path / "down", "--json", *options(), env={"FTPCLI_PASSWORD": ""})
    found = run_records(result)
    tls = [record["tls"] for record in of(found, "finished") if record["action"] == "download"]
    assert len(tls) == 4
    assert {(facts["version"], facts["data_resumed"]) for facts in tls} == {("TLSv1.3", True)}
    assert all(facts["cipher"] for facts in tls)
    assert found[-1]["tls_data_connections"] == found[-1]["tls_data_resumed"] == server.data_connections
    assert [record["message"] for record in of(found, "warning")] == [
        "a password in a URL can be seen by other users; use --password-file or ~/.netrc"
    ]
    assert server.password not in result.said


def test_retries_are_reported(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/f": b"x" * 1000})
    server.on("RETR", Course(only=500, ending="rst", reply=None, drop="rst"), times=1)
    found = run_records(run_ftpcli("get", server.url("f"), "-d", tmp_path, "--json", *options()))
    assert [record["path"] for record in of(found, "retrying")] == ["f"]
    assert [record["tries"] for record in of(found, "finished")] == [2]
    assert found[-1]["reconnects"] == 1


def test_one_summary_for_several_servers(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    first, second = scripted(files={"/a": b"1"}), scripted(files={"/b": b"22"})
    found = run_records(run_ftpcli("get", first.url("a"), second.url("b"), "-d", tmp_path, "--json", *options()))
    assert (found[-1]["transferred"], found[-1]["bytes"], found[-1]["connections"]) == (2, 3, 2)


def test_small_verbs(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(files={"/a": b"1", "/d/b": b"2"})
    made = run_records(run_ftpcli("mkdir", server.url("new"), server.url("d"), "--json", *options()))
    assert [(record["path"], record["action"]) for record in of(made, "finished")] == [("new", "mkdir")]
    assert [record["path"] for record in of(made, "failed")] == ["d"]
    assert (made[-1]["made_directories"], made[-1]["failed"]) == (1, 1)
    assert {made[-1][name] for name in CONNECTIONS} == {None}
    moved = run_records(run_ftpcli("mv", server.url("a"), server.url("new/"), "--json", *options()))
    assert [(record["path"], record["target"]) for record in of(moved, "finished")] == [("a", "new/a")]
    failed = run_records(run_ftpcli("mv", server.url("nothing"), server.url("x"), "--json", *options()))
    assert [(record["path"], record["exit_code"]) for record in of(failed, "failed")] == [("nothing", 6)]
    gone = run_records(run_ftpcli("rm", "-r", server.url("new"), server.url("d"), "--json", *options()))
    assert [record["path"] for record in of(gone, "deleted")] == ["new/a", "new", "d/b", "d"]
    assert gone[-1]["deleted"] == 4


def test_streams(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/a": b"hello"})
    report = tmp_path / "run.jsonl"
    result = run_ftpcli("cat", server.url("a"), server.url("nothing"), "--report", report, *options())
    assert (result.code, result.stdout) == (1, "hello")
    found = records(report.read_text())
    assert [(record["event"], record.get("path")) for record in found] == [
        ("finished", "a"), ("failed", "nothing"), ("summary", None),
    ]  # fmt: skip
    result = run_ftpcli("get", "-o", "-", server.url("a"), "--report", report, *options())
    assert result.stdout == "hello"
    assert [record["event"] for record in records(report.read_text())] == ["finished", "summary"]
    found = run_records(run_ftpcli("put", "-", server.url("b"), "--json", *options(), input=b"data"))
    assert [(record["path"], record["action"], record["bytes"]) for record in of(found, "finished")] == [
        ("b", "upload", 4)
    ]
    assert (found[-1]["transferred"], found[-1]["connections"]) == (1, 1)
    assert server.files["/b"] == b"data"


def test_odd_names_on_a_server(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    os.close(os.open(os.fsencode(tmp_path / "up") + b"/caf\xe9\n", os.O_CREAT | os.O_WRONLY))
    server = scripted()
    found = run_records(run_ftpcli("mirror", tmp_path / "up", server.url(), "--json", *options()))
    paths = {record.get("path_base64") for record in found if record.get("action") == "upload"}
    assert [base64.b64decode(path) for path in paths if path] == [b"caf\xe9\n"]


# Failures before a run, and runs that are cut -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["get", "no/url"], 2, "UsageError"),
        (["rm", "nobody:x"], 2, "UsageError"),
        (["mirror", "a", "b"], 2, "UsageError"),
        (["get", "ftp://bob@127.0.0.1:1/x", "--password-file", "nowhere"], 2, "UsageError"),
        (["get", "ftp://127.0.0.1:1/x"], 3, "PortClosed"),
        (["mkdir", "ftp://127.0.0.1:1/x", "ftp://127.0.0.1:1/y"], 3, "PortClosed"),
        (["get", "-o", "-", "ftp://127.0.0.1:1/x"], 2, "UsageError"),
    ],
)
def test_fatal_errors(run_ftpcli: Program, tmp_path: Path, arguments: list[str], code: int, error: str) -> None:
    report = tmp_path / "run.jsonl"
    result = run_ftpcli(*arguments, "--json", "--report", report, *QUICK)
    found = run_records(result)
    assert result.code == code, result.stderr
    assert {record["error"] for record in of(found, "failed")} == {error}
    assert records(report.read_text()) == found


def test_login_refused(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted()
    for arguments in (("mirror", server.url(), tmp_path / "d"), ("rm", server.url("x"))):
        found = run_records(run_ftpcli(*arguments, "--json", *options(), env={"FTPCLI_PASSWORD": "wrong"}))
        assert [(record["path"], record["error"]) for record in of(found, "failed")] == [("", "LoginRejected")]
        assert "wrong" not in json.dumps(found)


def test_cat_refuses_json(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(files={"/a": b"hello"})
    result = run_ftpcli("cat", "--json", server.url("a"))
    assert (result.code, result.stdout, server.connections) == (2, "", 0)


def test_options_from_a_profile(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/a": b"hello"})
    config = tmp_path / "config.toml"
    config.write_text(f'[profiles.p]\nurl = "{server.url()}"\njson = true\nreport = "{tmp_path}/run.jsonl"\n')
    found = run_records(run_ftpcli("get", "p:a", "-d", tmp_path, "--config", config))
    assert records((tmp_path / "run.jsonl").read_text()) == found
    listed = run_ftpcli("ls", "p:", "--config", config)
    assert json.loads(listed.stdout)["name"] == "a"
    assert run_ftpcli("cat", "p:a", "--config", config).stdout == "hello"


@pytest.mark.parametrize("name", [".", "missing/run.jsonl"])
def test_unwritable_report(scripted: Start, run_ftpcli: Program, tmp_path: Path, name: str) -> None:
    server = scripted(files={"/a": b"hello"})
    result = run_ftpcli("get", server.url("a"), "--json", "--report", tmp_path / name, *options())
    assert (result.code, server.connections) == (2, 0)
    assert [record["error"] for record in of(run_records(result), "failed")] == ["UsageError"]
    assert "--report" in result.stderr


def test_report_on_a_full_disk(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={f"/f{i}": b"x" for i in range(5)})
    result = run_ftpcli("mirror", server.url(), tmp_path / "down", "--report", "/dev/full", *options())
    assert (result.code, len(list((tmp_path / "down").iterdir()))) == (0, 5)
    assert result.stderr == "ftpcli: warning: the report ends early, and the work goes on: No space left on device\n"


def test_report_that_fills_the_disk_ends_in_a_whole_line(scripted: Start, tmp_path: Path) -> None:
    """A limit on the file's size acts like a disk that fills up in the middle of a line."""
    server = scripted(files={f"/f{i}": b"x" for i in range(20)})
    report = tmp_path / "run.jsonl"
    done = shell("ulimit -f 1; $FTPCLI", "mirror", server.url(), tmp_path / "down", "--report", report)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the report ends early") == 1
    assert 500 < report.stat().st_size <= 1024
    assert records(report.read_text())


def test_killed_run_leaves_whole_lines(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/a": b"hello", "/z": b"x" * 1_000_000})
    server.on("RETR", Course(chunk=1000, pause=0.05), match="z")
    report = tmp_path / "run.jsonl"
    arguments = ("mirror", server.url(), tmp_path / "down", "--parallel", "1", "--report", report, *options())
    process = run_ftpcli.start(*arguments)
    server.wait_for(lambda: any(transfer.path == "/z" and transfer.bytes > 2000 for transfer in server.transfers))
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = records(report.read_text())
    assert [record["path"] for record in of(found, "finished") if record["action"] == "download"] == ["a"]
    assert of(found, "summary") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_has_a_summary(scripted: Start, run_ftpcli: Program, tmp_path: Path, number: int) -> None:
    server = scripted(files={"/z": b"x" * 1_000_000})
    server.on("RETR", Course(chunk=1000, pause=0.05))
    process = run_ftpcli.start("get", server.url("z"), "-d", tmp_path, "--json", *options())
    server.wait_for(lambda: any(transfer.bytes for transfer in server.transfers))
    process.send_signal(number)
    assert run_records(run_ftpcli.finish(process))[-1]["exit_code"] == 128 + number


@pytest.mark.parametrize(("sink", "code"), [("| true", 141), ("> /dev/full", 7)])
def test_lost_standard_output_ends_the_run(scripted: Start, tmp_path: Path, sink: str, code: int) -> None:
    server = scripted(files={f"/f{i:03}": b"x" for i in range(300)})
    report = tmp_path / "run.jsonl"
    script = f"$FTPCLI {sink}; exit ${{PIPESTATUS[0]}}"
    done = shell(script, "mirror", server.url(), tmp_path / "down", "--json", "--report", report)
    assert done.returncode == code, done.stderr
    assert ("standard output" in done.stderr) == (code == 7)
    found = records(report.read_text())
    assert found[-1]["exit_code"] == code
    assert found[-1]["transferred"] < 300


@pytest.mark.parametrize("command", [["cat"], ["get", "-o", "-"]])
def test_non_blocking_standard_output(scripted: Start, command: list[str]) -> None:
    """Regression: "write could not complete without blocking", where the reader was slower than the server."""
    server = scripted(files={"/a": b"x" * 3_000_000})
    unblock = f"unset PYTHONUNBUFFERED; {sys.executable} -c 'import os; os.set_blocking(1, False)'"
    done = shell(
        f"{{ {unblock}; $FTPCLI; }} | {{ sleep 0.5; wc -c; }}; exit ${{PIPESTATUS[0]}}", *command, server.url("a")
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "3000000", "")
