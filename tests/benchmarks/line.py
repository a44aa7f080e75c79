"""A line with latency: what goes through is held back for a while, in each direction, and is as fast as before.

Each end's system sees its own end of the line, so that its acknowledgements come at once: what remains of a real line
is how long an answer takes, and how much may be on the way (``WINDOW``).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

WINDOW = 64 * 1024 * 1024  # bytes on the way at most, each connection and direction
_PIECE = 256 * 1024


class _Pipe:
    """One direction of one connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._held = 0
        self._room = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE):
                self._held += len(data)
                self._pieces.put_nowait((loop.time() + self._delay, data))
                while self._held > WINDOW:
                    self._room.clear()
                    await self._room.wait()
        self._pieces.put_nowait((loop.time() + self._delay, b""))

    async def give(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                due, data = await self._pieces.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
                self._held -= len(data)
                self._room.set()
        writer.close()


@contextlib.contextmanager
def slow_line(host: str, port: int, round_trip: float) -> Iterator[int]:
    """Gives the port of this machine that leads to ``host`` and ``port``; ``round_trip`` is in seconds."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port, limit=2 * _PIECE)
        up, down = _Pipe(round_trip / 2), _Pipe(round_trip / 2)
        await asyncio.gather(up.take(reader), up.give(back), down.take(there), down.give(writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0, limit=2 * _PIECE))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
