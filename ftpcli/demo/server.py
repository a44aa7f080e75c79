"""The demo server: pyftpdlib in a thread."""

from __future__ import annotations

import logging
import secrets
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from ftpcli.demo.certificate import make_identity
from ftpcli.demo.handlers import Counters, StrictControlHandler

READ_ONLY = "elr"
READ_WRITE = "elradfmwMT"
_POLL = 0.1


class DemoServer:
    """An FTPS server on 127.0.0.1 that serves ``root``. ``start`` it, use ``port``, ``user``, ``password`` and
    ``cafile``, and ``stop`` it; or use it in a ``with``.

    ``require_resumption`` False turns it into a lenient server that still counts.
    """

    def __init__(
        self,
        root: Path,
        *,
        implicit: bool = False,
        require_resumption: bool = True,
        permissions: str = READ_ONLY,
        tls_maximum: str = "1.3",
    ) -> None:
        self.user = "demo"
        self.password = secrets.token_urlsafe(12)
        self.counters = Counters()
        self._folder = tempfile.TemporaryDirectory(prefix="ftpcli-demo-")
        identity = make_identity()
        self.cafile = str(Path(self._folder.name, "authority.pem"))
        Path(self.cafile).write_bytes(identity.authority_pem)
        authorizer = DummyAuthorizer()
        authorizer.add_user(self.user, self.password, str(root), perm=permissions)
        attributes = {
            "identity": identity,
            "counters": self.counters,
            "authorizer": authorizer,
            "implicit": implicit,
            "must_resume": require_resumption,
            "tls_maximum": tls_maximum,
        }
        logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
        handler = type("DemoControlHandler", (StrictControlHandler,), attributes)
        self._server = FTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
        self.port: int = self._server.address[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="demo-server", daemon=True)

    @property
    def data_connections(self) -> int:
        return self.counters.data_connections

    @property
    def data_resumed(self) -> int:
        return self.counters.data_resumed

    @property
    def refused(self) -> int:
        return self.counters.refused

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End all sessions, and remove the certificate."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._server.close_all()
        self._folder.cleanup()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._server.serve_forever(timeout=_POLL, blocking=False, handle_exit=False)

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
