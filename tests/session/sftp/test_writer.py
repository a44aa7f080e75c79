"""Uploads: what is refused in the middle is said, and nothing counts as stored before the server says so."""

from __future__ import annotations

import io
import os
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import (
    ConnectionLost,
    Denied,
    LocalFileError,
    NoSpace,
    NotFound,
    PeerProtocolError,
    Refused,
    Stopped,
    TimedOut,
)
from ftpcli.session.sftp.session import SftpSession
from ftpcli.stop import StopToken
from ftpcli.wire.sftp.codes import Code, Packet
from tests.servers.scripted.sftp import Answer, Asked, ScriptedSftp, data_packet, on, status

from .conftest import open_over

CONTENT = random.Random(2).randbytes(3_000_000)


class File(io.BytesIO):
    """A local file; ``most`` bytes a read, as from a pipe."""

    most = 10**9

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return super().readinto(buffer[: self.most])


def send(session: SftpSession, content: bytes, path: str = "file", offset: int = 0, most: int = 10**9) -> int:
    file = File(content)
    file.most = most
    told: list[int] = []
    with session.open_write(path, offset) as sink:
        sink.pump_from(file, told.append)
        moved = sink.finish()
    assert moved.confirmed
    assert moved.bytes == sum(told)
    return moved.bytes


@given(
    size=st.integers(0, 600_000),
    seed=st.integers(0, 1000) | st.none(),
    limit=st.integers(4096, 261120),
    most=st.integers(1000, 10**6),
)
def test_any_size_any_order_of_answers(size: int, seed: int | None, limit: int, most: int) -> None:
    server = ScriptedSftp(reorder=None if seed is None else random.Random(seed), limits=(limit, limit))
    session = open_over(server)
    assert send(session, CONTENT[:size], most=most) == size
    assert server.files["/home/file"] == CONTENT[:size]
    assert session.healthy
    assert server.open_handles == 0


def test_resume_and_overwrite(server: ScriptedSftp, session: SftpSession) -> None:
    send(session, CONTENT[:500_000])
    send(session, CONTENT[400_000:], offset=400_000)
    assert server.files["/home/file"] == CONTENT
    send(session, b"short")
    assert server.files["/home/file"] == b"short"


def test_a_pipe_that_does_not_block_is_read_to_its_end(server: ScriptedSftp, session: SftpSession) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.write(write, b"first")
    later = threading.Timer(0.2, lambda: (os.write(write, b" and late"), os.close(write)))
    later.start()
    with open(read, "rb", buffering=0) as source, session.open_write("file", 0) as sink:
        sink.pump_from(source, lambda _: None)
        assert sink.finish().bytes == 14
    later.join()
    assert server.files["/home/file"] == b"first and late"


def test_a_pipe_that_does_not_block_can_be_stopped(server: ScriptedSftp) -> None:
    stop = StopToken()
    session = open_over(server, stop)
    read, write = os.pipe()
    os.set_blocking(read, False)
    with open(read, "rb", buffering=0) as source, open(write, "wb"), session.open_write("file", 0) as sink:
        later = threading.Timer(0.2, stop.request, (130,))
        later.start()
        with pytest.raises(Stopped):
            sink.pump_from(source, lambda _: None)
        later.join()
    stop.close()


def test_a_small_file_takes_two_round_trips_and_is_synced(server: ScriptedSftp, session: SftpSession) -> None:
    before, writes = len(server.asked), server.writes
    send(session, b"small")
    asked = server.asked[before:]
    assert [one.kind for one in asked] == [Packet.OPEN, Packet.WRITE, Packet.EXTENDED, Packet.CLOSE, Packet.STAT]
    assert asked[2].name == "fsync@openssh.com"
    assert server.writes - writes == 2


def test_the_size_that_the_end_told_is_not_asked_for_again(server: ScriptedSftp, session: SftpSession) -> None:
    send(session, b"small")
    before = len(server.asked)
    assert session.size("file") == 5
    assert len(server.asked) == before
    # It is told once: who asks again wants to know what is there now.
    server.files["/home/file"] += b"more"
    assert session.size("file") == 9


def test_a_size_is_asked_for_after_anything_else(server: ScriptedSftp, session: SftpSession) -> None:
    send(session, b"small")
    session.ping()
    server.files["/home/file"] += b"more"
    assert session.size("file") == 9
    send(session, b"small")
    server.files["/home/other"] = bytearray(b"1234567")
    assert session.size("other") == 7


def test_a_size_that_differs_is_asked_for_again(server: ScriptedSftp, session: SftpSession) -> None:
    server.told_size = 4
    send(session, b"small")
    assert session.size("file") == 4


