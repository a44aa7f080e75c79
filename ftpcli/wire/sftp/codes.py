"""Numbers of the protocol (draft-ietf-secsh-filexfer-02)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

VERSION = 3


class Packet(IntEnum):
    """§3: what a packet is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Code(IntEnum):
    """§7: what a STATUS says. The last two are of a later version (draft 13 §9.1); some send them all the same."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8
    NO_SPACE_ON_FILESYSTEM = 14
    QUOTA_EXCEEDED = 15


class OpenFlag(IntFlag):
    """§6.3: how a file is opened."""

    READ = 0x01
    WRITE = 0x02
    CREATE = 0x08
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


class AttributeFlag(IntEnum):
    """§5: which attributes are there. Bits, but no IntFlag: large listings have them by the ten thousand."""

    SIZE = 0x00000001
    OWNERS = 0x00000002
    PERMISSIONS = 0x00000004
    TIMES = 0x00000008
    EXTENDED = 0x80000000
