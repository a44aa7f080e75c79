"""Hooks for the scripted server that more than one test wants."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.servers.scripted.connection import Connection


def silence(_: Connection, __: str) -> None:
    """No answer at all."""


def black_hole(c: Connection, _: str) -> None:
    """For EPSV: a port that a firewall swallows. Connecting to it hangs, for its queue is full; and the transfer
    command that follows waits for the server's `patience`, or until the client turns to something else."""
    c.port.listen()
    listener = socket.create_server((c.server.host, 0), family=c.server.family, backlog=0)
    c.server.track(listener)
    for _unused in range(2):
        filler = socket.socket(c.server.family)
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname()[:2])
        c.server.track(filler)
    c.reply(f"229 Entering Extended Passive Mode (|||{listener.getsockname()[1]}|)")


def endless(data: bytes, most: int = 1 << 30) -> Callable[[Connection, str], None]:
    """`data` again and again, until the client leaves (or `most` bytes are out)."""

    def hook(c: Connection, _: str) -> None:
        block = data * (65536 // len(data) + 1)
        for _unused in range(most // len(block)):
            c.send(block)

    return hook


def beforehand(text: str) -> Callable[[Connection, str], None]:
    """A stray reply, then whatever the server would have done; for any verb."""

    def hook(c: Connection, argument: str) -> None:
        c.reply(text)
        c.default(c.line.split(b" ")[0].decode("ascii").upper(), argument)

    return hook


def afterwards(text: str) -> Callable[[Connection, str], None]:
    """Whatever the server would have done, then a stray reply; for any verb."""

    def hook(c: Connection, argument: str) -> None:
        c.default(c.line.split(b" ")[0].decode("ascii").upper(), argument)
        c.reply(text)

    return hook


def late(text: str) -> Callable[[Connection, str], None]:
    """As ``afterwards``, but only when the next command is there, for whose answer it can be taken."""

    def hook(c: Connection, argument: str) -> None:
        c.default(c.line.split(b" ")[0].decode("ascii").upper(), argument)
        c.await_command()
        c.reply(text)

    return hook
