"""Secrets from files, pipes and commands, none of which is trusted to end, to begin, or to be small."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.server import helper_command
from ftpcli.cli.server.credentials import password_from_command, password_from_file
from ftpcli.errors import Stopped, UsageError
from ftpcli.stop import StopToken

SOON = 0.3  # seconds of --timeout, where it has to pass
LATE = 60.0


def of_file(path: object, timeout: float = LATE) -> str:
    return password_from_file(str(path), timeout, lambda _: None).reveal()


def of_command(command: str, timeout: float = LATE) -> str:
    return password_from_command(command, timeout).reveal()


def is_running(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A file into which a command writes the numbers of its processes; none is running in the end."""
    path = tmp_path / "pids"
    yield path
    for pid in map(int, path.read_text().split()):
        until = time.monotonic() + 20
        while is_running(pid):
            assert time.monotonic() < until, f"process {pid} is still there"
            time.sleep(0.01)


# Files


@pytest.mark.parametrize(
    ("content", "password"),
    [
        ("pw\n", "pw"), ("pw", "pw"), ("p w \r\nrest", "p w "), ("p\udcff\n", "p\udcff"),
        ("x" * 60_000, "x" * 60_000), ("pw\n" + "x" * 1_000_000, "pw"),
    ],
    ids=["line", "no line end", "dos", "bytes", "long", "much after it"],
)  # fmt: skip
def test_password_file(tmp_path: Path, content: str, password: str) -> None:
    path = tmp_path / "pw"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert of_file(path) == password


@pytest.mark.parametrize("content", ["", "\n", "\r\n", "\npw"])
def test_an_empty_password_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pw"
    path.write_text(content, newline="")
    with pytest.raises(UsageError, match=r"password file .* gave an empty first line"):
        of_file(path)


def test_a_file_without_end() -> None:
    with pytest.raises(UsageError, match="the password file /dev/zero gives no line end within 64 KiB"):
        of_file("/dev/zero")


def test_a_named_pipe_that_nobody_writes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match=r"gave no line within 0\.3 seconds"):
        of_file(tmp_path / "fifo", SOON)


def test_a_named_pipe_that_somebody_writes_later(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_text("pw\n"))
    writer.start()
    assert of_file(tmp_path / "fifo") == "pw"
    writer.join()


def test_missing_password_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/does/not/exist cannot be read: no such file"):
        of_file("/does/not/exist")
    with pytest.raises(UsageError, match="cannot be read: is a directory"):
        of_file(tmp_path)


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_password_file_that_others_can_read(tmp_path: Path, mode: int, warns: bool) -> None:
    warnings: list[str] = []
    path = tmp_path / "pw"
    path.write_text("pw")
    path.chmod(mode)
    assert password_from_file(str(path), LATE, warnings.append).reveal() == "pw"
    assert warnings == ([f"others can read the password file {path}: chmod 600 {path}"] if warns else [])


def test_password_from_stdin_reads_one_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write_end = os.pipe()
    os.write(write_end, b"typed\ndata")
    os.close(write_end)
    with open(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert of_file("-") == "typed"
        assert os.read(read, 100) == b"data"


def test_nothing_comes_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write_end = os.pipe()
    with open(read) as stdin, open(write_end, "wb"):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError, match=r"standard input .* gave no line within"):
            of_file("-", SOON)


# Commands


def test_password_command_has_no_shell() -> None:
    assert of_command("printf '%s\\n%s' '$HOME; x' more") == "$HOME; x"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false optsecret", "exit status 1"),
        ("sh -c 'echo optsecret; exit 3'", "exit status 3"),
        ("sh -c 'kill -9 $$ optsecret'", "ended by signal 9"),
        ("/does/not/exist optsecret", "cannot be run: no such file"),
        ("/etc/passwd optsecret", "cannot be run: permission denied"),
        ("echo 'optsecret", "split into words"),
        ("", "empty"),
        ("true optsecret", "the password command true gave an empty first line"),
        ("echo", "empty first line"),
        ("printf '\\noptsecret'", "empty first line"),
    ],
)
def test_password_command_errors_hold_no_secret(command: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        of_command(command)
    assert "optsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "password"),
    [
        ("yes", "y"),
        ("sh -c 'echo pw; while :; do echo more; done'", "pw"),
        ("sh -c '(sleep 0.2; echo pw) & exit 0'", "pw"),
        ("sh -c 'printf pw; exec >&-; sleep 0.1'", "pw"),
    ],
    ids=["without end", "more without end", "by what it leaves behind", "closed its output"],
)
def test_the_first_line_counts(command: str, password: str) -> None:
    assert of_command(command) == password


