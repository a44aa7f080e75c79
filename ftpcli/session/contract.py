"""What the engine needs of a session, whatever the protocol underneath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Capabilities, Digest, Entry, Listing, Secret, TlsFacts
from ftpcli.net.pump import Reader, Writer
from ftpcli.part_names import PartStyle

_MOST_NAMED = 5  # changes that are in doubt

OnMoved = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a finished transfer knows of itself. ``confirmed`` is False where the other side never said "I am done"
    on the data connection: then only a look at the result decides. ``mode``: the permission bits of what was written,
    where the server told them in passing."""

    bytes: int
    confirmed: bool
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class TimeSet:
    """What became of setting a file's time; true if it was done. ``told``: the time it has now, in seconds since 1970,
    where the server says that with its answer."""

    done: bool
    told: float | None = None

    def __bool__(self) -> bool:
        return self.done


class Source(Protocol):
    """One file being read from the server. Leaving the context normally closes in order and checks the final reply;
    leaving it by an exception aborts and marks the session unhealthy."""

    def pump_to(self, file: Writer, on_moved: OnMoved) -> None: ...
    def finish(self) -> Moved:
        """Close in order, wait for the final reply. Raises FtpcliError unless all is well."""
        ...

    def __enter__(self) -> Source: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sink(Protocol):
    """One file being written to the server; contract as for Source."""

    def pump_from(self, file: Reader, on_moved: OnMoved) -> None: ...
    def finish(self) -> Moved: ...
    def __enter__(self) -> Sink: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file as it was read. ``mtime``: its time right after, in seconds since 1970, where the server tells."""

    content: bytes | bytearray
    mtime: float | None


@dataclass(frozen=True, slots=True)
class ToStore:
    """``mtime``: the time that the file shall have, in seconds since 1970; None leaves it to the server. ``created``:
    the most permission bits that it has when it is made; ``mode``: those that it shall have, where they matter."""

    path: str
    content: bytes
    mtime: float | None
    created: int | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that the server has whole. ``mtime``: the time that it has there, in seconds since 1970; None where that
    is not the one it was given. ``mode``: its permission bits, where the server tells them."""

    mtime: float | None
    mode: int | None = None


