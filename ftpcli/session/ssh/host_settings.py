"""What holds for one SSH host: the command line over ssh_config over ftpcli's defaults."""

from __future__ import annotations

import getpass
import glob
import logging
import os
import re
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ftpcli.errors import UsageError, cause_of
from ftpcli.model import DEFAULT_PORTS, Endpoint, Secret, SshSettings
from ftpcli.wire.ssh.config import Evaluation, Settings, Who, expand

log = logging.getLogger("ftpcli.ssh")

USER_CONFIG = "~/.ssh/config"
SYSTEM_CONFIG = "/etc/ssh/ssh_config"
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
DEFAULT_IDENTITIES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")

_FAMILIES = {"inet": 4, "inet6": 6, "any": None}
# "no" and "off" let anything pass in OpenSSH. Here they admit new hosts only: a key that changed is always refused.
_STRICTNESS = {"yes": "yes", "accept-new": "accept-new", "no": "accept-new", "off": "accept-new", "ask": "ask"}
# Host and user end up in a ProxyCommand, which a shell reads; OpenSSH refuses these too (CVE-2023-51385).
_FOR_SHELLS = re.compile(r"[\s'`\"$\\;&<>|(){}]|^-")
_TARGET = re.compile(r"(?:ssh://)?(?:(?P<user>.*)@)?(?:\[(?P<ip>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d+))?/?\Z")


@dataclass(frozen=True)
class Hop:
    """One SSH server on the way, the last one included, and how it is reached, trusted and logged in to.

    ``jumps``: hosts to go through first, as ProxyJump names them. ``known_as``: host and port under which known_hosts
    has it; ``hash_names`` there, even where nothing else is hashed. ``strictness``: "yes", "ask" or "accept-new".
    ``identities`` come from the command line or ssh_config; ``first`` of them, as many as were named on the command
    line, are tried before all others. ``agent`` is a socket.
    """

    host: str
    port: int
    user: str
    family: int | None
    known_as: tuple[str, int]
    known_hosts: tuple[str, ...]
    system_known_hosts: tuple[str, ...]
    revoked: tuple[str, ...]
    hash_names: bool
    strictness: str
    identities: tuple[str, ...]
    first: int
    certificates: tuple[str, ...]
    identities_only: bool
    agent: str | None
    jumps: tuple[str, ...]
    command: str | None
    keepalive: float
    password: Secret | None = None
    pins: tuple[str, ...] = ()
    insecure: bool = False

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def hop_of(endpoint: Endpoint) -> Hop:
    """The server that an endpoint names. Raises UsageError for a config that cannot be used."""
    ssh = endpoint.ssh
    user = None if "user" in ssh.unstated else endpoint.user
    port = None if "port" in ssh.unstated else endpoint.port
    return _Resolution(endpoint, endpoint.host, user, port).hop(target=True)


def jump_of(endpoint: Endpoint, text: str, before: tuple[str, ...]) -> Hop:
    """A host that ProxyJump names, reached through those ``before`` it. Its login is its own: the endpoint's user,
    password, keys and pins are for the server at the end."""
    found = _TARGET.match(text)
    if found is None:
        raise UsageError(f"ProxyJump {text}: this is not [user@]host[:port]")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:  # the resolver would take the rest of a division
        raise UsageError(f"ProxyJump {text}: ports go from 1 to 65535")
    return _Resolution(endpoint, found["ip"] or found["host"], found["user"], port).hop(target=False, before=before)


