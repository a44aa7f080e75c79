"""One file (or listing) over one data connection, from the transfer command to its final reply.

The closing rules are in ``wire.ftp.closing``; this module feeds them with what happens on the data *and* the control
connection, and carries out the actions that they return. A transfer is whole when the data connection's verdict and the
final reply agree; the engine adds the byte count to that.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from ftpcli.errors import (
    ConnectFailed,
    ConnectionLost,
    DataConnectionFailed,
    FtpcliError,
    NoSpace,
    NotFound,
    NotTls,
    ResumptionRefused,
    Retry,
    TimedOut,
    TlsFailed,
    Truncated,
)
from ftpcli.model import Timing
from ftpcli.net import pump
from ftpcli.net.stream import BLOCKED, RAW_END, Stream
from ftpcli.net.wait import Deadline, StopSignal, check, ready
from ftpcli.session.contract import Moved, OnMoved
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.data_connection import Dialer, PendingDataConnection
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.session.ftp.transfer_replies import TransferReplies
from ftpcli.wire.ftp.closing import Action, Closing, Event, State, Verdict
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.reply import Reply
from ftpcli.wire.ftp.storage_replies import says_full

# Seconds. Some servers answer 150 only after the TLS handshake, or never.
_PRELIMINARY_PATIENCE = 1.0
# Seconds that the data connection may still take to end once the final reply is there, or after a refusal.
_GRACE = 2.0
# Seconds to wait for the server's reason when the data connection broke.
_REASON_PATIENCE = 5.0
# What a step returns when the stream broke; the closing rules have been told then.
_BROKEN = -3


@dataclass(frozen=True)
class TransferContext:
    """What all transfers of a session share. ``wrap`` makes a stream of a socket; its second argument is True for a
    stream that is sent to."""

    control: ControlConnection
    dialer: Dialer
    wrap: Callable[[socket.socket, bool], Stream]
    timing: Timing
    stop: StopSignal | None
    buffer: memoryview


class Transfer:
    """``Source`` and ``Sink`` of ``session.contract`` for FTP."""

    def __init__(self, context: TransferContext, command: Command, offset: int, *, sending: bool, doing: str) -> None:
        self._context = context
        self._control = context.control
        self._command = command
        self._replies = TransferReplies(context.control, command, context.timing)
        self._doing = doing
        self._closing = Closing(sending=sending)
        self._stream: Stream | None = None
        self._first_error: FtpcliError | None = None
        self._close_notify_failed = False
        self._restart_refused = False
        self._moved = 0
        self._deadline = Deadline(context.timing.idle)
        pending = context.dialer.prepare()
        try:
            if offset:
                self._restart(offset)
            self._control.post(command)
            self._open(pending)
        except BaseException:
            pending.close()
            self._abandon()
            raise

    @property
    def _data(self) -> Stream:
        assert self._stream is not None
        return self._stream

    @property
    def final_reply(self) -> Reply | None:
        """None as long as it has not come."""
        return self._replies.final

    def cut(self) -> None:
        """End every wait on the data connection; may be called from another thread."""
        if self._stream is not None:
            self._stream.cut()

    # Opening

    def _restart(self, offset: int) -> None:
        reply = self._control.ask("REST", str(offset))
        if not (reply.intermediate or reply.completed):
            self._restart_refused = True
            raise refusal(reply, f"{self._doing} from byte {offset} on")

    def _open(self, pending: PendingDataConnection) -> None:
        sock = self._wait_for_socket(pending)
        self._stream = self._context.wrap(sock, self._closing.state is State.SENDING)
        patience = Deadline(_PRELIMINARY_PATIENCE)
        while not self._replies.started and self._replies.final is None and not patience.passed:
            self._wait((self._control.fileno(),), (), patience)
            self._read_first_replies()
        try:
            self._handshake()
        except NotTls:
            raise self._in_clear("sent the data unencrypted") from None
        except ConnectionLost:
            # ProFTPD closes before it says 550, or 425 where the session was not resumed.
            self._wait_for_final(_REASON_PATIENCE)
            self._lose_tls_session()
            if self._replies.final is not None and self._replies.refused:
                raise self._refusal(self._replies.final) from None
            if self._replies.final is not None and self._replies.final.completed:
                raise self._in_clear("called the transfer complete without TLS on the data connection") from None
            raise
        self._context.dialer.worked(pending)

    def _in_clear(self, what: str) -> TlsFailed:
        reply = self._replies.final
        return TlsFailed(
            f"cannot {self._doing}: {self._data.peer} {what}, although it had agreed to encrypt it (PROT P)",
            reply=reply.text if reply else None,
        )

    def _handshake(self) -> None:
        while not self._data.handshake():
            if not self._wait((self._data.fileno(), *self._replies.awaited), (), self._deadline):
                if not self._data.heard and self._replies.started:
                    error = self._in_clear("did not begin TLS on the data connection")
                    error.retry = Retry.FRESH_SESSION  # packets may have been lost
                    raise error
                raise TimedOut(f"cannot {self._doing}: the TLS handshake of the data connection took too long")
            self._read_first_replies()

    def _wait_for_socket(self, pending: PendingDataConnection) -> socket.socket:
        """Wait for the data connection's socket, or for a refusal on the control connection."""
        data = (pending.fileno(),)
        while True:
            if pending.waits_writable:
                found = self._wait((self._control.fileno(),), data, self._deadline)
            else:
                found = self._wait((self._control.fileno(), *data), (), self._deadline)
            if not found:
                raise self._no_data_connection(pending, "no answer in time")
            if self._control.fileno() in found:
                self._read_replies_before(pending)
            if data[0] in found:
                try:
                    sock = pending.take()
                except ConnectFailed as error:
                    raise self._no_data_connection(pending, error.message) from error
                if sock is not None:
                    return sock
                data = (pending.fileno(),)

    def _no_data_connection(self, pending: PendingDataConnection, why: str) -> DataConnectionFailed:
        self._context.dialer.failed(pending, why)
        return DataConnectionFailed(
            f"cannot {self._doing}: no data connection ({pending.mode.upper()}): {why}{pending.hint}"
        )

    def _read_replies_before(self, pending: PendingDataConnection) -> None:
        try:
            self._read_first_replies()
        except DataConnectionFailed as error:
            # 425 while our connect is still under way (vsftpd's accept_timeout): a firewall blocks it.
            self._context.dialer.failed(pending, error.reply or error.message)
            error.message += pending.hint
            raise

    def _read_first_replies(self) -> None:
        """Before anything was moved, a refusal is simply the answer to the command."""
        self._replies.read()
        if self._replies.final is not None and self._replies.refused:
            raise self._refusal(self._replies.final)

    # Waiting

    def _wait(self, readable: tuple[int, ...], writable: tuple[int, ...], deadline: Deadline) -> frozenset[int]:
        return ready(readable, writable, deadline.left, self._context.stop)

    def _wait_on_both(self, *, writable: bool) -> None:
        """Wait until the data connection can go on, and tell the closing rules what else happened meanwhile."""
        self._replies.keep_alive()
        awaited = self._replies.awaited
        data = (self._data.fileno(),)
        found = self._wait(
            awaited if writable else (*data, *awaited),
            data if writable else (),
            self._deadline,
        )
        if not found:
            if self._data.unsent_shrinks():
                self._deadline.renew()  # the peer is slow, not gone
            else:
                self._act(Event.DEADLINE)
        elif not self._replies.lost and self._control.fileno() in found:
            self._read_replies()

    def _read_replies(self) -> None:
        try:
            is_over = self._replies.read()
        except FtpcliError as error:
            # A NAT box may have dropped the silent control connection; what moves on the data connection is still good.
            self._first_error = self._first_error or error
            self._replies.lost = True
            return
        if is_over:
            self._act(Event.REPLY_REFUSED if self._replies.refused else Event.REPLY_OK)

    # Moving

    def pump_to(self, file: pump.Writer, on_moved: OnMoved) -> None:
        """Receive until the data connection's end. Raises LocalFileError, Stopped."""
        step = pump.receiver(self._data, file, self._context.buffer)
        while not self._closing.done:
            check(self._context.stop)
            count = self._step(step)
            if count == BLOCKED:
                self._wait_on_both(writable=False)
            elif count == RAW_END:
                self._lose_tls_session()
                self._act(Event.RAW_END)
            elif count == 0:
                self._act(Event.PEER_END)
            elif count > 0:
                self._count(count, on_moved)

    def _lose_tls_session(self) -> None:
        """A bare FIN on a stream that we receive from makes OpenSSL drop the TLS session that later data connections
        would resume."""
        self._control.healthy = False

    def pump_from(self, file: pump.Reader, on_moved: OnMoved) -> None:
        """Send the file to its end. Raises LocalFileError, Stopped."""
        step = pump.sender(self._data, file, self._context.buffer, self._context.stop)
        while self._closing.state is State.SENDING:
            check(self._context.stop)
            count = self._step(step)
            if count == BLOCKED:
                self._wait_on_both(writable=True)
            elif count == pump.END_OF_FILE:
                self._flush()
                self._act(Event.LOCAL_END)
            elif count > 0:
                self._count(count, on_moved)

    def _count(self, count: int, on_moved: OnMoved) -> None:
        self._moved += count
        on_moved(count)  # which may take its time, to keep to a rate
        self._deadline.renew()

    def _step(self, step: Callable[[], int]) -> int:
        try:
            return step()
        except ConnectionLost as error:
            self._first_error = self._first_error or error
            self._act(Event.BROKEN)
            return _BROKEN

    def _flush(self) -> None:
        while self._closing.state is State.SENDING and not self._flushed():
            self._wait_on_both(writable=True)

    def _flushed(self) -> bool:
        return self._step(lambda: int(self._data.flush())) != 0

    def _linger(self) -> None:
        """Read on after our end until the peer's: to close with unread bytes would reset the connection, and lose what
        is on its way."""
        self._deadline = Deadline(self._context.timing.final_reply)
        while not self._closing.done:
            count = self._step(lambda: self._data.receive_into(self._context.buffer))
            if count == BLOCKED:
                self._wait_on_both(writable=False)
            elif count == RAW_END:
                self._act(Event.RAW_END)
            elif count == 0:
                self._act(Event.PEER_END)
            elif count > 0:
                self._act(Event.BYTES)

    def _act(self, event: Event) -> None:
        for action in self._closing.on(event):
            if action is Action.CLOSE_NOTIFY:
                self._send_close_notify(0.0 if event is Event.STOP else _GRACE)
            elif action is Action.SHUT_WR:
                self._data.shut_write()
            elif action is Action.GRACE:
                self._deadline = Deadline(_GRACE)
            else:
                self._data.close()

    def _send_close_notify(self, patience: float) -> None:
        """All of it: FIN after half a record would look like a truncation."""
        self._data.close_notify()
        deadline = Deadline(patience)
        try:
            while not self._data.flush() and not deadline.passed:
                ready((), (self._data.fileno(),), deadline.left)
        except ConnectionLost:
            self._close_notify_failed = True

    # The end

    def finish(self) -> Moved:
        """Close in order, wait for the final reply, judge. Raises FtpcliError unless all is well."""
        if self._closing.state is State.LINGERING:
            self._linger()
        verdict = self._closing.verdict
        self._wait_for_final(_REASON_PATIENCE if verdict is Verdict.BROKEN else self._context.timing.final_reply)
        reply = self._replies.final
        refused_at_once = reply is not None and reply.refused and not self._replies.started
        # A server that will not have the rest of an upload resets the data connection, and says why. Under TLS that
        # costs the session that the next data connection would resume.
        refused_upload = reply is not None and reply.refused and self._command.verb == "STOR" and not self._data.tls
        orderly = verdict in (Verdict.CLEAN, Verdict.UNCONFIRMED, Verdict.REFUSED)
        if not (orderly or refused_at_once or refused_upload):
            self._control.healthy = False
        if reply is not None and reply.refused:
            raise self._refusal(reply)
        if verdict is Verdict.TRUNCATED:
            raise Truncated(
                f"cannot {self._doing}: the TLS data connection ended without close_notify after {self._moved} bytes, "
                "so it may have been cut",
                reply=reply.text if reply else None,
            )
        if verdict is Verdict.BROKEN or reply is None:
            raise self._broken()
        if verdict is not Verdict.CLEAN and verdict is not Verdict.UNCONFIRMED:
            raise DataConnectionFailed(f"cannot {self._doing}: the server ended the transfer early", reply=reply.text)
        if not reply.completed:
            raise unexpected(reply, self._doing)
        return Moved(self._moved, confirmed=verdict is Verdict.CLEAN and not self._close_notify_failed)

    def _wait_for_final(self, patience: float) -> None:
        error = self._replies.wait_for_final(patience)  # also where the data connection broke: it says why
        self._first_error = self._first_error or error

    def _broken(self) -> FtpcliError:
        self._control.healthy = False
        cause = self._first_error
        if cause is None:
            return TimedOut(f"cannot {self._doing}: nothing moved for {self._context.timing.idle:g} seconds")
        return type(cause)(f"cannot {self._doing}: {cause.message}", reply=cause.reply)

    def _refusal(self, reply: Reply) -> FtpcliError:
        stream = self._stream
        if (
            reply.code in (425, 450, 522)
            and stream is not None
            and stream.tls
            and stream.established
            and not stream.resumed
        ):
            # vsftpd says 522 and closes, ProFTPD says 425 and logs why.
            return ResumptionRefused(
                f"cannot {self._doing}: the data connection did not resume the control connection's TLS session, "
                "and the server insists on that",
                reply=reply.text,
            )
        if reply.code == 501 and self._command.verb == "MLSD":
            # RFC 3659 §7.2.1: the argument is no directory. It is a parameter error in name only.
            return NotFound(f"cannot {self._doing}: no such directory", reply=reply.text)
        if self._command.verb == "STOR" and self._replies.started and says_full(reply.text):
            return NoSpace(
                f"cannot {self._doing}: the server could not write it; its disk may be full", reply=reply.text
            )
        return refusal(reply, self._doing)

    def _abandon(self) -> None:
        """Leave by an exception. Only a plain refusal, before anything moved, leaves the session usable."""
        if not (self._replies.refused or self._restart_refused):
            self._control.healthy = False
        if self._stream is not None:
            self._act(Event.STOP)

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._closing.done:
            self._control.healthy = False
            self._act(Event.STOP)
