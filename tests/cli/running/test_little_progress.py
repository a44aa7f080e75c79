"""Servers that drop every connection: what they let through decides whether the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.scripted.server import Course

if TYPE_CHECKING:
    from tests.cli.conftest import Program
    from tests.servers.scripted.server import ScriptedServer

    Start = Callable[..., ScriptedServer]

MIB = 1024 * 1024


# Was: each of the few bytes reset the count of tries, and a file of a gigabyte took a hundred million connections.
@pytest.mark.parametrize("each", [1, 10, 1000])
def test_a_few_bytes_for_each_connection_are_not_enough(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, each: int
) -> None:
    server = scripted(files={"/f": b"x" * MIB})
    server.on("RETR", Course(only=each, ending="rst", reply=None, drop="rst"))
    done = run_ftpcli("get", server.url("f"), "-d", tmp_path, "--retries", "2", "--retry-wait", "0.01")
    assert done.code == 3
    assert server.verbs().count("RETR") == 3


def test_much_for_each_connection_is(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    content = bytes(range(256)) * (4 * MIB // 64)
    server = scripted(files={"/f": content})
    server.on("RETR", Course(only=MIB, ending="fin", reply=None, drop="fin"), times=15)
    done = run_ftpcli("get", server.url("f"), "-d", tmp_path, "--retries", "1", "--retry-wait", "0.01")
    assert done.code == 0, done.stderr
    assert (tmp_path / "f").read_bytes() == content
