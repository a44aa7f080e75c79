"""paramiko's Transport, with deadlines and the stop signal while it is set up, and with keepalive.

paramiko runs a thread for each transport, which reads everything that the peer sends. It sets a ``Wakeup`` when
something happened; the worker's thread waits for that in ``net.wait.ready``, like everything else in this program.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from ftpcli.errors import (
    Busy,
    ConnectionLost,
    FtpcliError,
    NotSsh,
    PeerProtocolError,
    Retry,
    TimedOut,
    Unsupported,
    cause_of,
)
from ftpcli.net.wait import Deadline, StopSignal, ready
from ftpcli.session.ssh.packetizer import BatchingPacketizer
from ftpcli.session.ssh.wakeup import Wakeup
from ftpcli.wire.ssh.types import Reader

log = logging.getLogger("ftpcli.ssh")
# Without a handler of its own, Python would write paramiko's complaints to standard error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

# AES-GCM moves twice as much as AES-CTR with a MAC; paramiko itself would ask for it last.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",  # OpenSSH before 5.9 and many appliances have nothing better
)
HOST_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

_PREFACE = 64 * 1024  # bytes that may come before the identification (RFC 4253 §4.2 sets no limit)
_FOREIGN = re.compile(r"[1-5]\d\d[- ]|HTTP/|<!|<html|\* OK|\+OK", re.IGNORECASE)
_TLS_ALERT = re.compile(rb"\x15\x03[\x00-\x04]")  # RFC 8446 §5.1: record type, version
_FULL = re.compile(r"exceeded maxstartups|not allowed at this time", re.IGNORECASE)  # sshd since 8.7 and 9.8

Socket = Any  # a socket, or a channel of another transport


class TransportPacketizer(BatchingPacketizer):
    """paramiko's packet layer, with what its transport lacks.

    ``heard``: the first bytes from the peer. ``patience``: how many seconds each line before the key exchange may take.
    ``last_received``: when the last packet came, by the monotonic clock. ``on_quiet`` is called by paramiko's thread
    about ten times a second while nothing comes.
    """

    def __init__(self, sock: Socket) -> None:
        super().__init__(sock)
        self.last_received = time.monotonic()
        self.heard = b""
        self.patience = 0.0
        self.on_quiet: Callable[[], None] = lambda: None
        self._preface = 0
        self._identified = False

    def start_handshake(self, timeout: float) -> None:
        """No timer: a thread that outlives a failed handshake would hold the program up. ``establish`` has a
        deadline."""

    def write_all(self, out: bytes) -> None:
        try:
            super().write_all(out)
        except EOFError:
            if self._identified:
                raise  # but a peer that closed before our first word may have said why
        self._identified = True

    def readline(self, timeout: float) -> str:
        # paramiko gives each line but the first two seconds, and then takes the peer for no SSH server.
        line = str(super().readline(max(timeout, self.patience)))
        if not line.startswith("SSH-") and (_FOREIGN.match(line) or _FULL.match(line)):
            raise paramiko.SSHException("this is not SSH")  # at once: such a server now waits for a command
        return line

    def _read_timeout(self, timeout: float) -> bytes:
        data = bytes(super()._read_timeout(timeout))
        self._preface += len(data)
        if self._preface > _PREFACE:
            raise paramiko.SSHException("no identification")
        if len(self.heard) < 256:
            self.heard += data
        return data

    def read_message(self) -> tuple[int, Any]:
        message: tuple[int, Any] = super().read_message()
        self.last_received = time.monotonic()
        return message

    def _check_keepalive(self) -> None:
        self.on_quiet()

    def lock_unless_writing(self) -> Any:
        """paramiko's lock around writing, acquired; None while another thread writes."""
        lock = self._Packetizer__write_lock
        return lock if lock.acquire(blocking=False) else None


