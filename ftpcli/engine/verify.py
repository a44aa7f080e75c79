"""Whether what arrived is what was sent: digests of local files, to hold against the server's."""

from __future__ import annotations

import hashlib
import zlib

from ftpcli.engine.stop import StopToken
from ftpcli.errors import NotFound, Refused, TransientRefusal, VerifyMismatch
from ftpcli.local import open_source, translated
from ftpcli.session.protocol import Session

_PIECE = 1024 * 1024


def digest_of(path: str, algorithm: str, stop: StopToken) -> str:
    """The digest of a local file in lower-case hexadecimal. ``algorithm``: as in ``model.Digest``.

    Reads in pieces of 1 MiB. Raises LocalFileError, and Stopped between two pieces.
    """
    piece = memoryview(bytearray(_PIECE))
    crc = 0
    hasher = None if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)
    with open_source(path) as source, translated("read", path):
        while count := source.file.readinto(piece):
            stop.check()
            if hasher is not None:
                hasher.update(piece[:count])
            else:
                crc = zlib.crc32(piece[:count], crc)
    return f"{crc:08x}" if hasher is None else hasher.hexdigest()


def same_digest(session: Session, remote: str, local: str, stop: StopToken) -> str | None:
    """The algorithm by which the two files are the same; None where the server tells no digest of this one.

    Raises VerifyMismatch.
    """
    try:
        told = session.digest(remote)
    except Refused:
        return None
    if told is None:
        return None
    ours = digest_of(local, told.algorithm, stop)
    if ours != told.value:
        raise VerifyMismatch(f"the {told.algorithm} digests differ: {ours} here, {told.value} on the server")
    return told.algorithm


def same_size(session: Session, remote: str, size: int) -> bool:
    """False where the server tells no size, which proves nothing either way. Raises VerifyMismatch."""
    try:
        told = session.size(remote)
    except (NotFound, TransientRefusal):  # a drop box that lets nobody look
        return False
    if told is not None and told != size:
        raise VerifyMismatch(f"{size} bytes were sent, and the server has {told}")
    return told is not None
