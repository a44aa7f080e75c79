"""Replies: whole, byte by byte, in pieces, with trailing data; garbage; limits."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.ftp.reply import MAX_LINE, MAX_LINES, MAX_REPLY, Reply, ReplyParser

EXAMPLES = [
    (b"220 ready\r\n", Reply(220, ("ready",))),
    (b"220\r\n", Reply(220, ("",))),
    (b"220 \r\n", Reply(220, ("",))),
    (b"220 bare line feed\n", Reply(220, ("bare line feed",))),
    (b"220 too many\r\r\n", Reply(220, ("too many",))),
    (b"631 protected\r\n", Reply(631, ("protected",))),
    (b"211-Features:\r\n SIZE\r\n211 End\r\n", Reply(211, ("Features:", " SIZE", "End"))),
    (b"230-one\r\n230-two\r\n230 three\r\n", Reply(230, ("one", "two", "three"))),
    (b"230-one\r\n226 inner\r\n230three\r\n230\r\n", Reply(230, ("one", "226 inner", "230three", ""))),
    (b"230-\r\n\r\n230 end\r\n", Reply(230, ("", "", "end"))),
    ('257 "Grüße"\r\n'.encode(), Reply(257, ('"Grüße"',))),
    (b"257 \xff\r\n", Reply(257, ("\udcff",))),
]
GARBAGE = [
    b"\r\n", b"hello\r\n", b"22\r\n", b"22x ok\r\n", b"2200 ok\r\n", b"099 low\r\n", b"660 high\r\n", b"999 high\r\n",
    b" 220 indented\r\n", b"220_ok\r\n", b"\xb2\xb2\xb0 digits\r\n", b"\x16\x03\x01\x02\x00\x01\n", b"SSH-2.0-x\r\n",
]  # fmt: skip

codes = st.integers(100, 659)
line_text = st.binary(max_size=30).filter(lambda line: not set(line) & set(b"\r\n"))
scraps = st.sampled_from([b"220", b"220-", b"220 ", b"\r\n", b"\n", b"\r", b"226 x\r\n", b"-", b" ", b"9", b"\xff"])
garbage = st.binary(max_size=80) | st.lists(scraps, max_size=30).map(b"".join)
encodings = st.sampled_from(["utf-8", "latin-1", "ascii", "cp1252", "shift_jis", "gb18030", "big5", "euc_kr", "koi8-r"])


def render(code: int, lines: list[bytes]) -> bytes:
    *inner, last = lines
    if not inner:
        return b"%d %s\r\n" % (code, last)
    middle = b"".join(b" %s\r\n" % line for line in inner[1:])
    return b"%d-%s\r\n%s%d %s\r\n" % (code, inner[0], middle, code, last)


replies = st.builds(render, codes, st.lists(line_text, min_size=1, max_size=4))


def parse(pieces: list[bytes], encoding: str = "utf-8") -> tuple[list[Reply], bool]:
    """All replies, and whether the parser gave up. It is asked after each piece."""
    parser = ReplyParser(encoding)
    found: list[Reply] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (reply := parser.next()) is not None:
                found.append(reply)
    except PeerProtocolError:
        return found, True
    return found, False


@pytest.mark.parametrize(("raw", "reply"), EXAMPLES)
def test_examples(raw: bytes, reply: Reply) -> None:
    assert parse([raw]) == ([reply], False)


@pytest.mark.parametrize("raw", GARBAGE)
def test_what_is_no_reply_is_a_protocol_error(raw: bytes) -> None:
    assert parse([raw]) == ([], True)


@pytest.mark.parametrize("raw", [raw for raw, _ in EXAMPLES])
@pytest.mark.parametrize("trailing", [b"", b"2", b"226 more", b"226-more\r\n", b"226 more\r\n"])
def test_byte_by_byte_and_with_trailing_data(raw: bytes, trailing: bytes) -> None:
    whole = parse([raw + trailing])
    assert parse([bytes([byte]) for byte in raw + trailing]) == whole
    assert whole[0][0] == parse([raw])[0][0]


@given(raw=st.lists(replies, max_size=5).map(b"".join) | garbage, cuts=st.lists(st.integers(0, 300), max_size=8))
def test_pieces_do_not_matter(raw: bytes, cuts: list[int]) -> None:
    ends = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in itertools.pairwise(ends)]
    assert parse(pieces) == parse([raw]) == parse([raw[at : at + 1] for at in range(len(raw))])


@given(raw=garbage, encoding=encodings)
def test_garbage_raises_nothing_else(raw: bytes, encoding: str) -> None:
    found, _ = parse([raw], encoding)
    for reply in found:
        assert 100 <= reply.code < 660
        assert reply.lines
        assert "\n" not in reply.text


# Was: UnicodeDecodeError, surrogateescape or not; --encoding lets UTF-7 through.
def test_garbage_in_utf_7() -> None:
    found, failed = parse([b"220 +\xff\r\n"], "utf-7")
    assert failed or found[0].code == 220


@given(code=codes, lines=st.lists(line_text, min_size=1, max_size=5))
def test_what_was_rendered_is_read_back(code: int, lines: list[bytes]) -> None:
    (reply,), failed = parse([render(code, lines)])
    assert not failed
    assert reply.code == code
    assert len(reply.lines) == len(lines)
    assert [line.encode("utf-8", "surrogateescape").strip() for line in reply.lines] == [line.strip() for line in lines]


@given(code=codes)
def test_each_code_is_of_one_class(code: int) -> None:
    reply = Reply(code, ("",))
    assert reply.refused == (code >= 400)
    assert reply.transient == (code // 100 == 4)
    assert [reply.preliminary, reply.completed, reply.intermediate, reply.refused].count(True) == 1


def test_text_is_one_line() -> None:
    assert Reply(211, ("Features:", " SIZE ", "", "End")).text == "211 Features: / SIZE / End"
    assert Reply(226, ("",)).text == "226"


def test_the_longest_line_passes_and_a_longer_one_does_not() -> None:
    longest = b"220 " + b"x" * (MAX_LINE - 5) + b"\r\n"
    assert not parse([longest])[1]
    assert parse([b"220 " + b"x" * (MAX_LINE - 3) + b"\r\n"]) == ([], True)
    assert parse([b"220 " + b"x" * MAX_LINE]) == ([], True), "an endless line is not collected"


def test_an_endless_reply_is_not_collected() -> None:
    parser = ReplyParser()
    parser.feed(b"220-begin\r\n")
    line = b" " * 1022 + b"\r\n"

    def fill() -> None:
        for _ in range(MAX_REPLY // len(line) + 2):
            parser.feed(line)
            assert parser.next() is None

    with pytest.raises(PeerProtocolError, match="more than"):
        fill()


def test_clean_says_whether_anything_is_held() -> None:
    parser = ReplyParser()
    assert parser.clean
    parser.feed(b"220-a\r\n")
    assert parser.next() is None
    assert not parser.clean, "the line is consumed, the reply is not over"
    parser.feed(b"220 b\r\n2")
    assert parser.next() is not None
    assert not parser.clean
    parser.feed(b"26 c\r\n")
    assert parser.next() is not None
    assert parser.clean


@pytest.mark.parametrize("line", [b"\r\n", b"220-\r\n", b" x\r\n"])
def test_lines_without_end_are_not_collected(line: bytes) -> None:
    assert parse([b"220-hello\r\n" + line * (2 * MAX_LINES)]) == ([], True)
