"""The types that packets are made of (RFC 4251 §5): numbers in network order, and strings with their length before."""

from __future__ import annotations

import struct

from ftpcli.errors import PeerProtocolError

_UINT32 = struct.Struct(">I")


class Fields:
    """Reads a packet's fields one after the other. Raises PeerProtocolError where one is not all there."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def uint32(self) -> int:
        try:
            (number,) = _UINT32.unpack_from(self._body, self._at)
        except struct.error:
            raise _too_short() from None
        self._at += 4
        return int(number)

    def uint64(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        return self._take(self.uint32())

    def rest(self) -> bytes:
        return self._take(len(self._body) - self._at)

    @property
    def more(self) -> bool:
        return self._at < len(self._body)

    def _take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise _too_short()
        self._at += count
        return taken


def _too_short() -> PeerProtocolError:
    return PeerProtocolError("the server sent an SFTP packet that ends too early")


def uint32(number: int) -> bytes:
    return struct.pack(">I", number)


def uint64(number: int) -> bytes:
    return struct.pack(">Q", number)


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
