"""Private key files: what can be known of them without a passphrase, and signatures with them."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from ftpcli.errors import PeerProtocolError, cause_of
from ftpcli.wire.ssh.known_hosts import key_type_of
from ftpcli.wire.ssh.types import Reader, mpint, string

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_RSA_HASHES = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256()}
_ECDSA_HASHES = {"nistp256": hashes.SHA256(), "nistp384": hashes.SHA384(), "nistp521": hashes.SHA512()}
_MAGIC = b"openssh-key-v1\0"
_ARMOUR = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"


class KeyUnusable(Exception):
    """A key file that cannot be read or is of no known kind; the text says which, for the user."""


class NeedsPassphrase(Exception):
    """The file is encrypted, and no passphrase was given, or a wrong one."""


class KeyFile:
    """One private key file. ``public`` is its public key, None where that needs the passphrase.

    Raises KeyUnusable, and FileNotFoundError.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._content = _content(path)
        if b"PRIVATE KEY-----" not in self._content:
            raise KeyUnusable(f"{path} is not a private key in OpenSSH or PEM form")
        self._private: PrivateKey | None = None
        header = _openssh_header(self._content)
        self.public = header[1] if header is not None else _beside(path)
        self.encrypted = header[0] if header is not None else b"ENCRYPTED" in self._content
        if self.public is None and not self.encrypted:
            self.unlock(None)

    def unlock(self, passphrase: str | None) -> None:
        """Decrypt the key. Raises NeedsPassphrase, KeyUnusable."""
        if self._private is not None:
            return
        secret = None if passphrase is None or not self.encrypted else passphrase.encode("utf-8", "surrogateescape")
        if self.encrypted and not secret:
            raise NeedsPassphrase
        load = load_ssh_private_key if _ARMOUR[0] in self._content else load_pem_private_key
        try:
            found = load(self._content, secret)
        except UnsupportedAlgorithm as error:
            raise KeyUnusable(f"{self.path} is a key of a kind that is not supported") from error
        except (ValueError, TypeError, InvalidTag) as error:
            if self.encrypted:  # a wrong passphrase looks like garbage
                raise NeedsPassphrase from error
            raise KeyUnusable(f"{self.path} is damaged, or a key of a kind that is not supported") from error
        if not isinstance(found, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise KeyUnusable(f"{self.path} is a key of a kind that is not supported; ed25519, ecdsa and rsa are")
        self._private = found
        line = found.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        self.public = base64.b64decode(line.split()[1])

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """A signature as it goes over the line (RFC 4253 §6.6, 5656 §3.1.2, 8332 §3, 8709 §6). Needs ``unlock``."""
        key = self._private
        assert key is not None
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return string(algorithm) + string(key.sign(data))
        if isinstance(key, rsa.RSAPrivateKey):
            return string(algorithm) + string(key.sign(data, padding.PKCS1v15(), _RSA_HASHES[algorithm]))
        signature = key.sign(data, ec.ECDSA(_ECDSA_HASHES[algorithm.rpartition("-")[2]]))
        return string(algorithm) + string(b"".join(map(mpint, decode_dss_signature(signature))))


def certificate_beside(path: str) -> bytes | None:
    """The certificate in ``KEY-cert.pub``, if there is one."""
    return public_from(f"{path}-cert.pub")


def public_from(path: str) -> bytes | None:
    """The key or certificate of a ``.pub`` file; None where there is none."""
    try:
        fields = _content(path).split()
        blob = base64.b64decode(fields[1], validate=True)
    except (OSError, KeyUnusable, IndexError, binascii.Error):
        return None
    return blob if key_type_of(blob) == fields[0].decode("ascii", "replace") else None


def _beside(path: str) -> bytes | None:
    return public_from(f"{path}.pub")


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(1024 * 1024)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be read: {cause_of(error)}") from error


def _openssh_header(content: bytes) -> tuple[bool, bytes] | None:
    """Whether the key is encrypted, and its public half, which never is (OpenSSH's PROTOCOL.key)."""
    _, begin, rest = content.partition(_ARMOUR[0])
    armoured, end, _ = rest.partition(_ARMOUR[1])
    if not begin or not end:
        return None
    try:
        reader = Reader(base64.b64decode(b"".join(armoured.split())))
        if reader.take(len(_MAGIC)) != _MAGIC:
            return None
        cipher, _, _, _ = reader.string(), reader.string(), reader.string(), reader.number()
        return cipher != b"none", reader.string()
    except (binascii.Error, PeerProtocolError):
        return None
