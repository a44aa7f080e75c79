"""The edge to paramiko: a channel with the SFTP subsystem at its other end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import paramiko

from ftpcli.errors import ConnectionLost, FtpcliError, Retry, TimedOut, Unsupported
from ftpcli.net.wait import Deadline, StopGrace, StopSignal, ready
from ftpcli.session.sftp.inbox import Batch, Block, Inbox
from ftpcli.session.ssh.packetizer import BatchingPacketizer
from ftpcli.session.ssh.wakeup import Wakeup

# Bytes that the server may send before we read them: more than the largest window of requests, so that it never waits.
_AHEAD = 40 * 1024 * 1024
# Bytes of the longest SSH packet from the server. OpenSSH mostly sends 32 KiB, and longer ones where it may.
_PACKET = 255 * 1024
# Seconds that a write may wait for the server's window before the stop signal is looked at.
_SLICE = 0.2


class SshConnection(Protocol):
    """An SSH connection that is logged in."""

    @property
    def transport(self) -> Any: ...
    def failure(self) -> FtpcliError:
        """What ended the connection."""
        ...

    def cut(self) -> None:
        """End every wait at once; may be called from another thread."""
        ...

    def close(self) -> None:
        """Never raises."""
        ...


class SftpChannel:
    """Bytes to and from the server's SFTP subsystem. ``idle``: seconds without any progress that are too many."""

    def __init__(self, connection: SshConnection, channel: Any, inbox: Inbox, place: str, idle: float) -> None:
        self._connection = connection
        self._channel = channel
        self._inbox = inbox
        self._place = place
        self._idle = idle
        # A descriptor of our own: paramiko's thread may close its own while we wait.
        self._socket = _duplicate(connection.transport.sock)
        packetizer = connection.transport.packetizer
        self._batching = packetizer if isinstance(packetizer, BatchingPacketizer) else None

    def send(self, data: bytes | memoryview, grace: StopGrace) -> None:
        """All of it. Raises ConnectionLost, TimedOut, Stopped."""
        deadline = Deadline(self._idle)
        left = memoryview(data)
        while left:
            grace.check()
            sent = self._send_many(left, deadline, grace) or self._send_one(left, deadline, grace)
            if sent:
                left = left[sent:]
                deadline.renew()
            elif deadline.passed:
                raise self._too_slow()

    def _send_many(self, data: memoryview, deadline: Deadline, grace: StopGrace) -> int:
        """As many packets as the server's window takes, with one write. 0 where it takes none, during a key exchange,
        or where the transport cannot do it: then one packet is sent in paramiko's way, which waits."""
        channel, transport = self._channel, self._connection.transport
        sock = self._socket
        if self._batching is None or sock is None or not transport.clear_to_send.is_set():
            return 0
        with transport.clear_to_send_lock:
            if not transport.clear_to_send.is_set():
                return 0
            with channel.lock:
                count = 0 if channel.closed or channel.eof_sent else min(len(data), channel.out_window_size)
                if not count:
                    return 0
                channel.out_window_size -= count

            def write(packets: memoryview) -> None:
                self._write(sock, packets, deadline, grace)

            with self._translated():
                longest = channel.out_max_packet_size - 64
                if self._batching.send_data(channel.remote_chanid, data[:count], longest, write):
                    return count
            with channel.lock:
                channel.out_window_size += count
            return 0

    def _write(self, sock: socket.socket, packets: memoryview, deadline: Deadline, grace: StopGrace) -> None:
        try:
            while packets:
                try:
                    packets = packets[sock.send(packets) :]
                    deadline.renew()
                except (BlockingIOError, InterruptedError):
                    self._await_writable(deadline, grace)
        except BaseException:
            self._connection.cut()  # part of a packet was sent: nothing can follow it
            raise

    def _send_one(self, data: memoryview, deadline: Deadline, grace: StopGrace) -> int:
        """One packet; 0 where the server's window stayed closed for ``_SLICE`` seconds."""
        self._await_writable(deadline, grace)
        with self._translated():
            try:
                sent = int(self._channel.send(data))
            except TimeoutError:
                return 0
        if not sent:
            raise self._failure()
        return sent

    def _await_writable(self, deadline: Deadline, grace: StopGrace) -> None:
        """paramiko would wait for ever in a write to a peer that reads nothing, and could not be stopped."""
        if self._socket is None:
            return
        writable = (self._socket.fileno(),)
        while not grace.wait(lambda seconds, stop: ready((), writable, seconds, stop), deadline.left):
            if deadline.passed:
                raise self._too_slow()

    def _too_slow(self) -> TimedOut:
        return TimedOut(f"{self._place} took nothing for {self._idle:g} seconds")

    def receive(self, patience: float, stop: StopSignal | None = None) -> list[Block]:
        """What was received, in order; an empty list where nothing comes within ``patience`` seconds.

        Raises ConnectionLost at the end of the stream, and Stopped.
        """
        if not self._inbox.wait(patience, stop):
            return []
        with self._translated():
            batch: Batch = self._channel.recv(_AHEAD)
        if not batch.blocks:
            raise self._failure()
        return batch.blocks

    def pending(self) -> bool:
        """True when there is something to read, or the stream has ended."""
        return self._inbox.wait(0, None)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._failure() from error

    def _failure(self) -> FtpcliError:
        channel = self._channel
        if not channel.closed or not self._connection.transport.is_active():
            return self._connection.failure()
        status = f" (exit status {channel.exit_status})" if channel.exit_status > 0 else ""
        return ConnectionLost(f"the SFTP program at {self._place} ended{status}")

    def cut(self) -> None:
        self._connection.cut()

    def close(self) -> None:
        self._connection.close()
        self._inbox.dispose()
        if self._socket is not None:
            self._socket.close()


