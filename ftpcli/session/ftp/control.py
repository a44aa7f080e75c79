"""A control connection: the machine of ``wire.ftp.control`` over a stream, with waiting and a trace."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from ftpcli.errors import (
    ConnectionLost,
    FtpcliError,
    NotFtp,
    NotTls,
    PeerProtocolError,
    ServiceClosing,
    Stopped,
    TimedOut,
    TlsFailed,
)
from ftpcli.net.stream import BLOCKED, PlainStream, Stream
from ftpcli.net.wait import Deadline, StopGrace, StopSignal, ready
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.control import ControlMachine, State
from ftpcli.wire.ftp.reply import Reply, ReplyParser

if TYPE_CHECKING:
    from ftpcli.net.tls import TlsIdentity

log = logging.getLogger("ftpcli.wire")


class ControlConnection:
    """Sends commands, waits for replies. ``healthy`` turns False for good with the first doubt.

    Nothing is sent while a reply that nobody asked for is there: it would be taken for the answer.
    See ``StopGrace`` for what a stop ends.
    """

    def __init__(self, stream: Stream, place: str, encoding: str, timeout: float, stop: StopSignal | None) -> None:
        self.stream = stream
        self.healthy = True
        self.last_used = time.monotonic()
        self._place = place
        self._timeout = timeout
        self._machine = ControlMachine(encoding)
        self._buffer = memoryview(bytearray(16 * 1024))
        self._ended = False
        self._stop = stop
        self._grace = StopGrace(stop)

    def fileno(self) -> int:
        return self.stream.fileno()

    @property
    def doubles_iac(self) -> bool:
        """Whether byte 0xFF is sent doubled; see ``session.ftp.telnet``."""
        return self._machine.doubles_iac

    @doubles_iac.setter
    def doubles_iac(self, doubles: bool) -> None:
        self._machine.doubles_iac = doubles

    @property
    def outstanding(self) -> int:
        return self._machine.outstanding

    def start_tls(self, identity: TlsIdentity) -> None:
        """Put TLS over the connection. Raises TlsFailed, also for plaintext that followed the 234.

        Such bytes may be injected, to be taken for protected ones (RFC 4217 §15.1 and CVE-2011-0411).
        """
        if not self._machine.quiet:
            self.healthy = False
            raise TlsFailed(f"{self._place} sent plaintext after accepting AUTH TLS (possible injection)")
        assert isinstance(self.stream, PlainStream)
        self.stream = identity.wrap_control(self.stream.socket, self._place)
        deadline = Deadline(self._timeout)
        try:
            while not self.stream.handshake():
                if not ready((self.fileno(),), (), deadline.left, self._stop):
                    self.healthy = False
                    raise TimedOut(f"{self._place} did not finish the TLS handshake within {self._timeout:g} seconds")
        except NotTls as error:
            self.healthy = False
            raise self._answered_in_clear(error) from error

    def _answered_in_clear(self, error: NotTls) -> FtpcliError:
        """What came instead of TLS. vsftpd refuses a connection too many with 421 in clear, implicit TLS or not."""
        parser = ReplyParser(self._machine.encoding)
        parser.feed(error.heard)
        try:
            reply = parser.next()
        except NotFtp as found:
            return NotFtp(f"{self._place}: {found.message}")
        except PeerProtocolError:
            reply = None
        if reply is None:
            return error
        if reply.code == 421:
            return ServiceClosing(f"{self._place} closes the connection", reply=reply.text)
        return TlsFailed(
            f"{self._place} does not begin with TLS; use ftpes:// where TLS starts on demand", reply=reply.text
        )

    def greeting(self) -> Reply:
        """The first reply that is not 1yz, whatever its code."""
        deadline = Deadline(self._timeout)
        while True:
            command, reply = self._next(deadline, "greet")
            if command is None and not reply.preliminary:
                return reply

    def ask(
        self, verb: str, argument: str | None = None, *, secret: bool = False, timeout: float | None = None
    ) -> Reply:
        """Send a command and wait for its final reply. Raises ConnectionLost (also for 421), PeerProtocolError."""
        return self.final_reply(self.post(Command(verb, argument, secret)), timeout)

    def post(self, command: Command) -> Command:
        """Send a command without waiting for its reply."""
        if not self._machine.outstanding:  # else it is a NOOP, and a transfer goes on
            self._grace.begin(changes=command.changes)
        try:
            self._refuse_spare_replies(command.verb)
            data = memoryview(self._machine.send(command))
            log.debug("> %s", command)
            deadline = Deadline(self._timeout)
            while data:
                count = self.stream.send(data)
                if count != BLOCKED:
                    data = data[count:]
                else:
                    self._wait_writable(deadline, command.verb)
            while not self.stream.flush():
                self._wait_writable(deadline, command.verb)
        except ConnectionLost as error:
            raise self._with_last_words(error) from error
        self.last_used = time.monotonic()
        return command

    def _refuse_spare_replies(self, verb: str) -> None:
        """Take in what is there without waiting. Raises PeerProtocolError for any of it where no answer is awaited, as
        NOOPs of a transfer may be."""
        if self._machine.outstanding:
            return
        if self._machine.could_pass_for_answer(verb):
            self.stream.acknowledge()  # costs a packet, so not for what its code would give away
        if not self._receive() and self._machine.quiet:
            return
        while self._take() is None and self._receive():
            pass
        if not self._machine.quiet:
            self.healthy = False
            self._machine.doubt.spare()
            raise PeerProtocolError(f"{self._place} sent part of a reply to a command that was never sent")

    def _wait_writable(self, deadline: Deadline, verb: str) -> None:
        if not self._wait((), (self.fileno(),), deadline):
            self.healthy = False
            raise TimedOut(f"{self._place} did not take {verb} within {self._timeout:g} seconds")

    def _wait(self, readable: tuple[int, ...], writable: tuple[int, ...], deadline: Deadline) -> frozenset[int]:
        """As ``net.wait.ready``. Raises Stopped, see ``StopGrace``."""
        try:
            return self._grace.wait(lambda seconds, stop: ready(readable, writable, seconds, stop), deadline.left)
        except Stopped:
            self.healthy = False
            raise

    def _with_last_words(self, error: ConnectionLost) -> ConnectionLost:
        """A server that closes often says why (``421 Timeout``) before it does; that is worth more than EPIPE."""
        self.healthy = False
        try:
            while True:
                self._next(Deadline(0), "answer")
        except ConnectionLost as last:
            return last if last.reply else error
        except FtpcliError:
            return error

    def final_reply(self, command: Command, timeout: float | None = None) -> Reply:
        """Wait for the final reply to ``command``; replies to commands sent before it are read and dropped."""
        deadline = Deadline(self._timeout if timeout is None else timeout)
        while True:
            found, reply = self._next(deadline, f"answer {command.verb}")
            if found is command and not reply.preliminary:
                return reply

    def arrived(self, command: Command) -> Reply | None:
        """A reply to ``command`` that is there already; never waits."""
        while True:
            item = self._take()
            if item is None and not self._receive():
                return None
            if item is not None and item[0] is command:
                return item[1]

    def _next(self, deadline: Deadline, doing: str) -> tuple[Command | None, Reply]:
        while True:
            item = self._take()
            if item is not None:
                return item
            if not self._receive() and not self._wait((self.fileno(),), (), deadline) and deadline.passed:
                self.healthy = False
                raise TimedOut(f"{self._place} did not {doing} in time")

    def _take(self) -> tuple[Command | None, Reply] | None:
        greeting = self._machine.state is State.GREETING
        try:
            item = self._machine.next_reply()
        except PeerProtocolError as error:
            self.healthy = False
            raise type(error)(f"{self._place}: {error.message}", reply=error.reply) from error
        if item is not None:
            reply = item[1]
            log.debug("< %s", reply.text)
            if reply.code == 421 and not greeting:
                self.healthy = False
                raise ServiceClosing(f"{self._place} closes the connection", reply=reply.text)
            return item
        if self._ended:
            self.healthy = False
            raise ConnectionLost(f"{self._place} closed the control connection")
        return None

    def _receive(self) -> bool:
        """Read what is there; False when that is nothing."""
        try:
            count = self.stream.receive_into(self._buffer)
        except ConnectionLost:
            self.healthy = False
            raise
        if count > 0:
            self._machine.receive(self._buffer[:count])
        elif count != BLOCKED:
            self._ended = True
        return count != BLOCKED

    def pending(self) -> bool:
        """True when something came that nobody asked for: on an idle connection that is its end, a 421, or a reply too
        many."""
        self.stream.acknowledge()
        return not self._machine.quiet or bool(ready((self.fileno(),), (), 0))

    def quit(self, timeout: float) -> None:
        """Say goodbye. Where the answer is not 221 it may be one too many, and the right one follows."""
        if self.ask("QUIT", timeout=timeout).code != 221 and self._machine.doubt.possible:
            self._next(Deadline(timeout), "close")

    def in_doubt(self) -> tuple[Command, ...]:
        """Changes that were called done, and may have been refused."""
        return self._machine.doubt.changes

    def close(self) -> None:
        """Close without waiting for the other side; the control connection carries nothing that could be lost."""
        self.healthy = False
        self._machine.close()
        with contextlib.suppress(ConnectionLost):
            self.stream.close_notify()
            self.stream.flush()
        self.stream.close()
