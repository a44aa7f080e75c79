"""Servers with a full disk that do not answer 452: they reset the data connection, and say why only in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Failed
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.stop import StopToken
from tests.servers.scripted.server import Course, ScriptedServer

FULL = [
    "451 Failure writing to local file.",  # vsftpd
    "451-Error during write to file\r\n451 Transfer aborted",  # Pure-FTPd
    "451 Transfer aborted. Input/output error",  # ProFTPD
    "452 No space left on device",
    "552 Quota exceeded",
]
# More than the sockets between take in, so that the reset is met while there is still something to send.
LARGE = 24_000_000


def put(server: ScriptedServer, folder: Path) -> tuple[int, list[Failed]]:
    path = folder / "a"
    with path.open("wb") as file:
        file.truncate(LARGE)
    os.utime(path, (6e8, 6e8))
    where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(20, 20))
    job = Job(Direction.UPLOAD, where, (Root(str(path), "in/a"),), Rules(), parallel=1, retries=1, retry_wait=0.0)
    events: list[Event] = []
    stop = StopToken()
    try:
        code = run(job, events.append, stop, RunProgress(1)).exit_code
    finally:
        stop.close()
    return code, [event for event in events if isinstance(event, Failed)]


def full(reply: str) -> Course:
    """The reply comes after the reset was seen, as it may on any network."""
    return Course(only=300_000, ending="rst", reply=reply, late=0.2)


# Was: exit 3, "reset the connection", without the server's words, after all retries; and the part file stayed, for
# good where it filled the disk.
@pytest.mark.parametrize("reply", FULL)
def test_the_servers_words_are_waited_for(tmp_path: Path, reply: str) -> None:
    with ScriptedServer(files={"/in/a": b"old"}) as server:
        server.on("STOR", full(reply))
        code, (failed,) = put(server, tmp_path)
        assert code == 6
        assert (failed.error, failed.reply) == ("NoSpace", reply.replace("-", " ").replace("\r\n451 ", " / "))
        assert len(server.sent("STOR")) == 1
        assert server.files == {"/in/a": b"old"}


@pytest.mark.parametrize("reply", ["451 Local error in processing", "550 Content forbidden by policy"])
def test_another_reason_is_told_too(tmp_path: Path, reply: str) -> None:
    with ScriptedServer(files={"/in/a": b"old"}) as server:
        server.on("STOR", full(reply))
        code, (failed,) = put(server, tmp_path)
        assert (code, failed.reply) == (6, reply)
        assert server.files["/in/a"] == b"old"
