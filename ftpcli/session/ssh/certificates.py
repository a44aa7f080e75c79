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

from ftpcli.wire.known_hosts import key_type_of
from ftpcli.wire.ssh_patterns import matches

SUFFIX = "-cert-v01@openssh.com"


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
