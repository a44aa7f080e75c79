"""Several small files at once: all are opened with one packet, then all are read or written with another.

A file by itself costs a round trip for OPEN, one for the bytes and one for RENAME, and on either side a packet and a
wake-up for each of these: that is what small files spend their time with. Requests about one handle are carried out in
order (§3 of the draft), so they may go out together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import Fetched, Stored, ToStore
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.writer import NOT_SYNCED
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag, Packet
from ftpcli.wire.sftp.extensions import Limits
from ftpcli.wire.sftp.replies import Attrs, Data, Handle, Piece, Reply, Status
from ftpcli.wire.sftp.requests import Request

# Longer files are worth packets and round trips of their own.
_LARGEST = 128 * 1024
_LATEST = 2**32 - 1  # version 3 has 32 bits for a time

Answer = Reply | bytearray


class PipelinedFiles:
    """See ``session.contract.Pipelined``. ``encoded`` turns a path into the bytes to send; ``extensions``: what
    it offers; ``final_reply``: seconds that it may take to store what it has received."""

    def __init__(
        self,
        conversation: Conversation,
        limits: Limits,
        encoded: Callable[[str], bytes],
        extensions: frozenset[str],
        stop: StopSignal | None,
        final_reply: float,
    ) -> None:
        # One byte more than a file has is asked for, to see that it ends there.
        self.largest = min(_LARGEST, limits.read - 1, limits.write)
        self._conversation = conversation
        self._encoded = encoded
        self._extensions = extensions
        self._stop = stop
        self._final_reply = final_reply

    def fetch(self, files: Sequence[tuple[str, int]]) -> list[Fetched | None]:
        handles = self._open([requests.open_file(self._encoded(path), OpenFlag.READ) for path, _ in files])
        asked: list[Request] = []
        for handle, (_, size) in zip(handles, files, strict=True):
            if handle is not None:
                asked += requests.read(handle, 0, size + 1), requests.fstat(handle), requests.close(handle)
        answers = self._ask(asked)
        return [
            None if handle is None else self._fetched(next(answers), next(answers), next(answers), size)
            for handle, (_, size) in zip(handles, files, strict=True)
        ]

    def _fetched(self, content: Answer, told: Answer, _closed: Answer, size: int) -> Fetched | None:
        if isinstance(content, Status) and content.code == Code.EOF:
            content = bytearray()
        if not isinstance(content, bytearray) or not isinstance(told, Attrs):
            return None
        if len(content) == size == told.attributes.size:
            return Fetched(content, told.attributes.mtime)
        if len(content) < size == told.attributes.size:
            self.largest = len(content)  # a server that answers with less than it was asked for
        return None

    def store(self, files: Sequence[ToStore]) -> list[Stored | None]:
        flags = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.TRUNCATE
        handles = self._open(
            [
                requests.open_file(self._encoded(file.path), flags, Attributes(permissions=file.created))
                for file in files
            ]
        )
        storing = [
            [] if handle is None else self._storing(handle, file) for handle, file in zip(handles, files, strict=True)
        ]
        answers = self._ask([request for several in storing for request in several], self._final_reply)
        return [
            self._stored([(request, next(answers)) for request in several], file) if several else None
            for several, file in zip(storing, files, strict=True)
        ]

    def _storing(self, handle: bytes, file: ToStore) -> list[Request]:
        stamp = int(file.mtime) if file.mtime is not None and 0 <= file.mtime <= _LATEST else None
        several = [requests.write_all(handle, file.content)] if file.content else []
        if stamp is not None or file.mode is not None:
            several.append(requests.set_fstat(handle, Attributes(permissions=file.mode, atime=stamp, mtime=stamp)))
        if "fsync@openssh.com" in self._extensions:
            several.append(requests.fsync(handle))
        return [*several, requests.close(handle), requests.stat(self._encoded(file.path))]

    def _stored(self, answered: list[tuple[Request, Answer]], file: ToStore) -> Stored | None:
        *_, (_, told) = answered
        if not all(_is_well(request, answer) for request, answer in answered[:-1]):
            return None
        if not isinstance(told, Attrs) or told.attributes.size != len(file.content):
            return None
        # Where the time was refused the one that is told is that of the last write, which may be close to it by chance.
        timed = all(_ok(answer) for request, answer in answered if request.kind is Packet.FSETSTAT)
        mode = told.attributes.permissions
        return Stored(told.attributes.mtime if timed else None, None if mode is None else mode & 0o777)

    def rename(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        request = requests.posix_rename if "posix-rename@openssh.com" in self._extensions else requests.rename
        answers = self._ask([request(self._encoded(path), self._encoded(target)) for path, target in pairs])
        return [_ok(answer) for answer in answers]

    # Asking

    def _open(self, files: Sequence[Request]) -> list[bytes | None]:
        answers = self._ask(files)
        return [answer.handle if isinstance(answer, Handle) else None for answer in answers]

    def _ask(self, several: Sequence[Request], patience: float | None = None) -> Iterator[Answer]:
        """The answers, in the order of the requests."""
        if not several:
            return iter(())
        try:
            numbers = self._conversation.post(*several, stop=self._stop)
            answers = self._answers(set(numbers), patience)
        except BaseException:
            self._conversation.healthy = False  # there are answers on their way that nobody knows what to do with
            raise
        return (answers[number] for number in numbers)

    def _answers(self, missing: set[int], patience: float | None) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        content, left = bytearray(), 0
        while missing or left:
            item = self._conversation.next(self._stop, patience)
            if isinstance(item, Piece):
                content += item.view
                left -= len(item.view)
                continue
            missing.discard(item.id)
            if not isinstance(item, Data):
                answers[item.id] = item
                continue
            if item.length > _LARGEST + 1:
                raise self._conversation.nonsense("read a small file")
            answers[item.id] = content = bytearray()
            left = item.length
        return answers


def _ok(answer: Answer) -> bool:
    return isinstance(answer, Status) and answer.ok


def _is_well(request: Request, answer: Answer) -> bool:
    """Whether a file may be on the server in spite of this answer; its size and its time are looked at besides."""
    if not isinstance(answer, Status):
        return False
    unsynced = request.kind is Packet.EXTENDED and answer.code in NOT_SYNCED
    return answer.ok or unsynced or request.kind is Packet.FSETSTAT
