"""One TCP connection of the scripted server, with or without TLS, and every way to end it.

TLS is the standard library's `ssl` in memory BIOs: close_notify is bytes in our hands, `session_reused` is public, and
it is another TLS stack than the client's.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import ssl
import struct
import sys
import time
from pathlib import Path
from typing import Literal

# close_notify: that, then FIN. fin: FIN alone. rst: a reset, once all bytes are acknowledged. hold: stays open.
Ending = Literal["close_notify", "fin", "rst", "hold"]
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(pem: Path, tls_min: str, tls_max: str, tickets: int | None) -> ssl.SSLContext:
    """Its ticket keys are its own: sessions of one context never resume under another one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Set by some versions of Python: a bare FIN would pass as an orderly end.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.load_cert_chain(pem)
    context.minimum_version, context.maximum_version = VERSIONS[tls_min], VERSIONS[tls_max]
    if tickets is not None:
        context.num_tickets = tickets
    return context


class Channel:
    """Blocking, each wait at most `patience` seconds. `ended`: how the peer ended its direction, once it has."""

    def __init__(self, sock: socket.socket, patience: float) -> None:
        self.sock = sock
        self.patience = patience
        self.tls: ssl.SSLObject | None = None
        self.ended: Literal["", "close_notify", "fin", "rst"] = ""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        sock.settimeout(patience)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context: ssl.SSLContext, early: bytes = b"") -> bool:
        """Handshakes as the server. True when the client resumed a session."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(early)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionResetError("the client left during the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                self._flush()  # our alert
                raise
        self._flush()
        self.tls = tls
        return bool(tls.session_reused)

    def recv(self, limit: int = 65536) -> bytes:
        """b"" at the end, whatever the end was: see `ended`."""
        while not self.ended:
            if self.tls is None:
                data = self._receive(limit)
                if data:
                    return data
                break
            try:
                data = self.tls.read(limit)
                if data:
                    return data
                self.ended = "close_notify"
                break
            except ssl.SSLWantReadError:
                self._flush()
                raw = self._receive(limit)
                if raw:
                    self._incoming.write(raw)
        return b""

    def send(self, data: bytes) -> None:
        if self.tls is None:
            self.sock.sendall(data)
            return
        view = memoryview(data)
        while view:
            sent = self.tls.write(view[:16384])
            view = view[sent:]
            self._flush()

    def send_below_tls(self, data: bytes) -> None:
        """Raw bytes on the TCP connection, past TLS."""
        self.sock.sendall(data)

    def queue_ticket(self) -> None:
        """TLS 1.3: one fresh session ticket travels ahead of the next bytes sent. See `can_queue_tickets`."""
        assert self.tls is not None
        inner = self.tls._sslobj  # type: ignore[attr-defined]
        _libssl().SSL_new_session_ticket(ctypes.c_void_p(_ssl_pointer(inner)))

    def close_notify(self) -> None:
        """Sends it, and does not wait for the peer's."""
        if self.tls is not None:
            with contextlib.suppress(ssl.SSLError, OSError):
                self.tls.unwrap()
            self._flush()

    def close(self, ending: Ending = "close_notify", linger: float = 1.0) -> None:
        """Ends our direction, discards what still comes for up to `linger` seconds, closes."""
        if ending == "hold" or self.sock.fileno() < 0:
            return
        with contextlib.suppress(OSError):
            if ending == "rst":
                self._wait_until_acknowledged()
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                if ending == "close_notify":
                    self.close_notify()
                self.sock.shutdown(socket.SHUT_WR)
                self._drain(linger)
        self.sock.close()

    def wait_for_fin(self, seconds: float) -> bool:
        """Discards until the peer's FIN or reset; False when it did not come in time."""
        return self.ended in ("fin", "rst") or self._drain(seconds)

    def _receive(self, limit: int) -> bytes:
        try:
            data = self.sock.recv(limit)
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "rst"
            return b""
        if not data:
            self.ended = "fin"
        return data

    def _flush(self) -> None:
        while self._outgoing.pending:
            self.sock.sendall(self._outgoing.read(65536))

    def _drain(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(65536):
                    return True
        return False

    def _wait_until_acknowledged(self) -> None:
        """A reset throws away what was not yet delivered: let the peer's kernel have it first."""
        if sys.platform == "linux":
            import fcntl
            import termios

            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                unsent = fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0\0\0\0")
                closed = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 7  # TCP_CLOSE
                if closed or struct.unpack("i", unsent)[0] == 0:
                    return
                time.sleep(0.005)
        else:
            time.sleep(0.2)


def can_queue_tickets() -> bool:
    """CPython's `ssl` cannot send a ticket at will; OpenSSL can, where the interpreter links it as a shared library."""
    try:
        _libssl()
    except (AttributeError, OSError, ImportError):
        return False
    return sys.implementation.name == "cpython"


def _libssl() -> ctypes.CDLL:
    import _ssl

    library = ctypes.CDLL(_ssl.__file__)
    library.SSL_new_session_ticket.argtypes = [ctypes.c_void_p]
    return library


def _ssl_pointer(inner: object) -> int:
    """`SSL *` in CPython's PySSLSocket: the second field behind the object's head."""
    return ctypes.c_void_p.from_address(id(inner) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)).value or 0
