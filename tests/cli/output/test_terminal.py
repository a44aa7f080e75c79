"""Questions at a terminal, here a pseudo-terminal that the test types into."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ftpcli.cli.output import terminal as asking
from ftpcli.cli.output.terminal import Terminal
from ftpcli.errors import Stopped
from ftpcli.model import Question, Secret
from ftpcli.stop import StopToken


@dataclass
class Person:
    """Reads the terminal and types once a prompt is shown."""

    descriptor: int
    terminal: Terminal
    answers: list[Secret | BaseException | None] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def asked(self, *questions: Question) -> None:
        def ask(question: Question) -> None:
            try:
                self.answers.append(self.terminal.ask(question))
            except BaseException as error:
                self.answers.append(error)

        self.threads = [threading.Thread(target=ask, args=(question,)) for question in questions]
        for thread in self.threads:
            thread.start()

    def sees(self, words: bytes) -> bytes:
        seen = b""
        while words not in seen:
            assert select.select([self.descriptor], [], [], 20)[0], seen
            seen += os.read(self.descriptor, 4096)
        return seen

    def types(self, text: bytes) -> None:
        os.write(self.descriptor, text)

    def done(self) -> None:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def person() -> Iterator[Person]:
    ours, its = pty.openpty()
    yield Person(ours, Terminal(os.ttyname(its)))
    os.close(ours)
    os.close(its)


def test_hidden_answer(person: Person) -> None:
    person.asked(Question("password", "Password for bob: "))
    person.sees(b"Password for bob: ")
    person.types(b"hush\n")
    person.done()
    (answer,) = person.answers
    assert isinstance(answer, Secret)
    assert answer.reveal() == "hush"
    assert b"hush" not in person.sees(b"\n")


def test_shown_answer_and_sanitized_prompt(person: Person) -> None:
    person.asked(Question("prompt", "one\x1b[2J\ntwo: ", hidden=False))
    assert b"one?[2J\r\ntwo: " in person.sees(b"two: ")
    person.types(b"yes\n")
    assert b"yes" in person.sees(b"yes")
    person.done()


def test_terminal_settings_are_restored(person: Person) -> None:
    before = termios.tcgetattr(person.descriptor)
    person.asked(Question("password", "P: "))
    person.sees(b"P: ")
    assert not termios.tcgetattr(person.descriptor)[3] & termios.ECHO
    person.types(b"\x04")
    person.done()
    assert person.answers == [None]
    assert termios.tcgetattr(person.descriptor) == before


@pytest.mark.parametrize("kind", ["password", "passphrase", "host key"])
def test_workers_share_an_answer(person: Person, kind: str) -> None:
    question = Question(kind, "P: ")
    person.asked(question, question, question)
    person.sees(b"P: ")
    person.types(b"x\n")
    person.done()
    assert [answer.reveal() for answer in person.answers if isinstance(answer, Secret)] == ["x"] * 3


def test_one_time_code_is_asked_for_again(person: Person) -> None:
    person.asked(*[Question("prompt", "Code: ")] * 2)
    for text in (b"1\n", b"2\n"):
        person.sees(b"Code: ")
        person.types(text)
    person.done()
    assert {answer.reveal() for answer in person.answers if isinstance(answer, Secret)} == {"1", "2"}


def test_next_attempt_is_a_new_question(person: Person) -> None:
    for attempt in (1, 2):
        person.asked(Question("password", "P: ", attempt))
        person.sees(b"P: ")
        person.types(b"%d\n" % attempt)
        person.done()
    assert [answer.reveal() for answer in person.answers if isinstance(answer, Secret)] == ["1", "2"]


def test_stop_ends_the_question(person: Person) -> None:
    stop = StopToken()
    with person.terminal.stopped_by(stop):
        person.asked(Question("password", "P: "))
        person.sees(b"P: ")
        stop.request(130)
        person.done()
    stop.close()
    (answer,) = person.answers
    assert isinstance(answer, Stopped)


def test_progress_is_hidden_during_a_question(person: Person) -> None:
    events: list[str] = []
    with person.terminal.shared_with(lambda: events.append("hide"), lambda: events.append("show")):
        person.asked(Question("password", "P: "))
        person.sees(b"P: ")
        assert events == ["hide"]
        person.types(b"x\n")
        person.done()
    assert events == ["hide", "show"]


def test_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Terminal("/nonexistent").ask(Question("password", "P: ")) is None
    assert Terminal(os.devnull).ask(Question("password", "P: ")) is None
    monkeypatch.setattr(asking.sys, "stdin", None)
    monkeypatch.setattr(asking.sys, "stderr", None)
    assert asking.asker() is None
