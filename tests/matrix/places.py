"""The remote side of a cell: one profile's server, with a tree in it."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import pytest

from tests.matrix.trees import OLD, Tree
from tests.servers.profiles import FtpProfile, SftpProfile
from tests.servers.profiles.profile import Hook
from tests.servers.profiles.sftp_host import HostedSftp, SftpHost
from tests.servers.scripted.data import Course
from tests.servers.scripted.name_rules import NameRules
from tests.servers.scripted.server import Connection, ScriptedServer

HOME = "/home"
CUT = 1_100_000  # bytes of a large file after which its connection is lost


class Place(Protocol):
    """Where a profile's files are. Paths are relative to the login directory."""

    names: NameRules

    def url(self, path: str, *, quoted: bool = True) -> str: ...
    def write(self, path: str, content: bytes | None, mtime: float = OLD) -> None: ...
    def remove(self, path: str) -> None: ...
    def tree(self) -> Tree: ...
    def taken(self) -> Tree:
        """What the server's own programs have taken away since this was last asked."""
        ...

    def cut_once(self) -> None:
        """The next upload of a large file loses its connection near its end; so does the next download."""
        ...

    @property
    def runaway(self) -> bool:
        """Whether the program asked without end."""
        ...


class FtpPlace:
    def __init__(self, server: ScriptedServer, hooks: Mapping[str, Hook]) -> None:
        self._server = server
        self._hooks = hooks
        self.names = server.names

    def url(self, path: str, *, quoted: bool = True) -> str:
        return self._server.url(quote(path) if quoted else path)

    def write(self, path: str, content: bytes | None, mtime: float = OLD) -> None:
        tree = self._server.tree
        placed = tree.place(f"/{path}")
        if content is None:
            tree.made.add(placed)
        else:
            tree.write(placed, content, mtime)

    def remove(self, path: str) -> None:
        self._server.tree.remove(self._server.tree.place(f"/{path}"))

    def tree(self) -> Tree:
        with self._server.tree.lock:
            files = {path[1:]: content for path, content in self._server.files.items()}
            return {**{path[1:]: None for path in self._server.tree.made if path != "/"}, **files}

    def taken(self) -> Tree:
        taken: dict[str, bytes] = self._server.__dict__.pop("taken", {})
        return {path[1:]: content for path, content in taken.items()}

    def cut_once(self) -> None:
        for verb in ("RETR", "STOR"):
            self._server.on(verb, _cut(self._hooks.get(verb)), times=1)

    @property
    def runaway(self) -> bool:
        return len(self._server.commands) > 20_000


def _cut(hook: Hook | None) -> Hook:
    """As the hook does it, but the connection is lost on the way."""

    def cut(c: Connection, argument: str) -> None:
        c.course = Course(only=CUT, drop="rst")
        if callable(hook):
            hook(c, argument)
        elif isinstance(hook, str):
            c.reply(hook)
        else:
            c.default(c.line[:4].decode("ascii").upper(), argument)

    return cut


class SftpPlace:
    def __init__(self, host: SftpHost) -> None:
        self._host = host
        self.names = host.names

    def url(self, path: str, *, quoted: bool = True) -> str:
        return f"sftp://tester@127.0.0.1{HOME}/{quote(path) if quoted else path}"

    def write(self, path: str, content: bytes | None, mtime: float = OLD) -> None:
        where = posixpath.join(HOME, path)
        if content is None:
            self._host.make_dir(where)
        else:
            self._host.write(where, content, mtime)

    def remove(self, path: str) -> None:
        del self._host.files[self._host.place(posixpath.join(HOME, path))]

    def tree(self) -> Tree:
        with self._host.lock:
            files = {path.removeprefix(f"{HOME}/"): bytes(content) for path, content in self._host.files.items()}
            folders = {path.removeprefix(f"{HOME}/") for path in self._host.directories if path.startswith(f"{HOME}/")}
            return {**dict.fromkeys(folders), **files}

    def taken(self) -> Tree:
        taken, self._host.taken = self._host.taken, {}
        return {path.removeprefix(f"{HOME}/"): content for path, content in taken.items()}

    def cut_once(self) -> None:
        self._host.cut_after = CUT

    @property
    def runaway(self) -> bool:
        return self._host.runaway


class _Connection:
    """In place of an SSH connection: nothing is below the SFTP session."""

    class transport:  # noqa: N801
        remote_version = "SSH-2.0-scripted"

    def close(self) -> None: ...
    def cut(self) -> None: ...


@contextlib.contextmanager
def serving(profile: FtpProfile | SftpProfile, trees: Mapping[str, bytes | None]) -> Iterator[Place]:
    """The profile's server, with files in it that are OLD."""
    with contextlib.ExitStack() as stack:
        place: Place
        if isinstance(profile, FtpProfile):
            place = FtpPlace(stack.enter_context(profile.server()), profile.hooks)
        else:
            host = SftpHost(names=profile.names, quirks=profile.quirks, **profile.settings)  # type: ignore[arg-type]
            stack.enter_context(_without_ssh(host.connect))
            place = SftpPlace(host)
        for path, content in trees.items():
            place.write(path, content)
        yield place


@contextlib.contextmanager
def _without_ssh(connect: Callable[[], HostedSftp]) -> Iterator[None]:
    """SFTP sessions open on what ``connect`` gives."""

    def open_transport(*_: Any) -> _Connection:
        return _Connection()

    def open_channel(*_: Any) -> HostedSftp:
        return connect()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ftpcli.session.ssh.connect.open_transport", open_transport)
        patch.setattr("ftpcli.session.sftp.login.open_channel", open_channel)
        yield
