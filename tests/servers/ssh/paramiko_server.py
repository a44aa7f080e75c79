"""paramiko's own SFTP server inside the test process: an implementation with other habits than OpenSSH's. It has no
extension but ``check-file``, reads of at most 32 KiB, and answers in one thread."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface

from tests.servers.scripted.clock import Clock
from tests.servers.scripted.name_rules import EXACT, NameRules

USER, PASSWORD = "tester", "secret-Pw1"
_FLAGS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_EXCL


@dataclass(frozen=True)
class ParamikoServer:
    """The same face as ``tests.servers.embedded.Embedded``. ``host_keys``: a connection takes the first of them, and
    leaves the last one to all that follow."""

    host: str
    port: int
    root: Path
    user: str = USER
    password: str = PASSWORD
    tls: str = "ssh"
    identity: Path | None = None
    host_keys: list[paramiko.PKey] = field(default_factory=list)

    def write(self, name: str, content: bytes = b"") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, _username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Handle(SFTPHandle):
    def __init__(self, flags: int, clock: Clock) -> None:
        super().__init__(flags)
        self.clock = clock
        self.arrives = bool(flags & (os.O_WRONLY | os.O_RDWR))

    def stat(self) -> SFTPAttributes | int:
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def chattr(self, attr: SFTPAttributes) -> int:
        self.arrives = self.arrives and (attr.st_mtime is None or self.clock.ignores_times)
        self.writefile.flush()
        return _change(self.filename, attr, self.clock)

    def close(self) -> None:
        super().close()
        if self.arrives and self.clock != Clock():
            os.utime(self.filename, (self.clock.arrival(),) * 2)


def _change(path: str, attr: SFTPAttributes, clock: Clock) -> int:
    if attr.st_mtime is not None:
        kept = clock.kept(attr.st_mtime)
        if kept is None:
            return int(paramiko.SFTP_OK)
        attr.st_mtime = int(kept)
    return _done(lambda: SFTPServer.set_file_attr(path, attr))


class _Names:
    """``NameRules`` for what is below ``root`` on this machine's disk."""

    def __init__(self, root: Path, rules: NameRules) -> None:
        self._root = str(root)
        self._rules = rules

    def place(self, path: str) -> str:
        if self._rules is EXACT or not path.startswith(f"{self._root}/"):
            return path
        return self._root + self._rules.place_all(path.removeprefix(self._root), self._names_in)

    def _names_in(self, folder: str) -> list[str]:
        inside = self._root + folder
        return os.listdir(inside) if os.path.isdir(inside) else []

    def rename(self, old: str, new: str) -> None:
        """``old`` was placed, ``new`` is as it was typed."""
        there = self.place(new)
        keeps = self._rules.keeps_spelling and os.path.lexists(there)
        os.replace(old, there)
        if not keeps:
            os.rename(there, os.path.join(os.path.dirname(there), self._rules.stored(os.path.basename(new))))


Types = Literal["told", "by line", "no bits", "untold"]


def _as_told(found: SFTPAttributes, types: Types) -> SFTPAttributes:
    """``by line``: the type is in a listing's lines alone; ``no bits``: the permissions are told, and no type."""
    line = str(found).encode()
    if types == "by line":
        found.asbytes = lambda: line  # paramiko takes the very class only
    if types != "told":
        found.st_mode = found.st_mode & 0o777 if types == "no bits" else None
    return found


def _interface(root: Path, names: _Names, clock: Clock, types: Types) -> type[SFTPServerInterface]:
    def look(found: os.stat_result, name: str | None = None) -> SFTPAttributes:
        return _as_told(SFTPAttributes.from_stat(found, name), types)

    class Files(SFTPServerInterface):
        """Paths are absolute ones of this machine, as with sshd."""

        def canonicalize(self, path: str) -> str:
            return os.path.normpath(os.path.join(root, path))

        def list_folder(self, path: str) -> list[SFTPAttributes] | int:
            try:
                found = sorted(os.listdir(names.place(path)))
                return [look(os.lstat(os.path.join(names.place(path), name)), name) for name in found]
            except OSError as error:
                return int(SFTPServer.convert_errno(error.errno))

        def stat(self, path: str) -> SFTPAttributes | int:
            return _tried(lambda: look(os.stat(names.place(path))))

        def lstat(self, path: str) -> SFTPAttributes | int:
            return _tried(lambda: look(os.lstat(names.place(path))))

        def open(self, path: str, flags: int, _attr: SFTPAttributes) -> SFTPHandle | int:
            try:
                descriptor = os.open(names.place(path), flags & _FLAGS, 0o644)
            except OSError as error:
                return int(SFTPServer.convert_errno(error.errno))
            handle = _Handle(flags, clock)
            writes = flags & (os.O_WRONLY | os.O_RDWR)
            handle.readfile = handle.writefile = os.fdopen(
                descriptor, "r+b" if flags & os.O_RDWR else "wb" if writes else "rb"
            )
            handle.filename = path
            return handle

        def remove(self, path: str) -> int:
            return _done(lambda: os.remove(names.place(path)))

        def rename(self, oldpath: str, newpath: str) -> int:
            return _done(lambda: names.rename(names.place(oldpath), newpath))

        def mkdir(self, path: str, _attr: SFTPAttributes) -> int:
            return _done(lambda: os.mkdir(names.place(path)))

        def rmdir(self, path: str) -> int:
            return _done(lambda: os.rmdir(names.place(path)))

        def chattr(self, path: str, attr: SFTPAttributes) -> int:
            return _change(names.place(path), attr, clock)

        def symlink(self, target_path: str, path: str) -> int:
            return _done(lambda: os.symlink(target_path, names.place(path)))

        def readlink(self, path: str) -> str | int:
            try:
                return os.readlink(names.place(path))
            except OSError as error:
                return int(SFTPServer.convert_errno(error.errno))

    return Files


def _tried(look: object) -> SFTPAttributes | int:
    try:
        return look()  # type: ignore[operator,no-any-return]
    except OSError as error:
        return int(SFTPServer.convert_errno(error.errno))


def _done(do: object) -> int:
    try:
        do()  # type: ignore[operator]
    except OSError as error:
        return int(SFTPServer.convert_errno(error.errno))
    return int(paramiko.SFTP_OK)


@contextlib.contextmanager
def paramiko_server(
    subsystem: type[paramiko.SubsystemHandler] | None = SFTPServer,
    names: NameRules = EXACT,
    clock: Clock | None = None,
    types: Types = "told",
) -> Iterator[ParamikoServer]:
    """``subsystem``: what answers in place of SFTP; None: nothing does. ``names``: see ``name_rules``. ``clock``: how
    it keeps times. ``types``: how it tells files from directories."""
    root = Path(tempfile.mkdtemp(prefix="paramiko-")).resolve()
    keys = [paramiko.ECDSAKey.generate()]
    transports: list[paramiko.Transport] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                transport = paramiko.Transport(client)
                transports.append(transport)
                transport.add_server_key(keys.pop(0) if len(keys) > 1 else keys[0])
                if subsystem is not None:
                    files = _interface(root, _Names(root, names), clock or Clock(), types)
                    transport.set_subsystem_handler("sftp", subsystem, *([files] if subsystem is SFTPServer else []))
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Login())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield ParamikoServer("127.0.0.1", listener.getsockname()[1], root, host_keys=keys)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()
            transport.join(10)
        shutil.rmtree(root, ignore_errors=True)
