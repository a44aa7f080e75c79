"""Packets that are read ahead and encrypted together are the packets that paramiko would have read and sent."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import paramiko
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko.packet import NeedRekeyException, Packetizer

from ftpcli.net.wait import ready
from ftpcli.session.sftp.inbox import Inbox
from ftpcli.session.ssh.packetizer import BatchingPacketizer

KEY, IV = bytes(range(16)), bytes(12)
OURS = 7
DATA, GLOBAL_REQUEST = 94, 80


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(0.05)
    yield ours, theirs
    ours.close()
    theirs.close()


def plain(channel: int, data: bytes, kind: int = DATA) -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(bytes([kind]))
    message.add_int(channel)
    message.add_string(data)
    return message


def with_gcm(packets: Packetizer) -> Packetizer:
    packets.set_outbound_cipher(AESGCM(KEY), 16, None, 16, b"", aead=True, iv_out=IV)
    packets.set_inbound_cipher(AESGCM(KEY), 16, None, 16, b"", aead=True, iv_in=IV)
    return packets


def to_socket(sock: socket.socket) -> Callable[[memoryview], None]:
    return sock.sendall


@given(
    sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=5),
    longest=st.integers(1000, 40_000),
    between=st.booleans(),
)
def test_what_is_sealed_together_paramiko_reads_one_by_one(sizes: list[int], longest: int, between: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.settimeout(5)
        sender, receiver = with_gcm(BatchingPacketizer(ours)), with_gcm(Packetizer(theirs))
        expected = [random.Random(size).randbytes(size) for size in sizes]

        def send() -> None:
            for data in expected:
                if between:
                    sender.send_message(plain(9, b"between"))
                assert sender.send_data(7, memoryview(data), longest, to_socket(ours))

        thread = threading.Thread(target=send)
        thread.start()
        for data in expected:
            if between:
                assert receiver.read_message()[1].get_int() == 9
            got = b""
            while len(got) < len(data):
                kind, message = receiver.read_message()
                assert (kind, message.get_int()) == (94, 7)
                piece = message.get_binary()
                assert 0 < len(piece) <= longest
                got += piece
            assert got == data
        thread.join()


def test_paramikos_packets_are_read_ahead(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    sender, receiver = with_gcm(Packetizer(theirs)), with_gcm(BatchingPacketizer(ours))
    expected = [os.urandom(random.Random(n).randrange(1, 5000)) for n in range(12)]
    for data in expected:
        sender.send_message(plain(3, data))
    for data in expected:
        _, message = receiver.read_message()
        assert (message.get_int(), message.get_binary()) == (3, data)


@given(counts=st.lists(st.integers(1, 300_000), max_size=8), seed=st.integers(0, 99))
def test_reading_in_any_portions(counts: list[int], seed: int) -> None:
    """Also larger ones than the store."""
    counts = [*counts, 600_000]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        raw = random.Random(seed).randbytes(sum(counts))
        thread = threading.Thread(target=theirs.sendall, args=(raw,))
        thread.start()
        packets = BatchingPacketizer(ours)
        assert b"".join(packets.read_all(count) for count in counts) == raw
        thread.join()


def test_silence_and_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    packets = BatchingPacketizer(ours)
    theirs.sendall(b"ab")
    assert packets.read_all(1) == b"a"
    packets._trigger_rekey()
    # In the middle of a packet nothing may come in between; at its start new keys may.
    threading.Timer(0.15, theirs.sendall, (b"c",)).start()
    assert packets.read_all(2, check_rekey=True) == b"bc"
    with pytest.raises(NeedRekeyException):
        packets.read_all(1, check_rekey=True)
    theirs.close()
    with pytest.raises(EOFError):
        packets.read_all(1)


def test_what_followed_the_greeting_comes_first(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"SSH-2.0-x\r\nearly")
    packets = BatchingPacketizer(ours)
    assert packets.readline(1) == "SSH-2.0-x"
    theirs.sendall(b" and late")
    assert packets.read_all(3) == b"ear"
    assert packets.read_all(11) == b"ly and late"


def test_other_ciphers_go_paramikos_way(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = BatchingPacketizer(pair[0])
    assert not packets.send_data(1, memoryview(b"x" * 10), 5, to_socket(pair[0]))


def test_keys_are_asked_for_when_enough_was_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = with_gcm(BatchingPacketizer(pair[0]))
    packets.REKEY_BYTES = 1000
    assert packets.send_data(1, memoryview(bytes(600)), 300, to_socket(pair[0]))
    assert not packets.need_rekey()
    assert packets.send_data(1, memoryview(bytes(600)), 300, to_socket(pair[0]))
    assert packets.need_rekey()


class Line:
    """A server's packets at one end; at the other a thread that reads as paramiko's does, and a worker with its
    inbox."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(0.05)
        self.theirs.settimeout(10)
        self.packets = with_gcm(BatchingPacketizer(self.ours))
        self.server = with_gcm(Packetizer(self.theirs))
        self.inbox = Inbox()
        self.others: list[tuple[int, int]] = []
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        try:
            while True:
                try:
                    kind, found = self.packets.read_message()
                except NeedRekeyException:
                    self.packets._Packetizer__need_rekey = False
                    self.others.append((0, 0))
                    continue
                channel = found.get_int()
                if (kind, channel) == (DATA, OURS):
                    self.inbox.feed(found.get_binary())
                else:
                    self.others.append((kind, channel))
        except BaseException as error:
            self.error = error
            self.inbox.close()

    def received(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            assert self.inbox.wait(10, None)
            assert not self.inbox.ended, self.error
            got += b"".join(self.inbox.read(0).blocks)
        return got

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.others
            time.sleep(0.01)

    def close(self) -> None:
        self.ours.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert not self.thread.is_alive()
        for end in (self.ours, self.theirs):
            end.close()
        self.inbox.dispose()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_data_comes_in_order_and_the_rest_to_paramiko(line: Line) -> None:
    chance = random.Random(4)
    blocks = [os.urandom(chance.choice((1, 30, 5000, 32768, 200_000))) for _ in range(60)]
    others = [(GLOBAL_REQUEST, number) for number in range(len(blocks))]

    def serve() -> None:
        for block, (kind, number) in zip(blocks, others, strict=True):
            line.server.send_message(plain(OURS, block))
            if number % 3 == 0:
                line.server.send_message(plain(number, b"for paramiko", kind))
            if number % 4 == 0:
                line.server.send_message(plain(9, b"another channel"))

    server = threading.Thread(target=serve)
    server.start()
    assert line.received(sum(map(len, blocks))) == b"".join(blocks)
    server.join()
    line.server.send_message(plain(OURS, b"end"))
    assert line.received(3) == b"end"
    line.until(lambda: [number for kind, number in line.others if kind == GLOBAL_REQUEST] == list(range(0, 60, 3)))


def test_each_answer_wakes_the_worker(line: Line) -> None:
    for number in range(300):
        line.server.send_message(plain(OURS, b"%03d" % number))
        assert line.received(3) == b"%03d" % number


def test_what_is_for_paramiko_is_read_while_the_worker_is_away(line: Line) -> None:
    """As a server's keepalive must be answered, whatever the worker does."""
    line.server.send_message(plain(1, b"", GLOBAL_REQUEST))
    line.server.send_message(plain(2, b"", GLOBAL_REQUEST))
    line.until(lambda: line.others == [(GLOBAL_REQUEST, 1), (GLOBAL_REQUEST, 2)])


def test_keys_are_asked_for_when_enough_was_received(line: Line) -> None:
    line.packets.REKEY_BYTES = 50_000
    for _ in range(20):
        line.server.send_message(plain(OURS, bytes(10_000)))
        line.received(10_000)
    line.until(lambda: (0, 0) in line.others)


@pytest.mark.parametrize("broken", ["tag", "length", "end"])
def test_what_is_no_packet_ends_the_connection(line: Line, broken: str) -> None:
    line.server.send_message(plain(OURS, b"x"))
    line.received(1)
    if broken == "tag":
        line.theirs.sendall(b"\0\0\0\x20" + bytes(48))
    elif broken == "length":
        line.theirs.sendall(b"\x7f\0\0\0" + bytes(48))
    else:
        line.theirs.shutdown(socket.SHUT_WR)
    while not line.inbox.ended:
        assert line.inbox.wait(10, None)
    line.thread.join(10)
    assert line.error is not None


def test_part_of_a_packet_does_not_wake_the_worker(line: Line) -> None:
    line.server.send_message(plain(OURS, b"x"))
    line.received(1)
    line.theirs.sendall(b"\0\0\x20\0" + bytes(100))
    assert not line.inbox.wait(0.05, None)
    assert not ready((line.inbox._wakeup.fileno(),), (), 0)
