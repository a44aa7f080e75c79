"""Whether the server is who it should be: CA store, host name, pinned digests."""

from __future__ import annotations

import hashlib
import ipaddress
import os

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address

from ftpcli.errors import CertificateRejected, UsageError, cause_of
from ftpcli.model import TlsSettings

# The commonest of X509_V_ERR_*; pyOpenSSL has no public way to OpenSSL's own sentences.
_REASONS = {
    2: "the issuer's certificate is not among the trusted ones",
    9: "it is not valid yet (is the clock right?)",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted",
    20: "its issuer is not among the trusted ones",
    21: "its issuer is not among the trusted ones",
    23: "it has been revoked",
    26: "it is not meant for a server",
    28: "it is rejected by the trust settings",
    66: "its key is too weak",
    67: "a CA key in its chain is too weak",
    68: "a signature in its chain is too weak",
}
_ISSUER_UNKNOWN = (2, 18, 19, 20, 21)  # where another CA file would help


class Trust:
    """The rules for one run. ``prepare`` a context, ``check`` a finished handshake."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._pins = {pin.partition(":")[2].replace(":", "").lower() for pin in settings.pins}

    @property
    def asks_chain(self) -> bool:
        """False where a pin or ``--insecure`` takes the place of CA and host name."""
        return not self._pins and not self._settings.insecure

    def prepare(self, context: SSL.Context) -> None:
        """Load what the chain is verified against. Raises UsageError for a CA file that cannot be read."""
        if not self.asks_chain:
            return
        cafile = self._settings.cafile
        if cafile is None:
            context.set_default_verify_paths()
            return
        try:
            if os.path.isdir(cafile):
                context.load_verify_locations(None, cafile)
            else:
                with open(cafile, "rb"):  # OpenSSL's own words for a missing file help nobody
                    pass
                context.load_verify_locations(cafile)
        except OSError as error:
            raise UsageError(f"cannot read the CA file {cafile}: {cause_of(error)}") from error
        except SSL.Error as error:
            raise UsageError(f"{cafile} holds no CA certificate in PEM form") from error

    def chain_rejected(self, host: str, code: int, leaf: str) -> CertificateRejected:
        reason = _REASONS.get(code, f"OpenSSL verification error {code}")
        cafile = "--cafile names a CA of your own, " if code in _ISSUER_UNKNOWN else ""
        return CertificateRejected(
            f"the certificate of {host} is not trusted: {reason}; "
            f"{cafile}--pin sha256:{leaf or 'HEX'} accepts just this certificate"
        )

    def check(self, connection: SSL.Connection, host: str) -> None:
        """Judge a finished full handshake. Raises CertificateRejected."""
        certificate = connection.get_peer_certificate()
        if certificate is None:
            raise CertificateRejected(f"{host} showed no certificate")
        if self._pins:
            key = crypto.dump_publickey(crypto.FILETYPE_ASN1, certificate.get_pubkey())
            digests = [fingerprint(certificate), hashlib.sha256(key).hexdigest()]
            if self._pins.isdisjoint(digests):
                raise CertificateRejected(
                    f"the certificate of {host} is not the pinned one: it has sha256:{digests[0]}"
                    f" (its public key sha256:{digests[1]})"
                )
            return
        if not self.asks_chain:
            return
        found = readable(certificate)
        if found is None:
            raise CertificateRejected(f"the names in the certificate of {host} cannot be read")
        try:
            if _is_address(host):
                verify_ip_address(connection, host)
            else:
                verify_hostname(connection, host)
        except (VerificationError, CertificateError) as error:
            raise CertificateRejected(
                f"the certificate is not for {host}, but for {_names(found)}; "
                f"use such a name, or --pin sha256:{fingerprint(certificate)} accepts just this certificate"
            ) from error
        except ValueError as error:  # a host name that IDNA cannot encode
            raise CertificateRejected(f"{host!r} cannot be compared with the certificate's names") from error


def fingerprint(certificate: crypto.X509) -> str:
    """SHA-256 of the whole certificate, in hexadecimal digits as --pin takes them."""
    return certificate.digest("sha256").decode("ascii").replace(":", "").lower()


def readable(certificate: crypto.X509) -> x509.Certificate | None:
    """None for one that only OpenSSL can make sense of: umlauts in a PrintableString, as some small devices have."""
    try:
        return certificate.to_cryptography()
    except (ValueError, x509.InvalidVersion):
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _names(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "no host at all (it has no subjectAltName)"
    found = [str(value) for kind in (x509.DNSName, x509.IPAddress) for value in names.get_values_for_type(kind)]
    return ", ".join(ascii(name)[1:-1] for name in found[:5]) or "no host at all"
