"""Keys made by ssh-keygen, an agent, and a short way to a transport."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ftpcli.model import Ask, Endpoint, Question, Secret, SshSettings, Timing
from ftpcli.session.contract import HostMemory
from ftpcli.session.ssh.connect import SshConnection, open_transport
from tests.servers import real
from tests.servers.packages import openssh_tool
from tests.servers.recipes.recipe import unprivileged


def answering(*answers: str | None) -> tuple[Ask, list[Question]]:
    """Somebody at the terminal, and what was asked of them."""
    asked: list[Question] = []
    left = list(answers)

    def ask(question: Question) -> Secret | None:
        asked.append(question)
        answer = left.pop(0) if left else None
        return None if answer is None else Secret(answer)

    return ask, asked


class Keys:
    """Makes keys in a folder that the test servers' user can enter; they belong to that user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str, kind: str = "ed25519", passphrase: str = "", *options: str) -> Path:
        path = self.folder / name
        command = [openssh_tool("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", path, *options]
        subprocess.run(command, check=True)
        self.own(path)
        return path

    def certify(self, key: Path, authority: Path, principals: str, *options: str) -> Path:
        """``KEY-cert.pub`` beside the key; ``-h`` among the options makes it a host's."""
        public = key.with_name(f"{key.name}.pub")
        command = [openssh_tool("ssh-keygen"), "-q", "-s", authority, "-I", "test", "-n", principals, *options, public]
        subprocess.run(command, check=True)
        certificate = key.with_name(f"{key.name}-cert.pub")
        self.own(certificate)
        return certificate

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        unprivileged().own(path)


def public(key: Path) -> str:
    """Type and base64."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


@pytest.fixture
def keys() -> Iterator[Keys]:
    folder = Path(tempfile.mkdtemp(prefix="keys-", dir=real._shared_temporary()))
    folder.chmod(0o755)
    yield Keys(unprivileged().own(folder))
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Agent:
    """A running ssh-agent."""

    socket: str

    def add(self, key: Path, *options: str) -> None:
        env = {**os.environ, "SSH_AUTH_SOCK": self.socket}
        subprocess.run([openssh_tool("ssh-add"), "-q", *options, key], check=True, env=env, stderr=subprocess.DEVNULL)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    path = str(tmp_path / "agent")
    process = subprocess.Popen([openssh_tool("ssh-agent"), "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(path):
            assert process.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield Agent(path)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it, and no agent."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@dataclass
class Client:
    """Opens transports to one server and closes them when the test is over."""

    endpoint: Endpoint
    memory: HostMemory = field(default_factory=HostMemory)
    told: list[str] = field(default_factory=list)
    opened: list[SshConnection] = field(default_factory=list)

    def __call__(self, **settings: object) -> SshConnection:
        endpoint = replace(self.endpoint, ssh=replace(self.endpoint.ssh, **settings))  # type: ignore[arg-type]
        connection = open_transport(endpoint, self.memory, self.told.append, None)
        self.opened.append(connection)
        return connection


MakeClient = Callable[..., Client]


@pytest.fixture
def client() -> Iterator[MakeClient]:
    """``client(port, user=..., identities=..., known_hosts=...)``; all but the login goes to SshSettings."""
    made: list[Client] = []

    def make(port: int, *, user: str = "tester", password: str | None = None, **settings: object) -> Client:
        ssh = SshSettings(**{"config": "none", **settings})  # type: ignore[arg-type]
        secret = None if password is None else Secret(password)
        endpoint = Endpoint("sftp", "127.0.0.1", port, user=user, password=secret, ssh=ssh, timing=Timing(idle=20))
        made.append(Client(endpoint))
        return made[-1]

    yield make
    for found in made:
        for connection in found.opened:
            with contextlib.suppress(Exception):
                connection.close()
            assert not connection.transport.is_alive()
