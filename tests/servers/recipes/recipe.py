"""What a test asks for (`Setup`), where its server lives (`Place`), and how to start it (`Recipe`)."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.packages import ServerBinary

USER, PASSWORD = "tester", "secret-Pw1"
# crypt(3) of PASSWORD, sha256: a constant because Python 3.13 has no `crypt` any more.
PASSWORD_HASH = "$5$ftpcli$HSUSiWlVe8AoipQsbnnRIcszTRtBEJdIXzeoBUStsr6"


@dataclass(frozen=True)
class Setup:
    """One server, as a test describes it. A server that cannot do what is asked raises ValueError."""

    program: str  # "vsftpd" | "proftpd" | "pureftpd" | "sshd" | "rclone" | "dropbear"
    tls: str = "none"  # "none" | "explicit" | "implicit"; "ssh" for proftpd's mod_sftp and, always, for the last three
    require_reuse: bool = True  # TLS data connections must resume; Pure-FTPd has no such switch and never asks
    max_clients: int | None = None  # in total
    max_per_ip: int | None = None
    idle_timeout: int | None = None  # seconds; Pure-FTPd rounds up to whole minutes
    mlsd: bool = True  # only ProFTPD can be told to do without; vsftpd never has it
    host: str = "127.0.0.1"  # or "::1"
    certificate: str = "server"  # a field of `Certificates`: "expired", "wrong_host", "foreign"
    client_certificate: bool = False  # vsftpd and ProFTPD: demand one, signed by our CA
    extra: tuple[str, ...] = ()  # raw configuration lines (Pure-FTPd: arguments), after all others

    def __post_init__(self) -> None:
        if self.program in ("sshd", "rclone", "dropbear"):
            object.__setattr__(self, "tls", "ssh")

    @property
    def ipv6(self) -> bool:
        return ":" in self.host


@dataclass(frozen=True)
class Account:
    """The system user that a server runs as."""

    uid: int
    gid: int

    @property
    def user(self) -> str:
        return pwd.getpwuid(self.uid).pw_name

    @property
    def group(self) -> str:
        return grp.getgrgid(self.gid).gr_name

    def own(self, path: Path, mode: int | None = None) -> Path:
        """Hands one file or folder to this user, where the test run may do so."""
        if mode is not None:
            path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path


def unprivileged() -> Account:
    """The user that started the tests; for root, `daemon`, which every system has. Not `nobody`: where systemd provides
    the names its account counts as locked, and sshd lets no locked account in."""
    if os.geteuid() == 0:
        daemon = pwd.getpwnam("daemon")
        return Account(daemon.pw_uid, daemon.pw_gid)
    return Account(os.geteuid(), os.getegid())


@dataclass(frozen=True)
class Place:
    """A server's own folder: `root` is what clients see; configuration, keys and logs lie beside it."""

    folder: Path
    account: Account
    binary: ServerBinary
    port: int
    certificate: Path  # private key and certificate
    ca: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def file(self, name: str, content: str | bytes) -> Path:
        """Writes a file that the server, and nobody else, may read: servers refuse keys that others could read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.account.own(path)

    def pem(self) -> Path:
        """The server's certificate and key, where the server can read it."""
        return self.file("server.pem", self.certificate.read_bytes())

    def trusted(self) -> Path:
        """The CA that client certificates are checked against."""
        path = self.account.own(Path(shutil.copy(self.ca, self.folder / "ca.pem")))
        path.chmod(0o644)
        return path


@dataclass(frozen=True)
class Recipe:
    """How to start one server, and how to log in to it."""

    argv: list[str]
    user: str = USER
    password: str = PASSWORD
    env: dict[str, str] = field(default_factory=dict)
    needs_root: bool = False
    identity: Path | None = None  # SSH client key
    known_hosts: Path | None = None


def refuse(setup: Setup, **unsupported: bool) -> None:
    """Raises for settings that this server has no switch for, so that no test believes in one."""
    for name, asked in unsupported.items():
        if asked:
            raise ValueError(f"{setup.program} cannot do {name}: {setup}")
