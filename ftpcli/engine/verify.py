"""Whether what arrived is what was sent: digests of local files, to hold against the server's."""

from __future__ import annotations

import hashlib
import zlib

from ftpcli.engine.stop import StopToken
from ftpcli.local import open_source, translated

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
