"""The frozen values that every layer speaks. No behaviour beyond what follows from the fields themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

DEFAULT_PORTS = {"ftp": 21, "ftpes": 21, "ftps": 990, "sftp": 22}

MAX_ENTRIES = 2_000_000
"""Entries of one directory, on every protocol: a server that lists more is taken to list without end."""


class Kind(Enum):
    """What a directory entry is."""

    FILE = "file"
    DIR = "dir"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory, local or remote.

    ``name`` is one path component; bytes that the encoding cannot read stand as surrogate escapes.
    ``size`` is in bytes. ``mtime`` is in seconds since 1970 UTC and is the *start* of the interval the listing
    leaves open: ``precision`` is that interval's length in seconds (1 for MLSD, 60 or 86400 for LIST).
    ``mtime_is_utc`` is False where a LIST line shows the server's own zone, which it does not tell. ``target`` is what
    a symbolic link says. ``followed``: the name is a link's, and all else is of what that leads to.
    """

    name: str
    kind: Kind
    size: int | None = None
    mtime: float | None = None
    precision: float = 1.0
    mtime_is_utc: bool = True
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    target: str | None = None
    followed: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One directory as the server told it.

    ``problems``: why it is not the whole directory, or may not be. What was read is real and can be worked with, but
    whoever asked must be told, and nothing may be deleted because it is not listed.
    ``doubt``: why nothing may be deleted on its word although nothing seems to be missing. With ``hides_dot_files``
    that holds for names with a leading dot only.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    doubt: str = ""
    hides_dot_files: bool = False

    @property
    def whole(self) -> bool:
        return not self.problems

    @property
    def gap(self) -> str:
        """The problems in one line; empty if there are none."""
        if not self.problems:
            return ""
        more = len(self.problems) - 1
        return f"{self.problems[0]} (and {more} more like this)" if more else self.problems[0]

    @classmethod
    def of(cls, entries: Sequence[Entry], problems: Sequence[str] = ()) -> Listing:
        """A listing with each name once. A name that comes twice is a problem: which of the two is the file that will
        be read, or deleted, is not known."""
        if len({entry.name for entry in entries}) == len(entries):
            return cls(tuple(entries), tuple(problems))
        once: dict[str, Entry] = {}
        twice: dict[str, None] = {}
        for entry in entries:
            if once.setdefault(entry.name, entry) is not entry:
                twice[entry.name] = None
        told = tuple(f"the name {name!a} is listed twice" for name in twice)
        return cls(tuple(once.values()), (*problems, *told))


class Secret:
    """A password that does not show itself in ``repr``, logs or tracebacks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"


class TlsMode(Enum):
    """When TLS starts on the control connection (RFC 4217; implicit: port 990 by custom)."""

    NONE = "none"
    EXPLICIT = "explicit"
    IMPLICIT = "implicit"


@dataclass(frozen=True)
class TlsSettings:
    """``pins`` are ``sha256:HEX`` digests of the certificate or of its public key; they replace CA and host name."""

    cafile: str | None = None
    pins: tuple[str, ...] = ()
    cert: str | None = None
    key: str | None = None
    minimum: str = "1.2"
    maximum: str = "1.3"
    insecure: bool = False


@dataclass(frozen=True)
class DataSettings:
    """How data connections are made. ``mode``: auto, epsv, pasv, eprt, port; ``pasv_address``: auto, reply, peer;
    ``ascii``: files are text."""

    active: bool = False
    mode: str = "auto"
    active_ports: tuple[int, int] | None = None
    active_address: str | None = None
    pasv_address: str = "auto"
    ascii: bool = False


@dataclass(frozen=True)
class Timing:
    """All in seconds. ``idle``: to connect, and with no byte moved. ``keepalive`` 0 turns it off."""

    idle: float = 60.0
    final_reply: float = 60.0
    keepalive: float = 30.0
    keepalive_in_transfer: str = "auto"


@dataclass(frozen=True)
class Question:
    """What an SSH login may need to know from the user.

    ``kind``: "passphrase", "password", "host key", or "prompt" for a server's own question, whose answer serves only
    once; the others are for every connection of the run. ``text`` is the prompt. ``attempt`` counts from 1 as answers
    turn out wrong. ``hidden``: must not be echoed.
    """

    kind: str
    text: str
    attempt: int = 1
    hidden: bool = True


# None: no answer was given. Called from any thread; it asks one question at a time, and raises Stopped.
Ask = Callable[[Question], Secret | None]


@dataclass(frozen=True)
class SshSettings:
    """How an SSH server is trusted and logged in to.

    ``identities``: private key files. ``known_hosts`` takes the place of the user's file. ``config``: an ssh_config in
    place of the user's and the system's, or "none". ``pins``: ``SHA256:BASE64`` fingerprints of host keys; they
    replace known_hosts. ``unstated``: which of "user", "port", "family" and "keepalive" are mere defaults in the
    endpoint, for ssh_config to replace. ``passphrase`` fetches one for encrypted keys, and may run a command;
    ``keyring`` looks one up by the key file's absolute path, where ``passphrase`` is None. ``ask`` is None where there
    is no terminal.
    """

    identities: tuple[str, ...] = ()
    known_hosts: str | None = None
    accept_new_host_key: bool = False
    config: str | None = None
    agent: bool = True
    pins: tuple[str, ...] = ()
    insecure: bool = False
    unstated: frozenset[str] = frozenset()
    passphrase: Callable[[], Secret] | None = field(default=None, compare=False, repr=False)
    keyring: Callable[[str], Secret | None] | None = field(default=None, compare=False, repr=False)
    ask: Ask | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Endpoint:
    """Everything needed to log in to one server. ``family``: 4, 6, or None for whatever resolves."""

    scheme: str
    host: str
    port: int
    user: str = "anonymous"
    password: Secret | None = None
    tls: TlsMode = TlsMode.NONE
    tls_settings: TlsSettings = TlsSettings()
    data: DataSettings = DataSettings()
    ssh: SshSettings = SshSettings()
    timing: Timing = Timing()
    family: int | None = None
    encoding: str = "utf-8"

    @property
    def place(self) -> str:
        """``host:port`` for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def url(self, path: str) -> str:
        """A URL-like name for ``path`` on this server, for people to read; never holds the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        if self.scheme == "sftp":  # whose paths are absolute in a URL
            path = path.removeprefix("/") if path.startswith("/") else f"~/{path}"
        return f"{self.scheme}://{host}{port}/{path}"


@dataclass(frozen=True)
class TlsFacts:
    """What TLS settled on, on a control connection and the data connections opened under it so far."""

    version: str
    cipher: str
    certificate_sha256: str
    subject: str
    data_connections: int = 0
    data_resumed: int = 0
    data_resumed_last: bool | None = None


@dataclass(frozen=True)
class Capabilities:
    """What the server says it can do (FEAT, RFC 2389; SFTP's extensions). ``lists_facts``: it has MLSD. ``digests``:
    algorithms, the best one first. ``creates_with_mode``: a file can be made with permission bits."""

    features: frozenset[str] = frozenset()
    lists_facts: bool = False
    digests: tuple[str, ...] = ()
    creates_with_mode: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """``algorithm`` as hashlib names it (sha256, sha512, sha1, md5), or crc32; ``value`` in lower-case hexadecimal."""

    algorithm: str
    value: str
