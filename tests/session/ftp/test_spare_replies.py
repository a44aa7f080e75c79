"""A server that answers twice: no reply is ever taken for the answer to another command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ftpcli.engine.trees.remote import RemoteRename, make_directories
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.workers.retry import Policy, run
from ftpcli.engine.workers.slot import Slot
from ftpcli.errors import NotFound, PeerProtocolError, Refused
from ftpcli.model import Endpoint, Kind, Secret, Timing, TlsMode, TlsSettings
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken
from tests.servers.certificates import session_certificates
from tests.servers.scripted.faults import beforehand
from tests.servers.scripted.server import Connection, ScriptedServer, scripted

__all__ = ["scripted"]
TLS = {"none": TlsMode.NONE, "explicit": TlsMode.EXPLICIT, "implicit": TlsMode.IMPLICIT}
ANY_TLS = pytest.mark.parametrize("tls", TLS)
FILES = {"/d/a": b"1", "/d/b": b"22", "/d/c": b"333"}
Start = Callable[..., ScriptedServer]


def opened(server: ScriptedServer) -> Session:
    where = Endpoint(
        "ftp",
        server.host,
        server.port,
        server.user,
        Secret(server.password),
        tls=TLS[server.tls],
        tls_settings=TlsSettings(cafile=str(session_certificates().ca)),
        timing=Timing(idle=10, final_reply=10),
    )
    return open_session(where, HostMemory(), lambda _: None, None)


def connections(server: ScriptedServer) -> int:
    return max(command.connection for command in server.sent())


def together(verb_reply: str, spare: str) -> Callable[[Connection, str], None]:
    """Both in one segment, as servers write them whose replies share a buffer."""

    def hook(c: Connection, _: str) -> None:
        c.send(f"{verb_reply}\r\n{spare}\r\n".encode())

    return hook


DOUBLED: dict[str, tuple[str, Callable[[Session], object]]] = {
    "DELE": ("250 Deleted.", lambda session: session.remove("/d/x")),
    "MKD": ('257 "/d/x" made.', lambda session: session.mkdir("/d/x")),
    "RMD": ("250 Removed.", lambda session: session.rmdir("/d/x")),
    "RNTO": ("250 Renamed.", lambda session: session.rename("/d/a", "/d/x")),
    "SIZE": ("213 1", lambda session: session.size("/d/a")),
    "MDTM": ("213 20240101000000", lambda session: session.mtime("/d/a")),
    "NOOP": ("200 Here.", lambda session: session.ping()),
}


@ANY_TLS
@pytest.mark.parametrize("verb", DOUBLED)
@pytest.mark.parametrize("spare", ["same", "550 No such file."])
def test_after_a_spare_reply_nothing_more_is_sent(scripted: Start, tls: str, verb: str, spare: str) -> None:
    reply, do = DOUBLED[verb]
    server = scripted(tls=tls, files=dict(FILES))
    server.on(verb, together(reply, reply if spare == "same" else spare))
    session = opened(server)
    do(session)
    assert session.idle_seconds() == float("inf"), "whoever lends the session sees it beforehand"
    with pytest.raises(PeerProtocolError):
        session.remove("/d/b")
    assert not session.healthy
    session.close()
    assert "/d/b" in server.files
    assert server.verbs().count("DELE") == (verb == "DELE")


@ANY_TLS
def test_part_of_a_spare_reply_is_one(scripted: Start, tls: str) -> None:
    server = scripted(tls=tls, files=dict(FILES))
    server.on("NOOP", lambda c, _: c.send(b"200 Here.\r\n550 No su"))
    session = opened(server)
    session.ping()
    with pytest.raises(PeerProtocolError):
        session.remove("/d/b")
    session.close()
    assert "/d/b" in server.files


@ANY_TLS
def test_a_refused_delete_is_not_called_done(scripted: Start, tls: str) -> None:
    server = scripted(tls=tls, files=dict(FILES))
    server.on("DELE", together("250 Deleted.", "250 Deleted."), match="/d/a")
    server.on("DELE", "550 Permission denied.", match="/d/b")
    slot, stop = Slot(lambda: opened(server)), StopToken()
    run(Policy(wait=0), slot, stop, Removal("/d/a", Kind.FILE).attempt)
    with pytest.raises(NotFound):
        run(Policy(wait=0), slot, stop, Removal("/d/b", Kind.FILE).attempt)
    assert run(Policy(wait=0), slot, stop, lambda session: session.stat("/d/b").size) == 2
    slot.retire()
    stop.close()


@pytest.mark.parametrize("verb", ["CWD", "MKD", "RNFR", "RNTO", "DELE", "MLST", "EPSV"])
@pytest.mark.parametrize("stray", ["550 No such directory.", "250 Done.", "200 Done."])
def test_a_stray_reply_before_a_step_changes_nothing(scripted: Start, verb: str, stray: str) -> None:
    """It came after the last answer, and each step is done once more on another connection, if it was not done."""
    server = scripted(files=dict(FILES))
    slot, stop = Slot(lambda: opened(server)), StopToken()
    run(Policy(wait=0), slot, stop, lambda session: session.ping())
    server.on("NOOP", together("200 Here.", stray), times=1)
    steps: dict[str, Callable[[Session], object]] = {
        "CWD": lambda session: session.follow("/d"),
        "MKD": lambda session: make_directories(session, "/d/new"),
        "RNFR": RemoteRename("/d/a", "/d/z").attempt,
        "RNTO": RemoteRename("/d/a", "/d/z").attempt,
        "DELE": Removal("/d/a", Kind.FILE).attempt,
        "MLST": lambda session: session.stat("/d/a").size,
        "EPSV": lambda session: len(session.list("/d").entries),
    }
    run(Policy(wait=0), slot, stop, lambda session: session.ping())
    run(Policy(wait=0), slot, stop, steps[verb])
    if verb in ("RNFR", "RNTO"):
        assert server.files["/d/z"] == b"1"
        assert "/d/a" not in server.files
    if verb == "DELE":
        assert "/d/a" not in server.files
    assert connections(server) == 2
    slot.retire()
    stop.close()


def test_rnto_waits_for_its_own_answer(scripted: Start) -> None:
    server = scripted(files=dict(FILES))
    server.on("RNFR", together("350 Go on.", "350 Go on."), times=1)
    session = opened(server)
    with pytest.raises(PeerProtocolError):
        session.rename("/d/a", "/d/z")
    session.close()
    assert "/d/a" in server.files


@ANY_TLS
@pytest.mark.parametrize(
    ("verb", "spare"), [("PASS", "230 Quota: 10 MB."), ("CONNECT", "220 Second banner."), ("PASS", "230-a\r\n230 b")]
)
def test_a_greeting_or_login_said_twice_costs_nothing(scripted: Start, tls: str, verb: str, spare: str) -> None:
    server = scripted(tls=tls, files=dict(FILES))
    if verb == "CONNECT":
        server.greeting = f"220 Hello.\r\n{spare}"
    else:
        server.on(verb, _logged_in(together("230 In.", spare)))
    session = opened(server)
    assert session.stat("/d/b").size == 2
    with pytest.raises(Refused):
        session.remove("/d/nothing")
    session.close()
    assert connections(server) == 1


def _logged_in(hook: Callable[[Connection, str], None]) -> Callable[[Connection, str], None]:
    def login(c: Connection, argument: str) -> None:
        c.logged_in = argument == c.server.password
        hook(c, argument)

    return login


@pytest.mark.parametrize("verb", ["TYPE", "PWD", "FEAT"])
@pytest.mark.parametrize("spare", ["200 Fine.", "230 In.", '257 "/".'])
def test_a_spare_reply_in_the_login(scripted: Start, verb: str, spare: str) -> None:
    """Whatever it is taken for, or if it is not: the next connection is right."""
    server = scripted(files=dict(FILES))
    server.on(verb, beforehand(spare), times=1)
    slot, stop = Slot(lambda: opened(server)), StopToken()
    assert run(Policy(wait=0), slot, stop, lambda session: session.stat("/d/b").size) == 2
    with pytest.raises(NotFound):
        run(Policy(wait=0), slot, stop, lambda session: session.remove("/d/nothing"))
    slot.retire()
    stop.close()
