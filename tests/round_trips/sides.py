"""The servers of the round trips, under one face."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.round_trips.asyncio_servers import aioftp_server, asyncssh_server
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

Server = Running | ParamikoServer | Embedded
PASSIVE = ("<Limit EPSV>", "DenyAll", "</Limit>")
FACTS = ("<Limit MLSD MLST>", "DenyAll", "</Limit>")

SERVERS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "vsftpd": lambda: started(Setup("vsftpd")),
    "vsftpd, FTPS": lambda: started(Setup("vsftpd", tls="explicit")),
    "vsftpd, cmds_denied=EPSV": lambda: started(Setup("vsftpd", extra=("cmds_denied=EPSV",))),
    "vsftpd, cmds_denied=RNFR,RNTO": lambda: started(Setup("vsftpd", extra=("cmds_denied=RNFR,RNTO",))),
    "ProFTPD": lambda: started(Setup("proftpd")),
    "ProFTPD, implicit TLS": lambda: started(Setup("proftpd", tls="implicit")),
    "ProFTPD, <Limit MLSD MLST>": lambda: started(Setup("proftpd", extra=FACTS)),
    "ProFTPD, <Limit EPSV>": lambda: started(Setup("proftpd", extra=PASSIVE)),
    "ProFTPD, SFTP": lambda: started(Setup("proftpd", tls="ssh")),
    "Pure-FTPd": lambda: started(Setup("pureftpd")),
    "Pure-FTPd, ProhibitDotFilesWrite": lambda: started(Setup("pureftpd", extra=("--prohibitdotfileswrite",))),
    "Pure-FTPd, NoRename": lambda: started(Setup("pureftpd", extra=("--norename",))),
    "pyftpdlib": lambda: embedded("none"),
    "OpenSSH": lambda: started(Setup("sshd")),
    "Dropbear": lambda: started(Setup("dropbear")),
    "rclone, SFTP": lambda: started(Setup("rclone")),
    "rclone, SFTP, write cache": lambda: started(
        Setup("rclone", extra=("--vfs-cache-mode", "writes", "--vfs-write-back", "0s"))
    ),
    "paramiko": paramiko_server,
    "asyncssh": asyncssh_server,
    "aioftp": aioftp_server,
}


@dataclass(frozen=True)
class Side:
    """``home``: what URLs begin with. ``options``: what the program needs to trust the server and to log in.
    ``writes_back``: files are on disk some time after the server has confirmed them. ``no_dot_names``: refuses them."""

    server: Server
    home: str
    options: tuple[str, ...]
    writes_back: bool = False
    no_dot_names: bool = False

    @property
    def root(self) -> Path:
        return self.server.root

    def own(self) -> None:
        if isinstance(self.server, Running):
            self.server.own()


@contextlib.contextmanager
def side(name: str, folder: Path) -> Iterator[Side]:
    with SERVERS[name]() as server:
        if server.tls != "ssh":
            scheme = {"none": "ftp", "explicit": "ftpes", "implicit": "ftps"}[server.tls]
            yield Side(server, f"{scheme}://{server.user}@{server.host}:{server.port}/", (), no_dot_names="Dot" in name)
            return
        options: tuple[str, ...] = ("--ssh-config", "none", "--no-agent")
        if isinstance(server, Running):
            options += ("--known-hosts", str(server.known_hosts))
            options += ("--identity", str(server.identity)) if server.identity else ()
        elif isinstance(server, ParamikoServer):
            known = folder / "known_hosts"
            (key,) = server.host_keys
            known.write_text(f"[{server.host}]:{server.port} {key.get_name()} {key.get_base64()}\n")
            options += ("--known-hosts", str(known))
        # rclone serves its folder as the root; the others have the whole disk.
        path = "" if name.startswith("rclone") else f"{server.root}/"
        home = f"sftp://{server.user}@{server.host}:{server.port}/{path.lstrip('/')}"
        yield Side(server, home, options, writes_back="cache" in name)
