"""pyftpdlib inside the test process: plain, or the demo's strict TLS server with write permission."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from ftpcli.demo.server import READ_WRITE, DemoServer


@dataclass(frozen=True)
class Embedded:
    """The same face as ``tests.servers.real.Running``, as far as the contract needs it."""

    tls: str
    host: str
    port: int
    user: str
    password: str
    root: Path
    cafile: Path

    def write(self, name: str, content: bytes = b"") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@contextlib.contextmanager
def embedded(tls: str = "none") -> Iterator[Embedded]:
    root = Path(tempfile.mkdtemp(prefix="pyftpdlib-"))
    try:
        if tls == "none":
            with _plain(root) as port:
                yield Embedded(tls, "127.0.0.1", port, "demo", "demo", root, root)
        else:
            with DemoServer(root, implicit=tls == "implicit", permissions=READ_WRITE) as server:
                yield Embedded(tls, "127.0.0.1", server.port, server.user, server.password, root, Path(server.cafile))
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def _plain(root: Path) -> Iterator[int]:
    authorizer = DummyAuthorizer()
    authorizer.add_user("demo", "demo", str(root), perm=READ_WRITE)
    handler = type("PlainHandler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.serve_forever(timeout=0.1, blocking=False, handle_exit=False)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stopping.set()
        thread.join()
        server.close_all()
