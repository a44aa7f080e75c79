"""Nothing that the program waits for outlasts the first SIGTERM, or the deadline."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Program
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

FILES = {"/big": b"x" * 3_000_000, **{f"/d/{'n' * 150}{number}": b"" for number in range(2000)}}
COMMANDS = {
    "put from a pipe": ("put", "-", "URL/new"),
    "get to a pipe": ("get", "-o", "-", "URL/big"),
    "cat": ("cat", "URL/big"),
    "ls": ("ls", "URL/d"),
    "ls --json": ("ls", "--json", "URL/d"),
    "mirror --json": ("mirror", "--json", "URL/d", "down"),
    "mirror -n": ("mirror", "-n", "URL/d", "down"),
}


@pytest.fixture
def stalled() -> Iterator[tuple[int, int, int]]:
    """A pipe that nobody writes, one that nobody reads, and that one's other end."""
    pipes = [*os.pipe(), *os.pipe()]
    yield pipes[0], pipes[3], pipes[2]
    for descriptor in pipes:
        os.close(descriptor)


def is_stuck(reader: int) -> bool:
    """Whether the program waits for us: its output has filled the pipe."""
    (waiting,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, b"\0\0\0\0"))
    return bool(waiting > 50_000)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("how", ["SIGTERM", "deadline"])
def test_a_pipe_that_nobody_reads_or_writes(
    scripted: Start, run_ftpcli: Program, stalled: tuple[int, int, int], tmp_path: Path, command: str, how: str
) -> None:
    server = scripted(files=FILES)
    arguments = [argument.replace("URL/", server.url()) for argument in COMMANDS[command]]
    options = ["--deadline", "1"] if how == "deadline" else []
    stdin, stdout, reader = stalled
    process = run_ftpcli.start(*arguments, *options, pipes=(stdin, stdout), cwd=tmp_path)
    if how == "SIGTERM":
        server.wait_for(lambda: "STOR" in server.verbs() if command.startswith("put") else is_stuck(reader))
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == (143 if how == "SIGTERM" else 11)
