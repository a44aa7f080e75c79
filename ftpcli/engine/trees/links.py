"""Symbolic links in a tree: their texts, what they lead to, and loops when they are followed.

A link's text is the path stored in it, as readlink(2) returns it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ftpcli.engine.trees import local
from ftpcli.engine.trees.folder_handle import Folders
from ftpcli.errors import FtpcliError, LocalFileError, NotFound, Refused, Unsupported
from ftpcli.model import Capabilities, Entry, Kind, Listing

SKIP, FOLLOW, COPY = "skip", "follow", "copy"
# As many as Linux follows in one path: ends loops that neither device numbers nor link texts reveal. A link whose text
# the server does not provide counts as several, because with two such links in one directory the number of paths
# doubles at each level.
_MOST_NESTED = 40
_UNKNOWN_TEXT_WEIGHT = 20


@dataclass(frozen=True, slots=True)
class LinkTrail:
    """The path down a source tree in which links are followed.

    ``places`` identifies the directory and those above it: by device and inode, or by the path on the server with links
    resolved as far as they are known. ``root`` is the tree's resolved path, ``real`` the directory's. ``nested`` counts
    the links that lead here; a link whose text is unknown counts several times.
    """

    root: str
    real: str
    places: tuple[object, ...]
    nested: int = 0


@dataclass(frozen=True)
class Followed:
    """A source listing with links replaced by what they lead to. A link that could not be followed remains a link.

    By name: ``trouble``, why a link could not be followed; ``outside``, where a link out of the tree leads; ``trails``,
    the trails of directories.
    """

    listing: Listing
    trouble: Mapping[str, FtpcliError] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    trails: Mapping[str, LinkTrail] = field(default_factory=dict)


class Asks(Protocol):
    """The part of a session that is needed to examine links."""

    @property
    def capabilities(self) -> Capabilities: ...
    def list_links(self, path: str) -> Listing: ...
    def follow(self, path: str) -> Entry: ...
    def absolute(self, path: str) -> str: ...


def follow_local(folders: Folders, folder: str, listing: Listing, trail: LinkTrail | None) -> Followed:
    """Follow the links of a local directory. Loops are detected by device and inode, so link texts are not needed.

    ``folders`` is told where each link leads: what is opened later is what was checked here.
    """
    if trail is None:
        real = os.path.realpath(folder)
        trail = LinkTrail(real, real, (local.identity(folder),))

    def lead(entry: Entry) -> Entry:
        path = os.path.join(folder, entry.name)
        found = local.look_behind(path, entry.name)
        if found is None:
            raise LocalFileError(f"the symbolic link {path} leads nowhere")
        return found

    def place(entry: Entry, *, linked: bool) -> tuple[object, str]:
        path = os.path.join(folder, entry.name)
        if not linked:
            return local.identity(path), os.path.join(trail.real, entry.name)
        real = os.path.realpath(path)
        folders.follow(path, real)
        return local.identity(real), real

    return _Following(trail, lead, place, LocalFileError).follow(listing)


def follow_remote(server: Asks, folder: str, listing: Listing, trail: LinkTrail | None) -> Followed:
    """Follow the links of a directory on the server, which alone can say what a link leads to. Loops are detected by
    resolving the links' texts against the path."""
    if trail is None:
        real = posixpath.normpath(server.absolute(folder) or ".")
        trail = LinkTrail(real, real, (real,))

    def lead(entry: Entry) -> Entry:
        path = posixpath.join(folder, entry.name)
        try:
            found = server.follow(path)
        except NotFound as error:
            message = f"the symbolic link {path} leads nowhere, or to what may not be read"
            raise NotFound(message, reply=error.reply) from error
        return replace(found, name=entry.name)

    def place(entry: Entry, *, linked: bool) -> tuple[object, str]:
        text = (entry.target if linked else None) or entry.name
        real = posixpath.normpath(posixpath.join(trail.real, text))
        return real, real

    return _Following(trail, lead, place, Refused).follow(with_links(server, folder, listing))