class Pipelined(Protocol):
    """Several small files at once: their requests go out together, and share packets and round trips.

    None stands for whatever did not go as it should: the file is then asked for by itself, which tells why. Methods
    raise what ends the connection, and Stopped; what was done until then nobody knows.
    """

    @property
    def largest(self) -> int:
        """The size of the longest file that is small, in bytes."""
        ...

    def fetch(self, files: Sequence[tuple[str, int]]) -> Sequence[Fetched | None]:
        """Files by path and size."""
        ...

    def store(self, files: Sequence[ToStore]) -> Sequence[Stored | None]:
        """What is there under these names is replaced."""
        ...

    def rename(self, pairs: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """As ``Session.rename``; whether it was done."""
        ...


class Session(Protocol):
    """A login. Paths are relative to the login directory, or absolute with a leading slash.

    Every method raises FtpcliError. After ConnectionLost, PeerProtocolError, a timeout or an abort ``healthy`` is
    False and the session is only good for ``close``.
    """

    capabilities: Capabilities

    @property
    def healthy(self) -> bool: ...
    @property
    def pipelined(self) -> Pipelined | None:
        """None where the protocol, or this server, takes one file after the other."""
        ...

    def tls_facts(self) -> TlsFacts | None: ...
    def list(self, path: str) -> Listing: ...
    def stat(self, path: str) -> Entry:
        """Raises NotFound."""
        ...

    def is_file(self, path: str) -> bool:
        """Whether a file is known to be there: False where the server does not tell it from a directory for sure."""
        ...

    def examine(self, path: str) -> Entry:
        """As ``stat``, with permission bits, and a symbolic link shown as one, as far as the server can be asked; costs
        FTP more. Raises NotFound, Unsupported."""
        ...

    def size(self, path: str) -> int | None:
        """Bytes; None where the server does not tell. Raises NotFound."""
        ...

    def mtime(self, path: str) -> float | None:
        """A file's exact modification time, in seconds since 1970 UTC; None where the server does not tell."""
        ...

    def open_read(self, path: str, offset: int) -> Source: ...
    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """``length`` bytes of a file from ``offset`` on, fewer only at its end. FTP has to break a download off for
        that unless it is the file's end, and the session is not ``healthy`` then. Raises NotFound, Refused and
        Unsupported."""
        ...

    def open_write(self, path: str, offset: int, mode: int | None = None) -> Sink:
        """``mode``: the most permission bits of a file that this makes, where the protocol can say so."""
        ...

    def free_bytes(self, directory: str, wanted: int) -> int | None:
        """How many bytes this user may still write in a directory; None where the server does not tell. An answer of a
        moment ago serves again where it is far above ``wanted``."""
        ...

    def mkdir(self, path: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def rmdir(self, path: str) -> None: ...
    def rename(self, path: str, target: str) -> None: ...
    def set_mtime(self, path: str, seconds: float) -> TimeSet:
        """Give a file this modification time, in seconds since 1970."""
        ...

    def set_mode(self, path: str, mode: int) -> bool:
        """Set the permission bits (0o777). False where the server has no way to do that. Raises Refused."""
        ...

    def symlink(self, path: str, target: str) -> None:
        """Make a symbolic link that says ``target``, as far as the server lets it. Raises Unsupported, Refused."""
        ...

    def list_links(self, path: str) -> Listing:
        """A directory by the command that shows symbolic links as such and with what they say, as far as the server
        tells. Raises NotFound, Refused."""
        ...

    def follow(self, path: str) -> Entry:
        """What a symbolic link leads to: a file or a directory. Raises NotFound."""
        ...

    def absolute(self, path: str) -> str:
        """``path`` from the server's root on, where the login directory is known."""
        ...

    def digest(self, path: str) -> Digest | None:
        """Of the whole file, as the server computes it, by the best algorithm that it offers; None where it offers
        none. Raises NotFound, and Refused where the server does not do it for this file."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life. Raises ConnectionLost."""
        ...

    def idle_seconds(self) -> float:
        """How long nothing was asked of the server."""
        ...

    def close(self) -> None:
        """Say goodbye if possible, close in any case. Never raises."""
        ...

    def cut(self) -> None:
        """End every wait of this session at once; may be called from another thread."""
        ...


@dataclass
class HostMemory:
    """What the sessions of one run have learnt about one server, so that each fact costs its commands only once.

    Shared by all workers' threads without a lock: each change is one atomic assignment or one operation on a set,
    dict or list, every value is one that any session can work with, and a command that has worked counts before what is
    ``unsupported``, so the order in which threads learn does not matter.

    ``here``: the server's address is one of this machine's own. ``shows_itself``: by listing command, whether its
    listings have a line for the directory itself. ``empty_looks``: by command and directory, how often it was seen
    empty, for listings that a lost connection interrupts. ``zone_ahead``: seconds by which its LIST is ahead of UTC.
    ``sizes_directories``: FTP's SIZE answers for directories, too. ``unsupported``: purposes for which the server has
    no working command. ``resumes_uploads``, ``resumes_downloads``: False once it refused to, or mixed up what came of
    it. ``new_file_mode``: permission bits that uploads have there. ``part_style``: the names of part files that worked;
    ``refuses_replacing``: none of them can take the place of what is there; ``loses_parts``: under no name are they
    there afterwards. ``renames_replace``: renaming a file to a name that is taken replaces what has it.
    ``ssh_secrets``: passphrases and passwords that were asked for and were right, by key file or ``user@host:port``.
    ``in_doubt``: changes that were called done by a server whose replies do not fit its commands, and that it may have
    refused.
    """

    here: bool | None = None
    logged_in: bool = False
    data_mode: str | None = None
    shows_itself: dict[str, bool] = field(default_factory=dict)
    empty_looks: dict[tuple[str, str], int] = field(default_factory=dict)
    zone_ahead: float | None = None
    sizes_directories: bool | None = None
    time_command: str | None = None
    digest_command: str | None = None
    offers_digests: bool | None = None
    mode_command: str | None = None
    symlinks: bool = False
    reads_telnet: bool | None = None
    unsupported: set[str] = field(default_factory=set)
    resumes_uploads: bool = True
    resumes_downloads: bool = True
    new_file_mode: int | None = None
    part_style: PartStyle = PartStyle.HIDDEN
    refuses_replacing: bool = False
    loses_parts: bool = False
    renames_replace: bool | None = None
    ssh_secrets: dict[str, Secret] = field(default_factory=dict)
    in_doubt: list[str] = field(default_factory=list)

    def doubt(self, place: str) -> PeerProtocolError | None:
        """What to tell the user of changes that are in doubt. To be asked when all sessions are closed."""
        if not self.in_doubt:
            return None
        named = ", ".join(self.in_doubt[:_MOST_NAMED]) + (" and more" if len(self.in_doubt) > _MOST_NAMED else "")
        return PeerProtocolError(
            f"{place} sent more replies than it was sent commands, and one of them is a refusal: "
            f"look whether this was done: {named}"
        )


Notify = Callable[[str], None]
