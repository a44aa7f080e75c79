"""What stands inside replies: examples, round trips, and garbage that raises PeerProtocolError at most."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.ftp import answers
from ftpcli.wire.ftp.reply import Reply

PARSERS: list[Callable[[Reply], Any]] = [
    answers.parse_features,
    answers.parse_pasv,
    answers.parse_epsv,
    answers.parse_quoted_path,
    answers.parse_size,
    answers.parse_modify,
    lambda reply: answers.parse_time(reply.lines[-1]),
]
ports = st.integers(1, 65535)
v4 = st.ip_addresses(v=4).map(str)
v6 = st.ip_addresses(v=6).map(str)
scraps = st.sampled_from(
    [
        "(",
        ")",
        "|",
        "|||",
        "1,2,3,4,5,6",
        "99999",
        "20260101000000",
        "2026",
        '"',
        '""',
        " ",
        ".",
        "²",
        "٣",
        "\udcff",
        "-",
    ]
)
text = st.text(max_size=30) | st.lists(scraps, max_size=12).map("".join)


def said(code: int, *lines: str) -> Reply:
    return Reply(code, lines)


@given(lines=st.lists(text, min_size=1, max_size=4), parser=st.sampled_from(PARSERS))
def test_garbage_raises_nothing_else(lines: list[str], parser: Callable[[Reply], Any]) -> None:
    with contextlib.suppress(PeerProtocolError):
        parser(Reply(200, tuple(lines)))


@pytest.mark.parametrize(
    ("line", "address", "port"),
    [
        ("Entering Passive Mode (127,0,0,1,4,1).", "127.0.0.1", 1025),
        ("Entering Passive Mode 127,0,0,1,4,1", "127.0.0.1", 1025),
        ("=127,0,0,1,255,255", "127.0.0.1", 65535),
        ("(010,000,0,1,0,21)", "10.0.0.1", 21),
    ],
)
def test_pasv(line: str, address: str, port: int) -> None:
    assert answers.parse_pasv(said(227, line)) == (address, port)


@pytest.mark.parametrize(
    "line", ["", "OK", "(1,2,3,4,5)", "(256,0,0,1,4,1)", "(127,0,0,1,256,1)", "(127,0,0,1,0,0)", "(1;2;3;4;5;6)"]
)
def test_pasv_without_an_address(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        answers.parse_pasv(said(227, line))


# Was: the pattern matches in the middle of a number, so that 1127,… is read as 127,… (and …,1,16 as …,1,1 is not).
@pytest.mark.parametrize("line", ["(1127,0,0,1,4,1)", "(9999127,0,0,1,4,1)"])
def test_pasv_with_a_number_that_is_no_byte(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        answers.parse_pasv(said(227, line))


@given(address=v4, port=ports)
def test_port_is_read_back_by_pasv(address: str, port: int) -> None:
    assert answers.parse_pasv(said(227, f"Entering ({answers.write_port(address, port)})")) == (address, port)


@pytest.mark.parametrize(
    "line", ["", "(|||)", "(|||0|)", "(|||65536|)", "(|||12345678|)", "|||80|", "(||80|)", "(||!80|)"]
)
def test_epsv_without_a_port(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        answers.parse_epsv(said(229, line))


@given(port=ports, delimiter=st.sampled_from([chr(code) for code in range(33, 127)]))
def test_epsv_with_any_delimiter(port: int, delimiter: str) -> None:
    line = f"Entering Extended Passive Mode ({delimiter * 3}{port}{delimiter})"
    assert answers.parse_epsv(said(229, line)) == port


@given(address=v4 | v6, port=ports)
def test_eprt(address: str, port: int) -> None:
    _, family, host, number, _ = answers.write_eprt(address, port).split("|")
    assert int(family) == {4: 1, 6: 2}[ipaddress.ip_address(address).version]
    assert (host, int(number)) == (address, port)


def test_eprt_names_no_zone() -> None:
    assert answers.write_eprt("fe80::1%2", 2121) == "|2|fe80::1|2121|"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('"/" is the current directory', "/"),
        ('"/a b" is current', "/a b"),
        ('"/a""b" is current', '/a"b'),
        ('""', ""),
        ('The path is "/late" now', "/late"),
        ("no quotes", None),
        ('"unfinished', None),
        ('"unfinished""', None),
    ],
)
def test_quoted_path(line: str, path: str | None) -> None:
    assert answers.parse_quoted_path(said(257, line)) == path


@given(path=text, comment=st.sampled_from(["", " is the current directory", ' "more" words']))
def test_any_path_is_read_back(path: str, comment: str) -> None:
    line = '"{}"{}'.format(path.replace('"', '""'), comment)
    assert answers.parse_quoted_path(said(257, line)) == path


@given(size=st.integers(0, 10**19 - 1))
def test_size_is_read_back(size: int) -> None:
    assert answers.parse_size(said(213, str(size))) == size


@pytest.mark.parametrize("line", ["", "-1", "1.5", "0x10", "1 2", "²", "٣", "1" * 20, "+1", "1_0"])
def test_size_that_is_none(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        answers.parse_size(said(213, line))


@given(seconds=st.integers(-62135596800 + 31536000 * 1000, 253402300799))
def test_time_is_read_back(seconds: int) -> None:
    assert answers.parse_time(answers.write_time(seconds)) == seconds


@given(seconds=st.floats(0, 4e9))
def test_times_are_rounded_down(seconds: float) -> None:
    read = answers.parse_time(answers.write_time(seconds))
    assert read is not None
    assert 0 <= seconds - read < 1


def test_fractions_of_a_second() -> None:
    assert answers.parse_time("19700101000001.25") == 1.25
    assert answers.parse_time("19700101000001.") == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "now",
        "2026",
        "20261301000000",
        "20260001000000",
        "20260132000000",
        "20260101240000",
        "00000101000000",
        "99991231235960",
    ],
)
def test_time_that_is_none(line: str) -> None:
    assert answers.parse_time(line) is None


features = st.dictionaries(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=6),
    st.text("abcdefgh *;=0123456789", max_size=12).map(str.strip),
    max_size=8,
)


@given(wanted=features, lower=st.booleans())
def test_features_are_read_back(wanted: dict[str, str], lower: bool) -> None:
    lines = [f" {name.lower() if lower else name} {value}".rstrip() for name, value in wanted.items()]
    assert answers.parse_features(said(211, "Features:", *lines, "End")) == wanted


def test_features_where_there_are_none() -> None:
    assert answers.parse_features(said(211, "no features")) == {}
    assert answers.parse_features(said(211, "Features:", "", "  ", "End")) == {}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Modify=19700101000001; /folder/file", 1),
        ("modify=19700101000001.5;UNIX.mode=0644; file", 1.5),
        ("Size=3;Modify=19700101000001; file", 1),
        ("UTIME OK", None),
        ("File modification time set.", None),
        ("Modify=yesterday; file", None),
        ("Unmodify=19700101000001; file", None),
    ],
)
def test_the_time_that_was_set(line: str, told: float | None) -> None:
    assert answers.parse_modify(Reply(213, (line,))) == told
