"""The data types of SSH messages and keys (RFC 4251 §5), read with limits and written."""

from __future__ import annotations

import struct

from ftpcli.errors import PeerProtocolError


def string(content: bytes | str) -> bytes:
    """Length and bytes; text goes as UTF-8."""
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    return struct.pack(">I", len(raw)) + raw


def boolean(value: bool) -> bytes:
    return b"\1" if value else b"\0"


def number(value: int) -> bytes:
    return struct.pack(">I", value)


def mpint(value: int) -> bytes:
    """A number of any size that is not negative."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


class Reader:
    """Takes one value after the other off the front. Raises PeerProtocolError where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise PeerProtocolError("an SSH message ends in the middle of a value")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def boolean(self) -> bool:
        return self.byte() != 0

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.string().decode("utf-8", "surrogateescape")

    def names(self) -> tuple[str, ...]:
        """A name-list."""
        listed = self.text()
        return tuple(listed.split(",")) if listed else ()

    @property
    def rest(self) -> bytes:
        return self._data[self._at :]
