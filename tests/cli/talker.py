"""A server that sends one text to every client, and then waits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.servers.accepting import accepting


@contextlib.contextmanager
def talker(words: bytes) -> Iterator[tuple[int, list[socket.socket]]]:
    """Its port, and the connections it has had. Without a text it closes them at once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def greet(client: socket.socket) -> None:
        client.sendall(words)
        if not words:
            client.shutdown(socket.SHUT_RDWR)

    with accepting(listener, greet) as clients:
        yield listener.getsockname()[1], clients
