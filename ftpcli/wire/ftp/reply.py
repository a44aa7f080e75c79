"""Frames the replies of a control connection (RFC 959 §4.2), with limits on what a server may send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ftpcli.errors import NotFtp, PeerProtocolError

MAX_LINE = 64 * 1024
MAX_REPLY = 1024 * 1024
MAX_LINES = 20_000


def masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply. ``lines`` are without the code and the line ends, and are for programs: a path or a size may
    look like one of the ``secrets``."""

    code: int
    lines: tuple[str, ...]
    secrets: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def text(self) -> str:
        """The server's own words in one line, as messages quote them. Some servers repeat a password that they
        refuse."""
        lines = (masked(line, self.secrets).strip() for line in self.lines)
        return f"{self.code} {' / '.join(filter(None, lines))}".rstrip()

    @property
    def preliminary(self) -> bool:
        return self.code < 200

    @property
    def completed(self) -> bool:
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        return 300 <= self.code < 400

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def refused(self) -> bool:
        return self.code >= 400


class ReplyParser:
    """Feed bytes, take replies. Memory is bounded by ``MAX_REPLY`` plus what one ``feed`` brings."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._buffer = bytearray()
        self._scanned = 0
        self._code: bytes | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self._secrets: tuple[str, ...] = ()

    def hide(self, secret: str) -> None:
        """Replies from now on do not show it."""
        self._secrets = (*self._secrets, secret)

    @property
    def clean(self) -> bool:
        """True when no byte of an unfinished reply is held."""
        return not self._buffer and self._code is None

    def feed(self, data: bytes | memoryview) -> None:
        self._buffer += data

    def next(self) -> Reply | None:
        """The next whole reply, or None when more bytes are needed.

        Raises PeerProtocolError for anything that cannot be a reply; the parser is of no use after that.
        """
        while (line := self._next_line()) is not None:
            reply = self._first_line(line) if self._code is None else self._further_line(line)
            if reply is not None:
                return reply
        return None

    def _next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned > MAX_LINE:
                raise PeerProtocolError(f"the server sent a reply line of more than {MAX_LINE} bytes")
            return None
        if end > MAX_LINE:
            raise PeerProtocolError(f"the server sent a reply line of more than {MAX_LINE} bytes")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._scanned = 0
        return line.rstrip(b"\r")

    def _first_line(self, line: bytes) -> Reply | None:
        code = line[:3]
        if not (len(code) == 3 and code.isdigit() and b"100" <= code < b"660") or line[3:4] not in (b"", b" ", b"-"):
            if line.startswith(b"SSH-"):
                raise NotFtp("this is an SSH server and not an FTP server; sftp:// is for that")
            shown = masked(self._decode(line), self._secrets).encode("ascii", "backslashreplace")[:60].decode("ascii")
            raise PeerProtocolError(f"this is not an FTP reply: {shown!r}")
        if line[3:4] == b"-":
            self._code = code
            self._lines = [line[4:]]
            self._size = len(line)
            return None
        return self._reply(code, [line[4:]])

    def _further_line(self, line: bytes) -> Reply | None:
        assert self._code is not None
        self._size += len(line) + 1
        if self._size > MAX_REPLY:
            raise PeerProtocolError(f"the server sent a reply of more than {MAX_REPLY} bytes")
        if len(self._lines) >= MAX_LINES:
            raise PeerProtocolError(f"the server sent a reply of more than {MAX_LINES} lines")
        # Only the same code followed by a space ends it: inner lines may begin with digits of their own.
        if line[:3] == self._code and line[3:4] in (b"", b" "):
            lines = [*self._lines, line[4:]]
            code, self._code, self._lines = self._code, None, []
            return self._reply(code, lines)
        self._lines.append(line[4:] if line[:4] == self._code + b"-" else line)
        return None

    def _reply(self, code: bytes, lines: list[bytes]) -> Reply:
        return Reply(int(code), tuple(self._decode(line) for line in lines), self._secrets)

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding, "surrogateescape")
        except UnicodeDecodeError:  # a few codecs heed no error handler
            return line.decode("latin-1")
