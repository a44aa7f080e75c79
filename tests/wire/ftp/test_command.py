"""Commands: one line each, whatever stands in a name, and no secret but on the wire."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import UsageError
from ftpcli.wire.ftp.command import Command

SECRET = "s3cr3t-ä"
encodings = st.sampled_from(["utf-8", "latin-1", "ascii", "cp1252", "shift_jis", "koi8-r"])


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (Command("NOOP"), b"NOOP\r\n"),
        (Command("LIST", ""), b"LIST \r\n"),
        (Command("RETR", "a b"), b"RETR a b\r\n"),
        (Command("RETR", "ä"), "RETR ä\r\n".encode()),
        (Command("RETR", "\udcff"), b"RETR \xff\r\n"),
        (Command("PASS", SECRET, secret=True), f"PASS {SECRET}\r\n".encode()),
    ],
)
def test_encode(command: Command, line: bytes) -> None:
    assert command.encode() == line


def test_another_charset() -> None:
    assert Command("RETR", "ä").encode("latin-1") == b"RETR \xe4\r\n"
    with pytest.raises(UsageError, match="cannot be written in latin-1"):
        Command("RETR", "€").encode("latin-1")


# Was: a file whose local name is no UTF-8 was listed by the server under a name that is, was sent again by every run,
# and what it had been sent as was deleted with --delete.
@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "\udce4"), ("gbk", "\udcc4\udce3"), ("shift_jis", "a\xa5")])
def test_what_would_read_as_another_name_is_refused(encoding: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"cannot be written in {encoding}"):
        Command("RETR", name).encode(encoding)
    assert Command("PASS", name, secret=True).encode(encoding)


@pytest.mark.parametrize("char", ["\r", "\n", "\0"])
@pytest.mark.parametrize("secret", [False, True])
def test_line_breaks_and_nul_are_refused(char: str, secret: bool) -> None:
    with pytest.raises(UsageError):
        Command("CWD", f"a{char}DELE b", secret=secret).encode()


@given(argument=st.text(max_size=20), encoding=encodings)
def test_one_command_is_one_line(argument: str, encoding: str) -> None:
    try:
        line = Command("CWD", argument).encode(encoding)
    except UsageError:
        return
    assert line.startswith(b"CWD ")
    assert line.endswith(b"\r\n")
    assert not set(line[:-2]) & set(b"\r\n\0")
    assert line[4:-2].decode(encoding, "surrogateescape") == argument


@given(raw=st.binary(max_size=20).filter(lambda raw: not set(raw) & set(b"\r\n\0")))
def test_names_that_are_no_utf8_go_back_as_they_came(raw: bytes) -> None:
    assert Command("RETR", raw.decode("utf-8", "surrogateescape")).encode() == b"RETR " + raw + b"\r\n"


def test_a_secret_is_shown_nowhere() -> None:
    command = Command("PASS", SECRET, secret=True)
    assert str(command) == "PASS ***"
    assert f"{command}" == "PASS ***"
    assert str(Command("PASS", secret=True)) == "PASS"


# Was: the dataclass writes repr() itself, and that shows the argument (also in assertion messages and tracebacks).
def test_repr_does_not_show_a_secret() -> None:
    assert SECRET not in repr(Command("PASS", SECRET, secret=True))


@pytest.mark.parametrize("argument", [SECRET + "\n", SECRET + "€"])
def test_an_error_does_not_show_a_secret(argument: str) -> None:
    with pytest.raises(UsageError) as caught:
        Command("PASS", argument, secret=True).encode("latin-1")
    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# Was: the UnicodeEncodeError behind the UsageError holds the whole argument (`.object`) and shows one character.
def test_no_cause_of_an_error_holds_a_secret() -> None:
    with pytest.raises(UsageError) as caught:
        Command("PASS", SECRET + "€", secret=True).encode("latin-1")
    cause = caught.value.__cause__
    assert not isinstance(cause, UnicodeEncodeError) or SECRET not in cause.object
