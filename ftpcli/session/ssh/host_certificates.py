"""Host certificates (OpenSSH's PROTOCOL.certkeys): a host key that a certificate authority vouches for."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.ssh.known_hosts import key_type_of
from ftpcli.wire.ssh.patterns import matches
from ftpcli.wire.ssh.types import Reader, string

SUFFIX = "-cert-v01@openssh.com"
# OpenSSH's CASignatureAlgorithms. Not ssh-rsa, which is RSA over SHA-1: two certificates can be made to share that.
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


def load(blob: bytes) -> SSHCertificate | None:
    """A certificate from its bytes; None for anything else."""
    try:
        line = (key_type_of(blob) or "").encode("ascii") + b" " + base64.b64encode(blob)
        found = load_ssh_public_identity(line)
        if isinstance(found, SSHCertificate):
            found.signature_key()  # an authority's key of a kind that is not understood: better known now
    except (ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, SSHCertificate) else None


def authority_of(certificate: SSHCertificate) -> bytes:
    """The public key of whoever signed it."""
    line = certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _signature_algorithm(certificate: SSHCertificate) -> str | None:
    """The signature is the last field, behind the key of whoever made it."""
    authority = string(authority_of(certificate))
    signature = base64.b64decode(certificate.public_bytes().split()[1]).rpartition(authority)[2]
    try:
        return key_type_of(Reader(signature).string())
    except PeerProtocolError:
        return None


def objection(certificate: SSHCertificate, host: str, authorities: Iterable[bytes], now: float) -> str | None:
    """Why the certificate does not prove that its key is the host's at ``now`` (seconds since 1970); None if it does.

    The key exchange has shown already that the server holds the key.
    """
    if authority_of(certificate) not in authorities:
        return "it is signed by an authority that is not known for this host"
    try:
        certificate.verify_cert_signature()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return "its signature is wrong"
    algorithm = _signature_algorithm(certificate)
    if algorithm not in _SIGNATURES:
        return f"it is signed by way of {algorithm}, which is not safe"
    if certificate.type is not SSHCertificateType.HOST:
        return "it is a user's, not a host's"
    if not certificate.valid_after <= now < certificate.valid_before:
        return "it has expired" if now >= certificate.valid_before else "it is not valid yet (is the clock right?)"
    if certificate.critical_options:
        return "it has critical options, and none are defined for hosts"
    names = [name.decode("utf-8", "replace") for name in certificate.valid_principals]
    if not any(matches(host, name) for name in names):
        return f"it is for {', '.join(ascii(name)[1:-1] for name in names[:5]) or 'no host at all'}"
    return None
