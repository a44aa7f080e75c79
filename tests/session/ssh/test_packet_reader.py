"""Two threads read one connection: each packet comes once, in order, and to the thread that it is for."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.packet import NeedRekeyException, Packetizer

from ftpcli.model import Endpoint, Secret, SshSettings, Timing
from ftpcli.net.wait import ready
from ftpcli.session.contract import HostMemory
from ftpcli.session.sftp.inbox import Inbox
from ftpcli.session.sftp.login import open_sftp_over
from ftpcli.session.ssh import packet_reader as turns
from ftpcli.session.ssh.connect import open_transport
from ftpcli.session.ssh.packet_reader import TurnPackets
from tests.servers.paramiko_server import paramiko_server

KEY, IV = bytes(range(16)), bytes(12)
OURS = 7
DATA, ADJUST, GLOBAL_REQUEST = 94, 93, 80


def with_gcm(packets: Any) -> Any:
    packets.set_outbound_cipher(AESGCM(KEY), 16, None, 16, b"", aead=True, iv_out=IV)
    packets.set_inbound_cipher(AESGCM(KEY), 16, None, 16, b"", aead=True, iv_in=IV)
    return packets


def message(kind: int, channel: int, data: bytes) -> paramiko.Message:
    made = paramiko.Message()
    made.add_byte(bytes([kind]))
    made.add_int(channel)
    made.add_string(data)
    return made


class Line:
    """A server's packets at one end; at the other a worker with its inbox, and a thread such as paramiko's."""

    def __init__(self, *, shared: bool = True) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(0.05)
        self.theirs.settimeout(10)
        self.own = self.ours.dup()
        self.own.setblocking(False)
        self.packets: TurnPackets = with_gcm(TurnPackets(self.ours))
        self.packets.exchanging = lambda: False
        self.server: Packetizer = with_gcm(Packetizer(self.theirs))
        self.inbox = Inbox()
        self.adjusted: list[int] = []
        self.others: list[tuple[int, int]] = []
        self.error: BaseException | None = None
        if shared:
            self.inbox.source = self.packets.share(
                self.own, OURS, self.inbox.put, lambda m: self.adjusted.append(m.get_int()), self.inbox.wake
            )
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        try:
            while True:
                try:
                    kind, found = self.packets.read_message()
                except NeedRekeyException:
                    self.packets._Packetizer__need_rekey = False  # type: ignore[attr-defined]
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
        """paramiko's thread looks now and then."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.others
            time.sleep(0.01)

    def close(self) -> None:
        self.ours.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert not self.thread.is_alive()
        for end in (self.ours, self.theirs, self.own):
            end.close()
        self.packets.close_bell()
        self.inbox.bell.close()


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
            line.server.send_message(message(DATA, OURS, block))
            if number % 3 == 0:
                line.server.send_message(message(kind, number, b"for paramiko"))
            if number % 4 == 0:
                line.server.send_message(message(DATA, 9, b"another channel"))

    server = threading.Thread(target=serve)
    server.start()
    assert line.received(sum(map(len, blocks))) == b"".join(blocks)
    server.join()
    line.server.send_message(message(DATA, OURS, b"end"))
    assert line.received(3) == b"end"
    line.until(lambda: [number for kind, number in line.others if kind == GLOBAL_REQUEST] == list(range(0, 60, 3)))


def test_questions_and_answers_are_the_workers_alone(line: Line) -> None:
    line.server.send_message(message(DATA, OURS, b"x"))  # paramiko's thread was waiting for this one
    line.received(1)
    for number in range(300):
        line.server.send_message(message(DATA, OURS, b"%03d" % number))
        if number % 10 == 0:
            line.server.send_message(message(ADJUST, OURS, b""))
        assert line.received(3) == b"%03d" % number
    assert len(line.adjusted) + line.others.count((ADJUST, OURS)) >= 29


def test_while_the_worker_is_away_paramiko_reads(line: Line) -> None:
    """As a server's sign of life must be answered, whatever the worker does."""
    line.server.send_message(message(GLOBAL_REQUEST, 1, b""))
    line.server.send_message(message(GLOBAL_REQUEST, 2, b""))
    line.until(lambda: line.others == [(GLOBAL_REQUEST, 1), (GLOBAL_REQUEST, 2)])


def test_new_keys_that_we_want(line: Line) -> None:
    line.packets.REKEY_BYTES = 50_000
    for _ in range(20):
        line.server.send_message(message(DATA, OURS, bytes(10_000)))
        line.received(10_000)
    line.until(lambda: (0, 0) in line.others)


@pytest.mark.parametrize("broken", ["tag", "length", "end"])
def test_what_is_no_packet_ends_the_connection(line: Line, broken: str) -> None:
    line.server.send_message(message(DATA, OURS, b"x"))
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


def test_a_part_of_a_packet_holds_nobody_up(line: Line) -> None:
    line.server.send_message(message(DATA, OURS, b"x"))
    line.received(1)
    line.theirs.sendall(b"\0\0\x20\0" + bytes(100))
    assert not line.inbox.wait(0.05, None)
    assert not ready((line.inbox.bell.fileno(),), (), 0)


def test_not_without_a_socket_of_ones_own() -> None:
    class Channel:
        """As that of another connection."""

    packets = TurnPackets(Channel())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert packets.share(ours, OURS, lambda _: None, lambda _: None, lambda: None) is None
    packets.close_bell()


def test_a_connection_is_closed_without_waiting_for_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_TICK", 60.0)
    with paramiko_server() as server:
        endpoint = Endpoint(
            "sftp", server.host, server.port, server.user, Secret(server.password),
            ssh=SshSettings(config="none", insecure=True), timing=Timing(idle=20),
        )  # fmt: skip
        connection = open_transport(endpoint, HostMemory(), lambda _: None, None)
        session = open_sftp_over(connection, endpoint, None)
        session.list(".")
        alive: list[bool] = []
        transport, close = connection.transport, connection.transport.close
        # Comes once its thread was waited for.
        monkeypatch.setattr(transport, "close", lambda: (alive.append(transport.is_alive()), close()))
        session.close()
        assert alive == [False]
