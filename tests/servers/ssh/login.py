"""A bare SSH login for tests of what runs over it: no host key is checked, no agent asked, no config read."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko

from ftpcli.errors import ConnectionLost, FtpcliError
from ftpcli.model import Endpoint, Timing
from ftpcli.net.wait import StopSignal
from ftpcli.session.sftp.login import open_sftp_over
from ftpcli.session.sftp.session import SftpSession
from ftpcli.session.ssh.packetizer import BatchingPacketizer
from tests.servers.real import Running
from tests.servers.ssh.paramiko_server import ParamikoServer

SECONDS = 20
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr")


@dataclass
class BareConnection:
    """What ``ftpcli.session.sftp`` needs of an SSH connection."""

    transport: paramiko.Transport
    place: str

    def failure(self) -> FtpcliError:
        return ConnectionLost(f"the SSH connection to {self.place} is gone")

    def cut(self) -> None:
        with suppress(OSError):
            self.transport.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self.transport.close()
        self.transport.join(SECONDS)


def log_in(
    host: str,
    port: int,
    user: str,
    *,
    identity: Path | None = None,
    password: str = "",
    through: paramiko.Channel | None = None,
) -> BareConnection:
    """``through``: a channel that another connection has opened to this server."""
    sock = through or socket.create_connection((host, port), SECONDS)
    if through is None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock, packetizer_class=BatchingPacketizer)
    transport.get_security_options().ciphers = CIPHERS
    connection = BareConnection(transport, f"{host}:{port}")
    try:
        transport.start_client(timeout=SECONDS)
        if identity is not None:
            transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(str(identity)))
        else:
            transport.auth_password(user, password)
    except BaseException:
        connection.close()
        raise
    return connection


def sftp_session(server: Running | ParamikoServer, stop: StopSignal | None = None, **timing: float) -> SftpSession:
    """A session on a server of the tests, in its login directory."""
    where = Endpoint("sftp", server.host, server.port, server.user, timing=Timing(**({"idle": 20.0} | timing)))
    connection = log_in(server.host, server.port, server.user, identity=server.identity, password=server.password)
    return open_sftp_over(connection, where, stop)
