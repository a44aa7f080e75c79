"""paramiko's packets with fewer steps: what the socket holds is read in one go, not each packet's head and body.

paramiko asks the socket twice for each packet, and looks twice whether it has something; each time two threads pass
the interpreter on. At hundreds of megabytes a second, in packets of 32 KiB, that is a good part of the work.
"""

from __future__ import annotations

import socket
from typing import Any

from paramiko.packet import NeedRekeyException, Packetizer

_AHEAD = 512 * 1024


class AheadPackets(Packetizer):  # type: ignore[misc]
    """Reads ahead where the transport runs over a socket. Over anything else, such as a channel of another connection,
    it is paramiko's own."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._source = sock if isinstance(sock, socket.socket) else None
        self._store = bytearray(_AHEAD)
        self._view = memoryview(self._store)
        self._start = self._end = 0

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
