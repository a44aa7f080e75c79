"""A peer that is gone is noticed, whatever stands still; one that answers is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import paramiko
import pytest

from ftpcli.errors import ConnectionLost, TimedOut
from ftpcli.model import Endpoint, Secret, SshSettings, Timing
from ftpcli.session.contract import HostMemory
from ftpcli.session.ssh.connect import SshConnection, open_transport
from tests.servers.ssh.embedded import Embedded, Script, embedded

SECONDS = 30


def opened(server: Embedded, *, idle: float, keepalive: float) -> SshConnection:
    """``idle`` counts from the login on, which takes its time on a busy machine."""
    endpoint = Endpoint(
        "sftp", "127.0.0.1", server.port, user="tester", password=Secret("secret-Pw1"),
        ssh=SshSettings(config="none", insecure=True), timing=Timing(idle=SECONDS, keepalive=keepalive),
    )  # fmt: skip
    connection = open_transport(endpoint, HostMemory(), lambda _: None, None)
    connection.transport.keep_alive(keepalive, idle)
    return connection


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The global requests that reach the embedded server."""
    found: list[str] = []
    plain = paramiko.Transport._parse_global_request

    def parse(transport: paramiko.Transport, message: paramiko.Message) -> None:
        found.append(paramiko.Message(message.asbytes()).get_text())
        plain(transport, message)

    monkeypatch.setattr(paramiko.Transport, "_parse_global_request", parse)
    return found


def test_a_dead_peer_is_noticed_on_an_idle_connection() -> None:
    with embedded(Script()) as server:
        connection = opened(server, idle=1.2, keepalive=0.3)
        server.freeze()
        until(lambda: not connection.transport.active)
        assert isinstance(connection.failure(), TimedOut)
        assert "gave no sign of life for 1.2 seconds" in str(connection.failure())
        connection.close()


def test_a_dead_peer_is_noticed_while_a_write_hangs() -> None:
    """Such a write holds paramiko's lock: a question of our own would wait behind it for ever."""
    with embedded(Script()) as server:
        connection = opened(server, idle=1.2, keepalive=0.3)
        server.freeze()
        assert connection.transport.packetizer.lock_unless_writing() is not None
        until(lambda: not connection.transport.active)
        assert isinstance(connection.failure(), TimedOut)
        connection.close()


def test_a_peer_that_answers_lives_on(asked: list[str]) -> None:
    with embedded(Script()) as server:
        connection = opened(server, idle=3, keepalive=0.2)
        until(lambda: len(asked) > 20)
        assert set(asked) == {"keepalive@openssh.com"}
        assert connection.transport.active
        connection.close()


def test_no_questions_without_keepalive(asked: list[str]) -> None:
    with embedded(Script()) as server:
        connection = opened(server, idle=0.4, keepalive=0)
        time.sleep(1.5)
        assert connection.transport.active
        assert asked == []
        connection.close()


def test_new_keys_by_the_peer_in_the_middle_of_it(asked: list[str]) -> None:
    """Nothing may be sent between the two halves of a key exchange (RFC 4253 §7.1), a question neither."""
    with embedded(Script()) as server:
        connection = opened(server, idle=20, keepalive=0.1)
        server.freeze()
        server.transports[0]._send_kex_init()
        time.sleep(1)  # time for many questions
        server.thaw()
        count = len(asked)
        until(lambda: len(asked) > count)
        assert connection.transport.active
        connection.close()


def test_a_peer_that_closes() -> None:
    with embedded(Script()) as server:
        connection = opened(server, idle=20, keepalive=5)
        server.transports[0].close()
        until(lambda: not connection.transport.active)
        assert type(connection.failure()) is ConnectionLost
        assert connection.trouble() == f"127.0.0.1:{server.port} closed the SSH connection"
        connection.close()


def test_cut_and_close_from_outside() -> None:
    with embedded(Script()) as server:
        connection = opened(server, idle=20, keepalive=5)
        connection.cut()
        until(lambda: not connection.transport.active)
        connection.close()
        connection.close()
        assert not connection.transport.is_alive()


def test_paramiko_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """It would, by Python's last resort, with a traceback."""
    with embedded(Script()) as server:
        connection = opened(server, idle=1, keepalive=0.2)
        server.freeze()
        until(lambda: not connection.transport.active)
        connection.close()
    assert capfd.readouterr() == ("", "")
