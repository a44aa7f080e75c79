"""Files that are sent and received as text, in ASCII type.

The server makes its own text of what is on the wire (EBCDIC with fixed-length records, say), so the sizes on both sides
have nothing to do with each other: none is told, none is compared, and nothing is resumed.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from types import TracebackType

from ftpcli.errors import Unsupported
from ftpcli.model import Digest, Entry, Kind, Listing
from ftpcli.net.pump import Reader, Writer, write_all
from ftpcli.session.contract import Moved, OnMoved
from ftpcli.session.ftp.reply_errors import unexpected
from ftpcli.session.ftp.session import FtpSession
from ftpcli.session.ftp.transfer import Transfer
from ftpcli.wire.ftp.line_ends import FromWire, ToWire
from ftpcli.wire.ftp.reply import Reply


class TextSession(FtpSession):
    """``FtpSession`` for text. It is in image type between transfers: ProFTPD tells no size in ASCII type."""

    _type = "I"  # as the login leaves it

    def _switch(self, letter: str) -> None:
        if self._type != letter:
            reply = self._control.ask("TYPE", letter)
            if not reply.completed:
                raise unexpected(reply, f"switch to TYPE {letter}")
            self._type = letter

    def _ask_size(self, target: str) -> Reply:
        self._switch("I")
        return super()._ask_size(target)

    def list(self, path: str) -> Listing:
        listing = super().list(path)
        return replace(listing, entries=tuple(map(_without_size, listing.entries)))

    def stat(self, path: str) -> Entry:
        return _without_size(super().stat(path))

    def follow(self, path: str) -> Entry:
        return _without_size(super().follow(path))

    def size(self, path: str) -> int | None:
        super().size(path)  # which tells whether it is there
        return None

    def digest(self, path: str) -> Digest | None:  # noqa: ARG002
        return None

    def _start(self, verb: str, argument: str | None, offset: int, *, sending: bool, doing: str) -> Transfer:
        if verb in ("RETR", "STOR"):
            if offset:
                raise Unsupported(f"cannot {doing} from byte {offset} on: text begins at its start")
            self._switch("A")
        return super()._start(verb, argument, offset, sending=sending, doing=doing)

    def open_read(self, path: str, offset: int) -> TextTransfer:
        return TextTransfer(self._retrieve(path, offset))

    def open_write(self, path: str, offset: int, mode: int | None = None) -> TextTransfer:  # noqa: ARG002
        return TextTransfer(self._store(path, offset))


def _without_size(entry: Entry) -> Entry:
    return replace(entry, size=None) if entry.kind is Kind.FILE else entry


class TextTransfer:
    """``Source`` and ``Sink`` of ``session.contract``. What it counts are the bytes of the local file."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._count = 0

    def pump_to(self, file: Writer, on_moved: OnMoved) -> None:
        text = _Received(file, self._counted(on_moved))
        self._transfer.pump_to(text, lambda _: None)
        text.end()

    def pump_from(self, file: Reader, on_moved: OnMoved) -> None:
        self._transfer.pump_from(_Sent(file, self._counted(on_moved)), lambda _: None)

    def _counted(self, on_moved: OnMoved) -> OnMoved:
        def moved(count: int) -> None:
            self._count += count
            on_moved(count)

        return moved

    def finish(self) -> Moved:
        return Moved(self._count, self._transfer.finish().confirmed)

    def __enter__(self) -> TextTransfer:
        self._transfer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transfer.__exit__(kind, error, trace)


class _Received:
    """A ``Writer``."""

    def __init__(self, file: Writer, on_moved: OnMoved) -> None:
        self._file = file
        self._on_moved = on_moved
        self._text = FromWire()

    def write(self, data: memoryview, /) -> int:
        self._keep(self._text.feed(bytes(data)))
        return len(data)

    def end(self) -> None:
        self._keep(self._text.end())

    def _keep(self, text: bytes) -> None:
        if text:
            write_all(self._file, memoryview(text))
            self._on_moved(len(text))


class _Sent:
    """A ``Reader``."""

    def __init__(self, file: Reader, on_moved: OnMoved) -> None:
        self._file = file
        self._on_moved = on_moved
        self._text = ToWire()

    def readinto(self, buffer: memoryview, /) -> int | None:
        piece = buffer[: len(buffer) // 2]  # each byte may become two
        count = self._file.readinto(piece)
        if not count:
            return count
        text = self._text.feed(bytes(piece[:count]))
        buffer[: len(text)] = text
        self._on_moved(count)
        return len(text)

    def fileno(self) -> int:
        """For waiting only: sendfile(2) would send the file as it is."""
        number = self._file.fileno()
        if stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("what is sent is not what is in the file")
        return number
