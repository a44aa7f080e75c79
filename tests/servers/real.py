"""Starts real FTP and SSH servers on loopback, each in a folder of its own, and ends them again.

    with started(Setup("vsftpd", tls="explicit")) as server:
        server.write("a.txt", b"...")         # a file in the login directory, owned by the server's user
        run_client(server.url, ca=server.cafile, password=server.password)
        assert (server.root / "b.txt").exists()

The servers run as an ordinary user, `daemon` where the tests run as root: what a client does is then subject to the
permissions that it would meet elsewhere, and a mistake cannot touch the machine.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.servers import certificates, processes
from tests.servers.packages import ServerBinary, require
from tests.servers.recipes import dropbear, proftpd, pureftpd, rclone, sshd, vsftpd
from tests.servers.recipes.recipe import Account, Place, Recipe, Setup, unprivileged

__all__ = ["Running", "Setup", "StartFailed", "started"]

RECIPES = {
    "vsftpd": vsftpd.recipe,
    "proftpd": proftpd.recipe,
    "pureftpd": pureftpd.recipe,
    "sshd": sshd.recipe,
    "dropbear": dropbear.recipe,
    "rclone": rclone.recipe,
}
SCHEMES = {"none": "ftp", "explicit": "ftpes", "implicit": "ftps", "ssh": "sftp"}
START_SECONDS = 15.0
PORT_TRIES = 4  # between choosing a free port and the server's bind another process may take it
_SHARED_TEMPORARY = ("/tmp", "/var/tmp")


class StartFailed(AssertionError):
    """A server did not come up; the message holds its log."""


@dataclass(frozen=True)
class Running:
    """One server that answers. `root` on the local disk is the directory that clients find after login."""

    setup: Setup
    port: int
    user: str
    password: str
    root: Path
    cafile: Path  # the CA that signed the server's certificate, when that is a good one
    identity: Path | None  # SSH only
    known_hosts: Path | None
    process: processes.Server
    account: Account

    @property
    def host(self) -> str:
        return self.setup.host

    @property
    def tls(self) -> str:
        return self.setup.tls

    @property
    def url(self) -> str:
        """URL of the login directory, ending in a slash. SFTP's paths are absolute, so there it ends in /~/."""
        host = f"[{self.host}]" if self.setup.ipv6 else self.host
        home = "~/" if self.tls == "ssh" else ""
        return f"{SCHEMES[self.tls]}://{quote(self.user)}@{host}:{self.port}/{home}"

    def write(self, name: str, content: bytes = b"") -> Path:
        """Makes a file in the login directory, and the folders above it, as the server's own user would."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.own(self.root / Path(name).parts[0])
        return path

    def own(self, path: Path | None = None) -> None:
        """Hands a tree (by default all of `root`) to the server's user: call it after making files there."""
        top = path or self.root
        self.account.own(top)
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                self.account.own(Path(folder, name))

    def log(self) -> str:
        """What the server has logged and printed so far."""
        return _logs(self.root.parent)

    def stop(self) -> None:
        """Ends the server and its sessions at once, as a crash would. Its files stay until `started` is left."""
        self.process.stop()


@contextlib.contextmanager
def started(setup: Setup, base: Path | None = None) -> Iterator[Running]:
    """Starts a server and ends it. `base`: where its folder goes; the server's user must be able to get there."""
    binary = require(setup.program)
    account = unprivileged()
    if os.geteuid() == 0:
        binary = _reachable_binary(setup.program)
    folder = Path(tempfile.mkdtemp(prefix=f"{setup.program}-", dir=base or _shared_temporary()))
    try:
        folder.chmod(0o755)
        if os.geteuid() == 0 and not _reachable(folder):
            raise ValueError(f"{folder}: the servers run as {account.user}, who cannot get there")
        running = _start(setup, folder, account, binary)
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(setup: Setup, folder: Path, account: Account, binary: ServerBinary) -> Running:
    certs = certificates.session_certificates()
    failure = ""
    for _ in range(PORT_TRIES):
        account.own(folder)
        place = Place(folder, account, binary, _free_port(setup), getattr(certs, setup.certificate), certs.ca)
        place.root.mkdir(exist_ok=True)
        account.own(place.root, 0o755)
        recipe = RECIPES[setup.program](setup, place)
        if recipe.needs_root and os.geteuid() != 0:
            pytest.skip(f"{setup.program} needs root, and the tests run as an ordinary user")
        process = _launch(recipe, place)
        if process.listens_on(place.port, START_SECONDS):
            return Running(
                setup=setup,
                port=place.port,
                user=recipe.user,
                password=recipe.password,
                root=place.root,
                cafile=certs.ca,
                identity=recipe.identity,
                known_hosts=recipe.known_hosts,
                process=process,
                account=account,
            )
        process.stop()
        failure = f"exit status {process.status}\n{_logs(folder)}"
        if not any(words in failure.lower() for words in ("in use", "bind", "listen")):
            break
    raise StartFailed(f"{setup} did not come up: {failure}")


def _launch(recipe: Recipe, place: Place) -> processes.Server:
    env = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    owner = None if recipe.needs_root else place.account
    return processes.launch(recipe.argv, env | place.binary.env, place.folder, owner)


def _free_port(setup: Setup) -> int:
    with socket.socket(socket.AF_INET6 if setup.ipv6 else socket.AF_INET) as probe:
        probe.bind((setup.host, 0))
        return int(probe.getsockname()[1])


def _logs(folder: Path) -> str:
    return "\n".join(
        f"--- {path.name}\n{path.read_text(errors='replace')}"
        for path in sorted(folder.glob("*.log"))
        if path.is_file()
    )


def _reachable(path: Path) -> bool:
    """Whether everybody may enter every folder down to `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _shared_temporary() -> Path:
    """A folder for temporary files that the servers' user can enter; pytest's own `tmp_path` is closed to others."""
    candidates = [Path(tempfile.gettempdir()), *map(Path, _SHARED_TEMPORARY)]
    if os.geteuid() != 0:
        return candidates[0]
    return next((folder for folder in candidates if folder.is_dir() and _reachable(folder)), candidates[0])


@functools.cache
def _reachable_binary(program: str) -> ServerBinary:
    """The server where that user can execute it: root's cache is usually in a home that is closed to others."""
    binary = require(program)
    if binary.tree == Path("/") or _reachable(binary.tree):
        return binary
    folder = Path(tempfile.mkdtemp(prefix="ftpcli-servers-", dir=_shared_temporary()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    tree = folder / program
    shutil.copytree(binary.tree, tree, symlinks=True)
    return binary.moved(tree)
