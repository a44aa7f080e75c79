"""Agreeing with the server on a data connection: EPSV, PASV, EPRT or PORT, and what to do when one does not work.

The order for a transfer is: EPSV (or another), then REST, then the transfer command. REST counts for the very next
command only (FileZilla Server); ``REST, EPSV, STOR`` truncates the file.
"""

from __future__ import annotations

import errno
import ipaddress
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

# A firewall that does not know EPSV swallows it; waiting longer than this for its answer helps nobody.
_EPSV_PATIENCE = 10.0
_OLDER = {"epsv": "pasv", "eprt": "port"}
_NOT_KNOWN = (500, 501, 502, 504, 522)


class Meeting(Protocol):
    """A data connection that is agreed on and not there yet."""

    mode: str
    waits_writable: bool

    def fileno(self) -> int: ...
    def take(self) -> socket.socket | None:
        """The data connection's socket once it is there. Raises ConnectFailed."""
        ...

    def close(self) -> None: ...


class Passive:
    """We connect. The connect is under way from the start, so that it costs no round trip of its own."""

    waits_writable = True

    def __init__(self, mode: str, addresses: list[str], port: int) -> None:
        self.mode = mode
        self._addresses = addresses
        self._port = port
        self._socket = self._dial()

    def _dial(self) -> socket.socket:
        address = self._addresses.pop(0)
        self._at = f"{address} port {self._port}"
        sock, self._code = dial.begin(address, self._port)
        return sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def take(self) -> socket.socket | None:
        code = self._code
        if code == errno.EINPROGRESS:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            return self._socket
        self._socket.close()
        if not self._addresses:
            raise ConnectFailed(f"no data connection to {self._at}: {os.strerror(code).lower()}")
        self._socket = self._dial()
        return None

    def close(self) -> None:
        self._socket.close()


class Active:
    """The server connects to us. Whoever else does is turned away."""

    waits_writable = False

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
    """Makes data connections for one control connection, and remembers for its host what worked."""

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

    def prepare(self) -> Meeting:
        """Agree on where to meet; REST and the transfer command come next. Raises DataConnectionFailed."""
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

    def failed(self, meeting: Meeting, why: str) -> None:
        """The server had agreed, and no data connection came about: the next one may go another way."""
        if self._memory.data_mode is None:
            self._fall_back(meeting.mode, why)

    def worked(self, meeting: Meeting) -> None:
        self._memory.data_mode = meeting.mode

    def _first_mode(self) -> str:
        if self._settings.mode != "auto":
            return self._settings.mode
        return "eprt" if self._settings.active else "epsv"

    def _can_fall_back(self, mode: str) -> bool:
        """The older commands know IPv4 only."""
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
        if reply.code in _NOT_KNOWN:
            raise Unsupported(f"the server does not take {verb}", reply=reply.text)
        if not reply.completed:
            raise refusal(reply, f"open a data connection with {verb}")
        return reply

    def _epsv(self) -> Meeting:
        hopeful = self._memory.data_mode is None and self._can_fall_back("epsv")
        try:
            reply = self._ask("EPSV", timeout=self._epsv_patience if hopeful else None)
        except TimedOut:
            if hopeful:
                self._fall_back("epsv", "no answer; perhaps a firewall swallows it")
            raise
        return Passive("epsv", [self._peer], parse_epsv(reply))

    def _pasv(self) -> Meeting:
        address, port = parse_pasv(self._ask("PASV"))
        return Passive("pasv", self._addresses(address), port)

    def _addresses(self, told: str) -> list[str]:
        """Which addresses to try for a 227. A server behind NAT names its inner address, a hostile one names a third
        party's: the control connection's peer comes first, and what was told only if it is a public address."""
        choice = self._settings.pasv_address
        if choice == "reply" or told == self._peer:
            return [told]
        if choice == "auto" and ipaddress.ip_address(told).is_global:
            return [self._peer, told]
        return [self._peer]

    def _eprt(self) -> Meeting:
        return self._active("eprt", write_eprt)

    def _port(self) -> Meeting:
        return self._active("port", write_port)

    def _active(self, mode: str, write: _WriteAddress) -> Meeting:
        meeting = Active(mode, dial.listen(self._local, self._settings.active_ports), self._peer)
        try:
            self._ask(mode.upper(), write(self._settings.active_address or self._local, meeting.port))
        except BaseException:
            meeting.close()
            raise
        return meeting


class _WriteAddress(Protocol):
    def __call__(self, address: str, port: int) -> str: ...
