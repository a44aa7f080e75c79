"""Line ends in ASCII type, in whatever pieces the text comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.wire.ftp.line_ends import FromWire, ToWire

TEXT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\xff"])).map(b"".join)


def received(pieces: list[bytes]) -> bytes:
    text = FromWire()
    return b"".join(map(text.feed, pieces)) + text.end()


def sent(pieces: list[bytes]) -> bytes:
    return b"".join(map(ToWire().feed, pieces))


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("wire", "here"),
    [
        (b"", b""),
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"\r\n\r\n", b"\n\n"),
        (b"no end", b"no end"),
        (b"a\rb\r", b"a\rb\r"),
        (b"a\r\r\n", b"a\r\n"),
        (b"a\nb", b"a\nb"),
    ],
)
def test_what_is_received(wire: bytes, here: bytes) -> None:
    assert received([wire]) == here
    assert received(bytewise(wire)) == here


@pytest.mark.parametrize(
    ("here", "wire"),
    [
        (b"", b""),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"\n\n", b"\r\n\r\n"),
        (b"a\r\nb\n", b"a\r\nb\r\n"),
        (b"a\rb", b"a\rb"),
        (b"no end", b"no end"),
    ],
)
def test_what_is_sent(here: bytes, wire: bytes) -> None:
    assert sent([here]) == wire
    assert sent(bytewise(here)) == wire


@given(text=TEXT, places=st.lists(st.integers(0, 50)))
def test_pieces_make_no_difference(text: bytes, places: list[int]) -> None:
    ends = sorted({place for place in places if place < len(text)} | {len(text)})
    pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert received(pieces) == received([text])
    assert sent(pieces) == sent([text])


@given(text=TEXT.map(lambda text: text.replace(b"\r", b"")))
def test_text_comes_back(text: bytes) -> None:
    assert received([sent([text])]) == text
