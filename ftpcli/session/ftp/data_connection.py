"""Agreeing with the server on a data connection: EPSV, PASV, EPRT or PORT, and what to do when one does not work.

The order for a transfer is: EPSV (or another), then REST, then the transfer command. REST counts for the very next
command only (FileZilla Server); ``REST, EPSV, STOR`` truncates the file.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Protocol

from ftpcli.errors import ConnectFailed, DataConnectionFailed, TimedOut, Unsupported
from ftpcli.model import DataSettings
from ftpcli.net import dial
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.reply_errors import refusal
from ftpcli.wire.ftp.answers import parse_epsv, parse_pasv, write_eprt, write_port
from ftpcli.wire.ftp.reply import Reply

# Seconds. A firewall that does not know EPSV drops it; waiting longer for the reply helps nobody.
_EPSV_PATIENCE = 10.0
_OLDER = {"epsv": "pasv", "eprt": "port"}
_NOT_SUPPORTED = (500, 501, 502, 504, 522)


class PendingDataConnection(Protocol):
    """A data connection that both sides have agreed on, and that is not established yet. ``waits_writable``: the
    descriptor becomes writable then, and not readable. ``hint``: what else could be tried if it fails, for messages."""

    mode: str
    waits_writable: bool
    hint: str

    def fileno(self) -> int: ...
    def take(self) -> socket.socket | None:
        """The data connection's socket once it is connected, else None. Raises ConnectFailed."""
        ...

    def close(self) -> None: ...


class Passive:
    """We connect. The connect begins at once, so that it costs no round trip of its own."""

    waits_writable = True

    def __init__(self, mode: str, address: str, port: int, hint: str = "") -> None:
        self.mode = mode
        self.hint = hint
        self._at = f"{address} port {port}"
        self._socket, self._code = dial.begin(address, port)

    def fileno(self) -> int:
        return self._socket.fileno()

    def take(self) -> socket.socket | None:
        code = self._code
        if code == errno.EINPROGRESS:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            return self._socket
        self._socket.close()
        raise ConnectFailed(f"no data connection to {self._at}: {os.strerror(code).lower()}")

    def close(self) -> None:
        self._socket.close()


class Active:
    """The server connects to us. Connections from any other address are closed."""

    waits_writable = False
    hint = ""

    def __init__(self, mode: str, listener: socket.socket, expected: str) -> None:
        self.mode = mode
        self._listener = listener
        self._expected = expected

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def fileno(self) -> int:
        return self._listener.fileno()

    def take(self) -> socket.socket | None:
        sock = dial.accept(self._listener, self._expected)
        if sock is not None:
            self._listener.close()
        return sock

    def close(self) -> None:
        self._listener.close()


class Dialer:
    """Makes data connections for one control connection, and remembers for its host which command worked."""

    def __init__(
        self,
        control: ControlConnection,
        settings: DataSettings,
        memory: HostMemory,
        notify: Notify,
        *,
        local: str,
        peer: str,
        patience: float,
    ) -> None:
        self._control = control
        self._settings = settings
        self._memory = memory
        self._notify = notify
        self._local = local
        self._peer = peer
        self._epsv_patience = min(patience, _EPSV_PATIENCE)

    def prepare(self) -> PendingDataConnection:
        """Agree on address and port; REST and the transfer command come next. Raises DataConnectionFailed."""
        mode = self._memory.data_mode or self._first_mode()
        make = {"epsv": self._epsv, "pasv": self._pasv, "eprt": self._eprt, "port": self._port}[mode]
        try:
            return make()
        except Unsupported as error:
            if not self._fall_back(mode, error.reply or ""):
                active = self._settings.active and self._settings.mode == "auto"
                help_ = "drop --active" if active else "--data-mode and --active choose another way"
                if self._settings.active_address:  # vsftpd refuses one that is not the client's own
                    help_ += ", or check --active-address"
                raise DataConnectionFailed(
                    f"this server does not take {mode.upper()}; {help_}",
                    reply=error.reply,
                ) from error
            return self.prepare()

    def failed(self, pending: PendingDataConnection, why: str) -> None:
        """The server had agreed, but no data connection was established: the next one may use another command."""
        if self._memory.data_mode is None:
            self._fall_back(pending.mode, why)

    def worked(self, pending: PendingDataConnection) -> None:
        self._memory.data_mode = pending.mode

    def _first_mode(self) -> str:
        if self._settings.mode != "auto":
            return self._settings.mode
        return "eprt" if self._settings.active else "epsv"

    def _can_fall_back(self, mode: str) -> bool:
        """The older commands are for IPv4 only."""
        return self._settings.mode == "auto" and ":" not in self._peer and mode in _OLDER

    def _fall_back(self, mode: str, why: str) -> bool:
        if not self._can_fall_back(mode):
            return False
        if self._memory.data_mode != _OLDER[mode]:
            self._memory.data_mode = _OLDER[mode]
            self._notify(f"{mode.upper()} does not work with this server ({why}); using {_OLDER[mode].upper()}")
        return True

    def _ask(self, verb: str, argument: str | None = None, timeout: float | None = None) -> Reply:
        reply = self._control.ask(verb, argument, timeout=timeout)
        if reply.code in _NOT_SUPPORTED:
            raise Unsupported(f"the server does not take {verb}", reply=reply.text)
        if not reply.completed:
            raise refusal(reply, f"open a data connection with {verb}")
        return reply

    def _epsv(self) -> PendingDataConnection:
        may_fall_back = self._memory.data_mode is None and self._can_fall_back("epsv")
        try:
            reply = self._ask("EPSV", timeout=self._epsv_patience if may_fall_back else None)
        except TimedOut:
            if may_fall_back:
                self._fall_back("epsv", "no reply; perhaps a firewall drops it")
            raise
        return Passive("epsv", self._peer, parse_epsv(reply))

    def _pasv(self) -> PendingDataConnection:
        """The address in a 227 is used only where that was asked for (``reply``): behind NAT it leads nowhere, and a
        hostile server names a third party's, for us to connect to it and to send it the file (RFC 2577 §2)."""
        named, port = parse_pasv(self._ask("PASV"))
        if named == self._peer or self._settings.pasv_address == "reply":
            return Passive("pasv", named, port)
        # Right for a balancer that hands the data connections to the servers behind it.
        return Passive("pasv", self._peer, port, f"; the server named {named}, which --pasv-address reply connects to")

    def _eprt(self) -> PendingDataConnection:
        return self._active("eprt", write_eprt)

    def _port(self) -> PendingDataConnection:
        return self._active("port", write_port)

    def _active(self, mode: str, write: _WriteAddress) -> PendingDataConnection:
        pending = Active(mode, dial.listen(self._local, self._settings.active_ports), self._peer)
        try:
            self._ask(mode.upper(), write(self._settings.active_address or self._local, pending.port))
        except BaseException:
            pending.close()
            raise
        return pending


class _WriteAddress(Protocol):
    def __call__(self, address: str, port: int) -> str: ...
