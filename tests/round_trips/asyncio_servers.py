"""asyncssh's and aioftp's servers within the test process: what Python programs have built in."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.servers.ssh.paramiko_server import PASSWORD, USER, ParamikoServer

Start = Callable[[Path], Awaitable[tuple[Any, int]]]


@contextlib.contextmanager
def _running(start: Start) -> Iterator[tuple[Path, int]]:
    """A loop in a thread of its own; ``start`` gives the server and its port."""
    root = Path(tempfile.mkdtemp(prefix="asyncio-")).resolve()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="asyncio server", daemon=True)
    thread.start()
    server, port = asyncio.run_coroutine_threadsafe(start(root), loop).result(10)
    try:
        yield root, port
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        shutil.rmtree(root, ignore_errors=True)


async def _ended(server: Any) -> None:
    closing = server.close()
    if closing is not None:
        await closing
    else:
        await server.wait_closed()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextlib.contextmanager
def asyncssh_server() -> Iterator[ParamikoServer]:
    """Its SFTP server, with the extensions of OpenSSH's. Paths are absolute ones of this machine."""
    import asyncssh
    import paramiko

    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")

    class Login(asyncssh.SSHServer):
        def begin_auth(self, _username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    async def start(_: Path) -> tuple[Any, int]:
        server = await asyncssh.listen("127.0.0.1", 0, server_factory=Login, server_host_keys=[key], sftp_factory=True)
        return server, server.get_port()

    with _running(start) as (root, port):
        public = paramiko.ECDSAKey(data=key.public_data)
        yield ParamikoServer("127.0.0.1", port, root, host_keys=[public])


@contextlib.contextmanager
def aioftp_server() -> Iterator[ParamikoServer]:
    """Plain FTP; it knows neither FEAT nor SIZE nor MDTM."""
    import aioftp

    async def start(root: Path) -> tuple[Any, int]:
        server = aioftp.Server([aioftp.User(USER, PASSWORD, base_path=root)])
        await server.start("127.0.0.1", 0)
        return server, server.server_port

    with _running(start) as (root, port):
        yield ParamikoServer("127.0.0.1", port, root, tls="none")
