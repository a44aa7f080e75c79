"""Downloads from a server that answers out of order, short, not at all, or with something else."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import (
    ConnectionLost,
    Denied,
    FtpcliError,
    Incomplete,
    LocalFileError,
    NotFound,
    PeerProtocolError,
    Refused,
    Stopped,
    TimedOut,
)
from ftpcli.session.sftp.session import SftpSession
from ftpcli.wire.sftp.codes import Code, Packet
from tests.servers.scripted.sftp import Asked, ScriptedSftp, data_packet, framed, on, status

from .conftest import open_over

CONTENT = random.Random(1).randbytes(3_000_000)


class Memory:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: memoryview, /) -> int:
        self.data += data
        return len(data)


def read(session: SftpSession, path: str = "file", offset: int = 0) -> bytes:
    memory, told = Memory(), []
    with session.open_read(path, offset) as source:
        source.pump_to(memory, told.append)
        moved = source.finish()
    assert moved.confirmed
    assert moved.bytes == len(memory.data) == sum(told)
    return bytes(memory.data)


def serve(content: bytes = CONTENT, **settings: object) -> ScriptedSftp:
    return ScriptedSftp(files={"/home/file": bytearray(content)}, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 4095, 261119, 261120, 261121, 522240, 3_000_000])
@pytest.mark.parametrize("limit", [None, 32768])
def test_every_size(size: int, limit: int | None) -> None:
    server = serve(CONTENT[:size], limits=(limit or 261120, 32768))
    session = open_over(server)
    assert read(session) == CONTENT[:size]
    assert read(session) == CONTENT[:size]
    session.ping()
    assert session.healthy
    assert server.open_handles == 0


def test_resume() -> None:
    session = open_over(serve())
    for offset in (1, 261120, 2_999_999, 3_000_000, 3_000_001):
        assert read(session, offset=offset) == CONTENT[offset:]


def test_a_small_file_takes_two_round_trips() -> None:
    server = serve(b"small")
    session = open_over(server)
    before = len(server.asked)
    assert read(session) == b"small"
    assert [asked.kind for asked in server.asked[before:]] == [Packet.OPEN, Packet.FSTAT, Packet.READ]
    session.ping()
    # It goes with the next request.
    assert [asked.kind for asked in server.asked[before + 3 :]] == [Packet.CLOSE, Packet.REALPATH]
    session.ping()


@given(
    size=st.integers(0, 400_000),
    max_read=st.integers(1000, 70_000),
    seed=st.integers(0, 1000) | st.none(),
    piece=st.integers(1000, 50_000),
    excess=st.integers(0, 100_000) | st.none(),
    limit=st.integers(4096, 70_000),
)
def test_any_order_any_length_any_told_size(
    size: int, max_read: int, seed: int | None, piece: int, excess: int | None, limit: int
) -> None:
    """What comes is the file, byte by byte, whatever the server makes of the requests and whatever size it tells."""
    reorder = None if seed is None else random.Random(seed)
    content, told = CONTENT[:size], 0 if excess is None else size + excess
    server = serve(content, max_read=max_read, reorder=reorder, piece=piece, told_size=told, limits=(limit, limit))
    session = open_over(server)
    assert read(session) == content
    assert session.healthy


def test_a_size_of_zero_is_not_believed() -> None:
    """Files in /proc tell 0, and give what they have in short reads."""
    server = serve(CONTENT[:9000], told_size=0, max_read=4000)
    assert read(open_over(server)) == CONTENT[:9000]


def test_without_a_size() -> None:
    server = serve(CONTENT[:600_000], answers=[on(Packet.FSTAT, lambda asked: status(asked, Code.OP_UNSUPPORTED))])
    assert read(open_over(server)) == CONTENT[:600_000]


def test_a_file_that_shrinks_ends_where_it_ends() -> None:
    def shrink(server: ScriptedSftp, asked: Asked) -> bytes | None:
        if asked.kind == Packet.READ and asked.offset == 261120:
            del server.files["/home/file"][300_000:]
        return None

    session = open_over(serve(answers=[shrink]))
    got = read(session)
    assert CONTENT.startswith(got)
    assert 300_000 <= len(got) <= 522_240


def test_the_window_grows_and_is_bounded() -> None:
    server = serve(bytes(60_000_000))
    session = open_over(server)
    assert len(read(session)) == 60_000_000
    assert 4 <= server.most_in_flight <= 32 * 1024 * 1024 // 261120


@pytest.mark.parametrize("nth", [1, 3, 8])
def test_a_hole_is_an_error(nth: int) -> None:
    """The server says that the file ends, and sends bytes from beyond."""
    server = serve(answers=[on(Packet.READ, lambda asked: status(asked, Code.EOF), nth)])
    session = open_over(server)
    memory = Memory()
    with pytest.raises(Incomplete), session.open_read("file", 0) as source:
        source.pump_to(memory, lambda _: None)
    assert CONTENT.startswith(memory.data)
    assert not session.healthy


@pytest.mark.parametrize("nth", [0, 1, 5])
def test_a_block_that_never_comes(nth: int) -> None:
    session = open_over(serve(answers=[on(Packet.READ, lambda _: b"", nth)]))
    memory = Memory()
    with pytest.raises(TimedOut), session.open_read("file", 0) as source:
        source.pump_to(memory, lambda _: None)
    assert CONTENT.startswith(memory.data)
    assert not session.healthy


@pytest.mark.parametrize("nth", [0, 1, 5])
def test_a_refused_block_leaves_the_session_usable(nth: int) -> None:
    server = serve(answers=[on(Packet.READ, lambda asked: status(asked, Code.FAILURE, "Input/output error"), nth)])
    session = open_over(server)
    memory = Memory()
    with pytest.raises(Refused, match="Input/output error"), session.open_read("file", 0) as source:
        source.pump_to(memory, lambda _: None)
    assert CONTENT.startswith(memory.data)
    assert session.healthy
    assert read(session) == CONTENT
    session.ping()
    assert server.open_handles == 0


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: status(asked, Code.OK),
        lambda asked: framed(Packet.HANDLE, asked.id.to_bytes(4, "big") + bytes(4)),
        lambda asked: data_packet(asked, b""),
        lambda asked: data_packet(asked, bytes(asked.length + 1)),
        lambda asked: data_packet(Asked(0, asked.id + 77), b"stray"),
        lambda asked: data_packet(asked, CONTENT[asked.offset :][:9]) + data_packet(asked, b"again"),
        lambda _: b"\xff" * 40,
        lambda _: bytes(40),
    ],
)
@pytest.mark.parametrize("nth", [0, 4])
def test_nonsense_in_place_of_data(answer: object, nth: int) -> None:
    session = open_over(serve(answers=[on(Packet.READ, answer, nth)]))  # type: ignore[arg-type]
    memory = Memory()
    with pytest.raises(PeerProtocolError), session.open_read("file", 0) as source:
        source.pump_to(memory, lambda _: None)
    assert CONTENT.startswith(memory.data)
    assert not session.healthy


@pytest.mark.parametrize("end_after", [400, 100_000, 1_500_000])
def test_the_channel_ends_in_the_middle(end_after: int) -> None:
    session = open_over(serve(end_after=end_after))
    memory = Memory()
    with pytest.raises(ConnectionLost), session.open_read("file", 0) as source:
        source.pump_to(memory, lambda _: None)
    assert CONTENT.startswith(memory.data)
    assert not session.healthy


@pytest.mark.parametrize(("code", "kind"), [(Code.NO_SUCH_FILE, NotFound), (Code.PERMISSION_DENIED, Denied)])
def test_opening_refused(code: Code, kind: type[FtpcliError]) -> None:
    session = open_over(serve(answers=[on(Packet.OPEN, lambda asked: status(asked, code))]))
    with pytest.raises(kind):
        session.open_read("file", 0)
    assert session.healthy
    assert read(session) == CONTENT


class Stop:
    """A stop token that is asked for in the middle."""

    exit_code = 130

    def __init__(self) -> None:
        self.requested = False
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def request(self) -> None:
        self.requested = True
        os.write(self._write, b"x")

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


def test_a_stop_in_the_middle() -> None:
    stop = Stop()
    session = open_over(serve(), stop)
    memory = Memory()

    def moved(_: int) -> None:
        if len(memory.data) > 500_000 and not stop.requested:
            stop.request()

    with pytest.raises(Stopped), session.open_read("file", 0) as source:
        source.pump_to(memory, moved)
    assert 500_000 < len(memory.data) < 700_000
    assert not session.healthy
    stop.close()


def test_a_full_disk_here() -> None:
    class Full:
        def write(self, _data: memoryview, /) -> int:
            raise OSError(28, "No space left on device")

    session = open_over(serve())
    with pytest.raises(LocalFileError), session.open_read("file", 0) as source:
        source.pump_to(Full(), lambda _: None)
    assert not session.healthy


def test_an_empty_file_and_an_untouched_source() -> None:
    server = serve(b"")
    session = open_over(server)
    assert read(session) == b""
    with session.open_read("file", 0):
        pass
    session.ping()
    assert session.healthy
    assert server.open_handles == 0
