"""A stop ends the wait for answers: at once where nothing on the server changes, else after a short grace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ftpcli.errors import Stopped
from ftpcli.exit_codes import DEADLINE_PASSED
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.net import wait
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken
from tests.servers.scripted.server import Connection, ScriptedServer, scripted

__all__ = ["scripted"]
Start = Callable[..., ScriptedServer]
Do = Callable[[Session], object]


@pytest.fixture
def stop() -> Iterator[StopToken]:
    token = StopToken()
    yield token
    token.close()


def opened(server: ScriptedServer, stop: StopToken) -> Session:
    """With a timeout that the test would run into if the stop ended nothing."""
    where = Endpoint(
        "ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(idle=60, final_reply=60)
    )
    return open_session(where, HostMemory(), lambda _: None, stop)


def stopping(stop: StopToken, *, then: bool) -> Callable[[Connection, str], None]:
    """The stop comes while the answer is waited for; ``then`` it comes, or never."""

    def hook(c: Connection, argument: str) -> None:
        stop.request(DEADLINE_PASSED)
        if then:
            c.default(c.line.split(b" ")[0].decode("ascii").upper(), argument)

    return hook


READS: dict[str, Do] = {
    "SIZE": lambda session: session.size("/f"),
    "CWD": lambda session: session.follow("/d"),
    "MDTM": lambda session: session.mtime("/f"),
    "MLST": lambda session: session.stat("/f"),
    "EPSV": lambda session: session.list("/d"),
    "MLSD": lambda session: session.list("/d"),
    "NOOP": lambda session: session.ping(),
}
CHANGES: dict[str, Do] = {
    "DELE": lambda session: session.remove("/f"),
    "MKD": lambda session: session.mkdir("/new"),
    "RMD": lambda session: session.rmdir("/d"),
    "RNFR": lambda session: session.rename("/f", "/g"),
    "RNTO": lambda session: session.rename("/f", "/g"),
    "MFMT": lambda session: session.set_mtime("/f", 1e9),
}


@pytest.mark.parametrize("verb", READS)
def test_what_only_reads_ends_at_once(
    scripted: Start, stop: StopToken, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(wait, "STOP_GRACE", 60.0)
    server = scripted(files={"/f": b"1", "/d/x": b"1"})
    server.on(verb, stopping(stop, then=False))
    session = opened(server, stop)
    with pytest.raises(Stopped) as stopped:
        READS[verb](session)
    assert stopped.value.exit_code == DEADLINE_PASSED
    assert not session.healthy, "its answer may still come"
    session.close()


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_is_heard_out(scripted: Start, stop: StopToken, verb: str) -> None:
    server = scripted(files={"/f": b"1"})
    server.tree.made.add("/d")
    server.on(verb, stopping(stop, then=True))
    session = opened(server, stop)
    CHANGES[verb](session)
    assert session.healthy
    session.close()


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_is_not_waited_for_without_end(
    scripted: Start, stop: StopToken, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(wait, "STOP_GRACE", 0.1)
    server = scripted(files={"/f": b"1"})
    server.tree.made.add("/d")
    server.on(verb, stopping(stop, then=False))
    session = opened(server, stop)
    with pytest.raises(Stopped):
        CHANGES[verb](session)
    assert not session.healthy
    session.close()


def test_what_was_begun_is_finished_after_a_stop(
    scripted: Start, stop: StopToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file is aside, say: looks and steps that come after it still go on."""
    monkeypatch.setattr(wait, "STOP_GRACE", 30.0)
    server = scripted(files={"/f": b"1"})
    server.on("DELE", stopping(stop, then=True))
    session = opened(server, stop)
    session.remove("/f")
    session.mkdir("/g")
    assert session.stat("/g").name == "g"
    session.close()
