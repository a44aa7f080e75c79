"""SSH keys for the servers that speak SFTP, in the file formats that they want."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.servers.recipes.recipe import Place


def make(write: Callable[[str, bytes], Path], name: str) -> Path:
    """A new key: `name` in OpenSSH's private format and `name.pub` beside it."""
    key = ed25519.Ed25519PrivateKey.generate()
    openssh = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write(f"{name}.pub", public + b" ftpcli-tests\n")
    return write(name, private)


def public(private: Path) -> str:
    """Type and key of a public key, without its comment."""
    return " ".join(private.with_name(f"{private.name}.pub").read_text().split()[:2])


def known_hosts(place: Place, host: str, host_key: Path) -> Path:
    """A known_hosts file that holds this server alone."""
    return place.file("known_hosts", f"[{host}]:{place.port} {public(host_key)}\n")


def rfc4716(private: Path) -> str:
    """The public key in the format of RFC 4716, the only one that ProFTPD's mod_sftp reads."""
    body = "\n".join(textwrap.wrap(public(private).split()[1], 70))
    return f"---- BEGIN SSH2 PUBLIC KEY ----\n{body}\n---- END SSH2 PUBLIC KEY ----\n"
