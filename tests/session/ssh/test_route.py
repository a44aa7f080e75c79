"""The way to a server: through other servers, through a command, and to ports where no SSH is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.errors import (
    Busy,
    ConnectFailed,
    ConnectionLost,
    FtpcliError,
    HostKeyRejected,
    LoginRejected,
    NotSsh,
    PortClosed,
    Stopped,
    TimedOut,
    Unsupported,
    UsageError,
)
from ftpcli.model import Endpoint, SshSettings, Timing
from ftpcli.session.contract import HostMemory
from ftpcli.session.ssh.connect import open_transport
from ftpcli.stop import StopToken
from tests.servers.accepting import accepting
from tests.servers.real import Running, Setup, started

from .conftest import Client, MakeClient

PROXY = """
import socket, sys, threading, os
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def pull():
    while data := sock.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=pull, daemon=True).start()
while data := os.read(0, 65536):
    sock.sendall(data)
"""


@pytest.fixture
def proxy(tmp_path: Path) -> str:
    script = tmp_path / "proxy.py"
    script.write_text(PROXY)
    return f"{sys.executable} {script}"


def known(*servers: Running) -> str:
    return "".join(server.known_hosts.read_text() for server in servers if server.known_hosts)


def at(client: MakeClient, server: Running, config: Path, **settings: object) -> Client:
    return client(server.port, user=server.user, config=str(config), identities=(str(server.identity),), **settings)


def test_a_proxy_command(client: MakeClient, tmp_path: Path, proxy: str) -> None:
    config = tmp_path / "config"
    config.write_text(f"ProxyCommand {proxy} %h %p\n")
    with started(Setup("sshd")) as server:
        connection = at(client, server, config, known_hosts=str(server.known_hosts))()
        process = connection._route._process  # type: ignore[attr-defined]
        assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole process group
        channel = connection.transport.open_session(timeout=10)
        channel.close()
        connection.close()
        assert process.poll() is not None


@pytest.mark.parametrize(
    ("command", "complaint"),
    [("exit 7", "the ProxyCommand ended with exit status"), ("echo 220 hello", "greets like an FTP server")],
)
def test_a_proxy_command_that_fails(client: MakeClient, tmp_path: Path, command: str, complaint: str) -> None:
    config = tmp_path / "config"
    config.write_text(f"ProxyCommand {command}\n")
    with pytest.raises((ConnectionLost, NotSsh), match=complaint):
        client(1, config=str(config))()


def test_a_host_name_for_a_shell_is_refused(tmp_path: Path) -> None:
    config, hurt = tmp_path / "config", tmp_path / "hurt"
    config.write_text("ProxyCommand echo %h\n")
    for name in (f"a;touch {hurt}", f"$(touch {hurt})", "-oProxyCommand=x", "a|b"):
        endpoint = Endpoint("sftp", name, 22, ssh=SshSettings(config=str(config)))
        with pytest.raises(UsageError, match="must not get into a ProxyCommand"):
            open_transport(endpoint, HostMemory(), lambda _: None, None)
    assert not hurt.exists()


def test_a_jump(client: MakeClient, tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "known"
    with started(Setup("sshd")) as first, started(Setup("sshd")) as second, started(Setup("sshd")) as last:
        file.write_text(known(first, second, last))
        config.write_text(
            f"Host one\nHostname 127.0.0.1\nPort {first.port}\nIdentityFile {first.identity}\n"
            f"Host two\nHostname 127.0.0.1\nPort {second.port}\nIdentityFile {second.identity}\nProxyJump one\n"
            f"Host one two\nUser {first.user}\n"
            f"Host 127.0.0.1\nProxyJump two\n"
        )
        # The jump hosts by the name that they have in the file, the last one by its address: no circle.
        connection = at(client, last, config, known_hosts=str(file))()
        assert connection.place == f"127.0.0.1:{last.port}"
        channel = connection.transport.open_session(timeout=10)
        channel.invoke_subsystem("sftp")
        channel.close()
        for server in (first, second):
            assert "Accepted publickey" in server.log()
        connection.close()
        config.write_text(
            f"Host one two\nHostname 127.0.0.1\nUser {first.user}\n"
            f"Host one\nPort {first.port}\nIdentityFile {first.identity}\n"
            f"Host two\nPort {second.port}\nIdentityFile {second.identity}\n"
            f"Host 127.0.0.1\nProxyJump one,{first.user}@two:{second.port}\n"
        )
        at(client, last, config, known_hosts=str(file))()


def test_each_jump_has_its_own_trust_and_login(client: MakeClient, tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "known"
    with started(Setup("sshd")) as first, started(Setup("sshd")) as last:
        config.write_text(f"Host one\nHostname localhost\nPort {first.port}\nHost 127.*\nProxyJump {first.user}@one\n")
        file.write_text(known(last))
        opening = at(client, last, config, known_hosts=str(file))
        with pytest.raises(HostKeyRejected, match=rf"localhost:{first.port} is not known"):
            opening()
        with pytest.raises(HostKeyRejected, match=rf"localhost:{first.port} is not known"):
            opening(insecure=True)
        file.write_text(known(last) + known(first).replace("127.0.0.1", "localhost"))
        with pytest.raises(LoginRejected, match=rf"localhost:{first.port} does not let"):
            opening()  # --identity is for the server at the end
        assert "Failed publickey" not in first.log()


def test_a_jump_to_a_closed_port(client: MakeClient, tmp_path: Path) -> None:
    config = tmp_path / "config"
    with started(Setup("sshd")) as first:
        config.write_text(
            f"Host localhost\nPort {first.port}\nUser {first.user}\nIdentityFile {first.identity}\n"
            "Host 127.*\nProxyJump localhost\n"
        )
        file = tmp_path / "known"
        file.write_text(known(first).replace("127.0.0.1", "localhost"))
        with pytest.raises(ConnectFailed, match=rf"localhost:{first.port} cannot connect to 127.0.0.1:1"):
            client(1, config=str(config), known_hosts=str(file))()


def test_a_circle_of_jumps(client: MakeClient, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host a\nProxyJump b\nHost *\nProxyJump a\n")
    with pytest.raises(UsageError, match="more than 10 hosts, or in a circle"):
        client(22, config=str(config))()


@contextlib.contextmanager
def saying(words: bytes, *, close: bool = False) -> Iterator[int]:
    """A port where somebody says this to everybody, and nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def greet(sock: socket.socket) -> None:
        sock.sendall(words)
        if close:
            sock.close()

    with accepting(listener, greet):
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (b"220 ProFTPD ready\r\n", NotSsh, "greets like an FTP server; use ftpes:// (server: 220 ProFTPD ready)"),
        (b"220-Welcome\r\n", NotSsh, "greets like an FTP server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotSsh, "does not speak SSH (server: HTTP/1.1 400"),
        (b"\x15\x03\x01\0\2\2\x28", NotSsh, "does not speak SSH but TLS; ftps:// is for an FTP server that does so"),
        (b"421 TLS handshake failed\r\n", NotSsh, "answers like an FTP server; use ftps:// or ftpes://"),
        (b"\x1b[2Jhello\x07", NotSsh, "does not speak SSH (server: ?[2Jhello?)"),
        (b"SSH-1.5-old\r\n", Unsupported, "speaks SSH 1 only"),
        (b"Exceeded MaxStartups\r\n", Busy, "admits no further connection now"),
        (b"Not allowed at this time\r\n", Busy, "admits no further connection now"),
        (b"", ConnectionLost, "closed the connection before it said a word of SSH"),
        (b"x" * 100_000, NotSsh, "does not speak SSH"),
    ],
)
def test_a_port_without_ssh(client: MakeClient, words: bytes, error: type[FtpcliError], complaint: str) -> None:
    with saying(words, close=True) as port, pytest.raises(error) as caught:
        client(port)()
    assert type(caught.value) is error
    assert complaint in str(caught.value)


