"""Whether the SSH server is who it should be: pins, known_hosts, certificate authorities, and the user's own word."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time

from ftpcli.errors import HostKeyRejected, LocalFileError, UsageError, cause_of
from ftpcli.model import Ask, Question
from ftpcli.session.contract import Notify
from ftpcli.session.ssh import host_certificates as certificates
from ftpcli.session.ssh.host_settings import Hop
from ftpcli.session.ssh.transport import HOST_KEY_TYPES, SshTransport
from ftpcli.wire.ssh.known_hosts import (
    Judgement,
    KnownHost,
    KnownHosts,
    Standing,
    fingerprint,
    key_type_of,
    line_for,
    name_of,
    parse,
    parse_revoked,
)

log = logging.getLogger("ftpcli.ssh")

_TRIES = 3  # answers to "yes/no/fingerprint" that may be neither
_LOCK_PATIENCE = 5.0  # seconds for another program that has known_hosts locked
_LOCK_LOOK = 0.05
_SALT = 20  # bytes, as OpenSSH has it
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


class Trust:
    """The rules for one hop. Raises LocalFileError for a known_hosts file that cannot be read, and UsageError for a
    RevokedHostKeys file that says nothing."""

    def __init__(self, hop: Hop, ask: Ask | None, notify: Notify) -> None:
        self._hop = hop
        self._ask = ask
        self._notify = notify
        self._user = tuple(entry for path in hop.known_hosts for entry in _read(path))
        system = (entry for path in hop.system_known_hosts for entry in _read(path))
        revoked = (entry for path in hop.revoked for entry in _read_revoked(path))
        self._known = KnownHosts((*self._user, *system, *revoked))

    def host_key_types(self) -> tuple[str, ...]:
        """What to ask the server for, best first: certificates where an authority is known, then the types that are
        known for this host, then the others. Without that order a host known by one key seems to be unknown when it
        shows another."""
        host, port = self._hop.known_as
        found = self._known.key_types(host, port)
        known = [name for key_type in found for name in _ALGORITHMS.get(key_type, (key_type,))]
        ordered = [*(name for name in known if name in HOST_KEY_TYPES), *HOST_KEY_TYPES]
        plain = tuple(dict.fromkeys(ordered))
        if not self._known.authorities(host, port) or self._hop.pins or self._hop.insecure:
            return plain
        return (*(name + certificates.SUFFIX for name in HOST_KEY_TYPES), *plain)

    def check(self, transport: SshTransport) -> None:
        """Judge the key that the server has proved to hold. Raises HostKeyRejected, Stopped."""
        key: bytes = transport.host_key.asbytes()
        shown = f"{_short(key_type_of(key) or '')} {fingerprint(key)}"
        log.info("%s has the host key %s", self._hop.place, shown)
        if self._hop.pins:
            if fingerprint(key) not in self._hop.pins:
                raise HostKeyRejected(f"the host key of {self._hop.place} is not the pinned one: it is {shown}")
            return
        if self._hop.insecure:
            return
        host, port = self._hop.known_as
        judgement = self._known.judge(host, port, key)
        objection = None
        if judgement.standing is not Standing.REVOKED and transport.host_key.public_blob is not None:
            objection = self._certificate_objection(transport.host_key.public_blob.key_blob)
            if objection is None:
                return
        if judgement.standing is Standing.KNOWN:
            return
        if judgement.standing is Standing.UNKNOWN and objection is None:
            self._meet(key, shown)
            return
        raise HostKeyRejected(self._refusal(judgement, shown, objection))

    def _certificate_objection(self, blob: bytes) -> str | None:
        certificate = certificates.load(blob)
        if certificate is None:
            return "it cannot be read"
        host, port = self._hop.known_as
        authority = certificates.authority_of(certificate)
        revoked = self._known.revocation(host, port, authority)
        if revoked is not None:
            return f"its authority is revoked in {revoked.where}"
        trusted = [entry.key for entry in self._known.authorities(host, port)]
        return certificates.objection(certificate, host, trusted, time.time())

    def _refusal(self, judgement: Judgement, shown: str, objection: str | None) -> str:
        place, entry = self._hop.place, judgement.entry
        if judgement.standing is Standing.REVOKED and entry is not None:
            return f"the host key of {place} is revoked in {entry.where}: {shown}"
        if objection is not None:
            return f"the host certificate of {place} is not valid: {objection}; its key is {shown}"
        assert entry is not None
        other = f"{_short(entry.key_type)} {fingerprint(entry.key)}"
        return (
            f"the host key of {place} is not the one in {entry.where}: it is {shown}, and {other} is known. "
            "Somebody may stand in between, or the server has a new key: ask who runs it, then remove that line, "
            f"or give --pin {shown.split()[-1]}"
        )

    def _meet(self, key: bytes, shown: str) -> None:
        """A host that nothing is known about."""
        place, host, port = self._hop.place, *self._hop.known_as
        accepted = self._hop.strictness == "accept-new"
        if self._hop.strictness == "ask" and self._ask is not None:
            accepted = self._asked(self._ask, shown)
        if not accepted:
            by = "".join(
                f" (the host is known by the authority in {entry.where} only, and shows no certificate)"
                for entry in self._known.authorities(host, port)[:1]
            )
            raise HostKeyRejected(
                f"the host key of {place} is not known{by}: {shown}; "
                f"if that is right, --pin {fingerprint(key)} accepts just this key, --accept-new-host-key stores it"
            )
        if not self._hop.known_hosts:
            self._notify(f"the host key of {place} is accepted, and stored nowhere: {shown}")
            return
        path = self._hop.known_hosts[0]
        hashed = self._hop.hash_names or KnownHosts(self._user).hashes_names
        found = remember(path, host, port, key, hashed=hashed)
        if found.standing in (Standing.CHANGED, Standing.REVOKED):
            raise HostKeyRejected(self._refusal(found, shown, None))
        if found.standing is Standing.UNKNOWN:
            self._notify(f"the host key of {place} is stored in {path}: {shown}")

    def _asked(self, ask: Ask, shown: str) -> bool:
        """Yes, no, or the fingerprint as somebody else told it."""
        text = (
            f"The host key of {self._hop.place} is not known: {shown}\n"
            "Is that right, and shall it be stored (yes, no, or the fingerprint you expect)? "
        )
        for attempt in range(1, _TRIES + 1):
            answer = ask(Question("host key", text, attempt, hidden=False))
            word = "" if answer is None else answer.reveal().strip()
            if word.lower() == "yes" or word == shown.split()[-1]:
                return True
            if answer is None or word.lower() == "no" or word.startswith("SHA256:"):
                return False
        return False


def remember(path: str, host: str, port: int, key: bytes, *, hashed: bool) -> Judgement:
    """Append a line, unless the host has got one by now; what the file said before.

    One write under a lock: the file never holds half a line, two connections do not add the same key, and of two that
    meet different keys at the same time only one is believed. Raises LocalFileError.
    """
    line = line_for(host, port, key, os.urandom(_SALT) if hashed else None)
    try:
        with contextlib.suppress(FileExistsError):
            os.makedirs(os.path.dirname(path) or ".", mode=0o700)
        with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0) as file:
            _lock(file.fileno())
            content = file.read() or b""
            found = KnownHosts(parse(content, path)).judge(host, port, key)
            if found.standing is Standing.UNKNOWN:
                file.write(line if not content or content.endswith(b"\n") else b"\n" + line)
            return found
    except OSError as error:
        reason = cause_of(error)
        raise LocalFileError(f"cannot store the host key of {name_of(host, port)} in {path}: {reason}") from error


def _lock(descriptor: int) -> None:
    """Raises OSError if another program keeps the lock for longer than writing a line takes."""
    until = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise OSError(errno.EWOULDBLOCK, "another program has locked it") from None
        time.sleep(_LOCK_LOOK)


def _read(path: str) -> tuple[KnownHost, ...]:
    """A file's lines; none where there is no file."""
    try:
        with open(path, "rb") as file:
            return tuple(parse(file.read(), path))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise LocalFileError(f"{path} cannot be read: {cause_of(error)}") from error


def _read_revoked(path: str) -> tuple[KnownHost, ...]:
    """A file that is not there could have named any key, so it is one to complain of, as for OpenSSH."""
    try:
        with open(path, "rb") as file:
            return tuple(parse_revoked(file.read(), path))
    except OSError as error:
        reason = cause_of(error)
        raise UsageError(f"ssh_config: RevokedHostKeys {path} cannot be read: {reason}") from error


def _short(key_type: str) -> str:
    """ED25519, ECDSA or RSA, as OpenSSH calls them in its messages."""
    return key_type.removeprefix("ssh-").partition("-")[0].upper()