class _Following:
    """Follows the links of one directory. ``lead`` returns what a link leads to; ``place`` a directory's identity and
    its path with links resolved; ``failure`` is the error for a link that cannot be followed."""

    def __init__(
        self,
        trail: LinkTrail,
        lead: Callable[[Entry], Entry],
        place: Callable[..., tuple[object, str]],
        failure: type[FtpcliError],
    ) -> None:
        self._trail = trail
        self._lead = lead
        self._place = place
        self._failure = failure
        self._outside: dict[str, str] = {}
        self._trails: dict[str, LinkTrail] = {}

    def follow(self, listing: Listing) -> Followed:
        entries: list[Entry] = []
        trouble: dict[str, FtpcliError] = {}
        for entry in listing.entries:
            try:
                found = self._found(entry)
            except FtpcliError as error:
                if not _is_its_own(error):
                    raise
                trouble[entry.name] = error
                found = entry if entry.kind is Kind.LINK else replace(entry, kind=Kind.LINK)
            entries.append(found)
        return Followed(replace(listing, entries=tuple(entries)), trouble, self._outside, self._trails)

    def _found(self, entry: Entry) -> Entry:
        linked = entry.kind is Kind.LINK
        found = replace(self._lead(entry), followed=True) if linked else entry
        if linked or (self._trail.nested and found.kind is Kind.DIR):
            self._enter(entry, found)
        elif found.kind is Kind.DIR:
            identity, real = self._place(entry, linked=False)
            self._trails[entry.name] = LinkTrail(self._trail.root, real, (*self._trail.places, identity))
        return found

    def _enter(self, entry: Entry, found: Entry) -> None:
        linked, trail = entry.kind is Kind.LINK, self._trail
        identity, real = self._place(entry, linked=linked)
        if found.kind is Kind.DIR:
            told = self._failure is LocalFileError or entry.target is not None
            nested = trail.nested + (0 if not linked else 1 if told else _UNKNOWN_TEXT_WEIGHT)
            if identity in trail.places:
                what = "the symbolic link" if linked else "it"
                raise self._failure(f"{what} leads back to {real}, which it is in: a loop")
            if nested > _MOST_NESTED:
                raise self._failure("too many symbolic links lead here, one in the other; that is most likely a loop")
            self._trails[entry.name] = LinkTrail(trail.root, real, (*trail.places, identity), nested)
        if linked and not _is_within(real, trail.root):
            self._outside[entry.name] = real


def _is_its_own(error: FtpcliError) -> bool:
    """Whether the error concerns this link only, and neither the connection nor the run."""
    return isinstance(error, (Refused, Unsupported, LocalFileError)) and error.retry is Refused.retry


def _is_within(path: str, root: str) -> bool:
    return path == root or root in ("/", ".") or path.startswith(f"{root}/")


def with_links(server: Asks, folder: str, listing: Listing) -> Listing:
    """The listing with all links of the directory and their texts. Where MLSD is in use, this takes a LIST as well.

    MLSD of ProFTPD and Pure-FTPd does not provide link texts, and ProFTPD's omits dangling links. pyftpdlib's shows a
    link as what it leads to, which is dangerous when a directory is deleted recursively.
    """
    if not server.capabilities.lists_facts:
        return listing
    told = server.list_links(folder)
    texts = link_texts(told)
    entries = [
        replace(entry, kind=Kind.LINK, target=texts[entry.name]) if entry.name in texts else entry
        for entry in listing.entries
    ]
    shown = {entry.name for entry in entries}
    entries += [Entry(name, Kind.LINK, target=text) for name, text in texts.items() if name not in shown]
    problems = dict.fromkeys((*listing.problems, *told.problems, *_unsettled(listing, told)))
    return replace(listing, entries=tuple(entries), problems=tuple(problems))


def link_texts(told: Listing) -> dict[str, str]:
    """What the symbolic links of a listing say, by name."""
    return {entry.name: entry.target for entry in told.entries if entry.kind is Kind.LINK and entry.target}


def _unsettled(listing: Listing, told: Listing) -> Iterator[str]:
    """Directories of MLSD that LIST does not show: ``ListOptions maxfiles`` of ProFTPD cuts LIST only, and says nothing
    of it."""
    shown = {entry.name for entry in told.entries}
    for entry in listing.entries:
        hidden = told.hides_dot_files and entry.name.startswith(".")
        if entry.kind is Kind.DIR and entry.name not in shown and not hidden:
            yield f"LIST does not show {entry.name}, so it may be a symbolic link"


def with_local_texts(folders: Folders, folder: str, listing: Listing) -> Listing:
    def text(entry: Entry) -> str:
        path = os.path.join(folder, entry.name)
        with local.translated("read the symbolic link", path):
            return local.read_link(folders.place(path))

    entries = tuple(
        replace(entry, target=text(entry)) if entry.kind is Kind.LINK else entry for entry in listing.entries
    )
    return replace(listing, entries=entries)


def same_text(source: Entry, target: Entry, folder: str) -> bool:
    """Whether a link in ``folder`` on the target has the same text as the source's, or an equivalent one.

    ProFTPD writes an absolute path into every link it makes. It is equivalent if it ends with the path to which the
    source's text leads from ``folder``.
    """
    if source.target is None or target.target is None:
        return False
    if source.target == target.target:
        return True
    if source.target.startswith("/") or not target.target.startswith("/"):
        return False
    meant = posixpath.normpath(posixpath.join(folder, source.target))
    return meant not in (".", "..") and not meant.startswith("../") and target.target.endswith(f"/{meant.lstrip('/')}")


def with_source_texts(source: Listing, target: Listing, folder: str) -> Listing:
    """The server's listing of ``folder``, with the source's text for each link that is equivalent to the source's."""
    links = {entry.name: entry for entry in source.entries if entry.kind is Kind.LINK}
    entries = tuple(
        replace(entry, target=links[entry.name].target)
        if entry.kind is Kind.LINK and entry.name in links and same_text(links[entry.name], entry, folder)
        else entry
        for entry in target.entries
    )
    return replace(target, entries=entries)