def test_an_ftp_server_is_not_waited_for(client: MakeClient) -> None:
    """It says no more after its greeting; nor does this."""
    with saying(b"220 hello\r\n") as port, pytest.raises(NotSsh) as caught:
        client(port)()
    assert caught.value.exit_code == 12


def test_nobody_there(client: MakeClient) -> None:
    with pytest.raises(PortClosed):
        client(1)()


def silent_endpoint(port: int, idle: float) -> Endpoint:
    return Endpoint("sftp", "127.0.0.1", port, ssh=SshSettings(config="none"), timing=Timing(idle=idle))


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-silent\r\n", b"one line\r\n"])
def test_silence_ends(words: bytes) -> None:
    before = threading.active_count()
    with saying(words) as port, pytest.raises(TimedOut, match="did not finish the SSH key exchange"):
        open_transport(silent_endpoint(port, 0.5), HostMemory(), lambda _: None, None)
    assert threading.active_count() == before


def test_a_stop_ends_the_wait() -> None:
    stop = StopToken()
    timer = threading.Timer(0.3, stop.request, (130,))
    timer.start()
    try:
        with saying(b"SSH-2.0-silent\r\n") as port, pytest.raises(Stopped):
            open_transport(silent_endpoint(port, 60), HostMemory(), lambda _: None, stop)
    finally:
        timer.join()
        stop.close()
