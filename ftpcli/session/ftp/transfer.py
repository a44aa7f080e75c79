"""One file (or listing) over one data connection, from the transfer command to its final reply.

The closing rules are in ``wire.closing``; this module feeds them with what happens on the data *and* the control
connection and carries out what they say. A transfer is whole when the data connection's verdict and the final reply
agree; the engine adds the byte count to that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from ftpcli.errors import (
    ConnectFailed,
    ConnectionLost,
    DataConnectionFailed,
    FtpcliError,
    NotFound,
    ResumptionRefused,
    TimedOut,
    Truncated,
)
from ftpcli.model import Timing
from ftpcli.net import pump
from ftpcli.net.stream import BLOCKED, RAW_END, Stream
from ftpcli.net.wait import Deadline, StopSignal, check, ready
from ftpcli.session.contract import Moved, OnMoved
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.data_connection import Dialer, Meeting
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.wire.ftp.closing import Action, Closing, Event, State, Verdict
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.reply import Reply

# Some servers answer 150 only after the TLS handshake, or never: its absence does not hold us up for long.
_PRELIMINARY_PATIENCE = 1.0
# How long the data connection may still take to end once the final reply is there, or after a refusal.
_GRACE = 2.0
# When the data connection broke, the server's reason is worth waiting for.
_REASON_PATIENCE = 5.0
_MOST_NOOPS = 3
# A step's answer when the stream broke and the closing rules know it.
_BROKEN = -3


@dataclass(frozen=True)
class Line:
    """What a session lends to its transfers. ``wrap`` makes the stream; True where it is sent to."""

    control: ControlConnection
    dialer: Dialer
    wrap: Callable[[socket.socket, bool], Stream]
    timing: Timing
    stop: StopSignal | None
    buffer: memoryview


class Transfer:
    """Source and Sink of ``session.protocol`` for FTP."""

    def __init__(self, line: Line, command: Command, offset: int, *, sending: bool, doing: str) -> None:
        self._line = line
        self._control = line.control
        self._command = command
        self._doing = doing
        self._closing = Closing(sending=sending)
        self._stream: Stream | None = None
        self._started = False
        self._final: Reply | None = None
        self._trouble: FtpcliError | None = None
        self._control_gone = False
        self._unsaid = False
        self._moved = 0
        self._deadline = Deadline(line.timing.idle)
        self._next_noop = time.monotonic() + line.timing.keepalive
        meeting = line.dialer.prepare()
        try:
            if offset:
                self._restart(offset)
            self._control.post(command)
            self._open(meeting)
        except BaseException:
            meeting.close()
            self._abandon()
            raise

    @property
    def _data(self) -> Stream:
        assert self._stream is not None
        return self._stream

    def cut(self) -> None:
        """End every wait on the data connection; may be called from another thread."""
        if self._stream is not None:
            self._stream.cut()

    # Opening

    def _restart(self, offset: int) -> None:
        reply = self._control.ask("REST", str(offset))
        if not (reply.intermediate or reply.completed):
            raise refusal(reply, f"{self._doing} from byte {offset} on")

    def _open(self, meeting: Meeting) -> None:
        self._stream = self._line.wrap(self._meet(meeting), self._closing.state is State.SENDING)
        patience = Deadline(_PRELIMINARY_PATIENCE)
        while not self._started and self._final is None and not patience.passed:
            self._wait((self._control.fileno(),), (), patience)
            self._hear_opening()
        try:
            self._shake_hands()
        except ConnectionLost:
            # ProFTPD hangs up before it says 550, or 425 where the session was not resumed.
            self._await_final(_REASON_PATIENCE)
            self._lose_tls_session()
            if self._final is not None and self._final.refused:
                raise self._refused(self._final) from None
            raise
        self._line.dialer.worked(meeting)

    def _shake_hands(self) -> None:
        while not self._data.handshake():
            if not self._wait((self._data.fileno(), *self._watched_control()), (), self._deadline):
                raise TimedOut(f"cannot {self._doing}: the TLS handshake of the data connection took too long")
            self._hear_opening()

    def _meet(self, meeting: Meeting) -> socket.socket:
        """Wait for the data connection's socket while listening for a refusal on the control connection."""
        side = (meeting.fileno(),)
        while True:
            if meeting.waits_writable:
                found = self._wait((self._control.fileno(),), side, self._deadline)
            else:
                found = self._wait((self._control.fileno(), *side), (), self._deadline)
            if not found:
                raise self._no_data_connection(meeting, "no answer in time")
            if self._control.fileno() in found:
                self._hear_before_meeting(meeting)
            if side[0] in found:
                try:
                    sock = meeting.take()
                except ConnectFailed as error:
                    raise self._no_data_connection(meeting, error.message) from error
                if sock is not None:
                    return sock
                side = (meeting.fileno(),)

    def _no_data_connection(self, meeting: Meeting, why: str) -> DataConnectionFailed:
        self._line.dialer.failed(meeting, why)
        return DataConnectionFailed(f"cannot {self._doing}: no data connection ({meeting.mode.upper()}): {why}")

    def _hear_before_meeting(self, meeting: Meeting) -> None:
        try:
            self._hear_opening()
        except DataConnectionFailed as error:
            # 425 while our connect is still under way (vsftpd's accept_timeout): a firewall stands between us.
            self._line.dialer.failed(meeting, error.reply or error.message)
            raise

    def _hear_opening(self) -> None:
        """Before anything moved a refusal is simply the answer to the command."""
        self._hear()
        if self._final is not None and self._final.refused:
            raise self._refused(self._final)

    # The control connection, while the data connection is open

    def _hear(self) -> Event | None:
        """Take the replies that are there. Raises ConnectionLost, PeerProtocolError."""
        while self._final is None:
            reply = self._control.arrived(self._command)
            if reply is None:
                return None
            if reply.preliminary:
                self._started = True
            else:
                self._final = reply
        return Event.REPLY_REFUSED if self._final.refused else Event.REPLY_OK

    def _watched_control(self) -> tuple[int, ...]:
        return () if self._final is not None or self._control_gone else (self._control.fileno(),)

    def _wait(self, readable: tuple[int, ...], writable: tuple[int, ...], deadline: Deadline) -> frozenset[int]:
        return ready(readable, writable, deadline.left, self._line.stop)

    def _wait_on_both(self, *, writable: bool) -> None:
        """Wait until the data connection can go on, and tell the closing rules what else happened meanwhile."""
        self._keep_alive()
        data = (self._data.fileno(),)
        found = self._wait(
            self._watched_control() if writable else (*data, *self._watched_control()),
            data if writable else (),
            self._deadline,
        )
        if not found:
            if self._data.unsent_shrinks():
                self._deadline.renew()  # the peer is slow, not gone
            else:
                self._act(Event.DEADLINE)
        elif not self._control_gone and self._control.fileno() in found:
            self._hear_while_moving()

    def _hear_while_moving(self) -> None:
        try:
            event = self._hear()
        except FtpcliError as error:
            # A NAT box may have dropped the silent control connection; what moves on the data connection is still good.
            self._trouble = self._trouble or error
            self._control_gone = True
            return
        if event is not None:
            self._act(event)

    def _keep_alive(self) -> None:
        timing = self._line.timing
        if timing.keepalive_in_transfer != "on" or not timing.keepalive or self._watched_control() == ():
            return
        now = time.monotonic()
        if now >= self._next_noop and self._control.outstanding <= _MOST_NOOPS:
            self._next_noop = now + timing.keepalive
            self._control.post(Command("NOOP"))

    # Moving

    def pump_to(self, file: pump.Writer, on_moved: OnMoved) -> None:
        """Receive until the data connection's end. Raises LocalFileError, Stopped."""
        step = pump.receiver(self._data, file, self._line.buffer)
        while not self._closing.done:
            check(self._line.stop)
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
        """A bare FIN on a stream that is received from takes the TLS session from all later data connections."""
        self._control.healthy = False

    def pump_from(self, file: pump.Reader, on_moved: OnMoved) -> None:
        """Send the file to its end. Raises LocalFileError, Stopped."""
        step = pump.sender(self._data, file, self._line.buffer, self._line.stop)
        while self._closing.state is State.SENDING:
            check(self._line.stop)
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
            self._trouble = self._trouble or error
            self._act(Event.BROKEN)
            return _BROKEN

    def _flush(self) -> None:
        while self._closing.state is State.SENDING and not self._flushed():
            self._wait_on_both(writable=True)

    def _flushed(self) -> bool:
        return self._step(lambda: int(self._data.flush())) != 0

    def _linger(self) -> None:
        """Read on after our end, until the peer's: closing with unread bytes would reset what is on its way."""
        self._deadline = Deadline(self._line.timing.final_reply)
        while not self._closing.done:
            count = self._step(lambda: self._data.receive_into(self._line.buffer))
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
                self._say_goodbye(0.0 if event is Event.STOP else _GRACE)
            elif action is Action.SHUT_WR:
                self._data.shut_write()
            elif action is Action.GRACE:
                self._deadline = Deadline(_GRACE)
            else:
                self._data.close()

    def _say_goodbye(self, patience: float) -> None:
        """close_notify, all of it: FIN behind half a record would look like a cut."""
        self._data.close_notify()
        deadline = Deadline(patience)
        try:
            while not self._data.flush() and not deadline.passed:
                ready((), (self._data.fileno(),), deadline.left)
        except ConnectionLost:
            self._unsaid = True

    # The end

    def finish(self) -> Moved:
        """Close in order, wait for the final reply, judge. Raises FtpcliError unless all is well."""
        if self._closing.state is State.LINGERING:
            self._linger()
        verdict = self._closing.verdict
        self._await_final(_REASON_PATIENCE if verdict is Verdict.BROKEN else self._line.timing.final_reply)
        reply = self._final
        refused_at_once = reply is not None and reply.refused and not self._started
        if verdict not in (Verdict.CLEAN, Verdict.UNCONFIRMED, Verdict.REFUSED) and not refused_at_once:
            self._control.healthy = False
        if reply is not None and reply.refused:
            raise self._refused(reply)
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
        return Moved(self._moved, confirmed=verdict is Verdict.CLEAN and not self._unsaid)

    def _await_final(self, patience: float) -> None:
        if self._final is not None or self._control_gone:
            return
        try:
            self._final = self._control.final_reply(self._command, patience)
        except FtpcliError as error:
            self._trouble = self._trouble or error

    def _broken(self) -> FtpcliError:
        self._control.healthy = False
        cause = self._trouble
        if cause is None:
            return TimedOut(f"cannot {self._doing}: nothing moved for {self._line.timing.idle:g} seconds")
        return type(cause)(f"cannot {self._doing}: {cause.message}", reply=cause.reply)

    def _refused(self, reply: Reply) -> FtpcliError:
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
        return refusal(reply, self._doing)

    def _abandon(self) -> None:
        """Leave by an exception. Only a plain refusal, before anything moved, leaves the session usable."""
        if self._final is None or not self._final.refused:
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
