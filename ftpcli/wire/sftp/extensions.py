"""What extensions answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Digest
from ftpcli.wire.sftp.fields import Fields
from ftpcli.wire.sftp.replies import ExtendedReply

# What every server must take and give (draft-ietf-secsh-filexfer-02 §3: packets of 34000 bytes).
SAFE_LENGTH = 32 * 1024
# As long as OpenSSH's server takes them: its packets are limited to 256 KiB.
_LONGEST = 255 * 1024
# Algorithm → bytes of a digest, the best one first; see wire.ftp.digests.
_DIGESTS = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16, "crc32": 4}


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest READ and WRITE, in bytes of data."""

    read: int = SAFE_LENGTH
    write: int = SAFE_LENGTH


def parse_limits(reply: ExtendedReply) -> Limits:
    """``limits@openssh.com``: longest packet, READ, WRITE, most handles; 0 where the server does not say."""
    body = Fields(reply.body)
    body.uint64()
    read, write = body.uint64(), body.uint64()
    return Limits(min(read or SAFE_LENGTH, _LONGEST), min(write or SAFE_LENGTH, _LONGEST))


def parse_free_bytes(reply: ExtendedReply) -> int | None:
    """``statvfs@openssh.com``: how many bytes an ordinary user may still write. None for a file system that counts no
    blocks at all, as those do that only seem to be one."""
    body = Fields(reply.body)
    body.uint64()
    fragment, blocks, _, available = (body.uint64() for _ in range(4))
    return fragment * available if fragment * blocks else None


def digest_algorithms(extensions: Mapping[str, bytes]) -> tuple[str, ...]:
    """The algorithms of ``check-file`` as hashlib names them, the best one first."""
    offered = b",".join(data for name, data in extensions.items() if name.startswith("check-file"))
    names = offered.decode("ascii", "replace").lower().split(",")
    return tuple(name for name in _DIGESTS if name in names)


def parse_digest(reply: ExtendedReply, algorithm: str) -> Digest:
    """The answer to ``check-file``; it names the algorithm, and must be the one that was asked for."""
    body = Fields(reply.body)
    name = body.string()
    if name.startswith(b"check-file"):  # as the draft has it; some leave it out
        name = body.string()
    value = body.rest()
    if name.decode("ascii", "replace").lower() != algorithm or len(value) != _DIGESTS[algorithm]:
        raise PeerProtocolError("the server's answer to check-file holds no digest of the kind that was asked for")
    return Digest(algorithm, value.hex())
