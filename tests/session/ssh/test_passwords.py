"""Passwords and questions: in which order, how often, and what is said in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpcli.errors import ConnectionLost, LoginRejected
from tests.servers.ssh.embedded import Embedded, Script, embedded

from .conftest import Client, Keys, MakeClient, answering, public

RIGHT = "secret-Pw1"
VISIBLE, HIDDEN = True, False


def at(client: MakeClient, server: Embedded, tmp_path: Path, **settings: object) -> Client:
    file = tmp_path / "known"
    file.write_text(server.known)
    return client(server.port, known_hosts=str(file), **settings)


def methods(script: Script) -> list[str]:
    return [method for method, _ in script.tried]


def test_a_password_that_is_known(client: MakeClient, tmp_path: Path) -> None:
    script = Script(banner="Authorised users only\n")
    with embedded(script) as server:
        connection = at(client, server, tmp_path, password=RIGHT)()
        assert connection.transport.is_authenticated()
        assert connection.banner == "Authorised users only\n"
    assert script.tried == [("none", ""), ("password", RIGHT)]


def test_a_wrong_password_is_sent_once(client: MakeClient, tmp_path: Path) -> None:
    """Also where the server would hear it by another method: one failure more brings a ban nearer."""
    script = Script(offered=("password", "keyboard-interactive"))
    with embedded(script) as server, pytest.raises(LoginRejected) as caught:
        at(client, server, tmp_path, password="wrong")()
    assert script.tried == [("none", ""), ("password", "wrong")]
    assert "takes password, keyboard-interactive" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert caught.value.exit_code == 5


def test_without_a_password_the_error_says_so(client: MakeClient, tmp_path: Path) -> None:
    script = Script()
    with embedded(script) as server, pytest.raises(LoginRejected, match="no password, for none is known"):
        at(client, server, tmp_path)()
    assert methods(script) == ["none"]


def test_a_password_is_asked_for_three_times(client: MakeClient, tmp_path: Path) -> None:
    script = Script()
    ask, asked = answering("a", "b", "c", "d")
    with embedded(script) as server, pytest.raises(LoginRejected):
        at(client, server, tmp_path, ask=ask)()
    assert [word for _, word in script.tried] == ["", "a", "b", "c"]
    assert [(question.kind, question.attempt, question.hidden) for question in asked] == [
        ("password", number, True) for number in (1, 2, 3)
    ]
    assert f"tester on 127.0.0.1:{server.port}" in asked[0].text


def test_a_typed_password_serves_the_next_connection(client: MakeClient, tmp_path: Path) -> None:
    script = Script()
    ask, asked = answering("wrong", RIGHT)
    with embedded(script) as server:
        opening = at(client, server, tmp_path, ask=ask)
        opening()
        opening()
    assert len(asked) == 2
    assert [word for _, word in script.tried] == ["", "wrong", RIGHT, "", RIGHT]


def test_one_hidden_question_gets_the_password(client: MakeClient, tmp_path: Path) -> None:
    script = Script(steps=("keyboard-interactive",))
    with embedded(script) as server:
        at(client, server, tmp_path, password=RIGHT)()
    assert script.tried == [("none", ""), ("keyboard-interactive", RIGHT)]


def test_a_code_behind_the_password_is_asked_for(client: MakeClient, tmp_path: Path) -> None:
    questions = ((("Password: ", HIDDEN),), (("Verification code: ", VISIBLE),))
    script = Script(steps=("keyboard-interactive",), questions=questions, answers=(RIGHT, "123456"))
    ask, asked = answering("123456")
    with embedded(script) as server:
        at(client, server, tmp_path, password=RIGHT, ask=ask)()
    assert [(question.kind, question.hidden) for question in asked] == [("prompt", False)]
    assert "Verification code: " in asked[0].text


def test_several_questions_at_once_are_no_password(client: MakeClient, tmp_path: Path) -> None:
    script = Script(
        steps=("keyboard-interactive",), questions=((("Pin: ", HIDDEN), ("Colour: ", VISIBLE)),), answers=("1", "red")
    )
    ask, asked = answering("1", "red")
    with embedded(script) as server:
        at(client, server, tmp_path, password=RIGHT, ask=ask)()
    assert [question.text.rpartition(": ")[0].rpartition(": ")[2] for question in asked] == ["Pin", "Colour"]
    assert RIGHT not in str(script.tried)


def test_a_dialogue_without_questions(client: MakeClient, tmp_path: Path) -> None:
    script = Script(steps=("keyboard-interactive",), questions=((),))
    with embedded(script) as server:
        at(client, server, tmp_path)()


def test_questions_that_nobody_answers(client: MakeClient, tmp_path: Path) -> None:
    script = Script(steps=("keyboard-interactive",), questions=((("Code: ", HIDDEN),),))
    with embedded(script) as server, pytest.raises(LoginRejected, match="tried: keyboard-interactive"):
        at(client, server, tmp_path)()


def test_a_typed_answer_to_a_dialogue_is_asked_anew(client: MakeClient, tmp_path: Path) -> None:
    script = Script(steps=("keyboard-interactive",))
    ask, asked = answering("wrong", RIGHT)
    with embedded(script) as server:
        at(client, server, tmp_path, ask=ask)()
    assert [question.attempt for question in asked] == [1, 2]


@pytest.mark.parametrize("second", ["password", "keyboard-interactive"])
def test_a_key_and_then_a_password(client: MakeClient, tmp_path: Path, keys: Keys, second: str) -> None:
    key = keys.make("id")
    script = Script(steps=("publickey", second), keys=(public(key).split()[1],))
    with embedded(script) as server:
        at(client, server, tmp_path, password=RIGHT, identities=(str(key),))()
    assert methods(script) == ["none", "publickey", "publickey", second]


def test_the_password_alone_is_half_of_it(client: MakeClient, tmp_path: Path) -> None:
    script = Script(steps=("password", "publickey"))
    with embedded(script) as server, pytest.raises(LoginRejected, match="takes publickey") as caught:
        at(client, server, tmp_path, password=RIGHT)()
    assert RIGHT not in str(caught.value)


def test_a_server_that_hangs_up_on_a_wrong_password(client: MakeClient, tmp_path: Path) -> None:
    """Never retried by itself, as a lost connection would be."""
    with embedded(Script(most_failures=1)) as server, pytest.raises(LoginRejected, match="tried: the password"):
        at(client, server, tmp_path, password="wrong")()


def test_a_server_that_hangs_up_before_anything_was_wrong(client: MakeClient, tmp_path: Path) -> None:
    with embedded(Script(steps=("keyboard-interactive",), questions=())) as server, pytest.raises(ConnectionLost):
        at(client, server, tmp_path, password=RIGHT)()