def _duplicate(sock: Any) -> socket.socket | None:
    if not isinstance(sock, socket.socket):
        return None
    duplicate = sock.dup()
    duplicate.setblocking(False)  # which paramiko's socket is too: Python's timeouts are waits of their own
    return duplicate


class _AnswerEvent(Wakeup):
    """Replaces the event on which paramiko waits for the answer to a channel request, without end. ``late`` is what
    is raised in TimedOut."""

    def __init__(self, deadline: Deadline, stop: StopSignal | None, late: str) -> None:
        super().__init__()
        self._deadline = deadline
        self._stop = stop
        self._late = late
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        super().set()

    def clear(self) -> None:
        self._is_set = False
        super().clear()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self) -> None:
        """Raises TimedOut once the deadline has passed, and Stopped."""
        while not self._is_set:
            if not ready((self.fileno(),), (), self._deadline.left, self._stop) and self._deadline.passed:
                raise TimedOut(self._late)


def open_channel(connection: SshConnection, place: str, idle: float, stop: StopSignal | None) -> SftpChannel:
    """Start the SFTP subsystem. Raises Unsupported where there is none, ConnectionLost, TimedOut, Stopped."""
    inbox = Inbox()
    try:
        channel = _open_session(connection, place, idle)
        # No data comes before the subsystem runs, so paramiko's own buffer is still empty.
        channel.in_buffer = inbox
        channel.settimeout(_SLICE)
        _start_subsystem(connection, channel, place, idle, stop)
    except BaseException:
        inbox.dispose()
        raise
    return SftpChannel(connection, channel, inbox, place, idle)


def _open_session(connection: SshConnection, place: str, idle: float) -> Any:
    _acknowledge_at_once(connection.transport.sock)
    try:
        return connection.transport.open_session(window_size=_AHEAD, max_packet_size=_PACKET, timeout=idle)
    except paramiko.ChannelException as error:
        raise _no_sftp(f"{place} lets you in, but opens no session", error.text) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        if connection.transport.is_active():
            raise TimedOut(f"{place} did not open a session within {idle:g} seconds") from error
        raise connection.failure() from error


def _acknowledge_at_once(sock: Any) -> None:
    """OpenSSH sends all its host keys after a login, and holds the answer to our next request back until they are
    acknowledged (Nagle's algorithm): 40 ms with Linux's delayed acknowledgements."""
    if isinstance(sock, socket.socket) and hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _start_subsystem(connection: SshConnection, channel: Any, place: str, idle: float, stop: StopSignal | None) -> None:
    answered = _AnswerEvent(Deadline(idle), stop, f"{place} did not start SFTP within {idle:g} seconds")
    event, channel.event = channel.event, answered
    try:
        channel.invoke_subsystem("sftp")
    except (OSError, EOFError) as error:
        # The end of the connection, which paramiko reports before it marks the transport inactive.
        raise connection.failure() from error
    except paramiko.SSHException as error:
        if connection.transport.is_active():
            raise _no_sftp(f"{place} lets you in, but offers no SFTP (subsystem sftp)") from error
        raise connection.failure() from error
    finally:
        channel.event = event
        answered.close()


def _no_sftp(message: str, reply: str | None = None) -> Unsupported:
    error = Unsupported(message, reply=reply or None)
    error.retry = Retry.STOP_RUN
    return error
