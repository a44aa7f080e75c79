"""Which names are in doubt, and what one answer of the server tells about others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.engine.compare.aliases import manner, rough
from ftpcli.engine.trees.name_aliases import find_aliases
from ftpcli.errors import Denied
from ftpcli.model import Entry, Kind, Listing
from tests.servers.scripted.name_rules import FOLDING

NFD = "e\u0301"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Logo.PNG", "logo.png"),
        ("é", NFD),
        ("É", NFD),
        ("straße", "STRASSE"),
        ("İ", "i"),
        ("I", "ı"),
        ("ΣΑΣ", "σας"),
        ("name. .", "NAME"),
        (" name", "name"),
        ("a:b?", "a_b_"),
        ("a\x01b", "a_b"),
        ("a\udce4b", "a\ufffdb"),
        ("ｆｕｌｌ", "full"),
    ],
)
def test_names_in_doubt(one: str, other: str) -> None:
    assert rough(one) == rough(other)


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a.b", "ab"), ("a b", "ab"), ("über", "uber"), (".", "..")])
def test_names_that_every_server_tells_apart(one: str, other: str) -> None:
    assert rough(one) != rough(other)


@given(name=st.text(st.characters(blacklist_characters="/\0"), min_size=1), rule=st.sampled_from(list(FOLDING)))
def test_what_a_server_stores_is_in_doubt(name: str, rule: str) -> None:
    stored = FOLDING[rule].stored(name)
    assert not stored or rough(stored) == rough(name) or rough(stored.upper()) == rough(name.upper())


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Logo", "LOGO", "case"),
        ("Lion", "LION", "case of i"),
        ("Lion", "lion", "case"),
        ("é", NFD, "form"),
        ("a", "a. ", "tail"),
        ("É", "é", ""),
        ("A", "a.", ""),
        ("same", "same", ""),
    ],
)
def test_manners(one: str, other: str, how: str) -> None:
    assert manner(one, other) == manner(other, one) == how


class Server:
    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.asked: list[str] = []

    def look(self, name: str) -> Entry | None:
        self.asked.append(name)
        return Entry(name, Kind.FILE, 1) if name in self.names else None


def listing(*names: str) -> Listing:
    return Listing(tuple(Entry(name, Kind.FILE, 1) for name in names))


def test_nothing_is_asked_where_nothing_is_similar() -> None:
    server = Server()
    found = find_aliases(listing("a", "b", "c"), listing("a", "d", "e"), server.look)
    assert (server.asked, bool(found), found.twins) == ([], False, False)


def test_one_answer_for_each_manner() -> None:
    server = Server("A", "B", "I", "é")
    found = find_aliases(listing("A", "B", "I", "é", "ü"), listing("a", "b", "i", NFD, "u\u0308"), server.look)
    assert found.of == {"A": "a", "B": "b", "I": "i", "é": NFD, "ü": "u\u0308"}
    assert server.asked == ["A", "I", "é"]


def test_a_no_is_believed_if_the_server_knows_a_listed_name() -> None:
    server = Server("a", "b")
    found = find_aliases(listing("A", "B"), listing("a", "b"), server.look)
    assert (found.of, found.apart) == ({}, {"A": "a", "B": "b"})
    assert server.asked == ["A", "a"]


def test_two_listed_names_show_that_the_server_tells_them_apart() -> None:
    server = Server()
    found = find_aliases(listing("A", "b"), listing("a", "x", "X"), server.look)
    assert (found.apart, server.asked) == ({"A": "a"}, [])


def test_names_that_may_be_taken_for_one_another_later() -> None:
    assert find_aliases(listing("a", "A"), listing(), Server().look).twins
    assert not find_aliases(listing("a", "A"), listing("a", "A"), Server().look).twins


def test_a_refusal_leaves_it_open() -> None:
    def look(_: str) -> Entry | None:
        raise Denied("not allowed", reply="553 no")

    assert find_aliases(listing("A"), listing("a"), look).unsure == {"A": "a"}


def test_something_else_under_the_name_leaves_it_open() -> None:
    def look(name: str) -> Entry | None:
        return Entry(name, Kind.FILE, 2)

    assert find_aliases(listing("A"), listing("a"), look).unsure == {"A": "a"}
