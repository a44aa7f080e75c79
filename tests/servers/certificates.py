"""Throw-away certificates for the test servers: good ones, and one of each kind that a client must refuse."""

from __future__ import annotations

import atexit
import datetime
import functools
import ipaddress
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files. Each holds a private key and its certificate; the two `ca` files the certificate only."""

    ca: Path
    server: Path  # localhost, 127.0.0.1 and ::1; valid
    expired: Path  # ended yesterday
    wrong_host: Path  # valid, but for another host name
    foreign_ca: Path
    foreign: Path  # right host, signed by a CA that nobody trusts
    client: Path
    foreign_client: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority that exists for one test run."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


@functools.cache
def session_certificates() -> Certificates:
    """The certificates of this test run, made at the first call and deleted when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="ftpcli-certificates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make(folder)


def make(folder: Path) -> Certificates:
    """Writes a complete set into `folder`."""
    ours, theirs = _authority("ftpcli test CA"), _authority("ftpcli foreign CA")
    files = Certificates(**{name: folder / f"{name}.pem" for name in Certificates.__dataclass_fields__})
    for path, authority in ((files.ca, ours), (files.foreign_ca, theirs)):
        path.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    _issue(files.server, ours, LOOPBACK)
    _issue(files.expired, ours, LOOPBACK, days=-1)
    _issue(files.wrong_host, ours, ("other.invalid",))
    _issue(files.foreign, theirs, LOOPBACK)
    _issue(files.client, ours, ("tester",), usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    _issue(files.foreign_client, theirs, ("tester",), usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return files


def _authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, days=30)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def _issue(
    path: Path,
    authority: Authority,
    names: tuple[str, ...],
    *,
    days: int = 30,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = _builder(subject, authority.certificate.subject, key, days=days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer_key, critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    """Python 3.13's `ssl` checks strictly: an authority without keyCertSign would be refused."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
