"""Over real SSH: how a channel begins, how it ends, and what happens in between when keys change or nobody answers."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from ftpcli.errors import ConnectionLost, FtpcliError, PeerProtocolError, Retry, Stopped, TimedOut, Unsupported
from ftpcli.model import Endpoint
from ftpcli.session.contract import OnMoved
from ftpcli.session.sftp.channel import open_channel
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.inbox import Inbox
from ftpcli.session.sftp.login import open_sftp_over
from ftpcli.session.sftp.session import SftpSession
from ftpcli.stop import StopToken
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.login import log_in, sftp_session
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

MIB = 1024 * 1024
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


class Digesting:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: memoryview, /) -> int:
        self.hash.update(data)
        self.size += len(data)
        return len(data)


def fetched(session: SftpSession, path: str) -> str:
    taken = Digesting()
    with session.open_read(path, 0) as source:
        source.pump_to(taken, lambda _: None)
        source.finish()
    return taken.hash.hexdigest()


def sent(session: SftpSession, source: Path, path: str) -> None:
    with open(source, "rb", buffering=0) as file, session.open_write(path, 0) as sink:
        sink.pump_from(file, lambda _: None)
        sink.finish()


def moving(session: SftpSession, path: Path, sending: bool, moved: OnMoved) -> None:
    if sending:
        with open(path, "rb", buffering=0) as file, session.open_write("copy", 0) as sink:
            sink.pump_from(file, moved)
            sink.finish()
    else:
        with session.open_read(path.name, 0) as source:
            source.pump_to(Digesting(), moved)


@pytest.fixture(scope="module")
def sshd() -> Iterator[Running]:
    with started(Setup("sshd")) as server:
        yield server


def content(server: Running, mebibytes: int) -> tuple[Path, str]:
    data = os.urandom(MIB) * mebibytes
    return server.write(f"file-{mebibytes}", data), hashlib.sha256(data).hexdigest()


def test_keys_that_change_again_and_again() -> None:
    """The server wants new keys after every MiB."""
    with started(Setup("sshd", extra=("RekeyLimit 1M",))) as server:
        path, digest = content(server, 24)
        session = sftp_session(server)
        for _ in range(2):
            assert fetched(session, path.name) == digest
            sent(session, path, "copy")
            assert hashlib.sha256((server.root / "copy").read_bytes()).hexdigest() == digest
        session.close()


def test_keys_that_change_at_our_wish(sshd: Running) -> None:
    path, digest = content(sshd, 24)
    connection = log_in(sshd.host, sshd.port, sshd.user, identity=sshd.identity)
    connection.transport.packetizer.REKEY_BYTES = MIB
    session = open_sftp_over(connection, Endpoint("sftp", sshd.host, sshd.port), None)
    assert fetched(session, path.name) == digest
    sent(session, path, "copy")
    assert hashlib.sha256((sshd.root / "copy").read_bytes()).hexdigest() == digest
    session.close()


def test_small_windows_of_the_channel() -> None:
    """paramiko's server announces a window of 2 MiB and packets of 32 KiB; larger uploads must wait for it."""
    with paramiko_server() as server:
        path = server.write("source", os.urandom(5 * MIB))
        session = sftp_session(server)
        sent(session, path, "copy")
        assert (server.root / "copy").read_bytes() == path.read_bytes()
        session.close()


def test_through_another_connection(sshd: Running) -> None:
    """As with a jump host: there is no socket below, only a channel."""
    outer = log_in(sshd.host, sshd.port, sshd.user, identity=sshd.identity)
    way = outer.transport.open_channel("direct-tcpip", (sshd.host, sshd.port), ("127.0.0.1", 0))
    inner = log_in(sshd.host, sshd.port, sshd.user, identity=sshd.identity, through=way)
    session = open_sftp_over(inner, Endpoint("sftp", sshd.host, sshd.port), None)
    path, digest = content(sshd, 9)
    assert fetched(session, path.name) == digest
    sent(session, path, "copy")
    assert hashlib.sha256((sshd.root / "copy").read_bytes()).hexdigest() == digest
    session.close()
    outer.close()


def test_no_subsystem() -> None:
    with paramiko_server(None) as server, pytest.raises(Unsupported, match="offers no SFTP") as caught:
        sftp_session(server)
    assert caught.value.retry is Retry.STOP_RUN


class Leaves(paramiko.SubsystemHandler):
    """The server is gone when it is asked for SFTP."""

    def __init__(self, channel: paramiko.Channel, *_: object) -> None:
        channel.get_transport().close()
        raise EOFError


def test_a_server_that_is_gone_when_it_is_asked_for_the_subsystem(monkeypatch: pytest.MonkeyPatch) -> None:
    """paramiko wakes whoever waits for an answer before it calls the connection ended."""
    with paramiko_server(Leaves) as server:
        connection = log_in(server.host, server.port, server.user, password=server.password)
        unlink = connection.transport._unlink_channel

        def slowly(number: int) -> None:
            time.sleep(0.3)
            unlink(number)

        monkeypatch.setattr(connection.transport, "_unlink_channel", slowly)
        with pytest.raises(ConnectionLost):
            open_channel(connection, "there", 20, None)
        connection.close()


def test_a_shell_that_talks() -> None:
    with (
        started(Setup("sshd", extra=("ForceCommand echo Welcome; sleep 5",))) as server,
        pytest.raises(PeerProtocolError, match="start-up file"),
    ):
        sftp_session(server)


def greeting_once_ended(server: Running | ParamikoServer) -> None:
    """Say hello to a program that has ended by then."""
    connection = log_in(server.host, server.port, server.user, identity=server.identity, password=server.password)
    channel = open_channel(connection, "there", 20, None)
    Missing.answered.set()
    ended = time.monotonic() + 20
    while not channel._channel.closed and time.monotonic() < ended:
        time.sleep(0.01)
    conversation = Conversation(channel, "there", 5)
    try:
        conversation.greet(None)
    finally:
        conversation.close()


