"""One file from the server: READ requests by the window, and their answers put in order.

Answers may come in any order, and short. What is at the front goes straight from the decrypted packet to the file;
what is behind a gap is kept, and a gap is asked for again. A gap that the server will not fill is an error: the file
never gets bytes that the server has not sent, nor its later bytes in an earlier place.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

from ftpcli.errors import FtpcliError, Incomplete
from ftpcli.net.pump import Writer, write_all
from ftpcli.net.wait import StopSignal, check
from ftpcli.session.contract import Moved, OnMoved
from ftpcli.session.sftp.conversation import Conversation, Item
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.session.sftp.window import Window
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.codes import Code, OpenFlag
from ftpcli.wire.sftp.replies import Attrs, Data, Handle, Piece, Reply, Status

# A server that answers with less than it was asked for is asked for no more than that from then on, nor for less than:
_SHORTEST = 4096


@dataclass(slots=True)
class _Span:
    """A part of the file, and what has come of it. Until it is asked for, nothing is ``missing``."""

    offset: int
    length: int
    asked_at: float = 0.0
    missing: int = 0
    came: bool = False
    pieces: list[memoryview] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.offset + self.length


class Download:
    """``Source`` of ``session.contract`` for SFTP. ``block``: the longest READ that the server takes, in bytes;
    ``length``: of the part of the file that is read, where that is not all of it."""

    def __init__(
        self,
        conversation: Conversation,
        window: Window,
        block: int,
        path: bytes,
        offset: int,
        doing: str,
        stop: StopSignal | None,
        length: int | None = None,
    ) -> None:
        self._conversation = conversation
        self._window = window
        self._block = block
        self._limit = None if length is None else offset + length
        self._doing = doing
        self._stop = stop
        opened = conversation.expect(requests.open_file(path, OpenFlag.READ), Handle, doing)
        self._handle: bytes | None = opened.handle
        self._start = offset
        self._written = offset
        self._next = offset
        self._in_flight = 0
        self._spans: deque[_Span] = deque()  # by offset; what is not written yet
        self._by_id: dict[int, _Span] = {}
        self._gaps: list[_Span] = []  # not asked for yet
        self._receiving: _Span | None = None
        self._size_id: int | None = None
        self._size: int | None = None
        self._end: int | None = None
        self._error: FtpcliError | None = None

    # Asking

    def pump_to(self, file: Writer, on_moved: OnMoved) -> None:
        """Receive to the file's end. Raises LocalFileError, Stopped, Incomplete, and what the server refuses."""
        self._window.begin()
        self._begin()
        while self._by_id or self._receiving or self._size_id is not None:
            check(self._stop)
            self._take(self._conversation.next(self._stop), file, on_moved)
            if self._receiving is None and self._error is None:
                self._fill()
        if self._error is not None:
            self._close()
            raise self._error

    def _begin(self) -> None:
        """The first block, and with the same write the file's size: with both a small file is known to be whole."""
        span = self._new_span()
        fstat, read = requests.fstat(self._open_handle), self._read(span)
        self._size_id, number = self._conversation.post(fstat, read, stop=self._stop)
        self._sent([span], [number])

    def _fill(self) -> None:
        """Ask for as much as the window allows, several blocks with one write."""
        if self._size_id is not None:
            return  # in a moment it is known whether a short block was the last one
        if not (self._by_id or self._receiving or self._gaps):
            self._size = None  # the file goes on beyond its size, as those in /proc do
        due = self._due_gaps()
        room = self._window.size - self._in_flight
        if due or not self._in_flight or room >= max(self._block, self._window.size // 4):
            room -= sum(span.length for span in due)
            while self._more() and (room >= self._block or not (due or self._in_flight)):
                due.append(self._new_span())
                room -= self._block
        if due:
            numbers = self._conversation.post(*map(self._read, due), stop=self._stop)
            self._sent(due, numbers)

    def _due_gaps(self) -> list[_Span]:
        gaps, self._gaps = self._gaps, []
        for gap in gaps:
            if gap.offset == self._size:
                self._ends_at(gap.offset)
        return [gap for gap in gaps if self._end is None or gap.offset < self._end]

    def _more(self) -> bool:
        if self._limit is not None and self._next >= self._limit:
            return False
        return self._end is None and (self._size is None or self._next <= self._size)

    @property
    def _open_handle(self) -> bytes:
        assert self._handle is not None
        return self._handle

    def _new_span(self) -> _Span:
        length = self._block if self._limit is None else min(self._block, self._limit - self._next)
        span = _Span(self._next, length)
        self._next = span.end
        self._spans.append(span)
        return span

    def _read(self, span: _Span) -> requests.Request:
        return requests.read(self._open_handle, span.offset, span.length)

    def _sent(self, spans: list[_Span], numbers: list[int]) -> None:
        now = time.monotonic()
        for span, number in zip(spans, numbers, strict=True):
            span.asked_at, span.missing = now, span.length
            self._by_id[number] = span
            self._in_flight += span.length

    # Answers

    def _take(self, item: Item, file: Writer, on_moved: OnMoved) -> None:
        if isinstance(item, Piece):
            self._piece(item.view, file, on_moved)
        elif isinstance(item, Data):
            self._data(item, self._asked(item.id))
        elif item.id == self._size_id:
            self._size_id = None
            # Without its size a file is read until the server says that it ends.
            self._size = item.attributes.size if isinstance(item, Attrs) else None
        else:
            self._status(item, self._asked(item.id))

    def _asked(self, number: int) -> _Span:
        span = self._by_id.pop(number, None)
        if span is None:
            raise self._conversation.nonsense(self._doing)
        return span

    def _data(self, data: Data, span: _Span) -> None:
        if not 0 < data.length <= span.length:
            raise self._conversation.nonsense(self._doing)
        if data.length < span.length:
            self._cut_short(span, data.length)
        span.came = True
        self._receiving = span
        self._check_order(span)

    def _cut_short(self, span: _Span, length: int) -> None:
        gap = _Span(span.offset + length, span.length - length)
        self._in_flight -= gap.length
        span.length = span.missing = length
        self._spans.insert(self._spans.index(span) + 1, gap)
        self._gaps.append(gap)
        self._block = max(_SHORTEST, min(self._block, length))

    def _piece(self, view: memoryview, file: Writer, on_moved: OnMoved) -> None:
        span = self._receiving
        assert span is not None
        span.missing -= len(view)
        if self._error is not None:
            pass
        elif span is self._spans[0]:
            self._write(view, file, on_moved)
        else:
            span.pieces.append(view)
        if not span.missing:
            self._receiving = None
            self._in_flight -= span.length
            self._window.answered(span.length, span.asked_at, time.monotonic())
            self._write_front(file, on_moved)

    def _write_front(self, file: Writer, on_moved: OnMoved) -> None:
        while self._error is None and self._spans and self._spans[0].came and not self._spans[0].missing:
            for view in self._spans.popleft().pieces:
                self._write(view, file, on_moved)

    def _write(self, view: memoryview, file: Writer, on_moved: OnMoved) -> None:
        write_all(file, view)
        self._written += len(view)
        on_moved(len(view))  # which may take its time, to keep to a rate

    def _status(self, reply: Reply, span: _Span) -> None:
        if not isinstance(reply, Status) or reply.ok:
            raise self._conversation.nonsense(self._doing)
        self._in_flight -= span.length
        if reply.code == Code.EOF:
            self._ends_at(span.offset)
        else:
            # What is on its way still comes, and the session is as good as before.
            self._error = self._error or refusal(reply, self._doing)

    def _ends_at(self, offset: int) -> None:
        self._end = offset if self._end is None else min(self._end, offset)
        self._check_order(*self._spans)
        while self._spans and self._spans[-1].offset >= self._end:
            self._spans.pop()

    def _check_order(self, *spans: _Span) -> None:
        """Raises Incomplete where bytes came from beyond a place at which the server said that the file ends."""
        if self._end is not None and any(span.came and span.offset >= self._end for span in spans):
            self._conversation.healthy = False
            raise Incomplete(
                f"cannot {self._doing}: the server called byte {self._end} the file's end, and sent bytes from beyond; "
                "it may be growing"
            )

    # The end

    def finish(self) -> Moved:
        """The server has called the end; what it says to the closing tells nothing more."""
        self._close()
        return Moved(self._written - self._start, confirmed=True)

    def _close(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._conversation.forget(requests.close(handle))

    def __enter__(self) -> Download:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._by_id or self._receiving or self._size_id is not None:
            self._conversation.healthy = False
        if self._conversation.healthy:
            with contextlib.suppress(FtpcliError):
                self._close()
