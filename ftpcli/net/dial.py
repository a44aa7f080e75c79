"""Connecting, listening, accepting."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from typing import Any

from ftpcli.errors import ConnectFailed, ConnectionLost, HostUnknown, PortClosed, cause_of
from ftpcli.net.wait import StopSignal, ready

_LONGEST_KEEPALIVE = 32767  # Linux takes no more


_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}


def begin(address: str, port: int) -> tuple[socket.socket, int]:
    """A socket that is connecting, and the errno of connect. Raises ConnectFailed where no socket can be created."""
    sock = _new_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setblocking(False)
    return sock, sock.connect_ex(_at(address, port))


def connect(
    host: str, port: int, *, timeout: float, family: int | None = None, stop: StopSignal | None = None
) -> socket.socket:
    """A connected socket that does not block; every address of ``host`` is tried in the resolver's order.

    ``timeout`` is in seconds for each address. Raises HostUnknown, PortClosed, ConnectFailed, Stopped.
    """
    failure: ConnectFailed | None = None
    for address_family, _, _, _, address in _resolve(host, port, family):
        try:
            return _connect_one(address_family, address, timeout, stop)
        except OSError as error:
            kind = PortClosed if error.errno == errno.ECONNREFUSED else ConnectFailed
            reason = cause_of(error)
            failure = kind(f"cannot connect to {_shown(host)}:{port}: {reason}")
    assert failure is not None
    raise failure


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _resolve(host: str, port: int, family: int | None) -> Sequence[tuple[int, int, int, str, Any]]:
    try:
        return socket.getaddrinfo(host, port, _FAMILIES[family], socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise ConnectFailed(f"the name {host!r} cannot be resolved now: {error.strerror}") from error
        raise HostUnknown(f"unknown host {host!r}: {error.strerror}") from error
    except UnicodeError as error:  # a label that is empty or longer than 63 bytes
        raise HostUnknown(f"unknown host {host!r}: this cannot be a host name") from error


def _connect_one(family: int, address: Any, timeout: float, stop: StopSignal | None) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            if not ready((), (sock.fileno(),), timeout, stop):
                raise TimeoutError(errno.ETIMEDOUT, f"no answer within {timeout:g} seconds")
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def keep_alive(sock: socket.socket, seconds: float) -> None:
    """TCP keepalive probes after so many quiet seconds: they keep a NAT box's entry alive and no server minds them."""
    idle = int(min(max(1, seconds), _LONGEST_KEEPALIVE))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    option = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)  # Linux, macOS
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, idle)
    if hasattr(socket, "TCP_KEEPINTVL"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, idle)


def no_delay(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def address_of(sock: socket.socket) -> str:
    """Our own address on this socket."""
    return _address(sock.getsockname())


def peer_of(sock: socket.socket) -> str:
    """The other side's address. Raises ConnectionLost when it is gone already."""
    try:
        return _address(sock.getpeername())
    except OSError as error:
        raise ConnectionLost("the server closed the connection at once") from error


def _address(name: tuple[Any, ...]) -> str:
    """With the zone (RFC 4007 §11) where there is one: fe80::1 is another computer on every link."""
    address, zone = plain_address(name[0]), name[3] if len(name) > 3 else 0
    return f"{address}%{zone}" if zone else address


def _at(address: str, port: int) -> tuple[Any, ...]:
    """As the socket layer wants it, which overlooks a zone in the text."""
    plain, _, zone = address.partition("%")
    return (plain, port, 0, int(zone)) if zone else (address, port)


def plain_address(address: str) -> str:
    """``::ffff:192.0.2.1`` is IPv4 to everybody but the socket layer."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def listen(address: str, ports: tuple[int, int] | None) -> socket.socket:
    """A socket that listens on ``address``, on a free port of the range (ends included) or any free one.

    Raises ConnectFailed when no port of the range is free.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    failure = "no port"
    for port in range(ports[0], ports[1] + 1) if ports else (0,):
        sock = _new_socket(family)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(_at(address, port))
            sock.listen(1)
        except OSError as error:
            sock.close()
            failure = error.strerror or str(error)
        else:
            return sock
    raise ConnectFailed(f"cannot listen on {address} for an active data connection: {failure.lower()}")


def _new_socket(family: int) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:  # no descriptors left, or a family that the kernel does not have
        raise ConnectFailed(f"cannot create a socket: {cause_of(error)}") from error


def accept(listener: socket.socket, expected: str) -> socket.socket | None:
    """Accept if somebody is there and comes from ``expected``; anybody else is turned away (None)."""
    try:
        sock, address = listener.accept()
    except (BlockingIOError, InterruptedError, ConnectionAbortedError):
        return None
    except OSError as error:
        raise ConnectFailed(f"cannot accept the data connection: {cause_of(error)}") from error
    if _address(address) != expected:
        sock.close()
        return None
    sock.setblocking(False)
    return sock
