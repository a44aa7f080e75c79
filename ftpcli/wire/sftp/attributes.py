"""File attributes (draft-ietf-secsh-filexfer-02 §5)."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass

from ftpcli.model import Kind
from ftpcli.wire.sftp import fields
from ftpcli.wire.sftp.codes import AttributeFlag
from ftpcli.wire.sftp.fields import Fields

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIR, stat.S_IFLNK: Kind.LINK}
_LS_MODE = re.compile(rb"\s*([-dlbcps])[-r][-w][-xsS][-r][-w][-xsS][-r][-w][-xtT][.+@]?\s")
_LETTERS = {b"-": Kind.FILE, b"d": Kind.DIR, b"l": Kind.LINK}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is None was not told. ``permissions`` is a Unix mode, the kind of file included; times are in seconds since
    1970 UTC."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    atime: int | None = None
    mtime: int | None = None

    @property
    def kind(self) -> Kind | None:
        """None where the server does not tell: §5 leaves that open, and some send permissions without a type."""
        if self.permissions is None or not stat.S_IFMT(self.permissions):
            return None
        return _KINDS.get(stat.S_IFMT(self.permissions), Kind.OTHER)


def kind_of_line(longname: bytes) -> Kind | None:
    """From a directory entry's line (§7: "similar to ls -l"), None where it is no such line."""
    found = _LS_MODE.match(longname)
    return None if found is None else _LETTERS.get(found[1], Kind.OTHER)


def parse_attributes(body: Fields) -> Attributes:
    """Raises PeerProtocolError."""
    flags = body.uint32()
    size = uid = gid = permissions = atime = mtime = None
    if flags & AttributeFlag.SIZE:
        size = body.uint64()
    if flags & AttributeFlag.OWNERS:
        uid, gid = body.uint32(), body.uint32()
    if flags & AttributeFlag.PERMISSIONS:
        permissions = body.uint32()
    if flags & AttributeFlag.TIMES:
        atime, mtime = body.uint32(), body.uint32()
    if flags & AttributeFlag.EXTENDED:
        for _ in range(body.uint32()):
            body.string()
            body.string()
    return Attributes(size, uid, gid, permissions, atime, mtime)


def write_attributes(attributes: Attributes) -> bytes:
    """Pairs (owners, times) go together or not at all."""
    flags = 0
    parts = b""
    if attributes.size is not None:
        flags |= AttributeFlag.SIZE
        parts += fields.uint64(attributes.size)
    if attributes.uid is not None and attributes.gid is not None:
        flags |= AttributeFlag.OWNERS
        parts += fields.uint32(attributes.uid) + fields.uint32(attributes.gid)
    if attributes.permissions is not None:
        flags |= AttributeFlag.PERMISSIONS
        parts += fields.uint32(attributes.permissions)
    if attributes.atime is not None and attributes.mtime is not None:
        flags |= AttributeFlag.TIMES
        parts += fields.uint32(attributes.atime) + fields.uint32(attributes.mtime)
    return fields.uint32(flags) + parts
