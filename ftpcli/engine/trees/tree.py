"""One side of a run: the contract that the local disk and a server both keep, so that tasks speak of source and target.

Paths are those of the side: local ones, or paths on the server relative to the login directory. Every method raises
FtpcliError: LocalFileError about the disk, Refused and its kin about the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ftpcli.engine.compare.names import Folding
from ftpcli.engine.job import Root, Side
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.trees.make_link import Kept
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import Session

Answer = TypeVar("Answer")


class Ask(Protocol):
    """Puts one question to the server, again where the connection was lost meanwhile.

    As long as ``progress()`` grows from one try to the next, the count of tries begins anew.
    """

    def __call__(self, question: Callable[[Session], Answer], progress: Callable[[], int] = lambda: 0, /) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Named:
    """A source that the command line named, and that is there. A link is followed, as by every other tool."""

    path: str
    entry: Entry


class Tree(Protocol):
    """See the module."""

    @property
    def side(self) -> Side: ...

    # What is there

    def named(self, root: Root, *, modes: bool) -> Sequence[Named]:
        """The sources that a root names; ``modes``: with their permission bits. Raises where there is none."""
        ...

    def own_name(self, path: str) -> str:
        """The name that what is at ``path`` gets in a folder; empty for what is named as a directory's content."""
        ...

    def is_directory(self, path: str) -> bool: ...
    def look(self, path: str) -> Entry | None:
        """What is at ``path``; None where nothing is."""
        ...

    def list(self, path: str) -> Listing: ...
    def list_if_there(self, path: str, *, expected: bool) -> Listing | None:
        """A directory, or None where there is none. ``expected``: it was listed, so that it is there."""
        ...

    # Symbolic links in it

    def followed(self, path: str, listing: Listing, trail: LinkTrail | None) -> Followed:
        """The listing with links as what they lead to. ``trail``: how links led to ``path``."""
        ...

    def with_link_texts(self, path: str, listing: Listing) -> Listing:
        """The listing with what its links say."""
        ...

    def with_texts_like(self, source: Listing, path: str, listing: Listing) -> Listing:
        """The same, where a link that means what the source's means says so in the source's words."""
        ...

    def unmasked(self, path: str, listing: Listing) -> Listing:
        """The listing with links as links: what they lead to is not ours to empty."""
        ...

    # Names

    def keeps_name(self, name: str) -> bool:
        """False where this side would list a file of this name under another one."""
        ...

    def folding(self, folder: str, *, look_only: bool) -> Folding:
        """Which names are one in ``folder``, or where it will be made; with ``look_only`` without writing anything."""
        ...

    # Changing it

    def require_within(self, path: str) -> None:
        """Raises where a symbolic link below the root leads elsewhere: what the run has listed at ``path`` is not there
        now. The methods below look themselves."""
        ...

    def make_directory(self, path: str, mode: int | None) -> bool:
        """Make a directory and its parents; False where it is there already. ``mode``: permission bits that it gets
        at once where the side can do that."""
        ...

    def make_parents(self, path: str) -> None:
        """Make the directory that ``path`` is to be in, where nothing else would make it."""
        ...

    def open_directory(self, path: str, mode: int) -> None:
        """Give a directory that is there the permission bits without which nothing can be put into it."""
        ...

    def set_mode(self, path: str, mode: int) -> str:
        """Set permission bits; why that could not be done, or nothing."""
        ...

    def make_link(self, path: str, text: str, *, replaces: bool, kept: Kept | None) -> None:
        """Make a symbolic link that says ``text``. ``replaces``: another link is in its place, which ``kept`` moves
        away in time where it is to be kept."""
        ...

    def rename(self, path: str, target: str, listed: Entry) -> None:
        """Raises also where the new name is taken, or where the file is not what was listed."""
        ...

    def remove(self, path: str, kind: Kind) -> None:
        """Delete a file, a link or an empty directory."""
        ...

    def sweep(self, part: str) -> None:
        """Delete a part file that a run left; one that is gone is fine."""
        ...
