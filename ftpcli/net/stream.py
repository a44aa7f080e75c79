"""A stream over one socket that never blocks: the interface, and the plain kind.

``receive_into`` and ``send`` do what can be done now. Their answers below zero or at zero are the endings and the
"not now" that the closing rules tell apart; errors of the connection are ConnectionLost.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import socket
import sys
import termios
from typing import Protocol

from ftpcli.errors import ConnectionLost

ORDERLY_END = 0
BLOCKED = -1
RAW_END = -2


class Stream(Protocol):
    """What a control or data connection needs of its transport."""

    tls: bool
    peer: str
    established: bool
    resumed: bool
    heard: bytes  # the first bytes that the peer answered a TLS handshake with

    def fileno(self) -> int: ...

    def handshake(self) -> bool:
        """Go on with the handshake; True when there is nothing left to do. Raises TlsFailed, ConnectionLost."""
        ...

    def receive_into(self, buffer: memoryview) -> int:
        """Bytes received, or ORDERLY_END, RAW_END (FIN under TLS without close_notify), BLOCKED."""
        ...

    def send(self, data: memoryview) -> int:
        """How many bytes were taken (they may wait inside, see ``flush``); BLOCKED when none could be."""
        ...

    def flush(self) -> bool:
        """Send what waits inside; True when nothing does any longer."""
        ...

    def close_notify(self) -> None:
        """End our direction under TLS; goes out with ``flush``. Nothing on a plain stream."""
        ...

    def shut_write(self) -> None:
        """Send FIN."""
        ...

    def acknowledge(self) -> None:
        """Tell the peer now what has arrived: until then it may hold back the rest of what it wrote (RFC 896)."""
        ...

    def unsent_shrinks(self) -> bool:
        """True when bytes are on their way and fewer than at the last call: the peer is slow, not gone."""
        ...

    def close(self) -> None: ...

    def cut(self) -> None:
        """Make every wait on this stream end at once; may be called from another thread."""
        ...


class SocketStream:
    """What both kinds share: the socket and its ends."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._unsent = sys.maxsize
        self.peer = peer
        self.heard = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def _receive(self, buffer: memoryview) -> int:
        """Bytes from the socket: more than 0, BLOCKED, or RAW_END for FIN."""
        try:
            return self._socket.recv_into(buffer) or RAW_END
        except (BlockingIOError, InterruptedError):
            return BLOCKED
        except OSError as error:
            raise self._lost(error) from error

    def _send(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return BLOCKED
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> ConnectionLost:
        if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
            return ConnectionLost(f"{self.peer} reset the connection")
        return ConnectionLost(f"the connection to {self.peer} broke: {error.strerror or error}")

    def acknowledge(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def unsent_shrinks(self) -> bool:
        before, self._unsent = self._unsent, self._count_unsent()
        return 0 < self._unsent < before

    def _count_unsent(self) -> int:
        """Bytes the peer has not acknowledged; 0 where the system does not tell (TIOCOUTQ is for sockets on Linux)."""
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def shut_write(self) -> None:
        with contextlib.suppress(OSError):  # the peer may be gone already
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class PlainStream(SocketStream):
    """A socket as it is."""

    tls = False
    established = True
    resumed = False

    def handshake(self) -> bool:
        return True

    def receive_into(self, buffer: memoryview) -> int:
        count = self._receive(buffer)
        return ORDERLY_END if count == RAW_END else count

    def send(self, data: memoryview) -> int:
        return self._send(data)

    def flush(self) -> bool:
        return True

    def close_notify(self) -> None:
        pass

    @property
    def socket(self) -> socket.socket:
        """For TLS to take over, and for ``sendfile``."""
        return self._socket
