"""What single SFTP servers do in place of what the protocol says: see ``sftp_host.Quirk``."""

from __future__ import annotations

import posixpath

from ftpcli.wire.sftp.codes import Code, OpenFlag, Packet
from ftpcli.wire.sftp.fields import Fields
from tests.servers.profiles.sftp_host import HostedSftp, Quirk
from tests.servers.scripted.sftp import Asked, data_packet, status

RENAME, FSYNC, POSIX_RENAME = "rename", "fsync@openssh.com", "posix-rename@openssh.com"


def refuses(code: Code, *kinds: Packet | str) -> Quirk:
    """These requests, or extensions, are answered with a code and not done."""

    def quirk(_: HostedSftp, asked: Asked, __: Fields) -> bytes | None:
        return status(asked, code) if asked.kind in kinds or asked.name in kinds else None

    return quirk


def truncates(server: HostedSftp, asked: Asked, body: Fields) -> None:
    """Whatever is opened for writing is emptied."""
    if asked.kind == Packet.OPEN and body.uint32() & OpenFlag.WRITE and asked.path in server.files:
        server.files[asked.path].clear()


def writes_in_order_only(code: Code) -> Quirk:
    """A write anywhere but at the end of what this handle has written is refused."""
    written: dict[str, int] = {}

    def quirk(server: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
        if asked.kind == Packet.OPEN:
            written[asked.path] = 0
        if asked.kind != Packet.WRITE:
            return None
        offset, length = body.uint64(), len(body.string())
        if offset != written.get(asked.path, 0):
            return status(asked, code)
        written[asked.path] = offset + length
        if offset == 0:
            server.files[asked.path].clear()
        return None

    return quirk


def new_or_truncated_only(server: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
    """An existing file is opened for writing with TRUNC, or not at all."""
    if asked.kind != Packet.OPEN or asked.path not in server.files:
        return None
    flags = body.uint32()
    return status(asked, Code.FAILURE) if flags & OpenFlag.WRITE and not flags & OpenFlag.TRUNCATE else None


def missing_is(code: Code) -> Quirk:
    """What is not there is answered with another code than NO_SUCH_FILE."""
    looks = (Packet.STAT, Packet.LSTAT, Packet.OPENDIR, Packet.REMOVE, Packet.RMDIR)

    def quirk(server: HostedSftp, asked: Asked, _: Fields) -> bytes | None:
        return status(asked, code) if asked.kind in looks and not server.host.exists(asked.path) else None

    return quirk


def no_dot_names(_: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
    names = [asked.path]
    if asked.kind == Packet.RENAME or asked.name == POSIX_RENAME:
        names.append(body.string().decode("utf-8", "surrogateescape"))
    elif asked.kind not in (Packet.OPEN, Packet.MKDIR):
        return None
    dotted = any(posixpath.basename(name).startswith(".") for name in names)
    return status(asked, Code.PERMISSION_DENIED) if dotted else None


def no_reading(_: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
    """OPEN for reading is refused."""
    reads = asked.kind == Packet.OPEN and body.uint32() & OpenFlag.READ
    return status(asked, Code.PERMISSION_DENIED) if reads else None


def taken_once_closed(server: HostedSftp, asked: Asked, _: Fields) -> None:
    """A program takes each file as soon as it was stored, whatever its name."""
    if asked.kind == Packet.CLOSE and asked.path in server.host.written:
        _take(server, asked.path)


def taken_once_named(server: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
    """A program takes each file as soon as it has its name."""
    if asked.kind != Packet.RENAME and asked.name != POSIX_RENAME:
        return None
    asked.target = server.host.place(body.string().decode("utf-8", "surrogateescape"))
    if asked.path not in server.files:
        return None
    server.host.move(asked.path, asked.target)
    _take(server, asked.target)
    return status(asked, Code.OK)


def _take(server: HostedSftp, path: str) -> None:
    if path in server.files:
        server.host.taken[path] = bytes(server.files.pop(path))


def full_at(most: int, code: Code) -> Quirk:
    """Writes beyond so many bytes of a file fail."""

    def quirk(_: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
        if asked.kind != Packet.WRITE:
            return None
        return status(asked, code) if body.uint64() + len(body.string()) > most else None

    return quirk


def reads_on(extra: bytes) -> Quirk:
    """READ behind the end of a file that the client did not write gives more."""

    def quirk(server: HostedSftp, asked: Asked, body: Fields) -> bytes | None:
        if asked.kind != Packet.READ or asked.path in server.host.written:
            return None
        offset, length = body.uint64(), body.uint32()
        content = bytes(server.files.get(asked.path, b"")) + extra
        data = content[offset : offset + min(length, server.max_read)]
        return data_packet(asked, data) if data else None

    return quirk


def failed_request_discards(server: HostedSftp, asked: Asked, _: Fields) -> bytes | None:
    """FSETSTAT fails, and the file that it was about goes when it is closed."""
    discarded: set[str] = server.host.__dict__.setdefault("discarded", set())
    if asked.kind == Packet.FSETSTAT:
        discarded.add(asked.path)
        return status(asked, Code.OP_UNSUPPORTED)
    if asked.kind == Packet.CLOSE and asked.path in discarded:
        discarded.discard(asked.path)
        server.files.pop(asked.path, None)
    return None
