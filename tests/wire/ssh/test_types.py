"""SSH's data types: what is written can be read, and nothing is read beyond the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.ssh.types import Reader, boolean, mpint, number, string


@given(st.binary(max_size=50), st.text(max_size=20), st.booleans(), st.integers(0, 2**32 - 1), st.binary(max_size=9))
def test_what_is_written_can_be_read(raw: bytes, text: str, flag: bool, count: int, rest: bytes) -> None:
    reader = Reader(string(raw) + string(text) + boolean(flag) + number(count) + rest)
    assert (reader.string(), reader.text(), reader.boolean(), reader.number()) == (raw, text, flag, count)
    assert reader.rest == rest


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_nothing_else(data: bytes) -> None:
    reader = Reader(data)
    try:
        while True:
            reader.string()
    except PeerProtocolError:
        pass


def test_names() -> None:
    assert Reader(string("a,b")).names() == ("a", "b")
    assert Reader(string("")).names() == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "00000000"),
        (0x9A378F9B2E332A7, "0000000809a378f9b2e332a7"),
        (0x80, "000000020080"),
        (0x7F, "000000017f"),
    ],
)
def test_mpint_as_in_rfc_4251(value: int, expected: str) -> None:
    assert mpint(value).hex() == expected
