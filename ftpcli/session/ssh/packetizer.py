"""paramiko's packet layer with fewer system calls and copies, for long transfers.

Receiving: everything that the socket holds is read at once. paramiko calls ``recv`` twice for each packet, and each
call may switch the interpreter lock to another thread.

Sending, under AES-GCM: several packets of channel data are encrypted into one buffer and written at once, where
paramiko copies each packet six times and writes it by itself.

At hundreds of megabytes a second, in packets of 32 KiB, both are a good part of the work. The private attributes of
paramiko that this needs are looked up first; where one is missing, data is sent in paramiko's own way.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

_AHEAD = 512 * 1024
# Bytes of one packet. OpenSSH sends 256 KiB at most; under AES-GCM the length is believed before it is authenticated.
_LONGEST = 1024 * 1024
_CHANNEL_DATA = 94  # RFC 4254 §9
_HEAD = struct.Struct(">BBII")  # padding's length, then the message: its type, the channel, the data's length
_BLOCK = 16
_TAG = 16
_RANDOM = 4096  # bytes requested from the system at once, for the padding of many packets
_NEEDED = (
    "block_engine_out",
    "aead_out",
    "compress_engine_out",
    "iv_out",
    "sequence_number_out",
    "sent_bytes",
    "sent_packets",
    "write_lock",
)


class BatchingPacketizer(Packetizer):  # type: ignore[misc]
    """Reads ahead where the transport runs over a socket. Over anything else, such as a channel of another connection,
    it works as paramiko's own."""

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
        self._can_seal = all(hasattr(self, f"_Packetizer__{name}") for name in _NEEDED)

    # Receiving

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Exactly ``n`` bytes. Raises EOFError at the end, NeedRekeyException, SSHException, OSError."""
        if not 0 <= n <= _LONGEST:
            raise SSHException("the length of a packet is out of range")
        left = self._Packetizer__remainder
        if self._source is None or left or n > _AHEAD:
            return self._without_store(n, check_rekey)
        while self._end - self._start < n:
            self._read_more(self._source, n, check_rekey)
        found = bytes(self._view[self._start : self._start + n])
        self._start += n
        return found

    def _without_store(self, n: int, check_rekey: bool) -> bytes:
        """In paramiko's way, after what was read ahead."""
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
        """Called about ten times a second while the socket is silent, as in paramiko."""
        if self.closed:
            raise EOFError
        if check_rekey and self._start == self._end and self.need_rekey():
            raise NeedRekeyException
        self._check_keepalive()

    # Sending

    def send_data(self, channel: int, data: memoryview, longest: int, write: Callable[[memoryview], None]) -> bool:
        """Send channel data in packets of up to ``longest`` bytes; ``write`` puts them on the socket. False, with
        nothing sent, where the cipher is not AES-GCM. The caller makes sure that no key exchange is under way."""
        if not self._can_seal or self._source is None or not self._Packetizer__aead_out:
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
        """All packets, back to back (RFC 5647 §7: the length is authenticated and not encrypted)."""
        count = -(-len(data) // longest)
        self._grow_buffers(longest, len(data) + count * (4 + _HEAD.size + 2 * _BLOCK + _TAG))
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

    def _grow_buffers(self, longest: int, total: int) -> None:
        if len(self._plain) < longest + _HEAD.size + 2 * _BLOCK:
            self._plain = memoryview(bytearray(longest + _HEAD.size + 2 * _BLOCK))
        if len(self._sealed) < total:
            self._sealed = memoryview(bytearray(total))

    def _fill(self, channel: int, piece: memoryview) -> int:
        """Write one packet's plaintext; returns its size. At least 4 bytes are padding (RFC 4253 §6)."""
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
