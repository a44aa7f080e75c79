"""What a client sends (draft-ietf-secsh-filexfer-02 §6), as values with one printer."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ftpcli.wire.sftp.attributes import Attributes, write_attributes
from ftpcli.wire.sftp.codes import VERSION, OpenFlag, Packet
from ftpcli.wire.sftp.fields import string, uint32, uint64

INIT = struct.pack(">IBI", 5, Packet.INIT, VERSION)
_HEAD = struct.Struct(">IBI")
_NONE = Attributes()
# CLOSE is the end of an upload, and extensions rename and copy.
_CHANGING = frozenset(
    {
        *(Packet.WRITE, Packet.CLOSE, Packet.SETSTAT, Packet.FSETSTAT, Packet.REMOVE, Packet.MKDIR, Packet.RMDIR),
        *(Packet.RENAME, Packet.SYMLINK, Packet.EXTENDED),
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """``subject``: what it is about, for the trace. ``trailing``: how many bytes of data follow those of ``encode``."""

    kind: Packet
    fields: bytes
    subject: str = ""
    trailing: int = 0

    def encode(self, number: int) -> bytes:
        """The packet, with the request's id."""
        return _HEAD.pack(5 + len(self.fields) + self.trailing, self.kind, number) + self.fields

    @property
    def changes(self) -> bool:
        """Whether something on the server may be different once it is done."""
        return self.kind in _CHANGING

    def __str__(self) -> str:
        return f"{self.kind.name} {self.subject}".rstrip()


def _shown(path: bytes) -> str:
    return ascii(path.decode("utf-8", "surrogateescape"))[1:-1]


def _about(kind: Packet, path: bytes, rest: bytes = b"") -> Request:
    return Request(kind, string(path) + rest, _shown(path))


def open_file(path: bytes, flags: OpenFlag, attributes: Attributes = _NONE) -> Request:
    """``attributes``: of a file that this makes."""
    return _about(Packet.OPEN, path, uint32(flags) + write_attributes(attributes))


def close(handle: bytes) -> Request:
    return Request(Packet.CLOSE, string(handle))


def read(handle: bytes, offset: int, length: int) -> Request:
    return Request(Packet.READ, string(handle) + struct.pack(">QI", offset, length))


def write(handle: bytes, offset: int, length: int) -> Request:
    """All of a WRITE but its data, ``length`` bytes, which must follow."""
    return Request(Packet.WRITE, string(handle) + struct.pack(">QI", offset, length), trailing=length)


def write_all(handle: bytes, data: bytes) -> Request:
    """A WRITE of a whole file."""
    return Request(Packet.WRITE, string(handle) + struct.pack(">QI", 0, len(data)) + data)


def stat(path: bytes) -> Request:
    """Follows links."""
    return _about(Packet.STAT, path)


def lstat(path: bytes) -> Request:
    return _about(Packet.LSTAT, path)


def fstat(handle: bytes) -> Request:
    return Request(Packet.FSTAT, string(handle))


def set_stat(path: bytes, attributes: Attributes) -> Request:
    return _about(Packet.SETSTAT, path, write_attributes(attributes))


def set_fstat(handle: bytes, attributes: Attributes) -> Request:
    return Request(Packet.FSETSTAT, string(handle) + write_attributes(attributes))


def open_directory(path: bytes) -> Request:
    return _about(Packet.OPENDIR, path)


def read_directory(handle: bytes) -> Request:
    return Request(Packet.READDIR, string(handle))


def remove(path: bytes) -> Request:
    return _about(Packet.REMOVE, path)


def make_directory(path: bytes) -> Request:
    return _about(Packet.MKDIR, path, write_attributes(Attributes()))


def remove_directory(path: bytes) -> Request:
    return _about(Packet.RMDIR, path)


def real_path(path: bytes) -> Request:
    return _about(Packet.REALPATH, path)


def rename(path: bytes, target: bytes) -> Request:
    """§6.5: fails where something has the new name already."""
    return _about(Packet.RENAME, path, string(target))


def read_link(path: bytes) -> Request:
    """What a symbolic link says."""
    return _about(Packet.READLINK, path)


def symlink(path: bytes, text: bytes) -> Request:
    """Make a link that says ``text``. The draft has the path first (§6.10); OpenSSH reads the text first, and others
    have followed it."""
    return _about(Packet.SYMLINK, text, string(path))


def extended(name: str, fields: bytes = b"", subject: str = "") -> Request:
    return Request(Packet.EXTENDED, string(name.encode("ascii")) + fields, f"{name} {subject}".rstrip())


def posix_rename(path: bytes, target: bytes) -> Request:
    """As rename(2): replaces what has the new name (OpenSSH PROTOCOL §4.3)."""
    return extended("posix-rename@openssh.com", string(path) + string(target), _shown(path))


def fsync(handle: bytes) -> Request:
    """OpenSSH PROTOCOL §4.6."""
    return extended("fsync@openssh.com", string(handle))


def statvfs(path: bytes) -> Request:
    """OpenSSH PROTOCOL §4.4."""
    return extended("statvfs@openssh.com", string(path), _shown(path))


def limits() -> Request:
    """OpenSSH PROTOCOL §4.8."""
    return extended("limits@openssh.com")


def copy_data(reading: bytes, offset: int, length: int, writing: bytes, target_offset: int) -> Request:
    """Copy within the server, from one open file to another; a ``length`` of 0 means up to the end
    (draft-ietf-secsh-filexfer-extensions-00 §7)."""
    fields = string(reading) + uint64(offset) + uint64(length) + string(writing) + uint64(target_offset)
    return extended("copy-data", fields)


def check_file(handle: bytes, algorithm: str) -> Request:
    """A digest of a whole file (draft-ietf-secsh-filexfer-extensions-00 §3)."""
    whole = uint64(0) + uint64(0) + uint32(0)  # from the start, to the end, in one block
    return extended("check-file-handle", string(handle) + string(algorithm.encode("ascii")) + whole)
