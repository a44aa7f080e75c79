"""An upload that is resumed: what the server made of it is read back, and a server that cannot do it gets all of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Finished
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.stop import StopToken
from tests.servers.scripted.data import receive_data
from tests.servers.scripted.server import Connection, Course, ScriptedServer

CONTENT = os.urandom(900_000)
SPARSE = bytes(400_000) + CONTENT[:500_000]
CUT = 300_000  # bytes of the first try that arrive

Kept = Callable[[bytes, int], bytes]


def hole(_old: bytes, offset: int) -> bytes:
    """rclone with a write cache, Erlang: truncated when it is opened, written at the offset."""
    return bytes(offset)


def nothing(_old: bytes, _offset: int) -> bytes:
    """REST is answered with 350 and ignored: stored from the start."""
    return b""


def everything(old: bytes, _offset: int) -> bytes:
    """The offset is ignored: appended."""
    return old


def shifted(old: bytes, offset: int) -> bytes:
    return old[1:offset] + b"!"


def storing(kept: Kept) -> Callable[[Connection, str], None]:
    def hook(c: Connection, argument: str) -> None:
        path = c.path(argument)
        offset = c.restart
        receive_data(c, c.course, "STOR", path, kept(c.server.files.get(path, b""), offset) if offset else b"")

    return hook


def put(
    server: ScriptedServer, source: Path, *more: Path, retries: int = 2, **rules: object
) -> tuple[int, list[Event]]:
    where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(20, 20))
    roots = tuple(Root(str(path), path.name) for path in (source, *more))
    settled = Rules(compare="always", **rules)  # type: ignore[arg-type]
    job = Job(Direction.UPLOAD, where, roots, settled, parallel=1, retries=retries, retry_wait=0.0)
    events: list[Event] = []
    stop = StopToken()
    try:
        return run(job, events.append, stop, RunProgress(1)).exit_code, events
    finally:
        stop.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    os.utime(path, (6e8, 6e8))
    return path


def cut_first(server: ScriptedServer) -> None:
    server.on("STOR", Course(only=CUT, drop="rst"), times=1)


def starts(events: list[Event]) -> list[int]:
    return [event.resumed_from for event in events if isinstance(event, Finished)]


# Was: "resumed at ..." and exit code 0, with zeros for the first half of the file.
@pytest.mark.parametrize("verify", ["auto", "size", "none"])
@pytest.mark.parametrize("tells_sizes", [True, False])
@pytest.mark.parametrize("kept", [hole, nothing, everything, shifted])
def test_a_server_that_mixes_it_up_gets_the_whole_file(
    source: Path, kept: Kept, tells_sizes: bool, verify: str
) -> None:
    with ScriptedServer() as server:
        server.on("STOR", storing(kept))
        cut_first(server)
        if not tells_sizes:
            server.on("SIZE", lambda c, a: c.reply("502 no SIZE") if "REST" in server.verbs() else c.default("SIZE", a))
        code, events = put(server, source, verify=verify)
        assert (code, starts(events)) == (0, [0])
        assert server.files == {"/a.bin": CONTENT}


@pytest.mark.parametrize("content", [CONTENT, SPARSE, bytes(900_000), bytes(100_000) + CONTENT[:800_000]])
def test_what_was_resumed_well_is_not_sent_twice(source: Path, content: bytes) -> None:
    source.write_bytes(content)
    os.utime(source, (6e8, 6e8))
    with ScriptedServer() as server:
        cut_first(server)
        code, events = put(server, source)
        assert code == 0
        assert starts(events)[0] == 0  # this run began it
        assert server.files == {"/a.bin": content}
        assert server.verbs().count("STOR") == 2


def test_a_hole_that_zeros_hide_is_found_before_them(source: Path) -> None:
    """What is right before the offset is all zeros in the source, so that a hole does not show there."""
    content = CONTENT[:100_000] + bytes(250_000) + CONTENT[:500_000]
    source.write_bytes(content)
    os.utime(source, (6e8, 6e8))
    with ScriptedServer() as server:
        server.on("STOR", storing(hole))
        cut_first(server)
        assert put(server, source)[0] == 0
        assert server.files == {"/a.bin": content}


def test_a_large_rest_is_not_read_to_its_end(tmp_path: Path) -> None:
    """The look at the seam is broken off; whether that costs the session or not, the file is stored once."""
    large = tmp_path / "large"
    large.write_bytes(os.urandom(4_000_000))
    os.utime(large, (6e8, 6e8))
    with ScriptedServer() as server:
        cut_first(server)
        assert put(server, large)[0] == 0
        assert server.files == {"/large": large.read_bytes()}
        assert server.verbs().count("STOR") == 2
        assert server.verbs().count("RETR") == 1


def test_the_host_is_remembered(tmp_path: Path, source: Path) -> None:
    other = tmp_path / "b.bin"
    other.write_bytes(CONTENT[::-1])
    os.utime(other, (6e8, 6e8))
    with ScriptedServer() as server:
        server.on("STOR", storing(hole))
        server.on("STOR", Course(only=CUT, drop="rst"), times=1, match="b.bin")
        server.on("STOR", Course(only=CUT, drop="rst"), times=1, match="a.bin")
        assert put(server, source, other)[0] == 0
        assert server.files == {"/a.bin": CONTENT, "/b.bin": CONTENT[::-1]}
        assert len(server.sent("REST")) == 2  # one upload, and one look at what came of it


def test_a_server_that_lets_nobody_look_gets_the_whole_file(source: Path) -> None:
    with ScriptedServer() as server:
        server.on("RETR", "550 Permission denied.")
        cut_first(server)
        assert put(server, source)[0] == 0
        assert server.files == {"/a.bin": CONTENT}
        assert server.verbs().count("STOR") == 3


# Was: the same refusal in each try and each run, and the file was never stored.
@pytest.mark.parametrize("verb", ["REST", "STOR"])
@pytest.mark.parametrize("code", [450, 451, 501, 502, 503, 504, 550, 551, 553, 554])
def test_an_offset_that_is_refused(source: Path, verb: str, code: int) -> None:
    with ScriptedServer() as server:

        def refuse(c: Connection, argument: str) -> None:
            if verb == "REST" or c.restart:
                c.reply(f"{code} Append/Restart not permitted, try again.")
            else:
                c.default("STOR", argument)

        server.on(verb, refuse)
        cut_first(server)
        result, events = put(server, source, retries=1)
        assert (result, starts(events)) == (0, [0])
        assert server.files == {"/a.bin": CONTENT}
        assert server.connections <= 3


def test_a_refusal_of_the_whole_file_is_not_tried_for_ever(source: Path) -> None:
    with ScriptedServer() as server:
        server.on("STOR", "553 no", match="a.bin")
        cut_first(server)
        assert put(server, source)[0] == 6
        assert len(server.sent("STOR")) <= 5
