"""A plain stream: what it says of endings, resets and full buffers."""

from __future__ import annotations

import errno
import io
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.errors import ConnectionLost, LocalFileError
from ftpcli.net import pump
from ftpcli.net.stream import BLOCKED, ORDERLY_END, PlainStream
from ftpcli.net.wait import ready

SIZES = [0, 1, 16383, 16384, 16385, pump.CHUNK, pump.CHUNK + 1, 1024 * 1024]


@pytest.fixture
def pair() -> Iterator[tuple[PlainStream, socket.socket]]:
    """Our stream and the peer's socket, over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    stream = PlainStream(ours, "the server")
    yield stream, theirs
    stream.close()
    theirs.close()


Pair = tuple[PlainStream, socket.socket]


def buffer(size: int = 100) -> memoryview:
    return memoryview(bytearray(size))


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait(stream: PlainStream) -> None:
    assert ready((stream.fileno(),), (), 10)


def test_bytes_both_ways(pair: Pair) -> None:
    stream, theirs = pair
    assert stream.send(memoryview(b"ping")) == 4
    assert theirs.recv(10) == b"ping"
    theirs.sendall(b"pong")
    wait(stream)
    room = buffer()
    assert stream.receive_into(room) == 4
    assert bytes(room[:4]) == b"pong"


def test_nothing_there(pair: Pair) -> None:
    assert pair[0].receive_into(buffer()) == BLOCKED


def test_fin_is_an_orderly_end_and_stays_one(pair: Pair) -> None:
    stream, theirs = pair
    theirs.shutdown(socket.SHUT_WR)
    wait(stream)
    assert [stream.receive_into(buffer()) for _ in range(2)] == [ORDERLY_END] * 2
    assert stream.send(memoryview(b"half-closed")) == 11
    assert theirs.recv(20) == b"half-closed"


def test_our_end_leaves_the_other_direction(pair: Pair) -> None:
    stream, theirs = pair
    stream.close_notify()
    assert stream.flush()
    stream.shut_write()
    assert theirs.recv(10) == b""
    theirs.sendall(b"late")
    wait(stream)
    assert stream.receive_into(buffer()) == 4


def test_reset_while_receiving(pair: Pair) -> None:
    stream, theirs = pair
    reset(theirs)
    wait(stream)
    with pytest.raises(ConnectionLost, match="the server reset the connection"):
        stream.receive_into(buffer())
    stream.shut_write()  # suffers no error


def test_reset_while_sending(pair: Pair) -> None:
    stream, theirs = pair
    reset(theirs)
    wait(stream)
    with pytest.raises(ConnectionLost):
        stream.send(memoryview(b"x"))


def test_a_full_buffer_blocks_and_empties(pair: Pair) -> None:
    stream, theirs = pair
    chunk = memoryview(bytes(256 * 1024))
    sent = 0
    while (count := stream.send(chunk)) != BLOCKED:
        sent += count
    assert stream.send(chunk) == BLOCKED
    received = 0
    while received < sent:
        received += len(theirs.recv(1 << 20))
    assert ready((), (stream.fileno(),), 10)
    assert stream.send(chunk) > 0


@pytest.mark.skipif(not os.path.exists("/proc"), reason="TIOCOUTQ is for sockets on Linux only")
def test_a_slow_peer_is_told_from_one_that_is_gone(pair: Pair) -> None:
    stream, theirs = pair
    chunk = memoryview(bytes(256 * 1024))
    while stream.send(chunk) != BLOCKED:
        pass
    stream.unsent_shrinks()
    assert not stream.unsent_shrinks(), "nothing moves"
    for _ in range(100):
        theirs.recv(1 << 20)
        if stream.unsent_shrinks():
            return
    pytest.fail("what the peer took was not noticed")


def test_cut_ends_everything(pair: Pair) -> None:
    stream, theirs = pair
    stream.cut()
    wait(stream)
    assert stream.receive_into(buffer()) == ORDERLY_END
    assert theirs.recv(1) == b""
    stream.close()
    stream.cut()  # suffers no error


class TestPump:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("start", [0, 7])
    def test_file_to_stream_and_back(self, pair: Pair, tmp_path: Path, size: int, start: int) -> None:
        stream, theirs = pair
        data = os.urandom(size)
        (tmp_path / "source").write_bytes(b"skipped" + data)
        peer = PlainStream(theirs, "the client")
        out = io.BytesIO()
        room = buffer(pump.CHUNK)
        with open(tmp_path / "source", "rb", buffering=0) as source:
            source.seek(7 - start)
            send, receive = pump.sender(stream, source, buffer(pump.CHUNK)), pump.receiver(peer, out, room)
            while (count := send()) != pump.END_OF_FILE:
                if count == BLOCKED:
                    receive()
            stream.shut_write()
            while (count := receive()) != ORDERLY_END:
                assert count > 0 or ready((peer.fileno(),), (), 10)
        assert out.getvalue() == (b"skipped" + data)[7 - start :]

    def test_what_is_no_regular_file_is_copied(self, pair: Pair) -> None:
        stream, theirs = pair
        read, write = os.pipe()
        os.write(write, b"through a pipe")
        os.close(write)
        with open(read, "rb", buffering=0) as source:
            send = pump.sender(stream, source, buffer())
            assert [send(), send()] == [14, pump.END_OF_FILE]
        assert theirs.recv(20) == b"through a pipe"

    def test_a_pipe_that_does_not_block_is_not_at_its_end_when_it_is_empty(self, pair: Pair) -> None:
        stream, theirs = pair
        read, write = os.pipe()
        os.set_blocking(read, False)
        later = threading.Timer(0.2, lambda: (os.write(write, b"late"), os.close(write)))
        later.start()
        with open(read, "rb", buffering=0) as source:
            send = pump.sender(stream, source, buffer())
            assert [send(), send()] == [4, pump.END_OF_FILE]
        later.join()
        assert theirs.recv(20) == b"late"

    @pytest.mark.parametrize("regular", [True, False])
    def test_the_peer_resets(self, pair: Pair, tmp_path: Path, regular: bool) -> None:
        stream, theirs = pair
        reset(theirs)
        wait(stream)
        (tmp_path / "source").write_bytes(b"x")
        with open(tmp_path / "source", "rb", buffering=0) as source:
            send = pump.sender(stream, source if regular else io.BytesIO(b"x"), buffer())  # type: ignore[arg-type]
            with pytest.raises(ConnectionLost, match="the server"):
                send()

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
    def test_a_full_disk(self, pair: Pair) -> None:
        stream, theirs = pair
        theirs.sendall(b"x")
        wait(stream)
        with open("/dev/full", "wb", buffering=0) as full, pytest.raises(LocalFileError, match="no space left"):
            pump.receiver(stream, full, buffer())()

    def test_short_writes_are_continued(self) -> None:
        class Slow(io.BytesIO):
            def write(self, data: object, /) -> int:
                return super().write(memoryview(data)[:3])  # type: ignore[arg-type]

        out = Slow()
        pump.write_all(out, memoryview(b"0123456789"))
        assert out.getvalue() == b"0123456789"


# Was: taken for a lost connection, tried again and again, and told as one.
def test_a_disk_that_cannot_be_read(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "file").write_bytes(b"content")
    with open(tmp_path / "file", "rb", 0) as source:
        send = pump.sender(pair[0], source, buffer())
        monkeypatch.setattr(os, "sendfile", broken)
        with pytest.raises(LocalFileError, match="cannot read: input/output error"):
            send()
