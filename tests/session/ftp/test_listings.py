"""When a directory is looked at a second time, what is learnt of a server by that, and listings without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import ftpcli.wire.ftp.listing as parsing
from ftpcli.errors import ListingTooLong, Stopped, Unreadable
from ftpcli.model import Endpoint, Secret
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken
from tests.servers.scripted.server import Connection, Course, ScriptedServer, scripted

__all__ = ["scripted"]
Start = Callable[..., ScriptedServer]
ENTRY = {"MLSD": "type=file;size=1;modify=20200101000000; a", "LIST": "-rw-r--r-- 1 u g 1 Jan 01  2020 a"}
ITSELF = {"MLSD": "type=cdir;modify=20200101000000; .", "LIST": "drwxr-xr-x 2 u g 4096 Jan 01  2020 ."}


@pytest.fixture(params=["MLSD", "LIST"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(scripted: Start, how: str) -> ScriptedServer:
    facts = ("MLST type*;size*;modify*;",) if how == "MLSD" else ()
    return scripted(files={"/d/a": b"1", "/e/a": b"1"}, features=("EPSV", *facts))


@pytest.fixture
def session(server: ScriptedServer, memory: HostMemory, stop: StopToken) -> Iterator[Session]:
    where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password))
    session = open_session(where, memory, lambda _: None, stop)
    yield session
    session.close()


@pytest.fixture
def memory() -> HostMemory:
    return HostMemory()


def showing(server: ScriptedServer, how: str, *listings: tuple[str, ...], reply: str | None = None) -> None:
    """The next listings, the last of them for good."""
    left = [*listings]

    def hook(c: Connection, argument: str) -> None:
        lines = left.pop(0) if len(left) > 1 else left[0]
        payload = "".join(f"{line}\r\n" for line in lines).encode()
        c.course = Course(payload=payload) if reply is None else Course(payload=payload, reply=reply)
        c.default(how, argument)

    server.on(how, hook)


def looks(server: ScriptedServer, how: str) -> int:
    return len(server.sent(how))


def test_one_look_is_enough_where_all_is_in_order(server: ScriptedServer, session: Session, how: str) -> None:
    showing(server, how, (ITSELF[how], ENTRY[how]))
    assert session.list("d").whole
    assert session.list("e").whole
    assert looks(server, how) == 2


def test_an_empty_directory_that_shows_itself_needs_no_second_look(
    server: ScriptedServer, session: Session, how: str
) -> None:
    showing(server, how, (ITSELF[how],))
    listing = session.list("d")
    assert (listing.entries, listing.whole, listing.doubt, looks(server, how)) == ((), True, "", 1)


def test_a_second_look_shows_all(server: ScriptedServer, session: Session, how: str) -> None:
    showing(server, how, (), (ITSELF[how], ENTRY[how]))
    listing = session.list("d")
    assert [entry.name for entry in listing.entries] == ["a"]
    assert listing.whole
    assert listing.doubt == "its first listing was empty, its second one was not"


def test_a_later_listing_without_the_directorys_own_line_was_cut(
    server: ScriptedServer, session: Session, how: str
) -> None:
    showing(server, how, (ITSELF[how], ENTRY[how]), (ENTRY[how],))
    assert session.list("d").whole
    assert "lacks the line for the directory itself" in session.list("e").gap
    assert looks(server, how) == 3


def test_where_nothing_was_seen_yet_another_directory_tells(server: ScriptedServer, session: Session, how: str) -> None:
    showing(server, how, (), (), (ITSELF[how], ENTRY[how]))
    assert "lacks the line for the directory itself" in session.list("d").gap


def test_a_server_that_never_shows_itself_is_believed(
    server: ScriptedServer, session: Session, memory: HostMemory, how: str
) -> None:
    showing(server, how, (), (), (ENTRY[how],), ())
    assert session.list("d").whole
    first = looks(server, how)
    assert session.list("e").whole
    assert looks(server, how) - first == 2, "the other directory is asked once only"
    assert not any(memory.shows_itself.values())


def test_words_that_deny_success(server: ScriptedServer, session: Session, how: str) -> None:
    showing(server, how, (ITSELF[how], ENTRY[how]), reply="226-Options: -l\n226 Output truncated to 1 matches")
    listing = session.list("d")
    assert [entry.name for entry in listing.entries] == ["a"]
    assert "Output truncated to 1 matches" in listing.gap


def test_a_directory_that_could_not_be_read(server: ScriptedServer, session: Session, how: str) -> None:
    showing(server, how, (), reply="226 Transfer done (but failed to open directory).")
    with pytest.raises(Unreadable, match="could not read it"):
        session.list("d")
    showing(server, how, (ITSELF[how], ENTRY[how]))
    assert session.list("e").whole
    assert not session.list("e").hides_dot_files, "what was refused says nothing about the command"


def endless(server: ScriptedServer, how: str, before: Callable[[], None] = lambda: None) -> None:
    def hook(c: Connection, argument: str) -> None:
        lines = "".join(f"{ENTRY[how]}{number}\r\n" for number in range(1000)).encode()
        c.course = Course(payload=lines * 500)
        before()
        c.default(how, argument)

    server.on(how, hook)


def test_a_listing_without_end(
    server: ScriptedServer, session: Session, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "MAX_ENTRIES", 10_000)
    endless(server, how)
    with pytest.raises(ListingTooLong, match="more than 10000 entries"):
        session.list("d")
    assert not session.healthy


def test_a_stop_ends_a_listing(server: ScriptedServer, session: Session, stop: StopToken, how: str) -> None:
    endless(server, how, lambda: stop.request(11))
    with pytest.raises(Stopped):
        session.list("d")
