"""The server's side of a run."""

from __future__ import annotations

import contextlib
import posixpath
from functools import partial

from ftpcli.engine.compare.names import SameNames
from ftpcli.engine.job import Root, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.trees import links, remote
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.trees.make_link import Kept, RemoteLink
from ftpcli.engine.trees.name_aliases import find_aliases
from ftpcli.engine.trees.named import named_on_server
from ftpcli.engine.trees.remove import Removal
from ftpcli.engine.trees.tree import Ask, Sources
from ftpcli.errors import FtpcliError, NotFound, Refused
from ftpcli.model import Capabilities, Entry, Kind, Listing


class RemoteTree:
    """``Tree`` through a session, for one task. Each question is retried by itself, so that even a server which drops
    the connection after every few commands answers them all in the end."""

    side = Side.REMOTE

    def __init__(self, ask: Ask, journal: Journal | None = None) -> None:
        self._ask = ask
        self._journal = journal or Journal()
        self._links = _LinkQuestions(ask)

    # What is there

    def named(self, root: Root, *, modes: bool) -> Sources:
        return self._ask(lambda session: named_on_server(session, root, modes=modes))

    def own_name(self, path: str) -> str:
        return posixpath.basename(path.rstrip("/")) or "download"

    def is_directory(self, path: str) -> bool:
        return self._ask(lambda session: remote.is_directory_at(session, path))

    def look(self, path: str) -> Entry | None:
        try:
            return self._ask(lambda session: session.stat(path))
        except NotFound:
            return None

    def list(self, path: str) -> Listing:
        return self._ask(lambda session: session.list(path))

    def list_if_there(self, path: str, *, expected: bool) -> Listing | None:
        try:
            return self.list(path)
        except NotFound:
            if expected:  # a 550 reply may also mean "not allowed"
                raise
            return None

    # Symbolic links in it

    def followed(self, path: str, listing: Listing, trail: LinkTrail | None) -> Followed:
        return links.follow_remote(self._links, path, listing, trail)

    def with_link_texts(self, path: str, listing: Listing) -> Listing:
        return links.with_links(self._links, path, listing)

    def with_texts_like(self, source: Listing, path: str, listing: Listing) -> Listing:
        return links.with_source_texts(source, self.with_link_texts(path, listing), path)

    def unmasked(self, path: str, listing: Listing) -> Listing:
        return self.with_link_texts(path, listing)

    # Names

    def keeps_name(self, name: str) -> bool:  # noqa: ARG002  (shows in its listings; see ``compare.names.rewritten``)
        return True

    def same_names(self, folder: str, source: Listing, listing: Listing, *, look_only: bool) -> SameNames:  # noqa: ARG002  (nothing is written)
        return find_aliases(source, listing, lambda name: self.look(self.side.join(folder, name)))

    # Changing it

    def make_directory(self, path: str, mode: int | None) -> bool:  # noqa: ARG002  (MKD says nothing of permissions)
        return self._ask(lambda session: remote.make_directories(session, path))

    def make_parents(self, path: str) -> None:
        if folder := posixpath.dirname(path):
            self.make_directory(folder, None)

    def open_directory(self, path: str, mode: int) -> None:
        with contextlib.suppress(Refused):  # what then cannot be written will be reported
            self._ask(lambda session: session.set_mode(path, mode))

    def set_mode(self, path: str, mode: int) -> str:
        return self._ask(lambda session: remote.mode_problem(session, path, mode))

    def make_link(self, path: str, text: str, *, replaces: bool, kept: Kept | None) -> None:
        link = RemoteLink(path, text, self._journal, replaces=replaces, kept=kept)
        try:
            self._ask(link.attempt, link.progress)
        except FtpcliError:
            link.give_up()
            raise

    def rename(self, path: str, target: str, listed: Entry) -> None:  # noqa: ARG002  (the server's word was just asked)
        self._ask(remote.RemoteRename(path, target).attempt)

    def remove(self, path: str, kind: Kind) -> None:
        self._ask(Removal(path, kind).attempt)

    def sweep(self, part: str) -> None:
        self._ask(partial(remote.sweep, path=part))


class _LinkQuestions:
    """``links.Asks``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def capabilities(self) -> Capabilities:
        return self._ask(lambda session: session.capabilities)

    def list_links(self, path: str) -> Listing:
        return self._ask(lambda session: session.list_links(path))

    def follow(self, path: str) -> Entry:
        return self._ask(lambda session: session.follow(path))

    def absolute(self, path: str) -> str:
        return self._ask(lambda session: session.absolute(path))
