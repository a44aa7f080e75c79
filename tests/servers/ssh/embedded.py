"""An SSH server within the test, on paramiko: for logins that no sshd does as an ordinary user (passwords, questions,
several steps), and for host keys that change while the port stays the same."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import paramiko

Step = tuple[str, str]  # method, and what it was tried with


@dataclass
class Script:
    """What the server does. ``steps``: methods that must all pass, in order; the last one lets the user in.

    ``answers``: right passwords and answers to questions; ``questions``: dialogues of keyboard-interactive, each a
    list of prompts with whether they may be seen. ``tried`` gathers what clients did.
    """

    steps: tuple[str, ...] = ("password",)
    offered: tuple[str, ...] = ()
    answers: tuple[str, ...] = ("secret-Pw1",)
    keys: tuple[str, ...] = ()
    questions: tuple[tuple[tuple[str, bool], ...], ...] = ((("Password: ", False),),)
    most_failures: int = 6
    banner: str = ""
    tried: list[Step] = field(default_factory=list)


class _Login(paramiko.ServerInterface):
    def __init__(self, script: Script) -> None:
        self._script = script
        self._passed = 0
        self._dialogue = 0
        self.failures = 0
        self.transport: paramiko.Transport | None = None

    def get_banner(self) -> tuple[str | None, str | None]:
        return (self._script.banner, "en") if self._script.banner else (None, None)

    def get_allowed_auths(self, _username: str) -> str:
        return ",".join(self._script.offered or (self._script.steps[self._passed],))

    def check_auth_none(self, _username: str) -> int:
        self._script.tried.append(("none", ""))
        return paramiko.AUTH_FAILED

    def check_auth_password(self, _username: str, password: str) -> int:
        return self._judge("password", password, password in self._script.answers)

    def check_auth_publickey(self, _username: str, key: paramiko.PKey) -> int:
        return self._judge("publickey", key.get_base64(), key.get_base64() in self._script.keys)

    def check_auth_interactive(self, _username: str, _submethods: str) -> int | paramiko.InteractiveQuery:
        self._dialogue = 0
        return self._question()

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        self._dialogue += 1
        right = all(response in self._script.answers for response in responses)
        if right and self._dialogue < len(self._script.questions):
            self._script.tried.append(("answer", ",".join(responses)))
            return self._question()
        return self._judge("keyboard-interactive", ",".join(responses), right)

    def _question(self) -> paramiko.InteractiveQuery:
        return paramiko.InteractiveQuery("", "", *self._script.questions[self._dialogue])

    def _judge(self, method: str, word: str, right: bool) -> int:
        self._script.tried.append((method, word))
        if not right or self._script.steps[self._passed] != method:
            self.failures += 1
            if self.failures >= self._script.most_failures:
                raise EOFError("too many failures")
            return paramiko.AUTH_FAILED
        if self._passed + 1 < len(self._script.steps):
            self._passed += 1
            return paramiko.AUTH_PARTIALLY_SUCCESSFUL
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_global_request(self, _kind: str, _msg: object) -> bool:
        return False


@dataclass
class Embedded:
    """A server that runs. While it is frozen it hears and answers nothing, with its connections open, as a host that
    is dead or out of reach."""

    port: int
    key: paramiko.PKey
    transports: list[paramiko.Transport] = field(default_factory=list)
    frozen: threading.Event = field(default_factory=threading.Event)

    @property
    def known(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def freeze(self) -> None:
        self.frozen.set()

    def thaw(self) -> None:
        self.frozen.clear()


class _Freezing:
    """A socket that can stop to hear anything."""

    def __init__(self, sock: socket.socket, frozen: threading.Event) -> None:
        self._sock = sock
        self._frozen = frozen

    def recv(self, size: int) -> bytes:
        if self._frozen.is_set():
            self._frozen.wait(0.05)
            raise TimeoutError
        return self._sock.recv(size)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


@contextlib.contextmanager
def embedded(
    script: Script,
    *,
    key: paramiko.PKey | None = None,
    port: int = 0,
    prepare: Callable[[paramiko.Transport], None] | None = None,
) -> Iterator[Embedded]:
    """A server on loopback; the same ``port`` again with another ``key`` is a host whose key has changed."""
    listener = socket.create_server(("127.0.0.1", port))
    server = Embedded(listener.getsockname()[1], key or paramiko.ECDSAKey.generate())

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(_Freezing(sock, server.frozen))
            server.transports.append(transport)
            transport.add_server_key(server.key)
            if prepare is not None:
                prepare(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=_Login(script))

    thread = threading.Thread(target=serve, name="embedded-ssh", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in server.transports:
            transport.close()
            transport.join(2)
