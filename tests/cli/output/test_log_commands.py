"""What a name or a reply says must not be obeyed: by the CI system that reads the log, or by a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftpcli.cli.output.sanitize import sanitized

if TYPE_CHECKING:
    from tests.cli.conftest import Program
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

# Marker → what is shown of it.
MARKERS = {
    "##vso[task.setvariable variable=x]y": "#?vso[task.setvariable variable=x]y",
    "##VSO[task.complete]": "#?VSO[task.complete]",
    "##[error]no": "#?[error]no",
    "##[set-env name=PATH]x": "#?[set-env name=PATH]x",
    "##teamcity[buildStatus]": "#?teamcity[buildStatus]",
    "::error::no": ":?error::no",
    "::error file=a,line=1::no": ":?error file=a,line=1::no",
    "::set-env name=PATH::x": ":?set-env name=PATH::x",
    "::add-mask::x": ":?add-mask::x",
    "::stop-commands::word": ":?stop-commands::word",
    "section_start:1560896352:name": "section?start:1560896352:name",
    "section_end:1560896352:name": "section?end:1560896352:name",
    "travis_fold:start:x": "travis?fold:start:x",
}
# Line ends as Python, JavaScript, Java and terminals have them, and what steers a terminal.
CONTROLS = [
    "\n",
    "\r",
    "\r\n",
    "\v",
    "\f",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2J",
    "\x9b31m",
    "\x1b]8;;http://x\x07",
    "\b",
]
# In FTP replies and listings a line end cannot be; and GitHub's are obeyed at the beginning of a line.
FORMS = [*MARKERS, *(f"a{control}::error::x" for control in CONTROLS)]


def is_harmless(text: str) -> bool:
    """No line of it is a command, and there are no lines and escapes but those of the program."""
    bare = [marker.split("[")[0] + "[" for marker in MARKERS if marker.startswith("##")]
    return not (
        any(marker.lower() in text.lower() for marker in bare)
        or "::error" in text
        or "::set-env" in text
        or "::add-mask" in text
        or "::stop-commands" in text
        or "section_start:" in text
        or "section_end:" in text
        or "travis_fold:" in text
        or any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text.replace("\n", ""))
        or "\u2028" in text
        or "\u2029" in text
    )


@pytest.mark.parametrize(("text", "shown"), MARKERS.items())
def test_markers_are_broken_up_and_stay_readable(text: str, shown: str) -> None:
    assert sanitized(text) == shown
    assert sanitized(text, keeps_bytes=True) == shown
    assert sanitized(f"upload dir/{text}: no") == f"upload dir/{shown}: no"


@pytest.mark.parametrize(
    "text", ["  ::word::x", "\t::x", "::", "::resume-token::", ":::error::x", "####[x", "::::error::"]
)
def test_no_marker_is_left_or_made(text: str) -> None:
    shown = sanitized(text)
    assert not shown.lstrip().startswith("::")
    assert "::error" not in shown
    assert "##[" not in shown
    assert len(shown) == len(text)


@pytest.mark.parametrize(
    "text", ["Foo::Bar.3pm", "std::errors", "a:b", "#1 [x]", "## x [y]", "C:: d", "section_started", "1:2::3"]
)
def test_plain_names_stay(text: str) -> None:
    assert sanitized(f"get {text}") == f"get {text}"


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_no_line_is_made(control: str) -> None:
    for shown in (sanitized(f"a{control}b"), sanitized(f"a{control}b", keeps_bytes=True)):
        assert len(shown.splitlines()) == 1
        assert is_harmless(shown)


def names() -> dict[str, bytes]:
    """Files whose names would be obeyed, as far as a listing can hold them."""
    return {f"/d/{name}": b"x" for name in FORMS if not {"/", "\n", "\r"} & set(name)}


def check(program: Program, folder: Path, *arguments: object, stdout: bool = True) -> str:
    """Whatever it does: what it says on both streams and writes to its log can be read by anything."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    extra = () if arguments[0] == "profile" else ("--log-file", log)
    done = program(*arguments, *extra)
    written = log.read_text() if log.exists() else ""
    for text in (done.stdout if stdout else "", done.stderr, written):
        for line in text.split("\n"):
            assert is_harmless(line), (arguments[0], line)
            assert not line.lstrip().startswith("::"), (arguments[0], line)
    return done.said