class SshTransport(paramiko.Transport):  # type: ignore[misc]
    """One SSH connection to ``place`` (``host:port``) over ``sock``, which it closes in the end."""

    packetizer: TransportPacketizer

    def __init__(self, sock: Socket, place: str, host_key_types: Sequence[str]) -> None:
        super().__init__(sock, packetizer_class=TransportPacketizer)
        self.place = place
        self.wakeup = Wakeup()
        self.last_words: tuple[int, str] | None = None
        self._interval = self._limit = 0.0
        self._next_question = 0.0
        self._asked = 0.0
        options = self.get_security_options()
        options.ciphers = [name for name in CIPHERS if name in self._cipher_info]
        options.digests = MACS
        options.key_types = host_key_types
        self.set_log_channel("paramiko.transport")

    def establish(self, timeout: float, stop: StopSignal | None) -> None:
        """Identification and key exchange, within ``timeout`` seconds. The host key is not judged here.

        Raises NotSsh, Busy, Unsupported, ConnectionLost, TimedOut, PeerProtocolError, Stopped.
        """
        # Ours comes first, and says what happened.
        self.banner_timeout = self.packetizer.patience = 2 * timeout
        self.start_client(event=self.wakeup)
        doing = f"did not finish the SSH key exchange within {timeout:g} seconds"
        try:
            self.wait(lambda: self.initial_kex_done, Deadline(timeout), stop, doing)
        except TimedOut as error:
            if not self.remote_version:
                error.reply = self._first_words() or None
            raise
        self.completion_event = None
        log.info("%s: %s, %s, host key %s", self.place, self.remote_version, self.local_cipher, self.host_key_type)

    def wait(self, done: Callable[[], bool], deadline: Deadline, stop: StopSignal | None, doing: str) -> None:
        """Until ``done``. Raises TimedOut with ``doing``, what ended the connection, and Stopped."""
        while not done():
            if not self.active:
                raise self.failure()
            if not ready((self.wakeup.fileno(),), (), deadline.left, stop) and deadline.passed:
                raise TimedOut(f"{self.place} {doing}")
            self.wakeup.clear()

    def failure(self) -> FtpcliError:
        """What ended the connection."""
        error = self.saved_exception
        if isinstance(error, FtpcliError):
            return error
        if self.last_words is not None:
            return ConnectionLost(f"{self.place} closed the SSH connection", reply=self.last_words[1] or None)
        if not self.initial_kex_done and not self.remote_version:
            return self._not_ssh()
        if self.remote_version.startswith("SSH-1.") and not self.initial_kex_done:
            return _hopeless(f"{self.place} speaks SSH 1 only", self.remote_version)
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            return _hopeless(f"{self.place} and ftpcli have no SSH algorithm in common: {error}")
        if error is None or isinstance(error, EOFError):
            return ConnectionLost(f"{self.place} closed the SSH connection")
        if isinstance(error, OSError):
            return ConnectionLost(f"the connection to {self.place} broke: {cause_of(error)}")
        return PeerProtocolError(f"{self.place} broke the SSH protocol: {error}")

    def _not_ssh(self) -> FtpcliError:
        if _TLS_ALERT.match(self.packetizer.heard):
            return NotSsh(f"{self.place} does not speak SSH but TLS; ftps:// is for an FTP server that does so")
        heard = self._first_words()
        if _FULL.match(heard):
            return Busy(f"{self.place} admits no further connection now", reply=heard)
        if re.match(r"220[- ]", heard):
            return NotSsh(f"{self.place} does not speak SSH but greets like an FTP server; use ftpes://", reply=heard)
        if re.match(r"[1-5]\d\d[- ]", heard):  # vsftpd and ProFTPD, to what is no TLS
            return NotSsh(
                f"{self.place} does not speak SSH but answers like an FTP server; use ftps:// or ftpes://", reply=heard
            )
        if heard and not heard.startswith("SSH-"):
            return NotSsh(f"{self.place} does not speak SSH", reply=heard[:120])
        return ConnectionLost(f"{self.place} closed the connection before it said a word of SSH")

    def _first_words(self) -> str:
        """How the peer began, fit for a terminal."""
        line = self.packetizer.heard.split(b"\n")[0].decode("utf-8", "replace").strip()
        return "".join(char if char.isprintable() else "?" for char in line)

    def keep_alive(self, interval: float, limit: float) -> None:
        """Ask for a sign of life after ``interval`` seconds in which nothing came, and give up after ``limit``.

        0 for ``interval``: never. paramiko's own keepalive wants no answer, so it notices nothing, and it waits
        behind a write that hangs.
        """
        self._interval = min(interval, limit / 2)
        self._limit = limit
        self._next_question = time.monotonic() + self._interval
        self.packetizer.on_quiet = self._on_quiet if interval else lambda: None

    def _on_quiet(self) -> None:
        """In paramiko's thread, between two looks at the socket: what is raised here ends the connection."""
        now, heard = time.monotonic(), self.packetizer.last_received
        if now - heard < self._interval or now < self._next_question:
            return
        if self._asked > heard and now - heard >= self._limit:
            raise TimedOut(f"{self.place} gave no sign of life for {self._limit:g} seconds")
        self._asked = now
        # At most the limit is missed by a tenth of an interval.
        self._next_question = now + min(self._interval, max(0.1, self._limit - (now - heard)))
        if not self.in_kex and not self.packetizer.need_rekey():
            self._ask()

    def _ask(self) -> None:
        """Where a write hangs, the bytes that are stuck are question enough."""
        lock = self.packetizer.lock_unless_writing()
        if lock is None:
            return
        try:
            if self._can_send():
                question = paramiko.Message()
                question.add_byte(cMSG_GLOBAL_REQUEST)
                question.add_string("keepalive@openssh.com")
                question.add_boolean(True)
                self._send_message(question)
        finally:
            lock.release()

    def _can_send(self) -> bool:
        if hasattr(self.sock, "send_ready"):  # a channel of the transport before
            return bool(self.sock.send_ready())
        return bool(ready((), (self.sock.fileno(),), 0))

    def cut(self) -> None:
        """End every wait at once; may be called from another thread."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # paramiko's thread then reads the end of the stream

    def shut(self) -> None:
        """Close the connection, and wait a moment for paramiko's thread. Never raises."""
        self.cut()
        if self.is_alive():
            self.join(1.0)
        self.close()
        self.sock.close()
        self.wakeup.close()

    def _parse_disconnect(self, m: Any) -> None:
        with suppress(PeerProtocolError):
            words = Reader(m.asbytes())
            self.last_words = words.number(), words.text()
        super()._parse_disconnect(m)

    def _log(self, level: int, msg: Any, *args: Any) -> None:  # noqa: ARG002 - paramiko's errors are raised as ours
        for line in msg if isinstance(msg, list) else (msg,):
            log.debug(line, *args)


def _hopeless(message: str, reply: str | None = None) -> Unsupported:
    """No other connection to this server would do better."""
    error = Unsupported(message, reply=reply)
    error.retry = Retry.STOP_RUN
    return error
