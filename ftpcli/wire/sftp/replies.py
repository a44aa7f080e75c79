"""What a server answers (draft-ietf-secsh-filexfer-02 §4, §7), as values; each knows the id of its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Kind
from ftpcli.wire.sftp.attributes import Attributes, kind_of_line, parse_attributes
from ftpcli.wire.sftp.codes import Code, Packet
from ftpcli.wire.sftp.fields import Fields

LONGEST_HANDLE = 256  # §6.2


@dataclass(frozen=True, slots=True)
class Version:
    """The server's hello. ``extensions``: name → data, which for most is their version."""

    number: int
    extensions: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Status:
    """``code`` is one of ``Code``, or a number of a later version. ``message`` is for people."""

    id: int
    code: int
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.code == Code.OK

    def __str__(self) -> str:
        """For messages: the server's words, or the code's name where it has none."""
        return self.message or (Code(self.code).name if self.code in list(Code) else f"status {self.code}")


@dataclass(frozen=True, slots=True)
class Handle:
    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """``length`` bytes begin here; they come in Pieces."""

    id: int
    length: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the Data before; the last one makes up its length. ``view`` is into what was fed, not a copy."""

    view: memoryview


@dataclass(frozen=True, slots=True)
class Name:
    """One name: of a directory's entry, or a path. ``kind``: None where neither the attributes nor the line tell."""

    filename: bytes
    attributes: Attributes
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Names:
    id: int
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Attrs:
    id: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class ExtendedReply:
    """``body`` means what the extension says."""

    id: int
    body: bytes


Reply = Status | Handle | Names | Attrs | ExtendedReply


def parse_version(body: Fields) -> Version:
    number = body.uint32()
    extensions: dict[str, bytes] = {}
    while body.more:
        name = body.string().decode("ascii", "replace")
        extensions[name] = body.string()
    return Version(number, extensions)


def _status(number: int, body: Fields) -> Reply:
    code = body.uint32()
    if code == Code.OK:
        return Status(number, code)  # most are this, and what they say besides is of no interest
    # §7 wants a message and a language tag; old servers leave both out.
    message = body.string() if body.more else b""
    return Status(number, code, _readable(message))


def _readable(text: bytes) -> str:
    """Nothing that could move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text.decode("utf-8", "replace")).strip()


def _handle(number: int, body: Fields) -> Reply:
    handle = body.string()
    if len(handle) > LONGEST_HANDLE:  # it goes back with each of a thousand READs
        raise PeerProtocolError(f"the server sent an SFTP handle of {len(handle)} bytes, which cannot be")
    return Handle(number, handle)


def _names(number: int, body: Fields) -> Reply:
    names = []
    for _ in range(body.uint32()):
        filename = body.string()
        line = body.string()
        attributes = parse_attributes(body)
        names.append(Name(filename, attributes, attributes.kind or kind_of_line(line)))
    return Names(number, tuple(names))


def _attrs(number: int, body: Fields) -> Reply:
    return Attrs(number, parse_attributes(body))


def _extended(number: int, body: Fields) -> Reply:
    return ExtendedReply(number, body.rest())


_PARSERS: dict[int, Callable[[int, Fields], Reply]] = {
    Packet.STATUS: _status,
    Packet.HANDLE: _handle,
    Packet.NAME: _names,
    Packet.ATTRS: _attrs,
    Packet.EXTENDED_REPLY: _extended,
}


def parse_reply(kind: int, body: Fields) -> Reply:
    """Everything but VERSION, which has no id, and DATA. Raises PeerProtocolError."""
    parse = _PARSERS.get(kind)
    if parse is None:
        raise PeerProtocolError(f"the server sent an SFTP packet of type {kind}, which no answer has")
    return parse(body.uint32(), body)
