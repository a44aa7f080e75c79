"""One side of a run: the contract of the local disk and the server, so that tasks only deal with source and target.

Paths are those of the side: local ones, or paths on the server relative to the login directory. Every method may raise
FtpcliError: LocalFileError about the disk; Refused, its subclasses and connection errors about the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ftpcli.engine.compare.names import SameNames
from ftpcli.engine.job import Root, Side
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.trees.make_link import Kept
from ftpcli.errors import FtpcliError
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import Session

Answer = TypeVar("Answer")


class Ask(Protocol):
    """Calls ``question`` with a session, and retries it if the connection is lost.

    The count of failures starts again when ``progress()``, in bytes and A_STEP for each step, has grown enough.
    """

    def __call__(self, question: Callable[[Session], Answer], progress: Callable[[], int] = lambda: 0, /) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Named:
    """An existing source that the command line named. A link is followed, as by every other tool."""

    path: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Sources:
    """What a root names. ``gaps``: by path, directories where a pattern may match more than is known."""

    named: Sequence[Named]
    gaps: Mapping[str, FtpcliError] = field(default_factory=dict)


class Tree(Protocol):
    """See the module."""

    @property
    def side(self) -> Side: ...

    # What is there

    def named(self, root: Root, *, modes: bool) -> Sources:
        """The sources that a root names; ``modes``: with their permission bits. Raises FtpcliError if there is none."""
        ...

    def own_name(self, path: str) -> str:
        """The name that ``path`` gets inside a target folder; empty if only the directory's content is meant."""
        ...

    def is_directory(self, path: str) -> bool: ...
    def look(self, path: str) -> Entry | None:
        """What is at ``path``; None if nothing is."""
        ...

    def list(self, path: str) -> Listing: ...
    def list_if_there(self, path: str, *, expected: bool) -> Listing | None:
        """A directory's listing, or None if it does not exist. ``expected``: an earlier listing shows that it does."""
        ...

    # Symbolic links in it

    def followed(self, path: str, listing: Listing, trail: LinkTrail | None) -> Followed:
        """The listing with links replaced by what they lead to. ``trail``: the links that led to ``path``."""
        ...

    def with_link_texts(self, path: str, listing: Listing) -> Listing:
        """The listing with the texts of its links."""
        ...

    def with_texts_like(self, source: Listing, path: str, listing: Listing) -> Listing:
        """The same, with the source's text for each link that is equivalent to the source's."""
        ...

    def unmasked(self, path: str, listing: Listing) -> Listing:
        """The listing with links shown as links, so that the directories they lead to are not emptied."""
        ...

    # Names

    def keeps_name(self, name: str) -> bool:
        """False if this side would list a file of this name under another name."""
        ...

    def same_names(self, folder: str, source: Listing, listing: Listing, *, look_only: bool) -> SameNames:
        """Which names of ``source`` and of ``folder``, which may not exist yet, are one here. ``listing``: the
        folder's; with ``look_only`` nothing is written."""
        ...

    # Changing it

    def make_directory(self, path: str, mode: int | None) -> bool:
        """Make a directory and its parents; False if it exists already. ``mode``: the permission bits that it gets at
        once if the side can do that."""
        ...

    def make_parents(self, path: str) -> None:
        """Make the parent directory of ``path``, if nothing else would make it."""
        ...

    def open_directory(self, path: str, mode: int) -> None:
        """Give an existing directory the permission bits it needs before anything can be put into it."""
        ...

    def set_mode(self, path: str, mode: int) -> str:
        """Set permission bits. Returns why that failed, or an empty string."""
        ...

    def make_link(self, path: str, text: str, *, replaces: bool, kept: Kept | None) -> None:
        """Make a symbolic link with the target ``text``. ``replaces``: another link is in its place, which ``kept``
        moves into the backup first."""
        ...

    def rename(self, path: str, target: str, listed: Entry) -> None:
        """Rename a file. Raises FtpcliError also if the new name is taken or the file is not as ``listed``."""
        ...

    def remove(self, path: str, kind: Kind) -> None:
        """Delete a file, a link or an empty directory."""
        ...

    def sweep(self, part: str) -> None:
        """Delete a part file that a run left; a missing one is no error."""
        ...
