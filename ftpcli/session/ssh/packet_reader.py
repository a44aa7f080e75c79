"""Packets that two threads read in turn: paramiko's, and the worker that waits for its channel's data.

paramiko's own way is that its thread reads everything and wakes the worker: for every answer two threads pass the
interpreter on, which costs more than the answer's packet. Here the worker reads its data itself while it waits for it,
and paramiko's thread gets what is for the connection. That thread reads alone until a channel is shared, while keys are
exchanged, under another cipher than AES-GCM, and when the worker has other things to do.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.packet import NeedRekeyException

from ftpcli.net.wait import ready
from ftpcli.session.ssh.packet_writer import LeanPackets
from ftpcli.session.ssh.wakeup import Bell

_CHANNEL_WINDOW_ADJUST = 93  # RFC 4254 §9
_CHANNEL_DATA = 94
_DATA_HEAD = struct.Struct(">BBII")  # padding's length, then the message: its type, the channel, the data's length
_LENGTH = 4
_TAG = 16
_LONGEST = 500 * 1024  # of a packet: what fits into the store; a channel's packets are half as long at most
# Seconds after which paramiko's thread looks whether it has to do something, as often as in paramiko itself.
_TICK = 0.1
_INSIDE = (
    "block_engine_in",
    "aead_in",
    "compress_engine_in",
    "iv_in",
    "sequence_number_in",
    "received_bytes",
    "received_packets",
    "received_bytes_overflow",
    "received_packets_overflow",
)


class Reading:
    """The worker's side: a channel whose data it reads. ``adjust`` gets the channel's WINDOW_ADJUST messages."""

    def __init__(
        self,
        packets: TurnPackets,
        source: socket.socket,
        channel: int,
        feed: Callable[[memoryview], None],
        adjust: Callable[[Any], None],
    ) -> None:
        self._packets = packets
        self._source = source
        self.channel = channel
        self.feed = feed
        self.adjust = adjust

    def fileno(self) -> int:
        return self._source.fileno()

    def begin(self) -> bool:
        """Take the turn; False where it is paramiko's thread's."""
        return self._packets.worker_begins(self)

    def pull(self) -> bool:
        """Read what there is, without waiting; False where that is nothing. Only between ``begin`` and ``end``."""
        return self._packets.pull(self._source, self)

    def end(self) -> None:
        self._packets.worker_ends()


class TurnPackets(LeanPackets):
    """``exchanging`` says whether keys are being exchanged; ``last_received`` is when a packet came, by the monotonic
    clock."""

    _Packetizer__iv_in: bytes
    _Packetizer__sequence_number_in: int

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.exchanging: Callable[[], bool] = lambda: True
        self.last_received = time.monotonic()
        # Holds one item while nobody has the turn, which whoever takes it out has then. At first it is paramiko's.
        self._turn: deque[None] = deque()
        self._has_turn = True
        self._handed: deque[tuple[int, Any] | Exception] = deque()
        self._on_free: Callable[[], None] | None = None
        self._bell = Bell()
        self._ending = False
        self._readable = all(hasattr(self, f"_Packetizer__{name}") for name in _INSIDE)

    def share(
        self,
        source: socket.socket,
        channel: int,
        feed: Callable[[memoryview], None],
        adjust: Callable[[Any], None],
        on_free: Callable[[], None],
    ) -> Reading | None:
        """Let another thread read this channel's data from ``source``, a descriptor of its own of the same socket that
        never waits; None where that cannot be. ``on_free`` is called when paramiko's thread is done with its turn."""
        if self._source is None or not self._readable:
            return None
        self._on_free = on_free
        return Reading(self, source, channel, feed, adjust)

    def close(self) -> None:
        super().close()
        self._bell.set()

    def end(self) -> None:
        """The socket was shut down: paramiko's thread shall see that at once, and not at its next look."""
        self._ending = True
        self._bell.set()

    def close_bell(self) -> None:
        """Once paramiko's thread is gone."""
        self._bell.close()

    def _trigger_rekey(self) -> None:
        super()._trigger_rekey()
        self._bell.set()

    # paramiko's thread

    def read_message(self) -> tuple[int, Any]:
        """The next message that is paramiko's. It has the turn until it comes back for another one."""
        if self._on_free is not None:
            self._pass_on(self._on_free)
            self._await_turn(self._on_free)
        if self._handed:
            handed = self._handed.popleft()
            if isinstance(handed, Exception):
                raise handed
            return handed
        message: tuple[int, Any] = super().read_message()
        self.last_received = time.monotonic()
        return message

    def _pass_on(self, on_free: Callable[[], None]) -> None:
        if self._has_turn and not self._handed and self._is_shareable():
            self._has_turn = False
            self._turn.append(None)
            on_free()

    def _await_turn(self, on_free: Callable[[], None]) -> None:
        quiet = False
        while not self._has_turn:
            if (self._handed or quiet or not self._is_shareable()) and self._take():
                self._has_turn = True
                if self._handed or not self._is_shareable() or self._something_came():
                    return
                self._pass_on(on_free)
            if self.closed:
                raise EOFError
            if self.need_rekey() and not self.exchanging():
                raise NeedRekeyException
            quiet = not ready((self._bell.fileno(),), (), _TICK)
            if quiet:
                self._check_keepalive()
            self._bell.quiet()

    def _take(self) -> bool:
        try:
            self._turn.pop()
        except IndexError:
            return False
        return True

    def _is_shareable(self) -> bool:
        return bool(
            self._Packetizer__aead_in
            and self._Packetizer__compress_engine_in is None
            and not self.need_rekey()
            and not self.exchanging()
            and not self.closed
            and not self._ending
        )

    def _something_came(self) -> bool:
        assert self._source is not None
        return self._start != self._end or bool(ready((self._source.fileno(),), (), 0))

    # The worker's thread

    def worker_begins(self, reading: Reading) -> bool:
        if self._handed or not self._is_shareable() or not self._take():
            return False
        # The socket does not tell of what paramiko's thread has read ahead.
        self._deal_all(reading)
        if self._handed or self.need_rekey():
            self.worker_ends()
            return False
        return True

    def worker_ends(self) -> None:
        self._turn.append(None)
        if self._handed:
            self._bell.set()

    def pull(self, source: socket.socket, reading: Reading) -> bool:
        """All whole packets that are there, up to one that is paramiko's. An error is paramiko's thread's, too, which
        ends the connection with it."""
        try:
            came = self._refill(source)
        except (OSError, EOFError) as error:
            self._handed.append(error)
            return True
        self._deal_all(reading)
        return came

    def _deal_all(self, reading: Reading) -> None:
        try:
            while not self._handed and not self.need_rekey() and (plain := self._next_plain()) is not None:
                self._deal(plain, reading)
        except Exception as error:
            self._handed.append(error)

    def _refill(self, source: socket.socket) -> bool:
        if self._start:
            rest = self._end - self._start
            self._store[:rest] = self._store[self._start : self._end]
            self._start, self._end = 0, rest
        try:
            count = source.recv_into(self._view[self._end :])
        except (BlockingIOError, InterruptedError):
            return False
        if not count:
            raise EOFError
        self._end += count
        return True

    def _next_plain(self) -> memoryview | None:
        """The inside of the next packet, if it is there whole (RFC 5647 §7: the length is not encrypted)."""
        at, there = self._start, self._end - self._start
        if there < _LENGTH:
            return None
        size = int.from_bytes(self._view[at : at + _LENGTH], "big")
        total = _LENGTH + size + _TAG
        if total > _LONGEST:
            raise paramiko.SSHException(f"a packet of {size} bytes, which cannot be")
        if there < total:
            return None
        head, body = self._view[at : at + _LENGTH], self._view[at + _LENGTH : at + total]
        plain = self._Packetizer__block_engine_in.decrypt(self._Packetizer__iv_in, body, head)
        self._start += total
        self._Packetizer__iv_in = self._inc_iv_counter(self._Packetizer__iv_in)
        self._count(total)
        return memoryview(plain)

    def _count(self, total: int) -> None:
        self.last_received = time.monotonic()
        self._Packetizer__received_bytes += total
        self._Packetizer__received_packets += 1
        if (
            self._Packetizer__received_bytes >= self.REKEY_BYTES
            or self._Packetizer__received_packets >= self.REKEY_PACKETS
        ):
            self._Packetizer__received_bytes_overflow = self._Packetizer__received_packets_overflow = 0
            self._trigger_rekey()

    def _deal(self, plain: memoryview, reading: Reading) -> None:
        number = self._Packetizer__sequence_number_in
        self._Packetizer__sequence_number_in = (number + 1) & 0xFFFFFFFF
        end = len(plain) - plain[0]
        if end < 2:
            raise paramiko.SSHException("a packet without a message")
        if end >= _DATA_HEAD.size:
            _, kind, channel, length = _DATA_HEAD.unpack_from(plain)
            if kind == _CHANNEL_DATA and channel == reading.channel:
                if length != end - _DATA_HEAD.size:
                    raise paramiko.SSHException("a packet whose two lengths contradict each other")
                reading.feed(plain[_DATA_HEAD.size : end])
                return
        kind = plain[1]
        message = paramiko.Message(bytes(plain[2:end]))
        message.seqno = number
        if kind == _CHANNEL_WINDOW_ADJUST and message.get_int() == reading.channel:
            reading.adjust(message)
            return
        message.rewind()
        self._handed.append((kind, message))
