"""A stop ends the wait for answers: at once where nothing on the server changes, else after a short grace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from ftpcli.errors import Stopped
from ftpcli.exit_codes import DEADLINE_PASSED
from ftpcli.model import Endpoint, Timing
from ftpcli.net import wait
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.login import set_up
from ftpcli.session.sftp.session import SftpSession
from ftpcli.stop import StopToken
from ftpcli.wire.sftp.codes import Packet
from tests.servers.scripted.sftp import Asked, ScriptedSftp

Do = Callable[[SftpSession], object]
READS: dict[Packet, Do] = {
    Packet.LSTAT: lambda session: session.stat("f"),
    Packet.STAT: lambda session: session.size("f"),
    Packet.OPENDIR: lambda session: session.list("d"),
    Packet.READDIR: lambda session: session.list("d"),
    Packet.READLINK: lambda session: session.stat("f"),
    Packet.REALPATH: lambda session: session.ping(),
}
CHANGES: dict[Packet, Do] = {
    Packet.REMOVE: lambda session: session.remove("f"),
    Packet.MKDIR: lambda session: session.mkdir("new"),
    Packet.SETSTAT: lambda session: session.set_mode("f", 0o600),
    Packet.EXTENDED: lambda session: session.rename("f", "g"),
}


@pytest.fixture
def stop() -> Iterator[StopToken]:
    token = StopToken()
    yield token
    token.close()


def opened(stop: StopToken) -> tuple[ScriptedSftp, SftpSession]:
    server = ScriptedSftp(files={"/home/f": bytearray(b"1")}, listed={"/home/d": [[]]})
    where = Endpoint("sftp", "server", 22, "anna", timing=Timing(idle=60, final_reply=60))
    return server, set_up(Conversation(server, where.place, 60, stop), where, stop)


def stopping(stop: StopToken, kind: Packet, *, then: bool) -> Callable[[ScriptedSftp, Asked], bytes | None]:
    """The stop comes while the answer is waited for; ``then`` it comes, or never."""

    def answer(_: ScriptedSftp, asked: Asked) -> bytes | None:
        if asked.kind != kind:
            return None
        stop.request(DEADLINE_PASSED)
        return None if then else b""

    return answer


@pytest.mark.parametrize("kind", READS)
def test_what_only_reads_ends_at_once(stop: StopToken, kind: Packet) -> None:
    server, session = opened(stop)
    server.answers.append(stopping(stop, kind, then=False))
    with pytest.raises(Stopped) as stopped:
        READS[kind](session)
    assert stopped.value.exit_code == DEADLINE_PASSED


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_heard_out(stop: StopToken, kind: Packet) -> None:
    server, session = opened(stop)
    server.answers.append(stopping(stop, kind, then=True))
    CHANGES[kind](session)
    assert session.healthy


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_not_waited_for_without_end(stop: StopToken, monkeypatch: pytest.MonkeyPatch, kind: Packet) -> None:
    monkeypatch.setattr(wait, "STOP_GRACE", 0.0)
    server, session = opened(stop)
    server.answers.append(stopping(stop, kind, then=False))
    with pytest.raises(Stopped):
        CHANGES[kind](session)
    assert not session.healthy


@pytest.mark.parametrize("kind", [*READS, *CHANGES])
@pytest.mark.parametrize("before", [True, False], ids=["stopped before", "stopped while it waits"])
def test_a_closed_window_is_not_waited_for_without_end(
    stop: StopToken, monkeypatch: pytest.MonkeyPatch, kind: Packet, before: bool
) -> None:
    """Dropbear's is 24 KiB, and a server that hangs opens it no more."""
    monkeypatch.setattr(wait, "STOP_GRACE", 0.0)
    server, session = opened(stop)
    server.takes_nothing = True
    timer = threading.Timer(0 if before else 0.1, stop.request, (DEADLINE_PASSED,))
    timer.start()
    if before:
        timer.join()
    with pytest.raises(Stopped):
        (READS | CHANGES)[kind](session)
    timer.join()
    assert not session.healthy


def test_what_was_begun_is_finished_after_a_stop(stop: StopToken) -> None:
    server, session = opened(stop)
    server.answers.append(stopping(stop, Packet.MKDIR, then=True))
    session.mkdir("new")
    assert session.size("f") == 1
    session.remove("f")
    assert session.healthy