def test_a_shell_that_talks_and_ends() -> None:
    with (
        started(Setup("sshd", extra=("ForceCommand echo Not today",))) as server,
        pytest.raises(PeerProtocolError, match="start-up file"),
    ):
        greeting_once_ended(server)


class Missing(paramiko.SubsystemHandler):
    """What a shell says of a program that is not there, once the client knows that it was started."""

    answered = threading.Event()

    def start_subsystem(self, _name: str, _transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        self.answered.wait(20)
        channel.send_exit_status(127)
        channel.close()


def test_a_program_that_is_not_there() -> None:
    Missing.answered.clear()
    with (
        paramiko_server(Missing) as server,
        pytest.raises(ConnectionLost, match=r"the SFTP program at there ended \(exit status 127\)"),
    ):
        greeting_once_ended(server)


class Silent(paramiko.SubsystemHandler):
    """Starts, and never says a word."""

    def start_subsystem(self, _name: str, _transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        while channel.recv(1000):
            pass


class NeverStarted(Silent):
    """The request for it gets no answer while the test runs."""

    released = threading.Event()

    def __init__(self, *arguments: object) -> None:
        self.released.wait(30)
        super().__init__(*arguments)


@pytest.mark.parametrize("subsystem", [Silent, NeverStarted])
def test_a_subsystem_that_says_nothing(subsystem: type[paramiko.SubsystemHandler]) -> None:
    with paramiko_server(subsystem) as server:
        NeverStarted.released.clear()
        with pytest.raises(TimedOut):
            sftp_session(server, idle=0.5)
        stop = StopToken()
        threading.Timer(0.3, stop.request, (130,)).start()
        with pytest.raises(Stopped):
            sftp_session(server, stop)
        stop.close()
        NeverStarted.released.set()


def test_the_server_ends_in_the_middle() -> None:
    with started(Setup("sshd")) as server:
        path, _ = content(server, 64)
        session = sftp_session(server)

        def moved(_: int) -> None:
            server.stop()

        with pytest.raises(ConnectionLost), session.open_read(path.name, 0) as source:
            source.pump_to(Digesting(), moved)
        assert not session.healthy
        session.close()


def test_the_connection_ends_while_nothing_is_asked() -> None:
    with started(Setup("sshd")) as server:
        session = sftp_session(server)
        assert session.idle_seconds() < 5
        server.stop()
        deadline = time.monotonic() + 10
        while session.idle_seconds() != float("inf"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(ConnectionLost):
            session.ping()
        session.close()


@pytest.mark.parametrize("sending", [False, True])
def test_a_cut_from_another_thread(sshd: Running, sending: bool) -> None:
    path, _ = content(sshd, 64)
    session = sftp_session(sshd)
    cut = threading.Event()

    def moved(_: int) -> None:
        if not cut.is_set():
            cut.set()
            other = threading.Thread(target=session.cut)
            other.start()
            other.join()  # or the transfer may be over before

    with pytest.raises(ConnectionLost):
        moving(session, path, sending, moved)
    session.close()


@linux
@pytest.mark.parametrize("sending", [False, True])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_peer_that_stands_still(sending: bool, stopped: bool) -> None:
    """Without any sign the idle time ends it, in either direction; a stop ends it at once."""
    with started(Setup("sshd")) as server:
        path, _ = content(server, 256)
        stop = StopToken()
        session = sftp_session(server, stop, idle=60 if stopped else 3)
        still: list[int] = []

        def moved(_: int) -> None:
            if not still:
                still.extend(_children(server.process.popen.pid))
                for pid in still:
                    os.kill(pid, signal.SIGSTOP)
                if stopped:
                    threading.Timer(0.5, stop.request, (130,)).start()

        try:
            with pytest.raises(Stopped if stopped else TimedOut):
                moving(session, path, sending, moved)
            assert not session.healthy
            session.close()
        finally:
            stop.close()
            for pid in still:
                os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(stat.parent.name)
            found += [child, *_children(child)]
    return found


@linux
def test_proc_and_missing_and_forbidden_files(sshd: Running) -> None:
    session = sftp_session(sshd)
    for path in ("/proc/version", "/proc/cpuinfo"):
        assert fetched(session, path) == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    for path in ("/no/such", str(sshd.root)):
        with pytest.raises(FtpcliError):
            fetched(session, path)
    session.ping()
    assert session.healthy
    session.close()


# Was: it read beyond the end of the file and never answered.
def test_a_server_whose_digests_are_broken_is_not_asked() -> None:
    with paramiko_server() as server:
        server.write("file", b"x" * 1_000_000)
        session = sftp_session(server)
        assert session.capabilities.digests == ()
        assert session.digest("file") is None
        session.close()


def test_an_inbox_takes_the_place_of_paramikos() -> None:
    """What paramiko's channel calls on its ``in_buffer`` is there, and means the same."""
    inbox = Inbox()
    assert not inbox.wait(0, None)
    inbox.feed(b"ab")
    inbox.feed(b"c")
    assert len(inbox) == 3
    assert inbox.wait(10, None)
    batch = inbox.read(1)
    assert (batch.blocks, len(batch)) == ([b"ab", b"c"], 3)
    assert len(inbox.read(1)) == 0
    inbox.close()
    assert inbox.wait(10, None)
    assert len(inbox.read(1)) == 0
    inbox.dispose()
    channel = paramiko.Channel(1)
    used = {name for name in ("feed", "close", "read") if hasattr(channel.in_buffer, name)}
    assert used == {"feed", "close", "read"}
