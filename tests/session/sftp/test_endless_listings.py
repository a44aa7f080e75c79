"""Directories that a server never ends, ends in its own way, or does not tell in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from ftpcli.errors import ListingTooLong, Stopped
from ftpcli.session.sftp import listing as module
from ftpcli.stop import StopToken
from ftpcli.wire.sftp.attributes import Attributes, write_attributes
from ftpcli.wire.sftp.codes import Packet
from ftpcli.wire.sftp.fields import string, uint32
from tests.servers.scripted.sftp import Asked, ScriptedSftp, framed

from .conftest import open_over

FILE = Attributes(size=5, permissions=0o100644)


def page(asked: Asked, *names: bytes) -> bytes:
    packed = (string(name) + string(b"") + write_attributes(FILE) for name in names)
    return framed(Packet.NAME, uint32(asked.id) + uint32(len(names)) + b"".join(packed))


def answering(pages: Iterator[list[bytes]]) -> ScriptedSftp:
    """A server whose READDIRs are answered with these pages, in order."""

    def answer(_server: ScriptedSftp, asked: Asked) -> bytes | None:
        return page(asked, *next(pages)) if asked.kind == Packet.READDIR else None

    return ScriptedSftp(listed={"/home/d": []}, answers=[answer])


@pytest.mark.parametrize("names", [[], [b"a"], [b".", b"..", b"a", b"b"]], ids=str)
def test_an_empty_page_is_the_end(names: list[bytes]) -> None:
    server = answering(itertools.chain([names] if names else [], itertools.repeat([])))
    session = open_over(server)
    assert [entry.name.encode() for entry in session.list("d").entries] == [name for name in names if name[:1] != b"."]
    session.ping()
    assert session.healthy
    assert server.open_handles == 0


@pytest.mark.parametrize("cycle", [[[b"a", b"b"]], [[b"a"], [b"b"]], [[b"a"], [b"b"], [b"a", b"b"]], [[b".", b".."]]])
def test_the_same_names_for_ever(cycle: list[list[bytes]]) -> None:
    server = answering(itertools.cycle(cycle))
    with pytest.raises(ListingTooLong, match="the same names over and over"):
        open_over(server).list("d")
    assert sum(asked.kind == Packet.READDIR for asked in server.asked) < 100


def test_new_names_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 1000)
    server = answering([b"n%d" % number] for number in itertools.count())
    session = open_over(server)
    with pytest.raises(ListingTooLong, match="more than 1000 names"):
        session.list("d")
    assert not session.healthy


def test_a_stop_ends_a_listing(stop: StopToken) -> None:
    def pages() -> Iterator[list[bytes]]:
        for number in itertools.count():
            if number == 50:
                stop.request(11)
            yield [b"n%d" % number]

    server = answering(pages())
    with pytest.raises(Stopped):
        open_over(server, stop).list("d")
    assert sum(asked.kind == Packet.READDIR for asked in server.asked) < 100


@pytest.mark.parametrize("times", [1, 2])
def test_a_name_that_comes_twice_is_looked_at_again(times: int) -> None:
    """While files are renamed, READDIR may tell a name twice."""
    twice = [[(b"a", FILE), (b"b", FILE)], [(b"b", FILE), (b"c", FILE)]]
    server = ScriptedSftp(listed={"/home/d": twice})

    def changed(_server: ScriptedSftp, asked: Asked) -> None:
        if asked.kind == Packet.OPENDIR and times == 1:
            server.listed["/home/d"] = [[(b"a", FILE), (b"b", FILE), (b"c", FILE)]]

    server.answers.append(changed)
    listing = open_over(server).list("d")
    assert [entry.name for entry in listing.entries] == ["a", "b", "c"]
    assert listing.problems == (() if times == 1 else ("the name 'b' is listed twice",))
    assert sum(asked.kind == Packet.OPENDIR for asked in server.asked) == 2
