"""The edge to paramiko: a channel with the SFTP subsystem at its other end.

paramiko's channel keeps what came in an array, and copies it four times until it is read; at hundreds of megabytes a
second that is half of the work. So the channel gets another inbox, which holds the very bytes that were decrypted. It
also turns a descriptor readable, so that waiting for the server and for the stop signal is one wait.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

import paramiko

from ftpcli.errors import FtpcliError, Retry, TimedOut, Unsupported
from ftpcli.net.dial import Deadline
from ftpcli.net.wait import StopSignal, check, ready
from ftpcli.session.ssh_packets import LeanPackets

# What the server may send ahead of our reading. Above the largest window of requests, so that it never holds one up.
_AHEAD = 40 * 1024 * 1024
# The longest SSH packet from the server. OpenSSH sends 32 KiB at a time mostly, and longer ones where they are welcome.
_PACKET = 255 * 1024
# How long a write may wait for the server's window before the stop signal is looked at.
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


class Batch:
    """Blocks that came, in order. Its length is that of all blocks together: paramiko's channel counts it."""

    __slots__ = ("_length", "blocks")

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks = blocks
        self._length = sum(map(len, blocks))

    def __len__(self) -> int:
        return self._length


class Bell:
    """A descriptor that one thread waits on and another turns readable. Also serves paramiko's channel as the event
    that an answer to a request sets, with a wait that ends when it should."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._rung = False
        self.deadline = Deadline(0)
        self.stop: StopSignal | None = None
        self.late = "nothing happened"

    def fileno(self) -> int:
        return self._read.fileno()

    def set(self) -> None:
        self._rung = True
        with contextlib.suppress(OSError):  # it rings already, or nobody listens any more
            self._write.send(b"x")

    def is_set(self) -> bool:
        return self._rung

    def clear(self) -> None:
        self._rung = False
        with contextlib.suppress(OSError):
            self._read.recv(4096)

    def wait(self) -> None:
        """Raises TimedOut once the deadline has passed, and Stopped."""
        while not self._rung:
            if not ready((self.fileno(),), (), self.deadline.left, self.stop) and self.deadline.passed:
                raise TimedOut(self.late)

    def close(self) -> None:
        self._read.close()
        self._write.close()


class Inbox:
    """Takes the place of the channel's ``in_buffer``: paramiko's thread feeds it, the worker's empties it."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.ended = False
        self._blocks: deque[bytes] = deque()
        self._awaited = False

    def feed(self, data: bytes) -> None:
        self._blocks.append(data)
        self._wake()

    def close(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        if self._awaited:
            self._awaited = False
            self.bell.set()

    def read(self, _most: int, _timeout: float | None = None) -> Batch:
        """Everything that is there, without waiting."""
        blocks = []
        with contextlib.suppress(IndexError):
            while True:
                blocks.append(self._blocks.popleft())
        return Batch(blocks)

    def wait(self, patience: float, stop: StopSignal | None) -> bool:
        """Until there is something to read; False after ``patience`` seconds without. Raises Stopped."""
        deadline = Deadline(patience)
        while not (self._blocks or self.ended):
            if patience <= 0:
                return False
            if self.bell.is_set():
                self.bell.clear()
            self._awaited = True
            # What came between the two looks has not rung the bell.
            if self._blocks or self.ended:
                break
            if not ready((self.bell.fileno(),), (), deadline.left, stop) and deadline.passed:
                return False
        self._awaited = False
        return True

    def __len__(self) -> int:
        return sum(map(len, tuple(self._blocks)))


class SftpChannel:
    """Bytes to and from the server's SFTP subsystem. ``idle``: seconds without any progress that are too many."""

    def __init__(self, connection: SshConnection, channel: Any, inbox: Inbox, place: str, idle: float) -> None:
        self._connection = connection
        self._channel = channel
        self._inbox = inbox
        self._place = place
        self._idle = idle
        sock = connection.transport.sock
        self._socket = sock.fileno() if isinstance(sock, socket.socket) else None
        packets = connection.transport.packetizer
        self._lean = packets if isinstance(packets, LeanPackets) else None
        self._poll = select.poll()
        if self._socket is not None:
            self._poll.register(self._socket, select.POLLOUT)

    def send(self, data: bytes | memoryview, stop: StopSignal | None = None) -> None:
        """All of it. Raises ConnectionLost, TimedOut, Stopped."""
        deadline = Deadline(self._idle)
        left = memoryview(data)
        while left:
            check(stop)
            sent = self._send_many(left, deadline, stop) or self._send_one(left, deadline, stop)
            if sent:
                left = left[sent:]
                deadline.renew()
            elif deadline.passed:
                raise self._too_slow()

    def _send_many(self, data: memoryview, deadline: Deadline, stop: StopSignal | None) -> int:
        """As many packets as the server's window takes, in one go. 0 where it takes none, where new keys are being
        agreed on, or where the transport cannot do it: then one packet goes paramiko's way, which waits."""
        channel, transport = self._channel, self._connection.transport
        if self._lean is None or not transport.clear_to_send.is_set():
            return 0
        with transport.clear_to_send_lock:
            if not transport.clear_to_send.is_set():
                return 0
            with channel.lock:
                count = 0 if channel.closed or channel.eof_sent else min(len(data), channel.out_window_size)
                if not count:
                    return 0
                channel.out_window_size -= count

            def write(sock: socket.socket, packets: memoryview) -> None:
                self._write(sock, packets, deadline, stop)

            with self._translated():
                if self._lean.send_data(channel.remote_chanid, data[:count], channel.out_max_packet_size - 64, write):
                    return count
            with channel.lock:
                channel.out_window_size += count
            return 0

    def _write(self, sock: socket.socket, packets: memoryview, deadline: Deadline, stop: StopSignal | None) -> None:
        try:
            while packets:
                self._await_room(deadline, stop)
                with contextlib.suppress(TimeoutError, BlockingIOError, InterruptedError):
                    packets = packets[sock.send(packets) :]
                    deadline.renew()
        except BaseException:
            self._connection.cut()  # half a packet went out: nothing can follow it
            raise

    def _send_one(self, data: memoryview, deadline: Deadline, stop: StopSignal | None) -> int:
        """One packet; 0 where the server's window stayed shut for a moment."""
        self._await_room(deadline, stop)
        with self._translated():
            try:
                sent = int(self._channel.send(data))
            except TimeoutError:
                return 0
        if not sent:
            raise self._connection.failure()
        return sent

    def _await_room(self, deadline: Deadline, stop: StopSignal | None) -> None:
        """paramiko would wait for ever in a write to a peer that takes nothing, and could not be stopped."""
        if self._socket is None or self._poll.poll(0):
            return
        if not ready((), (self._socket,), deadline.left, stop):
            raise self._too_slow()

    def _too_slow(self) -> TimedOut:
        return TimedOut(f"{self._place} took nothing for {self._idle:g} seconds")

    def receive(self, patience: float, stop: StopSignal | None = None) -> list[bytes]:
        """What has come, in order; nothing within ``patience`` seconds: an empty list.

        Raises ConnectionLost at the end of the stream, and Stopped.
        """
        if not self._inbox.wait(patience, stop):
            return []
        with self._translated():
            batch: Batch = self._channel.recv(_AHEAD)
        if not batch.blocks:
            raise self._connection.failure()
        return batch.blocks

    def pending(self) -> bool:
        """True when something is there to be read, were it the end."""
        return self._inbox.wait(0, None)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._connection.failure() from error

    def cut(self) -> None:
        self._connection.cut()

    def close(self) -> None:
        self._connection.close()
        self._inbox.bell.close()


def open_channel(connection: SshConnection, place: str, idle: float, stop: StopSignal | None) -> SftpChannel:
    """Start the SFTP subsystem. Raises Unsupported where there is none, ConnectionLost, TimedOut, Stopped."""
    inbox = Inbox()
    try:
        channel = _session(connection, place, idle)
        # Nothing comes before the subsystem runs, so nothing is in the other inbox.
        channel.in_buffer = inbox
        channel.settimeout(_SLICE)
        _start_subsystem(connection, channel, place, idle, stop)
    except BaseException:
        inbox.bell.close()
        raise
    return SftpChannel(connection, channel, inbox, place, idle)


def _session(connection: SshConnection, place: str, idle: float) -> Any:
    try:
        return connection.transport.open_session(window_size=_AHEAD, max_packet_size=_PACKET, timeout=idle)
    except paramiko.ChannelException as error:
        raise _no_sftp(f"{place} lets you in, but opens no session", error.text) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        if connection.transport.is_active():
            raise TimedOut(f"{place} did not open a session within {idle:g} seconds") from error
        raise connection.failure() from error


def _start_subsystem(connection: SshConnection, channel: Any, place: str, idle: float, stop: StopSignal | None) -> None:
    bell = Bell()
    bell.deadline, bell.stop = Deadline(idle), stop
    bell.late = f"{place} did not start SFTP within {idle:g} seconds"
    # paramiko waits for the answer without end; this is what it waits on.
    event, channel.event = channel.event, bell
    try:
        channel.invoke_subsystem("sftp")
    except (OSError, EOFError, paramiko.SSHException) as error:
        if connection.transport.is_active():
            raise _no_sftp(f"{place} lets you in, but offers no SFTP (subsystem sftp)") from error
        raise connection.failure() from error
    finally:
        channel.event = event
        bell.close()


def _no_sftp(message: str, reply: str | None = None) -> Unsupported:
    error = Unsupported(message, reply=reply or None)
    error.retry = Retry.STOP_RUN
    return error
