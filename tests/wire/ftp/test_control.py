"""The control machine: which reply belongs to which command, and when the two sides have lost each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import ConnectionLost, PeerProtocolError
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.control import ControlMachine, State


def started() -> ControlMachine:
    machine = ControlMachine()
    machine.receive(b"220 hello\r\n")
    assert machine.next_reply() is not None
    return machine


def hear(machine: ControlMachine, raw: bytes) -> list[tuple[str | None, int]]:
    """Verb of the command and code, for every reply that is complete."""
    machine.receive(raw)
    found = []
    while (item := machine.next_reply()) is not None:
        command, reply = item
        found.append((command.verb if command else None, reply.code))
    return found


def test_nothing_is_sent_before_the_greeting() -> None:
    with pytest.raises(ConnectionLost):
        ControlMachine().send(Command("USER", "x"))


def test_greeting_with_a_delay() -> None:
    machine = ControlMachine()
    assert hear(machine, b"120 wait\r\n") == [(None, 120)]
    assert machine.state is State.GREETING
    assert hear(machine, b"220 ready\r\n") == [(None, 220)]
    assert machine.state is State.READY


@pytest.mark.parametrize("code", [421, 530, 331, 550])
def test_greeting_that_refuses(code: int) -> None:
    machine = ControlMachine()
    assert hear(machine, b"%d no\r\n220 yes\r\n" % code) == [(None, code)]
    assert machine.state is State.CLOSED
    with pytest.raises(ConnectionLost):
        machine.send(Command("USER", "x"))


def test_replies_come_in_the_order_of_the_commands() -> None:
    machine = started()
    assert machine.send(Command("EPSV")) + machine.send(Command("RETR", "a")) == b"EPSV\r\nRETR a\r\n"
    assert machine.outstanding == 2
    raw = b"229 (|||80|)\r\n150 here it comes\r\n226 done\r\n"
    assert hear(machine, raw) == [("EPSV", 229), ("RETR", 150), ("RETR", 226)]
    assert machine.quiet


@pytest.mark.parametrize("raw", [b"226 stale\r\n", b"150 stale\r\n"])
def test_a_reply_that_nobody_waits_for(raw: bytes) -> None:
    machine = started()
    with pytest.raises(PeerProtocolError, match="never sent"):
        hear(machine, raw)
    assert machine.state is State.CLOSED
    assert hear(machine, b"226 more\r\n") == [], "it takes part in nothing afterwards"


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        *(("TYPE", code) for code in (213, 220, 226, 227, 229, 230, 257, 350)),
        *(("PASV", code) for code in (200, 226, 250, 257, 350)),
        *(("RNFR", code) for code in (200, 250, 257)),
        *(("SIZE", code) for code in (200, 226, 250, 257)),
        *(("CWD", code) for code in (226, 229, 257)),
        *(("DELE", code) for code in (213, 257, 350)),
        ("RETR", 213),
        ("FEAT", 230),
        ("NOOP", 229),
        ("RNTO", 350),
    ],
)
def test_an_answer_that_only_another_command_can_have(verb: str, code: int) -> None:
    machine = started()
    machine.send(Command("NOOP"))
    hear(machine, b"200 ok\r\n")
    machine.send(Command(verb))
    with pytest.raises(PeerProtocolError, match=verb):
        hear(machine, b"%d of something else\r\n" % code)
    assert machine.state is State.CLOSED


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        *(("DELE", code) for code in (200, 250, 450, 550)),
        *(("MKD", code) for code in (200, 250, 257, 521, 550)),
        *(("EPSV", code) for code in (200, 227, 229, 500, 522, 550)),
        *(("REST", code) for code in (200, 350)),
        *(("STOR", code) for code in (226, 250, 426, 552)),
        *(("SITE", code) for code in (200, 213, 250, 257)),
        *(("XSHA256", code) for code in (213, 250)),
        ("RNFR", 350),
        ("MDTM", 213),
        ("MLST", 250),
    ],
)
def test_an_answer_that_the_command_can_have(verb: str, code: int) -> None:
    machine = started()
    machine.send(Command(verb))
    assert hear(machine, b"%d this\r\n" % code) == [(verb, code)]


def test_a_greeting_or_a_login_said_twice_is_skipped() -> None:
    machine = ControlMachine()
    assert hear(machine, b"220 hello\r\n220 read the rules\r\n") == [(None, 220)]
    machine.send(Command("USER", "x"))
    assert hear(machine, b"220 again\r\n331 password\r\n") == [("USER", 331)]
    machine.send(Command("PASS", "y", secret=True))
    assert hear(machine, b"230 in\r\n230 quota\r\n") == [("PASS", 230)]
    machine.send(Command("FEAT"))
    assert hear(machine, b"230 late\r\n211 none\r\n") == [("FEAT", 211)]
    machine.send(Command("PWD"))
    with pytest.raises(PeerProtocolError):
        hear(machine, b"230 much too late\r\n")


@pytest.mark.parametrize(("verb", "code"), [("USER", 220), ("FEAT", 230)])
def test_it_is_not_skipped_without_end(verb: str, code: int) -> None:
    machine = started()
    if code == 230:
        machine.send(Command("USER", "x"))
        hear(machine, b"230 in\r\n")
    machine.send(Command(verb))
    with pytest.raises(PeerProtocolError):
        hear(machine, b"%d again\r\n" % code * 1000)


def test_a_second_final_reply_is_noticed() -> None:
    machine = started()
    machine.send(Command("PWD"))
    with pytest.raises(PeerProtocolError):
        hear(machine, b'257 "/"\r\n257 "/"\r\n')


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_421_closes_and_goes_to_the_command_at_the_head(waiting: int) -> None:
    machine = started()
    for verb in ("TYPE", "PWD")[:waiting]:
        machine.send(Command(verb))
    assert hear(machine, b"421 bye\r\n200 late\r\n") == [("TYPE" if waiting else None, 421)]
    assert machine.state is State.CLOSED
    assert machine.outstanding == 0


@pytest.mark.parametrize("verb", ["RETR", "STOR", "MLSD", "LIST", "APPE"])
def test_a_noop_answered_during_the_transfer(verb: str) -> None:
    machine = started()
    for command in (Command(verb, "a"), Command("NOOP")):
        machine.send(command)
    assert hear(machine, b"150 go\r\n200 alive\r\n226 done\r\n") == [(verb, 150), ("NOOP", 200), (verb, 226)]
    assert machine.quiet


def test_a_noop_answered_after_the_transfer() -> None:
    machine = started()
    machine.send(Command("STOR", "a"))
    machine.send(Command("NOOP"))
    assert hear(machine, b"150 go\r\n226 done\r\n200 alive\r\n") == [("STOR", 150), ("STOR", 226), ("NOOP", 200)]


def test_garbage_closes() -> None:
    machine = started()
    machine.send(Command("PWD"))
    with pytest.raises(PeerProtocolError):
        hear(machine, b"what?\r\n")
    assert machine.state is State.CLOSED
    with pytest.raises(ConnectionLost):
        machine.send(Command("NOOP"))


def test_a_command_that_cannot_be_encoded_is_not_expected() -> None:
    machine = started()
    with pytest.raises(Exception, match="line break"):
        machine.send(Command("CWD", "a\nb"))
    assert machine.quiet


def test_half_a_reply_is_not_quiet() -> None:
    machine = started()
    assert hear(machine, b"22") == []
    assert not machine.quiet


def test_close() -> None:
    machine = started()
    machine.send(Command("PWD"))
    machine.close()
    assert machine.outstanding == 0
    assert hear(machine, b'257 "/"\r\n') == []


@given(
    verbs=st.lists(st.sampled_from(["NOOP", "PWD", "EPSV", "TYPE", "DELE"]), max_size=6),
    raw=st.binary(max_size=60)
    | st.lists(st.sampled_from([b"200 a\r\n", b"150 b\r\n", b"226-c\r\n", b"226 c\r\n", b"5", b"421 d\r\n"])).map(
        b"".join
    ),
    greeted=st.booleans(),
)
def test_whatever_comes_only_a_protocol_error_is_raised(verbs: list[str], raw: bytes, greeted: bool) -> None:
    machine = started() if greeted else ControlMachine()
    for verb in verbs if greeted else []:
        machine.send(Command(verb))
    finals = 0
    try:
        machine.receive(raw)
        while (item := machine.next_reply()) is not None:
            finals += not item[1].preliminary
    except PeerProtocolError:
        assert machine.state is State.CLOSED
    assert finals <= len(verbs) + (not greeted) + 1  # and perhaps a 421


@given(answers=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([200, 250, 202, 450, 550])), max_size=8))
def test_every_command_gets_its_own_reply(answers: list[tuple[int, int]]) -> None:
    machine = started()
    commands = [Command("DELE", str(number)) for number in range(len(answers))]
    for command in commands:
        machine.send(command)
    raw = b"".join(b"150 wait\r\n" * early + b"%d end\r\n" % code for early, code in answers)
    got = []
    for byte in raw:
        machine.receive(bytes([byte]))
        while (item := machine.next_reply()) is not None:
            if not item[1].preliminary:
                got.append((item[0], item[1].code))
    assert got == list(zip(commands, (code for _, code in answers), strict=True))
    assert machine.quiet


@pytest.mark.parametrize(("doubles", "sent"), [(False, b"SIZE a\xffb\r\n"), (True, b"SIZE a\xff\xffb\r\n")])
def test_telnets_own_byte_is_doubled_where_the_server_reads_telnet(doubles: bool, sent: bytes) -> None:
    machine = started()
    machine.doubles_iac = doubles
    assert machine.send(Command("SIZE", "a\udcffb")) == sent


@pytest.mark.parametrize(
    "raw",
    [
        b"530 no: in-the-lines\r\n",
        b"530- in-the-lines \r\n530 no\r\n",
        b"no reply at all: in-the-lines\r\n",
        b"no reply, and so long that its end is left out: in-the-lines\r\n",
        b"230 yes\r\n530 unasked: in-the-lines\r\n",
    ],
)
def test_a_password_that_the_server_repeats_is_not_shown(raw: bytes) -> None:
    machine = started()
    machine.send(Command("PASS", "in-the-lines", secret=True))
    machine.receive(raw)
    said = ""
    try:
        while (item := machine.next_reply()) is not None:
            said += item[1].text
    except PeerProtocolError as error:
        said += str(error)
    assert "***" in said
    assert "in-the" not in said


def test_what_only_looks_like_the_password_is_heard_as_it_is() -> None:
    machine = started()
    machine.send(Command("PASS", "1234", secret=True))
    machine.send(Command("SIZE", "a"))
    machine.receive(b"230 yes\r\n213 1234\r\n")
    machine.next_reply()
    item = machine.next_reply()
    assert item is not None
    assert (item[1].lines, item[1].text) == (("1234",), "213 ***")


@pytest.mark.parametrize(
    ("first", "code", "then", "passes"),
    [
        ("DELE", 250, "DELE", True),
        ("SIZE", 550, "CWD", True),
        ("SIZE", 213, "MDTM", True),
        ("CWD", 200, "MKD", True),
        ("EPSV", 229, "STOR", False),
        ("STOR", 226, "MFMT", False),
        ("RNFR", 350, "RNTO", False),
        ("RETR", 226, "EPSV", False),
    ],
)
def test_what_a_second_reply_would_pass_for(first: str, code: int, then: str, passes: bool) -> None:
    machine = started()
    machine.send(Command(first, "x"))
    hear(machine, b"%d well\r\n" % code)
    assert machine.could_pass_for_answer(then) is passes
