"""What a reply too many says of the changes before it."""

from __future__ import annotations

import pytest

from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.doubt import Doubt
from ftpcli.wire.ftp.reply import Reply


def doubted(answers: str, spare: int | None) -> list[str]:
    """``answers`` as ``VERB code``, separated by commas; the changes in doubt, by their numbers among all commands."""
    doubt = Doubt()
    for number, answer in enumerate(answers.split(", ")):
        verb, code = answer.split()
        doubt.answered(Command(verb, str(number)), Reply(int(code), ("",)))
    doubt.spare(spare)
    return [change.argument or "" for change in doubt.changes]


@pytest.mark.parametrize(
    ("answers", "spare", "changes"),
    [
        ("DELE 250, DELE 250", 550, ["0", "1"]),
        ("DELE 250, DELE 250", None, ["0", "1"]),
        ("DELE 250, DELE 250", 250, []),
        ("DELE 250, DELE 250, DELE 550", 250, ["0", "1"]),
        ("DELE 550, DELE 250", 250, []),
        ("DELE 250, CWD 550", 250, ["0"]),
        ("RNFR 350, RNTO 250, DELE 250", 550, ["1", "2"]),
        ("MKD 200, RMD 250", 450, ["0", "1"]),
        ("DELE 250, QUIT 550", 221, ["0"]),
        ("SIZE 213, MDTM 213", 550, []),
    ],
)
def test_changes_in_doubt(answers: str, spare: int | None, changes: list[str]) -> None:
    assert doubted(answers, spare) == changes


def test_a_reply_to_nothing_else_settles_what_was_before() -> None:
    assert doubted("DELE 250, EPSV 229, DELE 250", 550) == ["2"]


def test_a_reply_that_the_command_before_may_have_got_settles_nothing() -> None:
    assert doubted("DELE 250, EPSV 550, PASV 229", 550) == ["0"]


def test_memory_stays_flat() -> None:
    assert len(doubted(", ".join(["DELE 250"] * 10_000), 550)) < 100
