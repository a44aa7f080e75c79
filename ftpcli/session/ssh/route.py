"""How a server is reached: directly, over a command's standard input and output, or through another server."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
from typing import Protocol

import paramiko

from ftpcli.errors import ConnectFailed, FtpcliError, cause_of
from ftpcli.model import Endpoint
from ftpcli.net import dial
from ftpcli.net.wait import StopSignal
from ftpcli.session.ssh.host_settings import Hop
from ftpcli.session.ssh.transport import SshTransport

log = logging.getLogger("ftpcli.ssh")

_PATIENCE = 1.0  # seconds for a proxy command to end by itself
# An interrupt on the terminal is for ftpcli, which finishes in order over this very connection. A signal that is
# ignored stays ignored after exec.
_IGNORING_INTERRUPTS = 'trap "" INT; exec "$0" -c "$1"'


class Route(Protocol):
    """What carries the connection besides the socket itself: a process, or another connection. ``trouble`` says why it
    broke, if it knows."""

    def close(self) -> None: ...
    def trouble(self) -> str | None: ...


class Direct:
    """A TCP connection, which needs nothing else."""

    def close(self) -> None:
        pass

    def trouble(self) -> str | None:
        return None


class ProxyCommand:
    """A command whose standard input and output are the connection. Its errors go to the terminal, as in OpenSSH.

    It runs in the user's shell, with ``exec`` before it. Raises ConnectFailed.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        ours, its = socket.socketpair()
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _IGNORING_INTERRUPTS, shell, f"exec {command}"],
                stdin=its.fileno(),
                stdout=its.fileno(),
            )
        except OSError as error:
            ours.close()
            raise ConnectFailed(f"the ProxyCommand cannot be run: {cause_of(error)}") from error
        finally:
            its.close()
        self.socket = ours

    def trouble(self) -> str | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_PATIENCE)
            return f"the ProxyCommand ended with exit status {status}"
        return None

    def close(self) -> None:
        """The end of its input should end it; a process that goes on is terminated, then killed."""
        self.socket.close()
        for end in (self._process.terminate, self._process.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
                return
            end()
        self._process.wait()


class Tunnel:
    """A channel used as a transport's socket. paramiko closes it in its own thread, where nobody would catch what a
    channel of a lost connection raises."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self.recv, self.send, self.send_ready = channel.recv, channel.send, channel.send_ready
        self.settimeout, self.fileno = channel.settimeout, channel.fileno

    @property
    def _closed(self) -> bool:  # asked for by paramiko
        return bool(self._channel.closed)

    def shutdown(self, how: int) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._channel.shutdown(how)

    def close(self) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._channel.close()


def connect_directly(hop: Hop, endpoint: Endpoint, stop: StopSignal | None) -> socket.socket:
    """A TCP connection. Raises ConnectFailed, Stopped."""
    timing = endpoint.timing
    sock = dial.connect(hop.host, hop.port, timeout=timing.idle, family=hop.family, stop=stop)
    dial.no_delay(sock)
    if timing.keepalive:
        dial.keep_alive(sock, timing.keepalive)
    return sock


def connect_through(before: SshTransport, hop: Hop, timeout: float) -> Tunnel:
    """A channel from the server ``before`` to ``hop`` (RFC 4254 §7.2). Raises ConnectFailed, ConnectionLost."""
    log.debug("%s opens a connection to %s", before.place, hop.place)
    try:
        channel = before.open_channel("direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=timeout)
    except paramiko.ChannelException as error:
        raise ConnectFailed(f"{before.place} cannot connect to {hop.place}: {error.text.lower()}") from error
    except FtpcliError:
        raise
    except (paramiko.SSHException, EOFError, OSError) as error:
        if before.active:
            raise ConnectFailed(f"{before.place} did not connect to {hop.place} within {timeout:g} seconds") from error
        raise before.failure() from error
    return Tunnel(channel)