# Was: it was read to its end, into memory; five gigabytes of it.
def test_a_line_without_end() -> None:
    with pytest.raises(UsageError, match="no line end within 64 KiB"):
        of_command("cat /dev/zero")


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000", "sleep 1000 & echo $! >> PIDS; sleep 1000; true", "trap \"\" TERM; sleep 1000; sleep 1000",
        "exec >&-; sleep 1000", "sleep 1000 & echo $! >> PIDS; exit 0",
    ],
    ids=["it", "with others", "deaf", "closed its output", "left behind"],
)  # fmt: skip
def test_a_command_that_prints_nothing_is_ended_with_all_it_started(pids: Path, script: str) -> None:
    with pytest.raises(UsageError, match=r"sh gave no line within 0\.3 seconds"):
        of_command(f"sh -c 'echo $$ >> {pids}; {script.replace('PIDS', str(pids))}'", SOON)


def test_a_command_that_goes_on_after_its_line_is_ended(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_command, "_GRACE", 0.2)
    assert of_command(f"sh -c 'echo $$ >> {pids}; echo pw; sleep 1000; true'") == "pw"


def test_a_stop_ends_the_wait(pids: Path, stop: StopToken) -> None:
    with TERMINAL.stopped_by(stop):
        threading.Timer(0.2, stop.request, [143]).start()
        with pytest.raises(Stopped):
            of_command(f"sh -c 'echo $$ >> {pids}; sleep 1000; true'")


def test_an_interrupt_that_reached_the_command_only() -> None:
    # A shell could not undo that the tests run with the signal ignored, as they do in the background of another shell.
    script = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)"
    with pytest.raises(Stopped) as caught:
        of_command(shlex.join([sys.executable, "-c", script]))
    assert caught.value.exit_code == 130


def test_a_command_does_not_read_the_data_of_put(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write_end = os.pipe()
    os.write(write_end, b"data\n")
    with open(read) as stdin, open(write_end, "wb"):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert of_command("sh -c 'cat; echo pw'") == "pw"
        assert os.read(read, 100) == b"data\n"


# The whole program


@pytest.mark.parametrize(
    ("options", "number", "code"),
    [(("--deadline", "1"), None, 11), ((), signal.SIGTERM, 143), ((), signal.SIGINT, 130)],
    ids=["deadline", "SIGTERM", "SIGINT"],
)
def test_waiting_for_a_command_ends(
    run_ftpcli, pids: Path, options: tuple[str, ...], number: signal.Signals | None, code: int
) -> None:
    command = f"sh -c 'echo $$ >> {pids}; sleep 1000; true'"
    process = run_ftpcli.start("ls", "ftp://bob@127.0.0.1:1/", "--password-command", command, *options)
    until = time.monotonic() + 20
    while not (pids.exists() and pids.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)
    if number is not None:
        process.send_signal(number)
    assert run_ftpcli.finish(process, timeout=20).code == code


def test_its_errors_reach_the_user(run_ftpcli) -> None:
    done = run_ftpcli("ls", "ftp://bob@127.0.0.1:1/", "--password-command", "sh -c 'echo no such entry >&2; exit 4'")
    assert done.code == 2
    assert done.stderr == "no such entry\nftpcli: the password command sh failed with exit status 4\n"


def test_no_child_inherits_our_secrets(run_ftpcli, tmp_path: Path) -> None:
    """Neither a password command nor a ProxyCommand, which a server's administrator may have written."""
    names = ("FTPCLI_USER", "FTPCLI_PASSWORD", "FTPCLI_PASSPHRASE")
    config = tmp_path / "ssh_config"
    config.write_text(f"Host h\n  ProxyCommand env > {tmp_path / 'proxy'}\n")
    config.chmod(0o600)
    run_ftpcli(
        "ls", "sftp://h/", "--password-command", f"sh -c 'env > {tmp_path / 'command'}; echo pw'",
        "--ssh-config", config, "--retries", "0", env=dict.fromkeys(names, "very-secret"),
    )  # fmt: skip
    for dump in ("command", "proxy"):
        found = (tmp_path / dump).read_text()
        assert "HOME=" in found
        assert "very-secret" not in found


def test_the_names_of_our_variables_are_all_known() -> None:
    found = subprocess.run(["grep", "-rhoE", "FTPCLI_[A-Z]+", "ftpcli"], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {"FTPCLI_USER", "FTPCLI_PASSWORD", "FTPCLI_PASSPHRASE"}
