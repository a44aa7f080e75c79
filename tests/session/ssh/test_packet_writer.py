"""Packets that are read ahead and sealed together are the packets that paramiko would have read and sent."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator

import paramiko
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko.packet import NeedRekeyException, Packetizer

from ftpcli.session.ssh.packet_writer import LeanPackets

KEY, IV = bytes(range(16)), bytes(12)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(0.05)
    yield ours, theirs
    ours.close()
    theirs.close()


def plain(channel: int, data: bytes) -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(b"\x5e")
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
        sender, receiver = with_gcm(LeanPackets(ours)), with_gcm(Packetizer(theirs))
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
    sender, receiver = with_gcm(Packetizer(theirs)), with_gcm(LeanPackets(ours))
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
        packets = LeanPackets(ours)
        assert b"".join(packets.read_all(count) for count in counts) == raw
        thread.join()


def test_silence_and_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    packets = LeanPackets(ours)
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
    packets = LeanPackets(ours)
    assert packets.readline(1) == "SSH-2.0-x"
    theirs.sendall(b" and late")
    assert packets.read_all(3) == b"ear"
    assert packets.read_all(11) == b"ly and late"


def test_other_ciphers_go_paramikos_way(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = LeanPackets(pair[0])
    assert not packets.send_data(1, memoryview(b"x" * 10), 5, to_socket(pair[0]))


def test_keys_are_asked_for_when_enough_was_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = with_gcm(LeanPackets(pair[0]))
    packets.REKEY_BYTES = 1000
    assert packets.send_data(1, memoryview(bytes(600)), 300, to_socket(pair[0]))
    assert not packets.need_rekey()
    assert packets.send_data(1, memoryview(bytes(600)), 300, to_socket(pair[0]))
    assert packets.need_rekey()
