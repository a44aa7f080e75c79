"""Python's own FTP client, taught the three things that the test servers need: implicit TLS, resuming the control
connection's session on data connections, and telling whether that worked. Only for checking the servers themselves."""

from __future__ import annotations

import ftplib
import io
import socket
import ssl
from pathlib import Path
from typing import Any

from tests.servers.real import Running

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SECONDS = 10


class Client(ftplib.FTP_TLS):
    """One logged-in connection, in whichever mode the server runs. `reused` has a flag for each data connection."""

    def __init__(self, server: Running, version: ssl.TLSVersion = TLS13, cert: Path | None = None) -> None:
        context = ssl.create_default_context(cafile=str(server.cafile))
        context.minimum_version = context.maximum_version = version
        if cert:
            context.load_cert_chain(cert)
        super().__init__(context=context, timeout=SECONDS)
        self.server = server
        self.resume = True
        self.reused: list[bool] = []
        self.connect(server.host, server.port)
        if server.tls == "none":
            ftplib.FTP.login(self, server.user, server.password)
        else:
            self.login(server.user, server.password, secure=server.tls == "explicit")
            self.prot_p()

    def connect(self, *arguments: Any, **options: Any) -> str:
        if self.server.tls != "implicit":
            return super().connect(*arguments, **options)
        plain = socket.create_connection((self.server.host, self.server.port), SECONDS)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=self.server.host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, command: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, command, rest)
        if self.server.tls == "none":
            return plain, size
        assert isinstance(self.sock, ssl.SSLSocket)
        session = self.sock.session if self.resume else None
        data = self.context.wrap_socket(plain, server_hostname=self.server.host, session=session)
        self.reused.append(bool(data.session_reused))
        return data, size

    def put(self, name: str, content: bytes, rest: int | None = None) -> None:
        self.storbinary(f"STOR {name}", io.BytesIO(content), rest=rest)

    def fetch(self, name: str, rest: int | None = None) -> bytes:
        blocks: list[bytes] = []
        self.retrbinary(f"RETR {name}", blocks.append, rest=rest)
        return b"".join(blocks)

    def lines(self, command: str) -> list[str]:
        found: list[str] = []
        self.retrlines(command, found.append)
        return found
