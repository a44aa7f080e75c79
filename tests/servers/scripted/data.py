"""Data connections of the scripted server: where they come from, how one transfer goes, what is remembered of it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers.scripted.channel import Channel, Ending

if TYPE_CHECKING:
    from tests.servers.scripted.connection import Connection


@dataclass(frozen=True)
class Course:
    """How one transfer goes. The default is a good one; each field is one way to go wrong.

    ``reply`` and ``opening`` may hold several lines, or be None: then nothing is said. ``drop`` ends the control
    connection in place of the final reply.
    """

    payload: bytes | None = None  # downloads and listings: sent in place of the real content
    only: int | None = None  # downloads: send this many bytes and no more; uploads: take this many and no more
    ending: Ending = "close_notify"  # on an upload, "fin" is IIS: it waits for the client's FIN, no close_notify
    opening: str | None = "150 Here it comes."
    reply: str | None = "226 Transfer complete."
    reply_first: bool = False  # the final reply goes out while the data connection is still open
    late: float = 0.0  # seconds before the final reply
    drop: str | None = None  # "fin" or "rst"
    accept: bool = True  # False: the data connection is never accepted (or made, in active mode)
    handshake_first: bool = False  # TLS on the data connection before the 150
    chunk: int = 65536
    pause: float = 0.0  # seconds after each chunk


GOOD = Course()


@dataclass
class Transfer:
    """One data connection, as the server saw it. ``ended``: how the client ended its direction of an upload."""

    connection: int
    verb: str
    path: str
    secure: bool = False
    resumed: bool | None = None
    bytes: int = 0
    ended: str = ""


class DataPort:
    """What EPSV, PASV, EPRT and PORT prepared for the next transfer."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.server = connection.server
        self.listener: socket.socket | None = None
        self.target: tuple[str, int] | None = None

    def listen(self) -> int:
        """A new listener, in place of the old one; its port."""
        self.close()
        self.listener = socket.create_server(
            (self.server.host, 0), family=self.server.family, backlog=5, dualstack_ipv6=False
        )
        self.server.track(self.listener)
        if self.server.receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.server.receive_buffer)
        return int(self.listener.getsockname()[1])

    def aim(self, host: str, port: int) -> None:
        self.close()
        self.target = (host, port)

    def close(self) -> None:
        self.target = None
        if self.listener is not None:
            self.server.forget(self.listener)
            self.listener = None

    @property
    def ready(self) -> bool:
        return self.listener is not None or self.target is not None

    def connect(self) -> Channel:
        """The TCP connection. Raises OSError when it does not come."""
        sock = self._accept() if self.listener is not None else self._dial()
        self.server.track(sock)
        self.close()
        return Channel(sock, self.server.patience)

    def _accept(self) -> socket.socket:
        """Gives up as soon as the client turns to the control connection instead."""
        assert self.listener is not None
        control = self.connection.channel.sock
        ready, _, _ = select.select([self.listener, control], [], [], self.server.patience)
        if self.listener not in ready:
            ready, _, _ = select.select([self.listener], [], [], 0.2)
        if not ready:
            raise TimeoutError("no data connection")
        return self.listener.accept()[0]

    def _dial(self) -> socket.socket:
        assert self.target is not None
        if self.server.intruder:
            with contextlib.suppress(OSError):
                stranger = socket.create_connection(self.target, 5, (self.server.intruder, 0))
                self.server.track(stranger)
                stranger.sendall(b"bytes of a stranger")
                stranger.shutdown(socket.SHUT_WR)
        source = (self.server.active_source, 0) if self.server.active_source else None
        return socket.create_connection(self.target, self.server.patience, source)


def open_data(connection: Connection, course: Course, verb: str, path: str) -> tuple[Channel, Transfer] | None:
    """The data connection up to its TLS handshake, and the 150; None when there is none and that has been said."""
    server = connection.server
    if not connection.port.ready:
        connection.reply("425 Use PORT, PASV or EPSV first.")
        return None
    if server.require_prot and connection.secure and not connection.protected:
        connection.reply("521 PROT P required")
        return None
    if not course.accept:
        connection.reply(course.opening)
        return None
    record = Transfer(connection.number, verb, path, secure=connection.protected)
    try:
        channel = connection.port.connect()
    except OSError:
        connection.reply("425 Cannot open the data connection")
        return None
    server.remember(record)
    if not course.handshake_first:
        connection.reply(course.opening)
    if connection.protected:
        try:
            record.resumed = channel.start_tls(connection.context)
        except (OSError, ssl.SSLError) as error:
            channel.close("rst")
            connection.reply(f"425 TLS on the data connection failed: {type(error).__name__}")
            return None
        if server.require_resumption and not record.resumed:
            channel.close()
            connection.reply(server.resumption_refusal)
            return None
    if course.handshake_first:
        connection.reply(course.opening)
    return channel, record


def send_data(connection: Connection, payload: bytes, course: Course, verb: str, path: str = "") -> None:
    """One download or listing."""
    opened = open_data(connection, course, verb, path)
    if opened is None:
        return
    channel, record = opened
    view = memoryview(payload if course.payload is None else course.payload)[: course.only]
    try:
        for start in range(0, len(view), course.chunk):
            channel.send(bytes(view[start : start + course.chunk]))
            record.bytes += len(view[start : start + course.chunk])
            connection.sleep(course.pause)
    except (OSError, ssl.SSLError):
        channel.close("rst")
        connection.reply("426 Connection closed; transfer aborted.")
        return
    _finish(connection, channel, course)


def receive_data(connection: Connection, course: Course, verb: str, path: str, kept: bytes) -> None:
    """One upload; what came is stored behind `kept`, whatever the end."""
    opened = open_data(connection, course, verb, path)
    if opened is None:
        return
    channel, record = opened
    came = bytearray()
    try:
        while course.only is None or len(came) < course.only:
            data = channel.recv(course.chunk if course.only is None else min(course.chunk, course.only - len(came)))
            if not data:
                break
            came += data
            record.bytes += len(data)
            connection.sleep(course.pause)
    except (OSError, ssl.SSLError) as error:
        record.ended = type(error).__name__
    else:
        record.ended = channel.ended or "refused"
    finally:
        connection.server.tree.write(path, kept + connection.from_wire(bytes(came)))
    if record.ended == "refused":
        _finish(connection, channel, course)
    elif record.ended == ("close_notify" if record.secure else "fin") or (
        record.ended == "fin" and not connection.server.require_close_notify
    ):
        if course.ending == "fin":
            channel.wait_for_fin(connection.server.patience)
        _finish(connection, channel, course)
    else:
        channel.close("rst")
        connection.reply("426 Failure reading network stream.")


def _finish(connection: Connection, channel: Channel, course: Course) -> None:
    if not course.reply_first:
        channel.close(course.ending)
    connection.sleep(course.late)
    if course.drop:
        channel.close(course.ending)
        connection.drop(rst=course.drop == "rst")
    connection.reply(course.reply)
    if course.reply_first:
        channel.close(course.ending)
