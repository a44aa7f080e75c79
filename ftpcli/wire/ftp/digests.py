"""Digests of files on the server: what FEAT offers of them, how to ask, and what stands in the answers.

HASH is draft-bryan-ftpext-hash-02: FEAT lists its algorithms, OPTS HASH selects one, the answer names it (ProFTPD's
mod_digest). XSHA256, XSHA512, XSHA1 or XSHA, XMD5 and XCRC are older and specified nowhere; what they answer varies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Digest
from ftpcli.wire.ftp.reply import Reply

# Algorithm → hexadecimal digits, the best one first. SHA-256 before SHA-512: both are beyond doubt, and processors have
# instructions for SHA-256 (2.0 against 0.9 GB/s where this was measured), which both sides have to compute.
_DIGITS = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32, "crc32": 8}
_X_COMMANDS = {
    "XSHA256": "sha256",
    "XSHA512": "sha512",
    "XSHA1": "sha1",
    "XSHA": "sha1",
    "XMD5": "md5",
    "XCRC": "crc32",
}
_HASH_ANSWER = re.compile(r"(\S+) +0-\d+ +([0-9A-Fa-f]+)(?!\S)", re.ASCII)
_HEX = re.compile(r"[0-9A-Fa-f]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to ask for a digest. ``name``: the algorithm as the server spells it for HASH, empty for all others;
    ``selected``: the one that HASH uses until told."""

    algorithm: str
    verb: str
    name: str = ""
    selected: bool = False

    @property
    def command(self) -> str:
        return f"{self.verb} {self.name}".rstrip()

    def argument(self, path: str) -> str:
        """HASH takes the rest of the line for the path. The X commands take a range behind it: ProFTPD and others
        want a path with spaces in double quotes, where ProFTPD reads ``\\`` as an escape."""
        if self.name or not any(char.isspace() for char in path):
            return path
        return '"{}"'.format(path.replace("\\", "\\\\").replace('"', '\\"'))


def _algorithm(name: str) -> str | None:
    """``SHA-256``, ``sha256``, ``CRC-32`` → hashlib's name, None for one that is not known here."""
    plain = name.lower().replace("-", "")
    return plain if plain in _DIGITS else None


def parse_offers(features: Mapping[str, str]) -> tuple[Offer, ...]:
    """FEAT's ``HASH SHA-256;SHA-1*;MD5`` (draft §3.1) and X commands → all ways to get a digest, the best one first.

    For the same algorithm HASH comes first: its answer names the algorithm, and it takes any path and empty files.
    """
    offers: list[Offer] = []
    for item in features.get("HASH", "").split(";"):
        name = item.strip().rstrip("*")
        if algorithm := _algorithm(name):
            offers.append(Offer(algorithm, "HASH", name, "*" in item))
    offers += [Offer(algorithm, verb) for verb, algorithm in _X_COMMANDS.items() if verb in features]
    return tuple(sorted(offers, key=lambda offer: list(_DIGITS).index(offer.algorithm)))


def parse_digest(reply: Reply, offer: Offer) -> Digest:
    """A 2yz answer to HASH (draft §3: ``213 SHA-256 0-49 DIGEST name``) or to an X command: ``250 DIGEST``, 213 with
    some, a name behind it or not, in one of several lines or not.

    HASH's answer says which algorithm was used; that is believed, whatever was asked for.
    """
    if offer.verb == "HASH":
        found = _HASH_ANSWER.match(reply.lines[-1].strip())
        digest = _digest(_algorithm(found[1]), found[2]) if found else None
    else:
        # The first word only: a file's name may look like a digest.
        words = (line.split(maxsplit=1)[0] for line in reversed(reply.lines) if line.strip())
        digest = next(filter(None, (_digest(offer.algorithm, word) for word in words)), None)
    if digest is None:
        raise PeerProtocolError(f"the server's answer to {offer.verb} holds no digest", reply=reply.text)
    return digest


def _digest(algorithm: str | None, text: str) -> Digest | None:
    """None where this is no digest. CRC32 is a number to some, written without its leading zeros."""
    if algorithm is None or not _HEX.fullmatch(text):
        return None
    value = text.lower().zfill(_DIGITS[algorithm]) if algorithm == "crc32" else text.lower()
    return Digest(algorithm, value) if len(value) == _DIGITS[algorithm] else None
