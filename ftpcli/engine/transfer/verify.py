"""Whether what arrived is what was sent: sizes, times and digests, to hold against the server's."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from dataclasses import replace
from io import FileIO
from typing import NamedTuple, Protocol

from ftpcli.engine.compare.times import is_exact, same_time
from ftpcli.engine.trees.local import translated
from ftpcli.errors import NoDigest, NotFound, Refused, Retry, SourceChanged, Unsupported, VerifyMismatch
from ftpcli.model import Entry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

_PIECE = 1024 * 1024
# Below this a download is over before its source can change unnoticed, and one more question would cost too much.
_WORTH_ASKING = 1024 * 1024
# FAT keeps even seconds only.
_COARSEST = 2.0
_DENIAL = re.compile(r"permission|denied|not permitted|not allowed|forbidden", re.IGNORECASE)
_ABSENCE = re.compile(r"no such|not found|not exist", re.IGNORECASE)


class LocalFile(Protocol):
    """An open file that can be read, whatever it was opened for."""

    @property
    def path(self) -> str: ...
    @property
    def file(self) -> FileIO: ...


def digest_of(local: LocalFile, algorithm: str, stop: StopToken) -> str:
    """The digest of a local file in lower-case hexadecimal. ``algorithm``: as in ``model.Digest``.

    Reads in pieces of 1 MiB, wherever the file's position is, and leaves that as it is. Raises LocalFileError, and
    Stopped between two pieces.
    """
    piece = memoryview(bytearray(_PIECE))
    crc = offset = 0
    hasher = None if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)
    with translated("read", local.path):
        while count := os.preadv(local.file.fileno(), (piece,), offset):
            stop.check()
            offset += count
            if hasher is not None:
                hasher.update(piece[:count])
            else:
                crc = zlib.crc32(piece[:count], crc)
    return f"{crc:08x}" if hasher is None else hasher.hexdigest()


class Compared(NamedTuple):
    """What two digests say. ``difference``: how they differ, for people; empty if they are equal."""

    algorithm: str
    difference: str


def compare_digests(session: Session, remote: str, local: LocalFile, stop: StopToken) -> Compared | None:
    """Compare a file on the server with a local one; None if the server provides no digest of it.

    A difference is an answer here and no error, so that it is not retried.
    """
    try:
        told = session.digest(remote)
    except Refused:
        return None
    if told is None:
        return None
    ours = digest_of(local, told.algorithm, stop)
    if ours == told.value:
        return Compared(told.algorithm, "")
    return Compared(told.algorithm, f"the {told.algorithm} digests differ: {ours} here, {told.value} on the server")


def same_digest(
    session: Session, remote: str, local: LocalFile, stop: StopToken, *, strict: bool = False
) -> str | None:
    """The algorithm by which what arrived is what was sent; None if the server provides no digest of it.

    Raises VerifyMismatch, and NoDigest where that is ``strict`` and there is no digest.
    """
    compared = compare_digests(session, remote, local, stop)
    if compared is None:
        if strict:
            raise NoDigest(f"the server gives no digest of {remote}, which --strict-compare demands")
        return None
    if compared.difference:
        raise VerifyMismatch(compared.difference)
    return compared.algorithm


def same_size(session: Session, remote: str, size: int, *, final: bool) -> bool:
    """False where the server tells no size, which proves nothing either way. Raises VerifyMismatch, where ``remote``
    is the ``final`` name also if nothing is there."""
    try:
        told = session.size(remote)
    except Refused as error:  # perhaps a drop box that lets nobody look
        if final and isinstance(error, NotFound) and not _is_denial(error.reply or ""):
            raise _vanished(error) from error
        return False
    if told is not None and told != size:
        raise VerifyMismatch(f"{size} bytes were sent, and the server has {told}")
    return told is not None


def _is_denial(words: str) -> bool:
    """550 means "not found" and "not allowed" alike; only the words can tell."""
    return bool(_DENIAL.search(words)) and not _ABSENCE.search(words)


def _vanished(error: NotFound) -> VerifyMismatch:
    """To send it again would hand it to a receiver twice."""
    mismatch = VerifyMismatch(
        "the server confirmed the upload, but the file is not there; "
        "if it is fetched from there at once, mirror --verify none leaves this check out",
        reply=error.reply,
    )
    mismatch.retry = Retry.GIVE_UP
    return mismatch


def look_again(session: Session, path: str, entry: Entry) -> Entry:
    """What is at ``path`` now, where ``entry`` was. Raises NotFound."""
    found = session.follow(path) if entry.followed else session.stat(path)  # MLST may answer for the link itself
    # SIZE and MDTM tell no permissions, of which the listing may have told.
    mode = entry.mode if found.mode is None else found.mode
    return replace(found, followed=entry.followed, mode=mode)


def same_file_still(session: Session, path: str, entry: Entry) -> bool:
    """Whether the server, asked after the last byte, still shows the file that was asked for; False where it is not
    worth asking, or not told exactly enough. Raises SourceChanged: what was read may be of two files."""
    if not is_exact(entry) or (entry.size or 0) < _WORTH_ASKING:
        return False
    try:
        now = look_again(session, path, entry)
    except (Refused, Unsupported):
        return False
    if now.size != entry.size or not same_time(now, entry):
        raise SourceChanged(f"{path} changed while it was being received")
    return is_exact(now)


def keeps_time(told: float | None, wanted: float) -> bool:
    """Whether the time that a server says it has set is the one that was wanted, as far as file systems can hold it."""
    return told is not None and abs(told - wanted) <= _COARSEST
