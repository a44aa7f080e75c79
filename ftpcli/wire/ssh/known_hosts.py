"""known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), and lists of revoked keys: which keys a host may show, and
which never.

In known_hosts a line that is not understood is skipped: it can make a host unknown, but never a wrong key right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from ftpcli.errors import PeerProtocolError, UsageError
from ftpcli.wire.ssh.patterns import matches_any
from ftpcli.wire.ssh.types import Reader

DEFAULT_PORT = 22
_MARKERS = {b"@cert-authority": "cert-authority", b"@revoked": "revoked"}
_MAGIC = b"|1|"
_KRL = b"SSHKRL\n\0"
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class KnownHost:
    """One line. ``hosts`` are patterns, or nothing where the names are hashed (``salt`` and ``digest``, HMAC-SHA1).

    ``marker``: "", "cert-authority" or "revoked". ``source`` and ``line``, from 1, say where it stands.
    """

    key_type: str
    key: bytes
    marker: str = ""
    hosts: tuple[str, ...] = ()
    salt: bytes = b""
    digest: bytes = b""
    source: str = ""
    line: int = 0

    @property
    def hashed(self) -> bool:
        return bool(self.digest)

    @property
    def where(self) -> str:
        return f"{self.source}:{self.line}"

    def is_for(self, name: str) -> bool:
        """``name`` as ``name_of`` writes it."""
        if self.hashed:
            found = hmac.new(self.salt, name.lower().encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
            return hmac.compare_digest(found, self.digest)
        return matches_any(name, self.hosts)


def name_of(host: str, port: int) -> str:
    """A host as known_hosts names it: alone at port 22, else ``[host]:port``."""
    return host.lower() if port == DEFAULT_PORT else f"[{host.lower()}]:{port}"


def parse(content: bytes, source: str = "") -> Iterator[KnownHost]:
    """Every line that is understood."""
    for number, line in enumerate(content.split(b"\n"), 1):
        found = _parse_line(line.strip(b" \t\r"), source, number)
        if found is not None:
            yield found


def _parse_line(line: bytes, source: str, number: int) -> KnownHost | None:
    if not line or line.startswith(b"#") or len(line) > _LONGEST_LINE:
        return None
    marker, fields = "", line.split(None, 4)
    if line.startswith(b"@"):
        if fields[0] not in _MARKERS:
            return None
        marker = _MARKERS[fields.pop(0)]
    if len(fields) < 3:
        return None
    names, key_type = fields[0], fields[1].decode("ascii", "replace")
    key = _decoded(fields[2])
    if key is None or key_type_of(key) != key_type:
        return None
    if not names.startswith(b"|"):
        hosts = tuple(filter(None, names.decode("utf-8", "surrogateescape").split(",")))
        return KnownHost(key_type, key, marker, hosts=hosts, source=source, line=number) if hosts else None
    salt, _, digest = names.removeprefix(_MAGIC).partition(b"|")
    found = _decoded(salt), _decoded(digest)
    if not names.startswith(_MAGIC) or not found[0] or found[1] is None or len(found[1]) != hashlib.sha1().digest_size:
        return None
    return KnownHost(key_type, key, marker, salt=found[0], digest=found[1], source=source, line=number)


def parse_revoked(content: bytes, source: str = "") -> Iterator[KnownHost]:
    """The public keys of a RevokedHostKeys file, one a line: none of them is good for any host.

    Raises UsageError for what is no such file: to skip a line could make a wrong key right.
    """
    if content.startswith(_KRL):
        raise UsageError(f"{source} is a KRL; what is understood here is a text file with the revoked keys, one a line")
    for number, line in enumerate(content.split(b"\n"), 1):
        fields = line.split(None, 2)
        if not fields or fields[0].startswith(b"#"):
            continue
        key_type = fields[0].decode("ascii", "replace")
        key = _decoded(fields[1]) if len(fields) > 1 else None
        if key is None or key_type_of(key) != key_type:
            raise UsageError(f"{source}:{number}: this is no public key, so nobody knows which one is revoked")
        yield KnownHost(key_type, key, "revoked", hosts=("*",), source=source, line=number)


def _decoded(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def key_type_of(key: bytes) -> str | None:
    """The name at the head of a public key; None where there is none."""
    try:
        return Reader(key).string().decode("ascii")
    except (PeerProtocolError, UnicodeDecodeError):
        return None


def fingerprint(key: bytes) -> str:
    """As ``ssh-keygen -l`` shows it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")


class Standing(Enum):
    """What the files say about a key that a host shows."""

    KNOWN = "known"
    UNKNOWN = "nothing is known about this host"
    CHANGED = "this host is known by another key"
    REVOKED = "this key is revoked"


@dataclass(frozen=True)
class Judgement:
    """``entry`` is the line that decided: the matching one, the revocation, or the first with another key."""

    standing: Standing
    entry: KnownHost | None = None


class KnownHosts:
    """The lines of all files together, the user's first."""

    def __init__(self, entries: Iterable[KnownHost]) -> None:
        self._entries = tuple(entries)

    @property
    def hashes_names(self) -> bool:
        """True when the lines for plain keys have hashed names, so that a new one should have them too."""
        return any(entry.hashed for entry in self._entries)

    def key_types(self, host: str, port: int) -> tuple[str, ...]:
        """The types of the keys that are known for the host, in the order of the lines."""
        found = [entry.key_type for entry in self._for(host, port, "")]
        return tuple(dict.fromkeys(found))

    def judge(self, host: str, port: int, key: bytes) -> Judgement:
        """A host at a port of its own may also be known by its plain name, as for OpenSSH: good for a yes only."""
        revoked = self.revocation(host, port, key)
        if revoked is not None:
            return Judgement(Standing.REVOKED, revoked)
        entries = self._for(host, port, "")
        plain = self._for(host, DEFAULT_PORT, "")
        for entry in (*entries, *plain):
            if entry.key == key:
                return Judgement(Standing.KNOWN, entry)
        if entries:
            return Judgement(Standing.CHANGED, entries[0])
        return Judgement(Standing.UNKNOWN)

    def revocation(self, host: str, port: int, key: bytes) -> KnownHost | None:
        """The line that revokes a key, or a certificate authority's key, for this host."""
        names = {name_of(host, port), name_of(host, DEFAULT_PORT)}
        for entry in self._entries:
            if entry.marker == "revoked" and entry.key == key and any(entry.is_for(name) for name in names):
                return entry
        return None

    def authorities(self, host: str, port: int) -> tuple[KnownHost, ...]:
        """The certificate authorities that may vouch for the host."""
        found = self._for(host, port, "cert-authority")
        return found if port == DEFAULT_PORT else (*found, *self._for(host, DEFAULT_PORT, "cert-authority"))

    def _for(self, host: str, port: int, marker: str) -> tuple[KnownHost, ...]:
        name = name_of(host, port)
        return tuple(entry for entry in self._entries if entry.marker == marker and entry.is_for(name))


def line_for(host: str, port: int, key: bytes, salt: bytes | None) -> bytes:
    """A new line, with its end; the name is hashed when there is a ``salt``."""
    name = name_of(host, port).encode("utf-8", "surrogateescape")
    if salt is not None:
        digest = hmac.new(salt, name, hashlib.sha1).digest()
        name = _MAGIC + base64.b64encode(salt) + b"|" + base64.b64encode(digest)
    return b" ".join((name, (key_type_of(key) or "").encode("ascii"), base64.b64encode(key))) + b"\n"
