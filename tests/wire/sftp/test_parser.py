"""SFTP's bytes: whole, byte by byte, in pieces, with trailing data; garbage; limits; what was written is read back."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Kind
from ftpcli.wire.sftp.attributes import Attributes, kind_of_line, parse_attributes, write_attributes
from ftpcli.wire.sftp.codes import Packet
from ftpcli.wire.sftp.extensions import Limits, digest_algorithms, parse_digest, parse_free_bytes, parse_limits
from ftpcli.wire.sftp.fields import Fields, string, uint32, uint64
from ftpcli.wire.sftp.parser import LONGEST_PACKET, ReplyParser
from ftpcli.wire.sftp.replies import (
    Attrs,
    Data,
    ExtendedReply,
    Handle,
    Name,
    Names,
    Piece,
    Status,
    Version,
    parse_reply,
)

VERSION = b"\0\0\0\5\2\0\0\0\3"
numbers = st.integers(0, 2**32 - 1)
sizes = st.integers(0, 2**64 - 1)
texts = st.binary(max_size=40)


def framed(kind: int, body: bytes) -> bytes:
    return uint32(1 + len(body)) + bytes((kind,)) + body


@st.composite
def attributes(draw: st.DrawFn) -> Attributes:
    owners, times = draw(st.booleans()), draw(st.booleans())
    return Attributes(
        size=draw(st.none() | sizes),
        uid=draw(numbers) if owners else None,
        gid=draw(numbers) if owners else None,
        permissions=draw(st.none() | numbers),
        atime=draw(numbers) if times else None,
        mtime=draw(numbers) if times else None,
    )


@st.composite
def packets(draw: st.DrawFn) -> tuple[bytes, list[object]]:
    """A packet, and what it must be read as; data as bytes."""
    number = draw(numbers)
    kind = draw(st.sampled_from(["status", "handle", "names", "attrs", "extended", "data"]))
    body = uint32(number)
    if kind == "status":
        code, text = draw(numbers), draw(st.text(st.characters(categories=["L", "N"]), max_size=10))
        words = text if code else ""  # of no interest where all is well
        return framed(101, body + uint32(code) + string(text.encode()) + string(b"en")), [Status(number, code, words)]
    if kind == "handle":
        handle = draw(texts)
        return framed(102, body + string(handle)), [Handle(number, handle)]
    if kind == "names":
        told = draw(st.lists(st.tuples(texts, attributes()), max_size=4))
        names = [Name(name, found, found.kind) for name, found in told]
        packed = (string(n.filename) + string(b"some line") + write_attributes(n.attributes) for n in names)
        return framed(104, body + uint32(len(names)) + b"".join(packed)), [Names(number, tuple(names))]
    if kind == "attrs":
        found = draw(attributes())
        return framed(105, body + write_attributes(found)), [Attrs(number, found)]
    if kind == "extended":
        rest = draw(texts)
        return framed(201, body + rest), [ExtendedReply(number, rest)]
    data = draw(st.binary(max_size=200))
    return framed(103, body + string(data)), [Data(number, len(data)), *([data] if data else [])]


def parse(pieces: list[bytes]) -> tuple[list[object], bool]:
    """All items, pieces of data joined, and whether the parser gave up."""
    parser, found = ReplyParser(), []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (item := parser.next()) is not None:
                if not isinstance(item, Piece):
                    found.append(item)
                elif isinstance(found[-1], bytes):
                    found[-1] += bytes(item.view)
                else:
                    found.append(bytes(item.view))
    except PeerProtocolError:
        return found, True
    return found, False


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(raw) + 1) for place in places} | {len(raw)})
    return [raw[start:end] for start, end in zip([0, *ends], ends, strict=False)]


cuts = st.lists(st.integers(0, 5000), max_size=10)


@given(several=st.lists(packets(), max_size=5), places=cuts, trailing=st.binary(max_size=3))
def test_what_was_sent_is_read_in_any_pieces(
    several: list[tuple[bytes, list[object]]], places: list[int], trailing: bytes
) -> None:
    raw = VERSION + b"".join(packet for packet, _ in several) + trailing
    expected = [Version(3, {}), *(item for _, items in several for item in items)]
    assert parse(cut(raw, places)) == (expected, False)
    assert parse([raw[at : at + 1] for at in range(len(raw))]) == (expected, False)


@given(raw=st.binary(max_size=300), places=cuts, greeted=st.booleans())
def test_garbage_raises_one_error_and_nothing_else(raw: bytes, places: list[int], greeted: bool) -> None:
    raw = VERSION * greeted + raw
    assert parse(cut(raw, places)) == parse([raw])


@given(kind=st.integers(0, 255), body=st.binary(max_size=200), places=cuts)
def test_garbage_in_a_frame(kind: int, body: bytes, places: list[int]) -> None:
    raw = VERSION + framed(kind, body)
    assert parse(cut(raw, places)) == parse([raw])


@given(packet=packets(), at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_one_wrong_byte(packet: tuple[bytes, list[object]], at: int, byte: int) -> None:
    raw = bytearray(packet[0])
    raw[at % len(raw)] = byte
    parse([VERSION, bytes(raw)])


@pytest.mark.parametrize(
    "raw",
    [
        uint32(LONGEST_PACKET + 1),
        uint32(0),
        uint32(4) + bytes(4),
        b"\xff\xff\xff\xff",
        framed(103, uint32(1) + uint32(5) + b"four"),
        framed(103, uint32(1) + uint32(3) + b"four"),
        framed(103, uint32(1)),
        framed(104, uint32(1) + b"\xff\xff\xff\xff"),
        framed(105, uint32(1) + b"\x80\0\0\0\xff\xff\xff\xff"),
        framed(102, uint32(1) + uint32(9)),
        framed(1, uint32(3)),
        framed(Packet.OPEN, bytes(20)),
        framed(Packet.VERSION, uint32(3)),
    ],
)
def test_what_cannot_be(raw: bytes) -> None:
    assert parse([VERSION, raw]) == ([Version(3, {})], True)


def test_text_before_sftp_is_explained() -> None:
    parser = ReplyParser()
    parser.feed(b"Last login: Sat Nov 21 on pts/0\r\n")
    with pytest.raises(PeerProtocolError, match="start-up file") as caught:
        parser.next()
    assert caught.value.reply == "Last login: Sat Nov 21 on pts/0"


def test_data_is_not_copied() -> None:
    parser = ReplyParser()
    parser.feed(VERSION)
    parser.next()
    block = framed(103, uint32(1) + string(b"payload"))
    parser.feed(block)
    assert parser.next() == Data(1, 7)
    piece = parser.next()
    assert isinstance(piece, Piece)
    assert piece.view.obj is block


def test_a_large_promise_takes_no_memory() -> None:
    """What the length says is not reserved before it comes."""
    parser = ReplyParser()
    parser.feed(VERSION + uint32(LONGEST_PACKET) + bytes((Packet.NAME,)))
    parser.next()
    assert parser.next() is None
    assert len(parser._packet) < 100


def test_a_handle_has_256_bytes_at_most() -> None:
    """It is sent back a thousand times at once, in READs."""
    longest = bytes(256)
    assert parse([VERSION, framed(102, uint32(1) + string(longest))])[0][1] == Handle(1, longest)
    with pytest.raises(PeerProtocolError, match="an SFTP handle of 257 bytes"):
        parse_reply(Packet.HANDLE, Fields(uint32(1) + string(bytes(257))))


def test_version_and_status() -> None:
    raw = framed(2, uint32(3) + string(b"limits@openssh.com") + string(b"1") + string(b"\xff") + string(b""))
    assert parse([raw]) == ([Version(3, {"limits@openssh.com": b"1", "\ufffd": b""})], False)
    old = framed(101, uint32(7) + uint32(4))
    assert parse([VERSION, old])[0][1] == Status(7, 4, "")
    assert str(Status(7, 4)) == "FAILURE"
    assert str(Status(7, 99)) == "status 99"
    rude = framed(101, uint32(7) + uint32(4) + string(b"\x1b[2Jgone\xff\n"))
    assert str(parse([VERSION, rude])[0][1]) == "?[2Jgone\ufffd?"


@given(found=attributes())
def test_attributes_both_ways(found: Attributes) -> None:
    assert parse_attributes(Fields(write_attributes(found))) == found
    told = found.permissions is not None and stat.S_IFMT(found.permissions) != 0
    assert isinstance(found.kind, Kind) == told


def test_attributes_with_extensions() -> None:
    raw = uint32(0x80000001) + uint64(5) + uint32(1) + string(b"acl@example") + string(b"\0")
    assert parse_attributes(Fields(raw)) == Attributes(size=5)


@given(body=st.binary(max_size=100))
def test_extension_answers_raise_one_error(body: bytes) -> None:
    reply = ExtendedReply(1, body)
    for read in (parse_limits, parse_free_bytes, lambda found: parse_digest(found, "md5")):
        try:
            read(reply)
        except PeerProtocolError:
            continue


def test_extension_answers() -> None:
    reply = ExtendedReply(1, b"".join(map(uint64, (262144, 261120, 100_000, 1019))))
    assert parse_limits(reply) == Limits(261120, 100_000)
    assert parse_limits(ExtendedReply(1, bytes(32))) == Limits(32768, 32768)
    assert parse_free_bytes(ExtendedReply(1, b"".join(map(uint64, (1, 4096, 3, 4, 5, 6, 7, 8, 9, 0, 255))))) == 20480
    assert parse_free_bytes(ExtendedReply(1, b"".join(map(uint64, (4096, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 255))))) is None
    assert digest_algorithms({"check-file": b"MD5,sha256,whirlpool"}) == ("sha256", "md5")
    assert digest_algorithms({"other": b"md5"}) == ()
    plain = string(b"md5") + b"\x02" * 16
    assert parse_digest(ExtendedReply(1, plain), "md5").value == "02" * 16
    assert parse_digest(ExtendedReply(1, string(b"check-file") + plain), "md5").value == "02" * 16
    with pytest.raises(PeerProtocolError):
        parse_digest(ExtendedReply(1, plain), "sha1")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"drwxr-xr-x   1 0 0 4096 Jan  1 00:00 inbox", Kind.DIR),
        (b"d---------+ 1 u g 0 Jan 1 2020 d", Kind.DIR),
        (b"-rw-r--r--   1 0 0 12 Jan  1 00:00 drwxr-xr-x", Kind.FILE),
        (b"lrwxrwxrwx 1 0 0 3 Jan 1 00:00 x -> y", Kind.LINK),
        (b"prw-r--r-- 1 0 0 0 Jan 1 00:00 fifo", Kind.OTHER),
        (b"-rwsr-sr-t 1 0 0 0 Jan 1 00:00 x", Kind.FILE),
        (b"?--------- 1 0 0 0 (unknown date) x", None),
        (b"01-01-20  00:00AM  <DIR> inbox", None),
        (b"data", None),
        (b"drwxr-xr-x", None),
        (b"", None),
    ],
)
def test_the_kind_that_a_line_tells(line: bytes, kind: Kind | None) -> None:
    assert kind_of_line(line) is kind
