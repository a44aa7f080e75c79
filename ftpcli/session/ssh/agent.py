"""ssh-agent: which keys it holds, and signatures by them (draft-miller-ssh-agent)."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from ftpcli.errors import ConnectionLost, FtpcliError, PeerProtocolError, TimedOut, cause_of
from ftpcli.net.stream import BLOCKED, PlainStream
from ftpcli.net.wait import Deadline, StopSignal, ready
from ftpcli.wire.ssh.types import Reader, number, string

_REQUEST_IDENTITIES, _IDENTITIES = 11, 12
_SIGN_REQUEST, _SIGNATURE = 13, 14
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
_LONGEST = 256 * 1024  # OpenSSH's own limit of a message
_MOST_KEYS = 2048


class AgentRefused(FtpcliError):
    """The agent has the key and does not sign with it: it was locked, or its owner said no."""


@dataclass(frozen=True)
class AgentKey:
    """``public`` may be a certificate."""

    public: bytes
    comment: str


class Agent:
    """A connection to the agent that listens on ``path``. Raises ConnectionLost where there is none.

    ``timeout``: in seconds for a list of keys. A signature may wait for somebody who confirms it, for as long as the
    server waits.
    """

    def __init__(self, path: str, timeout: float, stop: StopSignal | None) -> None:
        self._timeout = timeout
        self._stop = stop
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)  # an agent that hangs would hold us in connect, once enough others wait for it
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            reason = cause_of(error)
            raise ConnectionLost(f"the ssh-agent at {path} cannot be reached: {reason}") from error
        self._stream = PlainStream(sock, "the ssh-agent")

    def identities(self) -> tuple[AgentKey, ...]:
        """What it holds, in its order. Raises ConnectionLost, PeerProtocolError, Stopped."""
        kind, reader = self._ask(bytes([_REQUEST_IDENTITIES]))
        if kind != _IDENTITIES:
            return ()
        count = reader.number()
        if count > _MOST_KEYS:
            raise PeerProtocolError("the ssh-agent claims to hold too many keys")
        return tuple(AgentKey(reader.string(), reader.text()) for _ in range(count))

    def sign(self, public: bytes, data: bytes, algorithm: str) -> bytes:
        """Raises AgentRefused, and what ``identities`` raises."""
        flags = _FLAGS.get(algorithm.removesuffix("-cert-v01@openssh.com"), 0)
        kind, reader = self._ask(bytes([_SIGN_REQUEST]) + string(public) + string(data) + number(flags))
        if kind != _SIGNATURE:
            raise AgentRefused("the ssh-agent did not sign")
        return reader.string()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()

    def _ask(self, message: bytes) -> tuple[int, Reader]:
        deadline = Deadline(self._timeout)
        waiting = memoryview(string(message))
        while waiting:
            count = self._stream.send(waiting)
            if count == BLOCKED:
                self._wait(deadline, reading=False)
            else:
                waiting = waiting[count:]
        length = int.from_bytes(self._read(4, deadline), "big")
        if not 0 < length <= _LONGEST:
            raise PeerProtocolError("the ssh-agent sent a message that cannot be right")
        reader = Reader(self._read(length, deadline))
        return reader.byte(), reader

    def _read(self, count: int, deadline: Deadline) -> bytes:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            received = self._stream.receive_into(view)
            if received == BLOCKED:
                self._wait(deadline, reading=True)
            elif received <= 0:
                raise ConnectionLost("the ssh-agent closed the connection")
            else:
                view = view[received:]
        return bytes(buffer)

    def _wait(self, deadline: Deadline, *, reading: bool) -> None:
        fds = (self._stream.fileno(),)
        if not ready(fds if reading else (), () if reading else fds, deadline.left, self._stop) and deadline.passed:
            raise TimedOut("the ssh-agent did not answer in time")
