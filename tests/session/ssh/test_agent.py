"""An ssh-agent, or whatever else listens on its socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import ConnectionLost, FtpcliError, PeerProtocolError, TimedOut
from ftpcli.session.ssh.agent import Agent
from ftpcli.session.ssh.userauth import Prompts, parse_prompts
from ftpcli.wire.ssh.types import boolean, number, string
from tests.servers.accepting import accepting
from tests.servers.real import Setup, started

from .conftest import Keys, MakeClient, public


@contextlib.contextmanager
def answering(path: Path, answer: bytes, *, close: bool = True) -> Iterator[str]:
    """A socket that gives everybody this answer to their first word."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def greet(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(answer)
        if close:
            sock.close()

    with accepting(listener, greet):
        yield str(path)


def test_an_agent_that_hangs(tmp_path: Path) -> None:
    """Its queue fills up, and then connect would wait as long as it hangs."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(tmp_path / "agent"))
        listener.listen(0)

        def connect(times: int) -> None:
            for _ in range(times):
                waiting.callback(Agent(str(tmp_path / "agent"), 1, None).close)

        with pytest.raises(ConnectionLost, match="cannot be reached"):
            connect(10)


KEYS = bytes([12]) + number(2) + string("one") + string("first") + string("two") + string("second")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionLost),
        (b"\0\0", ConnectionLost),
        (number(100) + b"x", ConnectionLost),
        (number(0), PeerProtocolError),
        (number(2**32 - 1), PeerProtocolError),
        (string(bytes([12]) + number(2**31)), PeerProtocolError),
        (string(bytes([12]) + number(2) + string("one")), PeerProtocolError),
    ],
)
def test_nonsense(tmp_path: Path, answer: bytes, error: type[FtpcliError]) -> None:
    with answering(tmp_path / "agent", answer) as path:
        agent = Agent(path, 10, None)
        with pytest.raises(error):
            agent.identities()
        agent.close()


def test_keys_and_refusals(tmp_path: Path) -> None:
    with answering(tmp_path / "agent", string(KEYS)) as path:
        agent = Agent(path, 10, None)
        assert [(key.public, key.comment) for key in agent.identities()] == [(b"one", "first"), (b"two", "second")]
        agent.close()
    with answering(tmp_path / "locked", string(bytes([5]))) as path:
        agent = Agent(path, 10, None)
        assert agent.identities() == ()
        agent.close()


def test_one_that_says_nothing(tmp_path: Path) -> None:
    with answering(tmp_path / "agent", b"", close=False) as path:
        agent = Agent(path, 0.2, None)
        with pytest.raises(TimedOut):
            agent.identities()
        agent.close()


def test_a_broken_agent_does_not_keep_the_files_out(
    client: MakeClient, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.make("id")
    with answering(tmp_path / "agent", b"nonsense") as path, started(Setup("sshd")) as server:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert server.identity is not None
        server.identity.with_name("authorized_keys").write_text(public(key) + "\n")
        client(server.port, user=server.user, known_hosts=str(server.known_hosts), identities=(str(key),))()


def test_questions_of_a_server() -> None:
    content = string("title") + string("do this") + string("") + number(1) + string("Code: ") + boolean(True)
    assert parse_prompts(content) == Prompts("title", "do this", (("Code: ", True),))
    with pytest.raises(PeerProtocolError):
        parse_prompts(string("") * 3 + number(2**31))


@given(st.binary(max_size=80))
def test_any_question_is_understood_or_refused(content: bytes) -> None:
    with contextlib.suppress(PeerProtocolError):
        assert len(parse_prompts(content).prompts) <= 100
