"""Requests and answers: ids, what is outstanding, and how long an answer may take."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from ftpcli.errors import ConnectionLost, FtpcliError, PeerProtocolError, TimedOut, Unsupported
from ftpcli.net.wait import StopGrace, StopSignal
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.codes import VERSION, Packet
from ftpcli.wire.sftp.parser import ReplyParser
from ftpcli.wire.sftp.replies import Data, Piece, Reply, Status, Version
from ftpcli.wire.sftp.requests import Request

log = logging.getLogger("ftpcli.session")

Item = Reply | Data | Piece
Wanted = TypeVar("Wanted")
_IDS = 2**32
# A transfer's own requests would drown everything else in the trace.
_UNTRACED = (Packet.READ, Packet.WRITE)


class Pipe(Protocol):
    """The bytes below: see ``session.sftp.channel.SftpChannel``."""

    def send(self, data: bytes | memoryview, grace: StopGrace) -> None: ...
    def receive(self, patience: float, stop: StopSignal | None = None) -> Sequence[bytes | memoryview]: ...
    def pending(self) -> bool: ...
    def cut(self) -> None: ...
    def close(self) -> None: ...


class Conversation:
    """One SFTP stream. After any error but a STATUS it is not ``healthy``, and only good for ``close``.

    ``stop`` ends the wait for answers, see ``StopGrace``. The methods that take one end it at once.
    """

    def __init__(self, pipe: Pipe, place: str, idle: float, stop: StopSignal | None = None) -> None:
        self.healthy = True
        self.last_used = time.monotonic()
        self._pipe = pipe
        self._place = place
        self._idle = idle
        self._grace = StopGrace(stop)
        self._parser = ReplyParser()
        self._blocks: deque[bytes | memoryview] = deque()
        self._next_id = 0
        self._outstanding: set[int] = set()
        self._forgotten: set[int] = set()
        self._early: dict[int, Reply] = {}
        # Requests that go with the next ones: for each packet more the server's process is woken once more.
        self._held = bytearray()
        self._held_ids: list[int] = []

    def greet(self, stop: StopSignal | None) -> Version:
        """INIT and VERSION. Raises Unsupported for a server that only has other versions."""
        try:
            self._sending(requests.INIT, stop)
        except ConnectionLost:
            # A login shell that says why it lets nobody in, and ends at once: its words tell more.
            if self._receive(None, 0):
                self._parsed()
            raise
        version = self._read(stop, self._idle)
        assert isinstance(version, Version)  # the parser lets nothing else through
        log.debug("< VERSION %d %s", version.number, " ".join(version.extensions))
        if version.number != VERSION:
            self.healthy = False
            raise Unsupported(f"{self._place} speaks SFTP version {version.number}, and ftpcli version {VERSION} only")
        return version

    # Asking

    def post(self, *several: Request, stop: StopSignal | None = None) -> list[int]:
        """Send requests with one write, without waiting for their answers; returns their ids."""
        ids = [self._new_id() for _ in several]
        if several[0].kind not in _UNTRACED and log.isEnabledFor(logging.DEBUG):
            for request in several:
                log.debug("> %s", request)
        self._grace.begin(changes=any(request.changes for request in several))
        self._sending(b"".join(request.encode(number) for number, request in zip(ids, several, strict=True)), stop)
        self._outstanding.update(ids)
        return ids

    def post_packet(self, write: Callable[[int], memoryview], stop: StopSignal | None) -> int:
        """As ``post``, for a request that is in a buffer already, where ``write`` puts the id."""
        number = self._new_id()
        self._grace.begin(changes=True)
        self._sending(write(number), stop)
        self._outstanding.add(number)
        return number

    def hold_packet(self, write: Callable[[int], memoryview]) -> int:
        """As ``post_packet``, but it goes together with what is sent next, or when an answer is waited for."""
        number = self._new_id()
        self._held += write(number)
        self._held_ids.append(number)
        return number

    def forget(self, request: Request) -> None:
        """A request whose answer is of no interest, to go with the next one; the answer is dropped when it comes."""
        log.debug("> %s", request)
        self._forgotten.add(self.hold_packet(lambda number: memoryview(request.encode(number))))

    def ask(self, request: Request, patience: float | None = None) -> Reply:
        return self.answer(self.post(request)[0], patience=patience)

    def expect(self, request: Request, kind: type[Wanted], doing: str) -> Wanted:
        """The answer, which must be of this kind. Raises what a STATUS stands for, and PeerProtocolError."""
        return self.wanted(self.ask(request), kind, doing)

    def status(self, request: Request, doing: str, patience: float | None = None) -> Status:
        """A request that is answered by a STATUS, whatever that says."""
        status = self.ask(request, patience)
        if not isinstance(status, Status):
            raise self.nonsense(doing)
        return status

    def must(self, request: Request, doing: str, patience: float | None = None) -> None:
        """Raises what stands for any STATUS but OK."""
        status = self.status(request, doing, patience)
        if not status.ok:
            raise refusal(status, doing)

    def wanted(self, reply: Reply, kind: type[Wanted], doing: str) -> Wanted:
        if isinstance(reply, kind):
            return reply
        if not isinstance(reply, Status):
            raise self.nonsense(doing)
        raise refusal(reply, doing)

    def nonsense(self, doing: str) -> PeerProtocolError:
        """For an answer of the wrong kind."""
        self.healthy = False
        return PeerProtocolError(f"cannot {doing}: the server gave an answer that makes no sense here")

    # Answers

    def answer(self, number: int, stop: StopSignal | None = None, patience: float | None = None) -> Reply:
        """The answer to one request; answers to others that come before are kept."""
        while number not in self._early:
            item = self.next(stop, patience)
            if isinstance(item, (Data, Piece)):
                raise self.nonsense("read the server's answer")
            self._early[item.id] = item
        reply = self._early.pop(number)
        log.debug("< %s", reply)
        return reply

    def next(self, stop: StopSignal | None, patience: float | None = None) -> Item:
        """The next answer, or part of one; waits for it. Raises TimedOut where nothing comes for ``patience``
        seconds, ConnectionLost, PeerProtocolError, Stopped."""
        while True:
            item = self._known(self._read(stop, self._idle if patience is None else patience))
            if item is not None:
                return item

    def next_if_there(self) -> Item | None:
        """As ``next``, but never waits."""
        while (raw := self._parsed()) is not None or self._receive(None, 0):
            if raw is not None and (item := self._known(raw)) is not None:
                return item
        return None

    def _known(self, item: Version | Item) -> Item | None:
        """None for what nobody waits for."""
        if isinstance(item, Piece):
            return item
        if isinstance(item, Version) or item.id not in self._outstanding:
            raise self._wrong("answered what nobody asked")
        self._outstanding.discard(item.id)
        if item.id not in self._forgotten:
            return item
        self._forgotten.discard(item.id)
        if isinstance(item, Data):
            raise self._wrong("sent data that nobody asked for")
        return None

    def _wrong(self, what: str) -> PeerProtocolError:
        self.healthy = False
        return PeerProtocolError(f"{self._place} {what}")

    def _read(self, stop: StopSignal | None, patience: float) -> Version | Item:
        while (item := self._parsed()) is None:
            if not self._receive(stop, patience):
                self.healthy = False
                raise TimedOut(f"{self._place} sent nothing for {patience:g} seconds")
        return item

    def _parsed(self) -> Version | Item | None:
        try:
            while (item := self._parser.next()) is None and self._blocks:
                self._parser.feed(self._blocks.popleft())
        except PeerProtocolError as error:
            self.healthy = False
            raise PeerProtocolError(f"{self._place}: {error.message}", reply=error.reply) from error
        return item

    def _receive(self, stop: StopSignal | None, patience: float) -> bool:
        if self._held and patience > 0:
            self._sending(b"", stop)
        try:
            if stop is not None or patience <= 0:
                blocks = self._pipe.receive(patience, stop)
            else:
                blocks = self._grace.wait(self._pipe.receive, patience)
        except FtpcliError:
            self.healthy = False
            raise
        self._blocks.extend(blocks)
        return bool(blocks)

    def _sending(self, data: bytes | memoryview, stop: StopSignal | None) -> None:
        if self._held:
            data = bytes(self._held + data)
            self._held.clear()
            self._outstanding.update(self._held_ids)
            self._held_ids.clear()
        try:
            self._pipe.send(data, StopGrace(stop) if stop is not None else self._grace)
        except FtpcliError:
            self.healthy = False
            raise
        self.last_used = time.monotonic()

    def _new_id(self) -> int:
        number = self._next_id
        self._next_id = (number + 1) % _IDS
        return number

    def asked(self) -> int:
        """Grows with every request, until the ids begin anew."""
        return self._next_id

    # The end

    def disregard(self, numbers: Iterable[int]) -> None:
        """The answers to these requests are of no interest any more; they are dropped when they come."""
        for number in numbers:
            if self._early.pop(number, None) is None:
                self._forgotten.add(number)

    def pending(self) -> bool:
        """True when the stream has ended, or something came that nobody asked for."""
        return not self._outstanding and self._pipe.pending()

    def cut(self) -> None:
        self._pipe.cut()

    def close(self) -> None:
        self.healthy = False
        self._pipe.close()
