"""The authentication protocol (RFC 4252, 4256): requests, and answers as values for the thread that logs in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler

from ftpcli.errors import PeerProtocolError
from ftpcli.net.wait import Deadline, StopSignal
from ftpcli.session.ssh.transport import SshTransport
from ftpcli.wire.ssh.types import Reader, boolean, number, string

_SERVICE_REQUEST, _SERVICE_ACCEPT = 5, 6
_REQUEST, _FAILURE, _SUCCESS, _BANNER = 50, 51, 52, 53
_METHOD_SPECIFIC, _INFO_RESPONSE = 60, 61  # 60 is PK_OK, PASSWD_CHANGEREQ or INFO_REQUEST, by the method
_MOST_WAITING = 100  # messages nobody has read yet; a server has no reason to send more
_MOST_PROMPTS = 100


@dataclass(frozen=True)
class Success:
    """Logged in."""


@dataclass(frozen=True)
class Failure:
    """Not logged in. ``methods`` can go on; ``partial``: this one was right, and the server wants one more."""

    methods: tuple[str, ...]
    partial: bool = False


@dataclass(frozen=True)
class Further:
    """An answer that belongs to the method: a key would do, a password must be changed, questions."""

    content: bytes


@dataclass(frozen=True)
class Prompts:
    """What keyboard-interactive asks: texts, and whether what is typed may be seen."""

    title: str
    instructions: str
    prompts: tuple[tuple[str, bool], ...]


Answer = Success | Failure | Further


class _Inbox(AuthHandler):  # type: ignore[misc]
    """Takes the server's messages in paramiko's thread, and leaves them for ours."""

    def __init__(self, transport: SshTransport) -> None:
        super().__init__(transport)
        self._wakeup = transport.wakeup
        self._messages: deque[tuple[int, bytes]] = deque()

    @property
    def _client_handler_table(self) -> dict[int, Any]:
        kinds = (_SERVICE_ACCEPT, _FAILURE, _SUCCESS, _BANNER, _METHOD_SPECIFIC)
        return {kind: partial(self._take, kind) for kind in kinds}

    def _take(self, kind: int, message: Any) -> None:
        if len(self._messages) >= _MOST_WAITING:
            raise paramiko.SSHException("more answers than questions")
        if kind == _SUCCESS:
            self.authenticated = True
            self.transport._auth_trigger()
        self._messages.append((kind, message.asbytes()))
        self._wakeup.set()

    def abort(self) -> None:
        self._wakeup.set()

    @property
    def waiting(self) -> bool:
        return bool(self._messages)

    def pop(self) -> tuple[int, bytes]:
        return self._messages.popleft()


class UserAuth:
    """One user's requests on one connection. ``banner`` is what the server wants to be read before the login.

    Every method waits for the answer, up to ``timeout`` seconds, and raises ConnectionLost, TimedOut,
    PeerProtocolError, Stopped.
    """

    def __init__(self, transport: SshTransport, user: str, timeout: float, stop: StopSignal | None) -> None:
        self.banner = ""
        self._transport = transport
        self._user = user
        self._timeout = timeout
        self._stop = stop
        self._inbox = transport.auth_handler = _Inbox(transport)

    def begin(self) -> None:
        """Ask for the authentication service."""
        self._send(_SERVICE_REQUEST, string("ssh-userauth"))
        if self._next()[0] != _SERVICE_ACCEPT:
            raise PeerProtocolError(f"{self._transport.place} did not begin the SSH login in order")

    def none(self) -> Answer:
        """The request that fails on purpose: its answer names the methods."""
        return self._request("none", b"")

    def would_take(self, algorithm: str, key: bytes) -> Answer:
        """Ask whether a signature with this key would do; Further if so."""
        return self._request("publickey", boolean(False) + string(algorithm) + string(key))

    def signed_bytes(self, algorithm: str, key: bytes) -> bytes:
        """What a signature must be made over (RFC 4252 §7)."""
        request = self._request_head("publickey") + boolean(True) + string(algorithm) + string(key)
        return string(self._transport.session_id) + bytes([_REQUEST]) + request

    def public_key(self, algorithm: str, key: bytes, signature: bytes) -> Answer:
        return self._request("publickey", boolean(True) + string(algorithm) + string(key) + string(signature))

    def password(self, password: str) -> Answer:
        return self._request("password", boolean(False) + string(password))

    def keyboard_interactive(self) -> Answer:
        return self._request("keyboard-interactive", string("") + string(""))

    def respond(self, answers: list[str]) -> Answer:
        """Answer Prompts."""
        self._send(_INFO_RESPONSE, number(len(answers)) + b"".join(string(answer) for answer in answers))
        return self._answer()

    def _request_head(self, method: str) -> bytes:
        return string(self._user) + string("ssh-connection") + string(method)

    def _request(self, method: str, content: bytes) -> Answer:
        self._send(_REQUEST, self._request_head(method) + content)
        return self._answer()

    def _send(self, kind: int, content: bytes) -> None:
        message = paramiko.Message()
        message.add_byte(bytes([kind]))
        message.add_bytes(content)
        try:
            self._transport._send_user_message(message)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._transport.active = False
            raise self._transport.failure() from error

    def _answer(self) -> Answer:
        kind, content = self._next()
        if kind == _SUCCESS:
            return Success()
        if kind == _METHOD_SPECIFIC:
            return Further(content)
        if kind != _FAILURE:
            raise PeerProtocolError(f"{self._transport.place} did not go through the SSH login in order")
        reader = Reader(content)
        return Failure(reader.names(), reader.boolean())

    def _next(self) -> tuple[int, bytes]:
        """The next message that is no banner."""
        deadline = Deadline(self._timeout)
        doing = f"did not answer the login within {self._timeout:g} seconds"
        while True:
            self._transport.wait(lambda: self._inbox.waiting, deadline, self._stop, doing)
            kind, content = self._inbox.pop()
            if kind != _BANNER:
                return kind, content
            self.banner = (self.banner + Reader(content).text())[:4096]


def parse_prompts(content: bytes) -> Prompts:
    """RFC 4256 §3.2. Raises PeerProtocolError."""
    reader = Reader(content)
    title, instructions, _ = reader.text(), reader.text(), reader.string()
    count = reader.number()
    if count > _MOST_PROMPTS:
        raise PeerProtocolError("the server asks too many questions at the login")
    return Prompts(title, instructions, tuple((reader.text(), reader.boolean()) for _ in range(count)))
