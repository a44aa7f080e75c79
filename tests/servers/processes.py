"""One server process and the sessions it forks: started in a process group of its own, and ended without leftovers.

Nothing is ever ended by name. A guard process outlives a test run that is killed, and then ends the server's group.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.recipes.recipe import Account

LISTENING = "0A"  # the state in /proc/net/tcp
# Waits until the test run's end of the pipe is closed, which happens at any kind of death, then ends the group.
GUARD = 'read _; kill -KILL "-$1" 2>/dev/null'


@dataclass
class Server:
    """A running server program."""

    popen: subprocess.Popen[bytes]
    guard: subprocess.Popen[bytes]
    status: int | None = field(default=None)

    def listens_on(self, port: int, seconds: float) -> bool:
        """Waits until this server accepts connections."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.popen.poll() is None:
            if _listens(self.popen.pid, port):
                return True
            time.sleep(0.01)
        return False

    def stop(self) -> None:
        """Ends the server, the sessions in its process group, and those that left the group (sshd's do)."""
        if self.status is not None:
            return
        sessions = _descendants(self.popen.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        for session in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        self.status = self.popen.wait()
        self.guard.kill()
        self.guard.wait()
        if self.guard.stdin:
            self.guard.stdin.close()
        atexit.unregister(self.stop)


def launch(argv: list[str], env: dict[str, str], folder: Path, account: Account | None) -> Server:
    """Starts a server; as `account`, when the tests run as root. Its output goes to output.log in `folder`."""
    identity: dict[str, object] = {}
    if account and os.geteuid() == 0:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    # Input too is the log: vsftpd, made for inetd, reports why it does not start on descriptor 0.
    with (folder / "output.log").open("a+b") as output:
        popen = subprocess.Popen(  # type: ignore[call-overload]
            argv,
            env=env,
            cwd=folder,
            stdin=output,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **identity,
        )
    guard = subprocess.Popen(["sh", "-c", GUARD, "sh", str(popen.pid)], stdin=subprocess.PIPE, start_new_session=True)
    server = Server(popen, guard)
    atexit.register(server.stop)
    return server


def _listens(pid: int, port: int) -> bool:
    """Looks it up where the system tells: a probe connection would count as a client, and reach any server there."""
    if not Path("/proc/net/tcp").exists():
        return any(_answers(host, port) for host in ("127.0.0.1", "::1"))
    listeners = _listener_inodes(port)
    try:
        return bool(listeners & _socket_inodes(pid))
    except PermissionError:  # sshd hides its descriptors from the user that it runs as
        return bool(listeners)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def _listener_inodes(port: int) -> set[str]:
    """Inodes of the sockets that listen on `port`, for any user."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for row in Path(table).read_text().splitlines()[1:]:
                columns = row.split()
                if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(columns[9])
    return inodes


def _socket_inodes(pid: int) -> set[str]:
    inodes = set()
    with contextlib.suppress(FileNotFoundError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    return inodes


def _descendants(pid: int) -> list[int]:
    """All processes below `pid`, found by parent."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold spaces and brackets itself.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
