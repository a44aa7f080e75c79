"""The program with a server that speaks SFTP, without the SSH files of the user who runs the tests."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.real import Running
from tests.servers.ssh.paramiko_server import ParamikoServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Result

Server = Running | ParamikoServer
QUICK = ("--ssh-config", "none", "--progress", "none", "--retry-wait", "0.1")
LARGE = os.urandom(6_000_000)
PATIENCE = 30.0


class Side:
    """``side("ls", side.url("d"))`` runs the program with all it needs to trust the server and log in."""

    def __init__(self, server: Server, run: Program, folder: Path) -> None:
        self.server = server
        self.run = run
        self.folder = folder
        self.root = server.root / folder.name  # for this test only
        self.root.mkdir()
        self.own(self.root)
        if isinstance(server, Running):
            self.options = (*QUICK, "--identity", server.identity, "--known-hosts", server.known_hosts)
        else:
            known = folder / "known"
            (key,) = server.host_keys
            known.write_text(f"[{server.host}]:{server.port} {key.get_name()} {key.get_base64()}\n")
            self.options = (*QUICK, "--known-hosts", known)
        self.env = {"FTPCLI_PASSWORD": server.password} if server.password else {}

    def url(self, path: str = "") -> str:
        return f"{base_url(self.server)}{self.root}/{path}"

    def write(self, name: str, content: bytes = b"") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.own(self.root)
        return path

    def own(self, path: Path) -> None:
        if isinstance(self.server, Running):
            self.server.own(path)

    def __call__(self, *arguments: object, **settings: object) -> Result:
        return self.run(*arguments, *self.options, env=self.env, **settings)  # type: ignore[arg-type]

    def start(self, *arguments: object, stdin: bool = False) -> subprocess.Popen[bytes]:
        return self.run.start(*arguments, *self.options, env=self.env, stdin=stdin)

    def good(self, *arguments: object, **settings: object) -> str:
        """Standard output of a run that must succeed without a warning."""
        result = self(*arguments, **settings)
        assert (result.code, result.stderr) == (0, ""), result
        return result.stdout


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def base_url(server: Server) -> str:
    return f"sftp://{server.user}@{server.host}:{server.port}"


def part_size(folder: Path) -> int:
    """Bytes in part files."""
    return sum(path.stat().st_size for path in folder.glob(".*.ftpcli-part"))


def tree(root: Path) -> dict[str, bytes | str | None]:
    """Content of files, text of links, None for directories."""
    found: dict[str, bytes | str | None] = {}
    for path in root.rglob("*"):
        kind = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(root))] = kind
    return found


def local_tree(root: Path) -> Path:
    """Files of several sizes, an empty one, a deep one, and a link."""
    for name, content in {"a.txt": b"aaa", "d/large": os.urandom(1_300_000), "d/e/empty": b"", "x.sh": b"#!"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "x.sh").chmod(0o755)
    (root / "d/link").symlink_to("large")
    os.utime(root / "a.txt", (1_500_000_000, 1_500_000_000))
    return root
