"""The keys that can be offered to a server, in the order in which they are offered."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ftpcli.errors import FtpcliError, PeerProtocolError, Stopped
from ftpcli.model import Question, Secret, SshSettings
from ftpcli.session.contract import HostMemory
from ftpcli.session.ssh.agent import Agent, AgentKey
from ftpcli.session.ssh.host_certificates import SUFFIX
from ftpcli.session.ssh.host_settings import DEFAULT_IDENTITIES, Hop
from ftpcli.session.ssh.key_files import KeyFile, KeyUnusable, NeedsPassphrase, certificate_beside, public_from
from ftpcli.wire.ssh.known_hosts import fingerprint, key_type_of
from ftpcli.wire.ssh.types import Reader

log = logging.getLogger("ftpcli.ssh")

_TRIES = 3  # at a passphrase, as in OpenSSH
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_OBSOLETE = ("ssh-dss",)  # no server of these days takes it, and every offer counts


class CannotSign(Exception):
    """This key is of no use now; the text says why, for the user."""


@dataclass
class Identity:
    """One public key or certificate to offer, and who signs for it. ``name`` is for messages.

    ``public`` is None for an encrypted file that does not show its public half; it is known after ``unlock``.
    ``held``: the key by which the agent knows it, where that is not ``public``.
    """

    name: str
    public: bytes | None
    file: KeyFile | None = None
    agent: Agent | None = None
    held: bytes | None = None
    certificate: bool = False

    def algorithm(self, accepted: Sequence[str]) -> str:
        """The signature algorithm. ``accepted`` by the server (server-sig-algs, RFC 8308), or nothing if it did not
        say. An RSA key has two; SHA-1 is not among them."""
        key_type = key_type_of(self.public or b"") or ""
        if "rsa" not in key_type:
            return key_type
        name = next((name for name in _RSA if name in accepted), _RSA[0])
        return name + SUFFIX if key_type.endswith(SUFFIX) else name

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """Raises CannotSign, Stopped. A file must be unlocked."""
        if self.file is not None:
            return self.file.sign(data, algorithm.removesuffix(SUFFIX))
        assert self.agent is not None
        assert self.public is not None
        try:
            return self.agent.sign(self.held or self.public, data, algorithm)
        except Stopped:
            raise
        except FtpcliError as error:
            raise CannotSign(f"{error.message} with {self.name}") from error


class Identities:
    """Everything that may be offered to one hop. ``problems``: what the user should know of, for messages."""

    def __init__(self, hop: Hop, agent: Agent | None, memory: HostMemory, ssh: SshSettings) -> None:
        self.problems: list[str] = []
        self._hop = hop
        self._agent = agent
        self._memory = memory
        self._ssh = ssh

    def in_order(self) -> Iterator[Identity]:
        """In OpenSSH's order: keys of the configured files that the agent holds, the agent's other keys, the files.
        Only the files of ``--identity`` come first of all: the keys of a full agent must not use up the attempts that
        the server allows. A certificate comes before its key, and nothing is offered twice."""
        held = self._held()
        stated = list(self._from_files(self._hop.identities[: self._hop.first], held))
        files = list(self._from_files(self._hop.identities[self._hop.first :], held))
        signed_by_agent = [identity for identity in files if identity.agent is not None]
        configured = {identity.public for identity in (*stated, *files)}
        others = [
            Identity(f"{key.comment or fingerprint(key.public)} (agent)", key.public, agent=self._agent)
            for key in held.values()
            if not (self._hop.identities_only or key.public in configured or key_type_of(key.public) in _OBSOLETE)
        ]
        seen: set[bytes] = set()
        for identity in (*stated, *signed_by_agent, *others, *(found for found in files if found.agent is None)):
            if identity.public is None or identity.public not in seen:
                if identity.public is not None:
                    seen.add(identity.public)
                yield identity

    def _held(self) -> dict[bytes, AgentKey]:
        if self._agent is None:
            return {}
        try:
            return {key.public: key for key in self._agent.identities()}
        except Stopped:
            raise
        except FtpcliError as error:
            self.problems.append(error.message)
            return {}

    def _from_files(self, paths: Iterable[str], held: dict[bytes, AgentKey]) -> Iterator[Identity]:
        stated = self._hop.identities[: self._hop.first]
        usual = {os.path.expanduser(path) for path in DEFAULT_IDENTITIES}
        for path in paths:
            try:
                file = KeyFile(path)
            except FileNotFoundError:
                public = public_from(f"{path}.pub") or public_from(path)
                if public in held:  # the private half is with the agent alone
                    yield Identity(path, public, agent=self._agent)
                elif path in stated or path not in usual:
                    self.problems.append(f"there is no key {path}")
                continue
            except KeyUnusable as error:
                public = public_from(path)
                if public in held:  # IdentityFile may name a public key, to choose one of the agent's
                    yield Identity(path, public, agent=self._agent)
                    continue
                self.problems.append(str(error))
                continue
            in_agent = file.public in held
            signer, agent = (None, self._agent) if in_agent else (file, None)
            for certificate in self._certificates(file):
                name = f"the certificate of {path}"
                yield Identity(name, certificate, signer, agent, file.public, certificate=True)
            yield Identity(path, file.public, signer, agent)

    def _certificates(self, file: KeyFile) -> Iterator[bytes]:
        """Beside the key, or named by CertificateFile."""
        beside = certificate_beside(file.path)
        named = (public_from(path) for path in self._hop.certificates)
        for blob in (beside, *named):
            if blob is not None and (blob is beside or _certifies(blob, file.public)):
                yield blob

    def unlock(self, identity: Identity) -> None:
        """Make an identity ready to sign; asks for a passphrase if need be. Raises CannotSign."""
        file = identity.file
        if file is None:
            return
        known = self._memory.ssh_secrets.get(file.path)
        try:
            file.unlock(known.reveal() if known is not None else None)
        except NeedsPassphrase:
            self._unlock_with_answers(file)
        except KeyUnusable as error:
            raise CannotSign(str(error)) from error
        if not identity.certificate:
            identity.public = file.public

    def _unlock_with_answers(self, file: KeyFile) -> None:
        wrong = ""
        for answer, where in self._answers(file):
            try:
                file.unlock(answer.reveal())
            except NeedsPassphrase:
                wrong = f"the passphrase{where} does not fit the key {file.path}"
                log.debug("%s", wrong)
            except KeyUnusable as error:
                raise CannotSign(str(error)) from error
            else:
                self._memory.ssh_secrets[file.path] = answer
                return
        raise CannotSign(
            wrong
            or f"there is no passphrase for the key {file.path}: "
            "FTPCLI_PASSPHRASE, --passphrase-command, the system's keyring or an ssh-agent helps"
        )

    def _answers(self, file: KeyFile) -> Iterator[tuple[Secret, str]]:
        """Passphrases, and words for where each was, for a message."""
        prompt = f"Passphrase for the key {file.path}: "
        if self._ssh.passphrase is not None:
            yield self._ssh.passphrase(), ""
        elif self._ssh.keyring is not None and (stored := self._ssh.keyring(os.path.abspath(file.path))) is not None:
            yield stored, " in the system's keyring"
            prompt = f"The passphrase in the system's keyring does not fit.\n{prompt}"
        for attempt in range(1, _TRIES + 1):
            question = Question("passphrase", prompt, attempt)
            answer = self._ssh.ask(question) if self._ssh.ask is not None else None
            if answer is None:
                return
            yield answer, ""


def _certifies(certificate: bytes, public: bytes | None) -> bool:
    """Whether a certificate is for this key: behind its type and nonce stand the key's own fields."""
    if public is None or key_type_of(certificate) != (key_type_of(public) or "") + SUFFIX:
        return False
    reader, key = Reader(certificate), Reader(public)
    try:
        reader.string(), reader.string(), key.string()
    except PeerProtocolError:
        return False
    return reader.rest.startswith(key.rest)


def describe(identities: Iterable[Identity]) -> str:
    """Names for a message."""
    names = [identity.name for identity in identities]
    return f"the key{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else "no key"
