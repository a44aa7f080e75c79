"""What is agreed on with a server, and the end of a connection."""

from __future__ import annotations

import pytest

from ftpcli.errors import Unsupported
from ftpcli.model import Endpoint, Secret, SshSettings, Timing
from ftpcli.session.contract import HostMemory
from ftpcli.session.sftp.login import open_sftp_over
from ftpcli.session.ssh.connect import open_transport
from tests.servers.real import Setup, started
from tests.servers.ssh.paramiko_server import paramiko_server

from .conftest import MakeClient


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (None, "aes128-gcm@openssh.com"),
        ("aes256-ctr,aes256-gcm@openssh.com", "aes256-gcm@openssh.com"),
        ("chacha20-poly1305@openssh.com,aes192-ctr", "aes192-ctr"),
    ],
)
def test_ciphers(client: MakeClient, offered: str | None, agreed: str) -> None:
    with started(Setup("sshd", extra=(f"Ciphers {offered}",) if offered else ())) as server:
        opening = client(
            server.port, user=server.user, identities=(str(server.identity),), known_hosts=str(server.known_hosts)
        )
        transport = opening().transport
        assert (transport.local_cipher, transport.remote_cipher) == (agreed, agreed)
        assert (transport.local_compression, transport.remote_compression) == ("none", "none")
        assert transport.agreed_on_strict_kex  # else a stranger could cut packets off the beginning (CVE-2023-48795)


@pytest.mark.parametrize(
    "line", ["Ciphers 3des-cbc", "Ciphers chacha20-poly1305@openssh.com", "MACs hmac-md5\nCiphers aes128-ctr"]
)
def test_nothing_in_common(client: MakeClient, line: str) -> None:
    with (
        started(Setup("sshd", extra=(line,))) as server,
        pytest.raises(Unsupported, match="no SSH algorithm in common"),
    ):
        client(server.port, user=server.user, known_hosts=str(server.known_hosts))()


def test_a_connection_is_closed_without_waiting_for_paramikos_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    with paramiko_server() as server:
        endpoint = Endpoint(
            "sftp", server.host, server.port, server.user, Secret(server.password),
            ssh=SshSettings(config="none", insecure=True), timing=Timing(idle=20),
        )  # fmt: skip
        connection = open_transport(endpoint, HostMemory(), lambda _: None, None)
        session = open_sftp_over(connection, endpoint, None)
        connection.transport.sock.settimeout(60)
        session.list(".")
        alive: list[bool] = []
        transport, close = connection.transport, connection.transport.close
        # Comes once its thread was waited for.
        monkeypatch.setattr(transport, "close", lambda: (alive.append(transport.is_alive()), close()))
        session.close()
        assert alive == [False]
