"""Digests from servers that answer oddly: which commands go out, what is believed, what is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ftpcli.errors import Denied, NotFound, PeerProtocolError, TimedOut, TransientRefusal
from ftpcli.model import Digest, Endpoint, Secret, Timing
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.servers.scripted.server import Connection, ScriptedServer, scripted

__all__ = ["scripted"]
Start = Callable[..., ScriptedServer]
CONTENT = b"some content"
DIGESTS = {name: Digest(name, hashlib.new(name, CONTENT).hexdigest()) for name in ("sha256", "sha1", "md5")}
PROFTPD = ("HASH MD5;SHA-1*;SHA-256;", "XMD5", "XSHA1", "XSHA256")
DIGEST_VERBS = ("OPTS", "HASH", "XSHA256", "XSHA512", "XSHA1", "XSHA", "XMD5", "XCRC")


def start(scripted: Start, *features: str) -> ScriptedServer:
    """Answers HASH and its OPTS as the draft has it, and XMD5 in capitals."""
    server = scripted(files={"/a": CONTENT}, features=("SIZE", *features))
    chosen: dict[int, str] = {}

    def choose(c: Connection, argument: str) -> None:
        chosen[c.number] = argument.split()[1]
        c.reply(f"200 {chosen[c.number]}")

    def compute(c: Connection, path: str) -> None:
        name = chosen.get(c.number, "SHA-1")
        value = DIGESTS[name.lower().replace("-", "")].value
        c.reply(f"213-Computing\r\n Computing...\r\n213 {name} 0-{len(CONTENT)} {value} {path}")

    server.on("OPTS", choose, match="HASH")
    server.on("HASH", compute)
    server.on("XMD5", f"250 {DIGESTS['md5'].value.upper()}")
    return server


@contextmanager
def opened(
    server: ScriptedServer, memory: HostMemory | None = None, idle: float = 10, final_reply: float = 10
) -> Iterator[Session]:
    endpoint = Endpoint(
        "ftp",
        server.host,
        server.port,
        server.user,
        Secret(server.password),
        timing=Timing(idle=idle, final_reply=final_reply),
    )
    session = open_session(endpoint, memory or HostMemory(), lambda _: None, None)
    try:
        yield session
    finally:
        session.close()


def asked(server: ScriptedServer, connection: int | None = None) -> list[str]:
    """The commands that have to do with digests."""
    sent = [command for command in server.sent() if connection in (None, command.connection)]
    return [f"{command.verb} {command.argument}" for command in sent if command.verb in DIGEST_VERBS]


def test_the_algorithm_is_chosen_once_a_session(scripted: Start) -> None:
    server, memory = start(scripted, *PROFTPD), HostMemory()
    for number in (1, 2):
        with opened(server, memory) as session:
            assert session.capabilities.digests == ("sha256", "sha1", "md5")
            assert [session.digest("a") for _ in range(3)] == [DIGESTS["sha256"]] * 3
        assert asked(server, number) == ["OPTS HASH SHA-256", *["HASH /a"] * 3]
    assert memory.digest_command == "HASH SHA-256"


def test_nothing_to_choose_where_the_best_is_selected(scripted: Start) -> None:
    server = start(scripted, "HASH SHA-1*;MD5")
    with opened(server) as session:
        assert session.digest("a") == DIGESTS["sha1"]
    assert asked(server) == ["HASH /a"]


def test_no_offer_no_question(scripted: Start) -> None:
    server = start(scripted, "HASH TIGER*")
    with opened(server) as session:
        assert session.capabilities.digests == ()
        assert session.digest("a") is None
    assert asked(server) == []


@pytest.mark.parametrize("code", [500, 501, 502, 504, 552])
def test_a_command_that_does_not_work_gives_way_to_the_next(scripted: Start, code: int) -> None:
    server, memory = start(scripted, "XMD5", "XSHA256", "XSHA512"), HostMemory()
    for verb in ("XSHA256", "XSHA512"):
        server.on(verb, f"{code} no")
    for _ in range(2):
        with opened(server, memory) as session:
            assert session.digest("a") == session.digest("a") == DIGESTS["md5"]
    assert asked(server) == ["XSHA256 /a", "XSHA512 /a", *["XMD5 /a"] * 4]


def test_a_selection_that_is_refused_gives_way_to_the_next(scripted: Start) -> None:
    server = start(scripted, *PROFTPD)
    server.on("OPTS", "501 Unknown algorithm, current selection not changed", match="SHA-256")
    server.on("XSHA256", "502 no")
    with opened(server) as session:
        assert session.digest("a") == DIGESTS["sha1"]
    assert asked(server) == ["OPTS HASH SHA-256", "XSHA256 /a", "HASH /a"]


def test_where_nothing_works_nothing_is_asked_again(scripted: Start) -> None:
    server, memory = start(scripted, "XMD5", "XCRC"), HostMemory()
    server.on("XMD5", "500 no")
    with opened(server, memory) as session:
        assert session.digest("a") is None
        assert session.digest("a") is None
        assert session.healthy
    assert asked(server) == ["XMD5 /a", "XCRC /a"]


def test_a_file_that_the_command_does_not_take_does_not_spoil_it(scripted: Start) -> None:
    """ProFTPD: ``501 XMD5 requires end (0) greater than start (0)`` for an empty file."""
    server, memory = start(scripted, "XMD5"), HostMemory()
    server.on("XMD5", "501 XMD5 requires end (0) greater than start (0)", match="empty")
    with opened(server, memory) as session:
        for _ in range(2):
            assert session.digest("empty") is None
            assert session.digest("a") == DIGESTS["md5"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("550 a: No such file or directory", NotFound),
        ("553 a: Not a regular file", Denied),
        ("450 busy with another one", TransientRefusal),
    ],
)
def test_a_refusal_for_the_file_is_no_refusal_of_the_command(
    scripted: Start, reply: str, error: type[Exception]
) -> None:
    server = start(scripted, *PROFTPD)
    server.on("HASH", reply, times=1)
    with opened(server) as session:
        with pytest.raises(error):
            session.digest("a")
        assert session.healthy
        assert session.digest("a") == DIGESTS["sha256"]
    assert asked(server) == ["OPTS HASH SHA-256", "HASH /a", "HASH /a"]


def test_the_answer_says_which_algorithm_it_is(scripted: Start) -> None:
    """Also where the server did not heed OPTS."""
    server = start(scripted, *PROFTPD)
    server.on("OPTS", "200 SHA-256")
    with opened(server) as session:
        assert session.digest("a") == DIGESTS["sha1"]


@pytest.mark.parametrize("reply", ["213 done", "213 SHA-256 0-12 1234 /a", "200", "350 go on"])
def test_answers_without_a_digest_are_not_believed(scripted: Start, reply: str) -> None:
    server, memory = start(scripted, *PROFTPD), HostMemory()
    server.on("HASH", reply)
    with opened(server, memory) as session, pytest.raises(PeerProtocolError):
        session.digest("a")
    assert memory.digest_command is None


def test_names_with_spaces(scripted: Start) -> None:
    server = start(scripted, "XMD5")
    with opened(server) as session:
        session.digest('b "c" d')
    assert asked(server) == ['XMD5 "/b \\"c\\" d"']


def test_the_answer_may_take_as_long_as_a_final_reply(scripted: Start) -> None:
    server = start(scripted, "XMD5")

    def late(c: Connection, _: str) -> None:
        c.sleep(3)
        c.reply(f"250 {DIGESTS['md5'].value}")

    server.on("XMD5", late)
    with opened(server, idle=2, final_reply=20) as session:
        assert session.digest("a") == DIGESTS["md5"]
    with opened(server, idle=10, final_reply=0.5) as session:
        with pytest.raises(TimedOut):
            session.digest("a")
        assert not session.healthy
