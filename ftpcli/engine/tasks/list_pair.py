"""A directory and its counterpart, and the task that lists both."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from ftpcli.engine.compare.decide import is_empty
from ftpcli.engine.compare.names import EXACT, has_twins, without_changelings
from ftpcli.engine.job import Direction
from ftpcli.engine.tasks.pair import NOTHING, Listed, Pair
from ftpcli.engine.trees import links, local
from ftpcli.engine.trees.links import Followed
from ftpcli.engine.trees.name_folding import Foldings
from ftpcli.engine.trees.remote import make_directories
from ftpcli.engine.workers.worker import Questions, Worker
from ftpcli.errors import LocalFileError, NotFound, Refused
from ftpcli.model import Kind, Listing


@dataclass(frozen=True)
class ListPair:
    """List both sides of a directory; the target is made where it is missing (not in a dry run).

    Where things may be deleted, the server is asked again for a source that is empty while the target is not: such a
    listing, if it is wrong, costs most.
    """

    pair: Pair
    direction: Direction
    dry_run: bool
    symlinks: str = links.SKIP
    delete: bool = False
    foldings: Foldings | None = None

    def run(self, worker: Worker) -> Listed:
        path = self.pair.source
        server = Questions(worker, self.pair.shown or ".")
        if path is None:
            return Listed(self.pair, NOTHING, self._doomed(server), made=False)
        if self.direction is Direction.DOWNLOAD:
            source = self._remote_source(server, path)
            target, made = self._local_target()
            if self.delete and not is_empty(target) and is_empty(source.listing) and not source.listing.problems:
                source = self._second_look(server, path)
            if self.symlinks == links.COPY:
                target = links.with_local_texts(self.pair.target, target)
        else:
            source = self._local_source(path)
            target, made = self._remote_target(worker, server, source.listing)
        folding = EXACT
        if self.foldings is not None and has_twins(entry.name for entry in (*source.listing.entries, *target.entries)):
            folding = self.foldings.of(self.pair.target, look_only=self.dry_run)
        return Listed(self.pair, source.listing, target, made, source, folding)

    def _remote_source(self, server: Questions, path: str) -> Followed:
        listing = without_changelings(server.list(path), local.keeps_name)
        if self.symlinks == links.FOLLOW:
            return links.follow_remote(server, path, listing, self.pair.trail)
        return Followed(links.with_links(server, path, listing) if self.symlinks == links.COPY else listing)

    def _second_look(self, server: Questions, path: str) -> Followed:
        source = self._remote_source(server, path)
        if is_empty(source.listing):
            return source
        doubt = "it was empty in a first listing, and not in a second one"
        return replace(source, listing=replace(source.listing, doubt=doubt))

    def _local_source(self, path: str) -> Followed:
        listing = local.scan(path)
        if self.symlinks == links.FOLLOW:
            return links.follow_local(path, listing, self.pair.trail)
        return Followed(links.with_local_texts(path, listing) if self.symlinks == links.COPY else listing)

    def _doomed(self, server: Questions) -> Listing:
        path = self.pair.target
        if self.direction is Direction.DOWNLOAD:
            return local.scan(path)
        return links.with_links(server, path, server.list(path))

    def _unmasked(self, server: Questions, listing: Listing, source: Listing) -> Listing:
        """No directory that is to be deleted may be a link: what that leads to is not ours to empty."""
        kept = {entry.name for entry in source.entries}
        doomed = any(entry.kind is Kind.DIR and entry.name not in kept for entry in listing.entries)
        return links.with_links(server, self.pair.target, listing) if doomed else listing

    def _local_target(self) -> tuple[Listing, bool]:
        path = self.pair.target
        if self.pair.target_exists is not None:
            # The root may be a link, as whoever named it wants it; below it somebody else may have put one.
            there = local.look(path)
            if there is not None and there.kind is Kind.LINK:
                raise LocalFileError(f"a symbolic link is in the place of the directory {path}; remove that first")
            if self.pair.opens is not None and there is not None and not self.dry_run:
                local.set_mode(path, self.pair.opens)
        if self.pair.target_exists is not False and local.is_directory(path):
            return local.scan(path), False
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            # What becomes a private directory is private before anything is in it.
            local.make_directory(path, 0o777 if self.pair.mode is None else self.pair.mode & 0o777 | 0o700)
        return NOTHING, True

    def _remote_target(self, worker: Worker, server: Questions, source: Listing) -> tuple[Listing, bool]:
        if self.pair.target_exists is not False:
            try:
                return self._listed_target(worker, server, source), False
            except NotFound:
                if self.pair.target_exists:
                    raise
        if self.pair.lazy:
            return NOTHING, False
        if not self.dry_run:
            new = worker.insist(self.pair.shown or ".", lambda session: make_directories(session, self.pair.target))
            if self.delete and not new:
                # It is there: what is to be deleted in it nobody knows as long as it cannot be listed.
                listing = self._listed_target(worker, server, source)
                doubt = "it was not found at first, and is there" if listing.entries else listing.doubt
                return replace(listing, doubt=doubt), True
        return NOTHING, True

    def _listed_target(self, worker: Worker, server: Questions, source: Listing) -> Listing:
        path, opens = self.pair.target, self.pair.opens
        if opens is not None and not self.dry_run:
            with contextlib.suppress(Refused):  # what it leads to will be said
                worker.insist(self.pair.shown, lambda session: session.set_mode(path, opens))
        listing = server.list(path)
        if self.symlinks == links.COPY:
            return links.in_sources_words(source, links.with_links(server, path, listing), path)
        return self._unmasked(server, listing, source) if self.delete else listing