class _Resolution:
    """Reads the files for one host."""

    def __init__(self, endpoint: Endpoint, name: str, user: str | None, port: int | None) -> None:
        self._endpoint = endpoint
        self._ssh: SshSettings = endpoint.ssh
        self._name = name
        self._local_user = _local_user()
        self._settings = read_config(self._ssh.config, Who(name, user, self._local_user))
        self.user = user or self._word("user") or self._local_user
        self.port = port or self._number("port", 65535) or DEFAULT_PORTS["sftp"]
        renamed = self._word("hostname")
        self.host = name if renamed is None else expand(renamed, {"h": name})
        self._tokens = {
            "d": os.path.expanduser("~"),
            "h": self.host,
            "i": str(os.getuid()),
            "k": self._word("hostkeyalias") or name,
            "L": socket.gethostname().partition(".")[0],
            "l": socket.gethostname(),
            "n": name,
            "p": str(self.port),
            "r": self.user,
            "u": self._local_user,
        }

    def hop(self, *, target: bool, before: tuple[str, ...] = ()) -> Hop:
        ssh, endpoint = self._ssh, self._endpoint
        stated = ssh.identities if target else ()
        alias = self._word("hostkeyalias")
        command, jumps = self._way()
        return Hop(
            host=self.host,
            port=self.port,
            user=self.user,
            family=self._family(),
            known_as=(alias, DEFAULT_PORTS["sftp"]) if alias else (self.host, self.port),
            known_hosts=(ssh.known_hosts,) if ssh.known_hosts else self._paths("userknownhostsfile", USER_KNOWN_HOSTS),
            system_known_hosts=self._paths("globalknownhostsfile", SYSTEM_KNOWN_HOSTS),
            revoked=self._paths("revokedhostkeys", ()),
            hash_names=self._flag("hashknownhosts"),
            strictness="accept-new" if ssh.accept_new_host_key else self._strictness(),
            identities=(*stated, *self._paths("identityfile", () if stated else DEFAULT_IDENTITIES)),
            first=len(stated),
            certificates=self._paths("certificatefile", ()),
            identities_only=self._flag("identitiesonly"),
            agent=self._agent() if ssh.agent else None,
            jumps=before or jumps,
            command=None if before else command,
            keepalive=self._keepalive(),
            password=endpoint.password if target else None,
            pins=ssh.pins if target else (),
            insecure=ssh.insecure and target,
        )

    def _word(self, keyword: str) -> str | None:
        return self._settings.word(keyword)

    def _number(self, keyword: str, most: int) -> int | None:
        word = self._word(keyword)
        if word is None:
            return None
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= most):
            raise UsageError(f"ssh_config: {keyword} {word} is not a number up to {most}")
        return int(word)

    def _flag(self, keyword: str) -> bool:
        word = (self._word(keyword) or "no").lower()
        if word not in ("yes", "no", "true", "false"):
            raise UsageError(f"ssh_config: {keyword} {word} is neither yes nor no")
        return word in ("yes", "true")

    def _paths(self, keyword: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """File names, expanded; ``none`` stands for no file."""
        words = self._settings.words(keyword)
        if not words:
            return tuple(os.path.expanduser(path) for path in default)
        return tuple(self._path(word) for word in words if word.lower() != "none")

    def _path(self, word: str) -> str:
        return os.path.expanduser(expand(word, self._tokens, os.environ))

    def _strictness(self) -> str:
        word = (self._word("stricthostkeychecking") or "ask").lower()
        return _STRICTNESS.get(word, "yes")

    def _family(self) -> int | None:
        if "family" not in self._ssh.unstated:
            return self._endpoint.family
        return _FAMILIES.get((self._word("addressfamily") or "any").lower())

    def _keepalive(self) -> float:
        found = self._number("serveraliveinterval", 10**9 - 1) if "keepalive" in self._ssh.unstated else None
        return found or self._endpoint.timing.keepalive

    def _agent(self) -> str | None:
        word = self._word("identityagent") or "SSH_AUTH_SOCK"
        if word == "SSH_AUTH_SOCK":
            return os.environ.get("SSH_AUTH_SOCK") or None
        if word.lower() == "none":
            return None
        return os.environ.get(word[1:]) if re.fullmatch(r"\$\w+", word) else self._path(word)

    def _way(self) -> tuple[str | None, tuple[str, ...]]:
        """ProxyCommand and ProxyJump, whichever the files set first."""
        command, jump = self._word("proxycommand"), self._word("proxyjump")
        if command is not None and command.lower() != "none":
            # %n, and %k without an alias, is the name as it was typed.
            for what, text in (("host name", self._name), ("host name", self.host), ("user", self.user)):
                if _FOR_SHELLS.search(text):
                    raise UsageError(f"the {what} {text!r} holds characters that must not get into a ProxyCommand")
            return expand(command, self._tokens), ()
        if jump is not None and jump.lower() != "none":
            return None, tuple(expand(part.strip(), self._tokens) for part in jump.split(","))
        return None, ()


def read_config(choice: str | None, who: Who) -> Settings:
    """``choice`` as in ``SshSettings.config``. Raises UsageError for a file that was named and cannot be read."""
    if choice is not None and choice.lower() == "none":
        return Settings()
    user_folder = os.path.expanduser("~/.ssh")
    evaluation = Evaluation(who, partial(_included, user_folder), log.debug)
    if choice is not None:
        text = _text(choice, checked=False)
        if text is None:
            raise UsageError(f"there is no ssh_config {choice}")
        evaluation.read(text, choice)
        return evaluation.settings
    for path, folder in ((USER_CONFIG, user_folder), (SYSTEM_CONFIG, os.path.dirname(SYSTEM_CONFIG))):
        path = os.path.expanduser(path)
        evaluation.include_from(partial(_included, folder))
        text = _text(path, checked=path.startswith(user_folder))
        if text is not None:
            evaluation.read(text, path)
    return evaluation.settings


def _included(folder: str, pattern: str) -> Iterator[tuple[str, str]]:
    """The files of an Include, in the order of their names; none at all is no mistake, as in OpenSSH, which trusts no
    included file that others can write, whoever includes it."""
    for path in sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern)))):
        text = _text(path, checked=True) if os.path.isfile(path) else None
        if text is not None:
            yield text, path


def _text(path: str, *, checked: bool) -> str | None:
    """A file's text; None where there is no such file. ``checked``: nobody else may be able to write into it, since
    it can name commands to run."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            status = os.fstat(file.fileno())
            if checked and (status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.getuid())):
                raise UsageError(
                    f"{path} can be written by others, and it can name commands to run: "
                    "chmod go-w it, or leave it out with --ssh-config none"
                )
            return file.read().replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {cause_of(error)}") from error


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        return str(os.getuid())
