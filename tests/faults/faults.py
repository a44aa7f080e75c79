"""What may go wrong at a step of a session: hooks for the scripted server."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from tests.servers.scripted.server import Connection, Course

Strike = Callable[[Connection, str], None]

# Steps that are one command each, in the order of a session. CONNECT is the greeting.
COMMANDS = ("CONNECT", "AUTH", "USER", "PASS", "FEAT", "TYPE", "PWD", "CWD", "MLSD", "LIST", "EPSV", "PASV", "RETR")
COMMANDS += ("STOR", "SIZE", "MDTM", "MFMT", "MLST", "REST", "RNFR", "RNTO", "DELE", "MKD", "RMD", "QUIT")
# Steps of a transfer, once its command was taken.
TRANSFER = ("data", "data close", "226")
STEPS = (*COMMANDS, "TLS", *TRANSFER)
TRANSFERS = ("RETR", "STOR", "MLSD", "LIST")

FAULTS = ("delay", "4yz", "5yz", "421", "garbage", "half a line", "flood", "FIN", "RST", "stray", "silence")
# Faults that come in place of the answer, when the command was carried out all the same.
IN_PLACE = ("421", "garbage", "half a line", "FIN", "RST", "silence")
# Of old servers: they have neither MLSD nor EPSV.
OLD_STEPS = ("LIST", "PASV", "SIZE", "MDTM")

DELAY = 0.2
GARBAGE = b"\x00\xff\xfe\x80 what is this\r\n"


def possible(step: str, fault: str, tls: str) -> bool:
    if step == "AUTH":
        return tls == "explicit"
    if step == "TLS":
        return tls == "explicit" and fault in ("delay", "garbage", "half a line", "FIN", "RST", "silence")
    if step == "data":
        return fault not in ("garbage", "half a line", "flood", "stray")  # other bytes of the right number are no fault
    if step == "data close":
        return fault in ("delay", "FIN", "RST", "silence")
    return True


def strike(step: str, fault: str, *, done: bool) -> Strike:
    """The fault in place of an answer. ``done``: the command is carried out before."""
    if step in TRANSFER:
        return _with(_course(step, fault))
    if step == "TLS":
        return _handshake(fault)
    return _done_first(_answer(fault)) if done and fault in IN_PLACE else _answer(fault)


def verbs(step: str) -> tuple[str, ...]:
    """The commands that a step is struck at."""
    return TRANSFERS if step in TRANSFER else ("AUTH",) if step == "TLS" else (step,)


def striking(act: Strike, nth: int, *, again: bool) -> Strike:
    """At the nth time, or from then on; else what the server does."""
    counter = itertools.count(1)

    def hook(c: Connection, argument: str) -> None:
        number = next(counter)
        if number == nth or (again and number > nth):
            act(c, argument)
        else:
            _default(c, argument)

    return hook


def _default(c: Connection, argument: str) -> None:
    c.default(c.line.split(b" ")[0].decode("ascii").upper() or "CONNECT", argument)


def _answer(fault: str) -> Strike:
    answers: dict[str, Strike] = {
        "delay": _late,
        "4yz": lambda c, _: c.reply("450 Not now."),
        "5yz": lambda c, _: c.reply("550 No."),
        "421": lambda c, _: c.goodbye("421 Service not available, closing."),
        "garbage": lambda c, _: c.send(GARBAGE),
        "half a line": _half,
        "flood": _flood,
        "FIN": lambda c, _: c.drop(),
        "RST": lambda c, _: c.drop(rst=True),
        "stray": _stray,
        "silence": lambda _, __: None,
    }
    return answers[fault]


def _done_first(answer: Strike) -> Strike:
    def act(c: Connection, argument: str) -> None:
        reply, c.reply = c.reply, lambda _: None  # type: ignore[method-assign]
        try:
            _default(c, argument)
        finally:
            c.reply = reply  # type: ignore[method-assign]
        answer(c, argument)

    return act


def _late(c: Connection, argument: str) -> None:
    c.sleep(DELAY)
    _default(c, argument)


def _half(c: Connection, _: str) -> None:
    c.send(b"25")
    c.drop()


def _flood(c: Connection, argument: str) -> None:
    c.send(b"200 and again\r\n" * 5000)
    _default(c, argument)


def _stray(c: Connection, argument: str) -> None:
    c.reply("550 This is about something else.")
    _default(c, argument)


def _handshake(fault: str) -> Strike:
    def act(c: Connection, argument: str) -> None:
        if fault == "delay":
            _late(c, argument)
            return
        c.reply("234 Go on.")
        _answer(fault)(c, argument)

    return act


def _with(course: Course) -> Strike:
    def act(c: Connection, argument: str) -> None:
        c.course = course
        _default(c, argument)

    return act


def _course(step: str, fault: str) -> Course:
    if step == "data":
        few = 37  # bytes: in the middle of a line of a listing
        return {
            "delay": Course(chunk=200_000, pause=DELAY / 4),
            "4yz": Course(only=few, reply="426 Connection closed; transfer aborted."),
            "5yz": Course(only=few, reply="551 Cannot read on."),
            "421": Course(only=few, reply="421 Closing.", drop=None),
            "FIN": Course(only=few, ending="fin"),
            "RST": Course(only=few, ending="rst"),
            "silence": Course(only=few, ending="hold", reply=None),
        }[fault]
    if step == "data close":
        return {
            "delay": Course(late=DELAY),
            "FIN": Course(ending="fin"),
            "RST": Course(ending="rst", reply="426 Connection closed; transfer aborted."),
            "silence": Course(ending="hold"),
        }[fault]
    return {
        "delay": Course(late=DELAY),
        "4yz": Course(reply="451 Local error in processing."),
        "5yz": Course(reply="552 Exceeded storage allocation."),
        "421": Course(reply="421 Closing."),
        "garbage": Course(reply=GARBAGE.decode("latin-1")),
        "half a line": Course(reply=None, drop="fin"),
        "flood": Course(reply="226 Transfer complete.\r\n" * 3000 + "226 Transfer complete."),
        "FIN": Course(drop="fin"),
        "RST": Course(drop="rst"),
        "stray": Course(reply="550 This is about something else.\r\n226 Transfer complete."),
        "silence": Course(reply=None),
    }[fault]