def test_a_large_file_is_closed_only_when_every_write_is_answered(server: ScriptedSftp, session: SftpSession) -> None:
    unanswered: list[int] = []

    def watch(scripted: ScriptedSftp, asked: Asked) -> None:
        if asked.kind == Packet.CLOSE:
            unanswered.append(len(scripted._answers))

    server.answers.append(watch)
    send(session, CONTENT)
    assert unanswered == [1]  # the fsync's


def test_without_fsync() -> None:
    server = ScriptedSftp(extensions={})
    send(open_over(server), CONTENT)
    assert server.files["/home/file"] == CONTENT
    assert max(asked.length for asked in server.asked) == 32768


@pytest.mark.parametrize("code", [Code.OP_UNSUPPORTED, Code.BAD_MESSAGE])
def test_a_file_that_cannot_be_synced_is_stored_all_the_same(code: Code) -> None:
    server = ScriptedSftp()
    session = open_over(server)
    server.answers.append(on(Packet.EXTENDED, lambda asked: status(asked, code)))
    send(session, CONTENT)
    assert server.files["/home/file"] == CONTENT


@pytest.mark.parametrize("kind", [Packet.WRITE, Packet.EXTENDED, Packet.CLOSE])
@pytest.mark.parametrize("content", [b"small", CONTENT])
def test_what_the_server_refuses_is_said(kind: Packet, content: bytes) -> None:
    server = ScriptedSftp()
    session = open_over(server)
    server.answers.append(on(kind, lambda asked: status(asked, Code.FAILURE, "Input/output error")))
    with pytest.raises(Refused, match="Input/output error"):
        send(session, content)
    assert session.healthy
    server.answers.clear()
    assert send(session, content) == len(content)
    assert server.open_handles == 0


def test_a_refused_write_ends_the_upload_soon() -> None:
    server = ScriptedSftp(limits=(32768, 32768))
    session = open_over(server)
    server.answers.append(on(Packet.WRITE, lambda asked: status(asked, Code.PERMISSION_DENIED), 3))
    with pytest.raises(Denied):
        send(session, bytes(50_000_000))
    assert sum(asked.kind == Packet.WRITE for asked in server.asked) < 100
    assert session.healthy


def full(_server: ScriptedSftp, asked: Asked) -> bytes | None:
    return status(asked, Code.FAILURE) if asked.kind == Packet.WRITE else None


def test_a_full_disk_there() -> None:
    server = ScriptedSftp(free_bytes=1000, answers=[full])
    with pytest.raises(NoSpace, match="disk is full"):
        send(open_over(server), CONTENT)


def test_a_failure_with_room_left_is_no_full_disk() -> None:
    with pytest.raises(Refused) as caught:
        send(open_over(ScriptedSftp(answers=[full])), CONTENT)
    assert not isinstance(caught.value, NoSpace)


def test_an_upload_that_cannot_begin(session: SftpSession) -> None:
    with pytest.raises(NotFound):
        send(session, b"x", path="no-such/file")
    assert session.healthy


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: data_packet(asked, b"data"),
        lambda asked: status(Asked(0, asked.id + 999), Code.OK),
        lambda asked: status(asked, Code.OK) * 2,
        lambda _: b"\xff" * 40,
    ],
)
@pytest.mark.parametrize("content", [b"small", CONTENT])
def test_nonsense_in_place_of_a_status(answer: Answer, content: bytes) -> None:
    server = ScriptedSftp()
    session = open_over(server)
    server.answers.append(on(Packet.WRITE, answer))  # type: ignore[arg-type]
    with pytest.raises(PeerProtocolError):
        send(session, content)
    assert not session.healthy


@pytest.mark.parametrize("kind", [Packet.WRITE, Packet.CLOSE])
def test_an_answer_that_never_comes(kind: Packet) -> None:
    server = ScriptedSftp()
    session = open_over(server)
    server.answers.append(on(kind, lambda _: b""))
    with pytest.raises(TimedOut):
        send(session, CONTENT)
    assert not session.healthy


def test_the_channel_ends_in_the_middle() -> None:
    session = open_over(ScriptedSftp(end_after=450))
    with pytest.raises(ConnectionLost):
        send(session, CONTENT)
    assert not session.healthy


def test_a_local_file_that_cannot_be_read(session: SftpSession) -> None:
    class Broken(File):
        def readinto(self, _buffer: memoryview, /) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(LocalFileError), session.open_write("file", 0) as sink:
        sink.pump_from(Broken(), lambda _: None)
    assert session.healthy


def test_from_a_real_file(server: ScriptedSftp, session: SftpSession, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    with open(tmp_path / "source", "rb", buffering=0) as file, session.open_write("file", 0) as sink:
        sink.pump_from(file, lambda _: None)
        assert sink.finish().bytes == len(CONTENT)
    assert server.files["/home/file"] == CONTENT
