"""One file to the server: WRITE requests by the window; each answer is looked at, and that to the CLOSE is the last."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from ftpcli.errors import FtpcliError, NoSpace, Unsupported
from ftpcli.net.pump import Reader, read_into
from ftpcli.net.wait import StopSignal, check
from ftpcli.session.contract import Moved, OnMoved
from ftpcli.session.sftp.conversation import Conversation, Item
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.session.sftp.window import Window
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag
from ftpcli.wire.sftp.extensions import parse_free_bytes
from ftpcli.wire.sftp.replies import LONGEST_HANDLE, Attrs, ExtendedReply, Handle, Status

# How a server says that this kind of file cannot be synced: for want of the call, with EINVAL, or in a drop box.
NOT_SYNCED = (Code.OP_UNSUPPORTED, Code.BAD_MESSAGE, Code.PERMISSION_DENIED)
_OTHERS = 0o077
# A WRITE that waits for the next request is copied once more.
_HELD = 32 * 1024


class Upload:
    """``Sink`` of ``session.contract`` for SFTP. ``block``: the longest WRITE that the server takes, in bytes;
    ``extensions``: what it offers; ``final_reply``: seconds that it may take to store what it has received;
    ``buffer``: for one WRITE, as ``buffer_for`` makes it. ``on_stored`` is called where the server has told that the
    file, now closed, is as long as what was sent. ``mode``: see ``Session.open_write``."""

    def __init__(
        self,
        conversation: Conversation,
        window: Window,
        block: int,
        extensions: frozenset[str],
        path: bytes,
        offset: int,
        doing: str,
        stop: StopSignal | None,
        final_reply: float,
        buffer: bytearray,
        on_stored: Callable[[bytes, int], None],
        mode: int | None = None,
    ) -> None:
        self._conversation = conversation
        self._window = window
        self._block = block
        self._extensions = extensions
        self._path = path
        self._doing = doing
        self._stop = stop
        self._final_reply = final_reply
        self._buffer = memoryview(buffer)
        self._on_stored = on_stored
        flags = OpenFlag.WRITE | OpenFlag.CREATE | (OpenFlag(0) if offset else OpenFlag.TRUNCATE)
        opened = conversation.expect(requests.open_file(path, flags, Attributes(permissions=mode)), Handle, doing)
        self._handle: bytes | None = opened.handle
        if mode is not None and not mode & _OTHERS:
            # What is there may be of an earlier try, and some servers disregard the attributes of OPEN.
            conversation.forget(requests.set_fstat(opened.handle, Attributes(permissions=mode)))
        if offset:
            self._require_kept(opened.handle, offset)
        self._start = self._next = offset
        self._in_flight = 0
        self._by_id: dict[int, tuple[int, float]] = {}  # length of each WRITE, and when it was sent
        self._writes = 0
        self._refused: tuple[Status, int] | None = None

    def _require_kept(self, handle: bytes, offset: int) -> None:
        """Raises Unsupported where the bytes before ``offset`` are gone by now: some servers truncate whatever is
        opened for writing (rclone with a write cache, Erlang's), and would fill that place with zeros."""
        reply = self._conversation.ask(requests.fstat(handle))
        size = reply.attributes.size if isinstance(reply, Attrs) else None
        if size is not None and size < offset:
            self._close()
            raise Unsupported(
                f"cannot {self._doing} from byte {offset} on: the server truncates what is opened for writing"
            )

    # Moving

    def pump_from(self, file: Reader, on_moved: OnMoved) -> None:
        """Send the file to its end. Raises LocalFileError, Stopped, and what the server refuses."""
        assert self._handle is not None
        self._window.begin()
        head = len(requests.write(self._handle, 0, 0).encode(0))
        packet = self._buffer[: head + self._block]
        while self._has_room():
            count = read_into(file, packet[head:], self._stop)
            if not count:
                break
            self._send(self._handle, packet, head, count)
            on_moved(count)  # which may take its time, to keep to a rate
        if self._writes > 1 or self._refused:
            self._settle(self._stop)

    def _has_room(self) -> bool:
        """Wait until the window takes another block; False once the server has refused one."""
        check(self._stop)
        while (item := self._conversation.next_if_there()) is not None:
            self._answered(item)
        while self._in_flight and self._in_flight + self._block > self._window.size and not self._refused:
            self._answered(self._conversation.next(self._stop))
        return not self._refused

    def _send(self, handle: bytes, packet: memoryview, head: int, count: int) -> None:
        request = requests.write(handle, self._next, count)

        def filled(number: int) -> memoryview:
            packet[:head] = request.encode(number)
            return packet[: head + count]

        if count <= _HELD and not self._writes:
            # A short one is most likely all: then it goes with the CLOSE.
            number = self._conversation.hold_packet(filled)
        else:
            number = self._conversation.post_packet(filled, self._stop)
        self._by_id[number] = (count, time.monotonic())
        self._next += count
        self._in_flight += count
        self._writes += 1

    def _answered(self, item: Item) -> None:
        found = self._by_id.pop(item.id, None) if isinstance(item, Status) else None
        if found is None or not isinstance(item, Status):
            raise self._conversation.nonsense(self._doing)
        length, sent_at = found
        self._in_flight -= length
        if item.ok:
            self._window.answered(length, sent_at, time.monotonic())
        elif self._refused is None:
            self._refused = item, length

    def _settle(self, stop: StopSignal | None) -> None:
        """Wait for the answers to all WRITEs. Raises for the first one that was refused."""
        while self._by_id:
            self._answered(self._conversation.next(stop))
        if self._refused is not None:
            self._close()
            raise self._refusal(*self._refused)

    def _refusal(self, status: Status, length: int) -> FtpcliError:
        """FAILURE is all there is for a full disk; what room there is can be asked for."""
        if status.code == Code.FAILURE and "statvfs@openssh.com" in self._extensions:
            reply = self._conversation.ask(requests.statvfs(self._path))
            free = parse_free_bytes(reply) if isinstance(reply, ExtendedReply) else None
            if free is not None and free < length:
                return NoSpace(f"cannot {self._doing}: the server's disk is full", reply=str(status))
        return refusal(status, self._doing)

    # The end

    def finish(self) -> Moved:
        """Have everything stored, and close. Raises FtpcliError unless the server says that all is well."""
        assert self._handle is not None
        handle, self._handle = self._handle, None
        syncs = [requests.fsync(handle)] if "fsync@openssh.com" in self._extensions else []
        # Requests for one file are carried out in order (§3 of the draft), so one round trip does for a small file, and
        # for the question that whoever wants to be sure asks next.
        *synced, closed, looked = self._conversation.post(*syncs, requests.close(handle), requests.stat(self._path))
        for number in tuple(self._by_id):
            self._answered(self._conversation.answer(number))
        answers = [self._conversation.answer(number, patience=self._final_reply) for number in (*synced, closed)]
        found = self._conversation.answer(looked)
        if self._refused is not None:
            raise self._refusal(*self._refused)
        for number, answer in zip((*synced, closed), answers, strict=True):
            self._check(answer, () if number == closed else NOT_SYNCED)
        if isinstance(found, Attrs) and found.attributes.size == self._next:
            self._on_stored(self._path, self._next)
        mode = found.attributes.permissions if isinstance(found, Attrs) else None
        return Moved(self._next - self._start, confirmed=True, mode=None if mode is None else mode & 0o777)

    def _check(self, answer: Item, harmless: tuple[Code, ...]) -> None:
        if not isinstance(answer, Status):
            raise self._conversation.nonsense(self._doing)
        if not answer.ok and answer.code not in harmless:
            raise self._refusal(answer, self._block)

    def _close(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._conversation.forget(requests.close(handle))

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._by_id:
            self._conversation.healthy = False
        if self._conversation.healthy:
            with contextlib.suppress(FtpcliError):
                self._close()


def buffer_for(block: int) -> bytearray:
    """For one WRITE of up to ``block`` bytes."""
    return bytearray(len(requests.write(bytes(LONGEST_HANDLE), 0, 0).encode(0)) + block)
