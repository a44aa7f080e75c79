"""Before any work: nothing slow is imported, errors are one line, completions work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftpcli import __version__
from ftpcli.cli import app
from ftpcli.cli.commands import ls as ls_module

HERE = Path(__file__).parents[2]
SLOW = (
    "OpenSSL",
    "cryptography",
    "rich",
    "paramiko",
    "asyncio",
    "ssl",
    "platformdirs",
    "service_identity",
    "pyftpdlib",
    "keyring",
)
PROBE = f"""
import sys
from ftpcli.__main__ import main
code = main()
sys.stdout.flush()
sys.stderr.write("loaded:" + ",".join(name for name in {SLOW!r} if name in sys.modules))
sys.exit(code)
"""


def run(*arguments: str, code: str = PROBE, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(HERE), "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
    env |= environment
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["-h"], ["get", "--help"], ["mirror", "-h"], ["profile", "show", "-h"], ["demo", "-h"]],
)
def test_nothing_slow_is_imported(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert done.stderr == "loaded:"


def test_plain_ftp_needs_neither_tls_nor_ssh() -> None:
    done = run("ls", "--retries", "0", "ftp://127.0.0.1:1/")
    assert done.returncode == 3
    loaded = set(done.stderr.rpartition("loaded:")[2].split(","))
    assert not loaded & {"paramiko", "cryptography", "OpenSSL"}


def test_version() -> None:
    assert run("--version").stdout == f"ftpcli {__version__}\n"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("ftpcli m", {"mirror", "mkdir", "mv"}),
        ("ftpcli mirror --del", {"--delete", "--delete-before"}),
        ("ftpcli ls --tls-m", {"--tls-min", "--tls-max"}),
        ("ftpcli get --progress ", {"auto", "bar", "plain", "none"}),
        ("ftpcli profile s", {"show"}),
    ],
)
def test_completion_needs_nothing_slow(words: str, wanted: set[str]) -> None:
    cword = str(len(words.split(" ")) - 1)
    done = run(_FTPCLI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=cword)
    assert {line.removeprefix("plain,") for line in done.stdout.split()} == wanted
    assert "loaded" not in done.stderr.replace("loaded:", "", 1)


def test_completion_of_profiles(tmp_path: Path) -> None:
    (tmp_path / "ftpcli").mkdir()
    (tmp_path / "ftpcli" / "config.toml").write_text('[profiles.work]\nurl = "ftp://h"\n[profiles.home]\n')
    environment = {"_FTPCLI_COMPLETE": "bash_complete", "COMP_CWORD": "2", "XDG_CONFIG_HOME": str(tmp_path)}
    assert run(COMP_WORDS="ftpcli ls wo", **environment).stdout.strip() == "plain,work:"
    assert run(COMP_WORDS="ftpcli put lo", **environment).stdout.strip() == "file,lo"
    option = {**environment, "COMP_CWORD": "3"}
    assert run(COMP_WORDS="ftpcli ls --profile wo", **option).stdout.strip() == "plain,work"
    (tmp_path / "ftpcli" / "config.toml").write_text("not TOML")
    assert run(COMP_WORDS="ftpcli ls wo", **environment).stdout.strip() == ""


def test_bash_completion(tmp_path: Path) -> None:
    program = tmp_path / "ftpcli"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={HERE} exec {sys.executable} -m ftpcli "$@"\n')
    program.chmod(0o755)
    script = f"""
        source {HERE}/completions/ftpcli.bash
        compopt() {{ :; }}
        COMP_WORDS=(ftpcli mirror --no) COMP_CWORD=2
        _ftpcli_completion {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=False)
    options = {"--no-resume", "--no-times", "--no-perms", "--no-netrc", "--no-agent"}
    assert set(done.stdout.split()) == options, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_program(shell: str) -> None:
    name = {"bash": "ftpcli.bash", "zsh": "_ftpcli", "fish": "ftpcli.fish"}[shell]
    text = (HERE / "completions" / name).read_text("utf-8")
    assert f"_FTPCLI_COMPLETE={shell}_complete" in text
    assert "COMP_WORDS=" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Usage: ftpcli"),
        (["profile"], "Usage: ftpcli profile"),
        (["frobnicate"], "frobnicate"),
        (["ls"], "Missing argument"),
        (["ls", "plain/path"], "is not a URL"),
        (["ls", "scp://host/x"], "this version speaks ftp, ftpes, ftps and sftp only"),
        (["ls", "nobody:x"], "no profile 'nobody'"),
        (["ls", "ftp:/host/x"], "a URL begins with ftp://"),
        (["get", "ftp://h/a", "./here"], "-d DIR or -o FILE tells where to write"),
        (["get", "-o", "x", "ftp://h/a", "ftp://h/b"], "one URL"),
        (["get", "-o", "x", "ftp://h/*"], "one URL"),
        (["get", "-o", "x", "-d", "y", "ftp://h/a"], "contradict"),
        (["put", "ftp://h/a"], "put needs"),
        (["put", "ftp://h/a", "ftp://h/b"], "put takes local files"),
        (["put", "-", "x", "ftp://h/b"], "standard input"),
        (["put", "-", "ftp://h/dir/"], "name of a file"),
        (["mirror", "a", "b"], "neither"),
        (["mirror", "ftp://h/a", "ftp://h/b"], "both"),
        (["rm", "-r", "ftp://h/"], "rm does not delete"),
        (["rm", "-r", "ftp://h//"], "rm does not delete"),
        (["rm", "ftp://h/a/.."], "rm does not delete"),
        (["mv", "ftp://h/a", "ftp://i/b"], "one server"),
        (["mv", "ftp://h/", "ftp://h/b"], "cannot move"),
        (["ls", "-q", "-v", "ftp://h/"], "contradict"),
        (["ls", "--timeout", "soon", "ftp://h/"], "not a duration"),
        (["ls", "--password", "x", "ftp://h/"], "No such option"),
        (["ls", "ftp://bob@h/"], "no password for bob"),
    ],
)
def test_usage_errors(arguments: list[str], complaint: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, ""),
        (RuntimeError("oops"), 70, "internal error: RuntimeError: oops"),
        (BrokenPipeError(32, "Broken pipe"), 70, "internal error"),
    ],
)
def test_unexpected_errors(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(ls_module, "_list", fail)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    assert app.main(["ls", "ftp://localhost/"]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_internal_errors_show_a_traceback_with_vv(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("oops")

    monkeypatch.setattr(ls_module, "_list", fail)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    assert app.main(["ls", "-vv", "ftp://localhost/"]) == 70
    assert "Traceback" in capsys.readouterr().err


PRINTING = """
import sys
from ftpcli.cli import app
from ftpcli.cli.output.screen import emit
def lines(*_, **__):
    for number in range(COUNT):
        emit(str(number))
    return 0
app.cli.main = lines
sys.exit(app.main())
"""


@pytest.mark.parametrize("count", [1, 100000])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_disk_behind_standard_output_is_an_error(unbuffered: str, count: int) -> None:
    with open("/dev/full", "wb") as full:
        env = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": unbuffered}
        command = [sys.executable, "-c", PRINTING.replace("COUNT", str(count))]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=env, check=False)
    assert done.returncode == 7
    assert done.stderr == b"ftpcli: standard output: No space left on device\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_closed_pipe_ends_the_command_silently(unbuffered: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": unbuffered}
    command = f"{sys.executable} -c '{PRINTING.replace('COUNT', '100000')}' | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.split() == ["0", "141"]
    assert done.stderr == ""