def test_names_on_the_server(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files=names())
    url, down = server.url("d"), tmp_path / "down"
    for arguments in (
        ("ls", url), ("ls", "-l", url), ("ls", "-R", server.url()),
        ("ls", url, "-vv"), ("mirror", "--dry-run", url, down),
        ("mirror", "-n", "-v", url, down, "--progress", "plain"),
        ("mirror", "-vv", url, down, "--progress", "plain"), ("mirror", "--json", url, tmp_path / "other"),
        ("get", "-r", "-v", url, "-d", tmp_path / "got"), ("rm", "-r", "-v", url),
    ):  # fmt: skip
        assert "error" in check(run_ftpcli, tmp_path, *arguments, stdout="--json" not in arguments)


def test_local_names(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    up = tmp_path / "up"
    up.mkdir()
    for name in FORMS:
        if "/" not in name:
            (up / name).write_bytes(b"x")
    server = scripted()
    for arguments in (
        ("mirror", "-n", up, server.url("d")), ("mirror", "-n", "-v", up, server.url("d")),
        ("mirror", "-vv", up, server.url("d")), ("put", "-v", "-r", up, server.url("e/")),
        ("mirror", "-v", up, server.url("d"), "--delete", "--exclude", "*error*"),
    ):  # fmt: skip
        check(run_ftpcli, tmp_path, *arguments)


@pytest.mark.parametrize("marker", [*list(MARKERS)[::4], "a\x85::error::x", "a\x1b]8;;http:x\x07"], ids=ascii)
def test_what_a_server_says(scripted: Start, run_ftpcli: Program, tmp_path: Path, marker: str) -> None:
    server = scripted(files={"/f": b"x"}, greeting=f"220 {marker}")
    server.on("PASS", f"230-{marker}\r\n{marker}\r\n230 {marker}")
    for verb in ("RETR", "STOR", "DELE", "MKD", "RNFR", "MLSD", "LIST"):
        server.on(verb, f"550 {marker}")
    (tmp_path / "g").write_text("x")
    for arguments in (
        ("get", server.url("f"), "-d", tmp_path), ("cat", server.url("f")), ("put", tmp_path / "g", server.url("g")),
        ("rm", server.url("f")), ("mkdir", server.url("n")), ("mv", server.url("f"), server.url("g")),
        ("ls", server.url()), ("get", "-vv", server.url("f"), "-d", tmp_path),
        ("ls", f"ftp://127.0.0.1:1/{marker.replace('%', '%25')}"),
    ):  # fmt: skip
        check(run_ftpcli, tmp_path, *arguments, "--retries", "0")


@pytest.mark.parametrize("marker", [*list(MARKERS)[::4], "a\n::error::x", "a\r::error::x"], ids=ascii)
def test_what_was_typed(run_ftpcli: Program, tmp_path: Path, marker: str) -> None:
    """In CI a name may come from a branch or from a pull request's title."""
    for arguments in (("ls", marker), ("get", f"{marker}:x"), ("mirror", marker, marker), ("profile", "show", marker)):
        check(run_ftpcli, tmp_path, *arguments)


def test_bytes_of_a_name_stay_in_a_pipe(scripted: Start, run_ftpcli: Program) -> None:
    name = os.fsdecode(b"caf\xe9 \xff.txt")
    server = scripted(files={f"/{name}": b"x"})
    assert run_ftpcli("ls", server.url()).stdout == f"{name}\n"
