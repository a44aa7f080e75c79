"""paramiko's packets with fewer steps, for long transfers.

Receiving: what the socket holds is read in one go. paramiko asks the socket twice for each packet, and looks twice
whether it has something; each time two threads pass the interpreter on.

Sending, under AES-GCM: several packets of channel data are sealed into one buffer and written in one go, where
paramiko copies each packet six times and writes it by itself.

At hundreds of megabytes a second, in packets of 32 KiB, both are a good part of the work. What is used of paramiko's
inside is looked for first; where it is not there, everything goes paramiko's own way.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from paramiko.packet import NeedRekeyException, Packetizer

_AHEAD = 512 * 1024
_CHANNEL_DATA = 94  # RFC 4254 §9
_HEAD = struct.Struct(">BBII")  # padding's length, then the message: its type, the channel, the data's length
_BLOCK = 16
_TAG = 16
_RANDOM = 4096  # bytes that are asked of the system at once, for the padding of many packets
_INSIDE = (
    "block_engine_out",
    "aead_out",
    "compress_engine_out",
    "iv_out",
    "sequence_number_out",
    "sent_bytes",
    "sent_packets",
    "write_lock",
)


class LeanPackets(Packetizer):  # type: ignore[misc]
    """Reads ahead where the transport runs over a socket. Over anything else, such as a channel of another connection,
    it is paramiko's own."""

    _Packetizer__iv_out: bytes
    _Packetizer__sequence_number_out: int

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._source = sock if isinstance(sock, socket.socket) else None
        self._store = bytearray(_AHEAD)
        self._view = memoryview(self._store)
        self._start = self._end = 0
        self._plain = memoryview(bytearray())
        self._sealed = memoryview(bytearray())
        self._random = memoryview(b"")
        self._known = all(hasattr(self, f"_Packetizer__{name}") for name in _INSIDE)

    # Receiving

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Exactly so many bytes. Raises EOFError at the end, NeedRekeyException, OSError."""
        left = self._Packetizer__remainder
        if self._source is None or left or n > _AHEAD:
            return self._without_store(n, check_rekey)
        while self._end - self._start < n:
            self._read_more(self._source, n, check_rekey)
        found = bytes(self._view[self._start : self._start + n])
        self._start += n
        return found

    def _without_store(self, n: int, check_rekey: bool) -> bytes:
        """What is there already comes first."""
        kept = bytes(self._view[self._start : min(self._end, self._start + n)])
        self._start += len(kept)
        if len(kept) == n:
            return kept
        return kept + bytes(super().read_all(n - len(kept), check_rekey and not kept))

    def _read_more(self, source: socket.socket, n: int, check_rekey: bool) -> None:
        if self.handshake_timed_out():
            raise EOFError
        if self._start == self._end or self._start + n > _AHEAD:
            self._store[: self._end - self._start] = self._store[self._start : self._end]
            self._start, self._end = 0, self._end - self._start
        try:
            count = source.recv_into(self._view[self._end :])
        except (TimeoutError, BlockingIOError, InterruptedError):
            self._nothing_came(check_rekey)
            return
        except OSError:
            if self.closed:
                raise EOFError from None
            raise
        if not count:
            raise EOFError
        self._end += count

    def _nothing_came(self, check_rekey: bool) -> None:
        """As in paramiko: some ten times a second, while the socket is silent."""
        if self.closed:
            raise EOFError
        if check_rekey and self._start == self._end and self.need_rekey():
            raise NeedRekeyException
        self._check_keepalive()

    # Sending

    def send_data(self, channel: int, data: memoryview, longest: int, write: Callable[[memoryview], None]) -> bool:
        """Send channel data in packets of up to ``longest`` bytes; ``write`` puts them on the socket. False, and
        nothing is sent, where the cipher is another than AES-GCM. The caller sees to it that no keys are being
        exchanged."""
        if not self._known or self._source is None or not self._Packetizer__aead_out:
            return False
        if self._Packetizer__compress_engine_out is not None:
            return False
        with self._Packetizer__write_lock:
            packets = self._seal(channel, data, longest)
            write(packets)
            self._Packetizer__sent_bytes += len(packets)
            if not self.need_rekey() and (
                self._Packetizer__sent_bytes >= self.REKEY_BYTES or self._Packetizer__sent_packets >= self.REKEY_PACKETS
            ):
                self._trigger_rekey()
        return True

    def _seal(self, channel: int, data: memoryview, longest: int) -> memoryview:
        """All packets, one behind the other (RFC 5647 §7: the length is authenticated and not encrypted)."""
        count = -(-len(data) // longest)
        self._make_room(longest, len(data) + count * (4 + _HEAD.size + 2 * _BLOCK + _TAG))
        at = 0
        for start in range(0, len(data), longest):
            piece = data[start : start + longest]
            size = self._fill(channel, piece)
            struct.pack_into(">I", self._sealed, at, size)
            head, body = self._sealed[at : at + 4], self._sealed[at + 4 : at + 4 + size + _TAG]
            self._encrypt(self._plain[:size], head, body)
            at += 4 + size + _TAG
        self._Packetizer__sent_packets += count
        return self._sealed[:at]

    def _make_room(self, longest: int, total: int) -> None:
        if len(self._plain) < longest + _HEAD.size + 2 * _BLOCK:
            self._plain = memoryview(bytearray(longest + _HEAD.size + 2 * _BLOCK))
        if len(self._sealed) < total:
            self._sealed = memoryview(bytearray(total))

    def _fill(self, channel: int, piece: memoryview) -> int:
        """One packet's inside, in the clear; gives its size. At least 4 bytes of padding (RFC 4253 §6)."""
        end = _HEAD.size + len(piece)
        padding = 4 + (-(end + 4)) % _BLOCK
        _HEAD.pack_into(self._plain, 0, padding, _CHANNEL_DATA, channel, len(piece))
        self._plain[_HEAD.size : end] = piece
        if len(self._random) < padding:
            self._random = memoryview(os.urandom(_RANDOM))
        self._plain[end : end + padding] = self._random[:padding]
        self._random = self._random[padding:]
        return end + padding

    def _encrypt(self, plain: memoryview, head: memoryview, body: memoryview) -> None:
        engine, iv = self._Packetizer__block_engine_out, self._Packetizer__iv_out
        if hasattr(engine, "encrypt_into"):
            engine.encrypt_into(iv, plain, head, body)
        else:  # cryptography before version 46
            body[:] = engine.encrypt(iv, bytes(plain), bytes(head))
        self._Packetizer__iv_out = self._inc_iv_counter(iv)
        self._Packetizer__sequence_number_out = (self._Packetizer__sequence_number_out + 1) & 0xFFFFFFFF
