"""A small TLS server in a thread, made of Python's own ``ssl``: one function serves each connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 20.0
Serve = Callable[[ssl.SSLSocket], object]


class TlsServer:
    """Listens on loopback. ``served`` holds what each call of ``serve`` returned, or the exception it ended with."""

    def __init__(self, certificate: Path, serve: Serve, *, ca: Path | None, versions: tuple[str, str]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Set by some versions of Python: a bare FIN would pass as an orderly end.
        self.context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        self.context.load_cert_chain(certificate)
        self.context.minimum_version = ssl.TLSVersion["TLSv1_" + versions[0][2:]]
        self.context.maximum_version = ssl.TLSVersion["TLSv1_" + versions[1][2:]]
        if ca is not None:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.serve = serve
        self.served: list[object] = []
        self.resumed: list[bool] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="tls-server")
        self._thread.start()

    def _accept(self) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(PATIENCE)
                self._connections.append(connection)
                threads.append(threading.Thread(target=self._handle, args=(connection,), name="tls-connection"))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _handle(self, connection: socket.socket) -> None:
        try:
            with self.context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
                self.resumed.append(bool(tls.session_reused))
                self.served.append(self.serve(tls))
        except OSError as error:
            self.served.append(error)
        finally:
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextmanager
def tls_server(
    certificate: Path, serve: Serve, *, ca: Path | None = None, versions: tuple[str, str] = ("1.2", "1.3")
) -> Iterator[TlsServer]:
    """``ca``: demand a certificate of the client. At the end the server waits for its connections to be over."""
    server = TlsServer(certificate, serve, ca=ca, versions=versions)
    try:
        yield server
    finally:
        server.close()
