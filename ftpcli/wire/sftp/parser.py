"""Cuts the byte stream of an SFTP server into replies."""

from __future__ import annotations

import struct

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.sftp.codes import Packet
from ftpcli.wire.sftp.fields import Fields
from ftpcli.wire.sftp.replies import Data, Piece, Reply, Version, parse_reply, parse_version

# OpenSSH's limit is 256 KiB; others put whole directories into one NAME.
LONGEST_PACKET = 4 * 1024 * 1024
_DATA_HEAD = struct.Struct(">IBII")

Item = Version | Reply | Data | Piece


class ReplyParser:
    """Fed with bytes in any pieces, it gives replies, Data beginnings and their Pieces in order; None where bytes are
    missing.

    Raises PeerProtocolError on what is no SFTP; it is of no further use then. The bytes of Data are never copied:
    Pieces are views into what was fed. Of other packets at most LONGEST_PACKET is held.
    """

    def __init__(self) -> None:
        self._fed = memoryview(b"")
        self._packet = bytearray()
        self._data_left = 0
        self._greeted = False

    def feed(self, data: bytes | memoryview) -> None:
        self._fed = memoryview(bytes(self._fed) + bytes(data)) if self._fed else memoryview(data)

    def next(self) -> Item | None:
        if self._data_left:
            return self._piece()
        if self._greeted and not self._packet and (whole := self._at_once()) is not None:
            return whole
        if not self._filled(4):
            return None
        length = int.from_bytes(self._packet[:4], "big")
        if not 5 <= length <= LONGEST_PACKET:
            raise self._no_packet(length)
        if not self._filled(min(4 + length, _DATA_HEAD.size)):
            return None
        if self._packet[4] == Packet.DATA and self._greeted:
            return self._data()
        if not self._filled(4 + length):
            return None
        return self._whole()

    def _at_once(self) -> Reply | None:
        """A reply that was fed whole, as most are; None for whatever else is there."""
        fed = self._fed
        length = int.from_bytes(fed[:4], "big")
        if not 5 <= length <= len(fed) - 4 or fed[4] == Packet.DATA:
            return None
        self._fed = fed[4 + length :]
        return parse_reply(fed[4], Fields(bytes(fed[5 : 4 + length])))

    def _filled(self, count: int) -> bool:
        """Move bytes from what was fed to the packet until it has so many."""
        missing = count - len(self._packet)
        if missing > 0:
            self._packet += self._fed[:missing]
            self._fed = self._fed[missing:]
        return len(self._packet) >= count

    def _piece(self) -> Piece | None:
        if not self._fed:
            return None
        view = self._fed[: self._data_left]
        self._fed = self._fed[len(view) :]
        self._data_left -= len(view)
        return Piece(view)

    def _data(self) -> Data:
        if len(self._packet) < _DATA_HEAD.size:
            raise PeerProtocolError("the server sent an SFTP packet that ends too early")
        length, _, number, count = _DATA_HEAD.unpack(self._packet)
        if count != length - 9:
            raise PeerProtocolError("the server sent an SFTP data packet whose two lengths contradict each other")
        self._packet.clear()
        self._data_left = count
        return Data(number, count)

    def _whole(self) -> Item:
        kind, body = self._packet[4], bytes(self._packet[5:])
        self._packet.clear()
        if self._greeted:
            return parse_reply(kind, Fields(body))
        if kind != Packet.VERSION:
            raise PeerProtocolError(f"the server began with an SFTP packet of type {kind} instead of its version")
        self._greeted = True
        return parse_version(Fields(body))

    def _no_packet(self, length: int) -> PeerProtocolError:
        start = bytes(self._packet) + bytes(self._fed[:60])
        if not self._greeted and all(32 <= byte < 127 or byte in b"\t\r\n\x1b" for byte in start):
            return PeerProtocolError(
                "the server sent text where SFTP should begin; most likely a shell's start-up file prints something "
                "in sessions without a terminal",
                reply="".join(char if char.isprintable() else " " for char in start.decode("ascii")).strip(),
            )
        return PeerProtocolError(f"the server sent an SFTP packet of {length} bytes, which cannot be")
