"""Lists a directory and its counterpart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftpcli.engine.compare.decide import is_empty
from ftpcli.engine.compare.names import without_unstable
from ftpcli.engine.tasks.context import TaskContext
from ftpcli.engine.tasks.pair import NOTHING, Listed, Pair
from ftpcli.engine.trees import links
from ftpcli.engine.trees.links import Followed
from ftpcli.engine.trees.tree import Tree
from ftpcli.errors import NoDigests
from ftpcli.model import Kind, Listing


@dataclass(frozen=True)
class ListPair:
    """List both sides of a directory; a missing target is made (not in a dry run).

    If the run deletes, an empty source is listed a second time when the target is not empty: a false empty listing
    would do the most damage.
    """

    pair: Pair

    @property
    def shown(self) -> str:
        return self.pair.shown or "."

    def run(self, context: TaskContext) -> Listed:
        pair, rules = self.pair, context.job.rules
        if "checksum" in (rules.compare, rules.verify):
            self._look_for_digests(context)
        source, target = context.source(self.shown), context.target(self.shown)
        if pair.source is None:
            return Listed(pair, NOTHING, target.unmasked(pair.target, target.list(pair.target)), made=False)
        found = self._source(source, pair.source, target, rules.symlinks)
        there, made = self._target(target, found.listing, context)
        if rules.delete and not is_empty(there) and is_empty(found.listing) and not found.listing.problems:
            found = self._if_still_empty(self._source(source, pair.source, target, rules.symlinks), found)
        names = target.same_names(pair.target, found.listing, there, look_only=rules.dry_run)
        return Listed(pair, found.listing, there, made, found, names)

    def _look_for_digests(self, context: TaskContext) -> None:
        """Raises NoDigests, before anything is changed."""
        job, host = context.job, context.shared.host
        if host.offers_digests is None:
            offers = context.worker.insist(self.shown, lambda session: bool(session.capabilities.digests))
            host.offers_digests = offers
        if job.rules.strict_compare and not host.offers_digests:
            raise NoDigests(
                f"{job.endpoint.place} offers no digests (HASH, XSHA256 and the like; over SFTP check-file), which "
                "--strict-compare demands; nothing was changed"
            )

    def _source(self, tree: Tree, path: str, target: Tree, symlinks: str) -> Followed:
        listing = without_unstable(tree.list(path), target.keeps_name)
        if symlinks == links.FOLLOW:
            return tree.followed(path, listing, self.pair.trail)
        return Followed(tree.with_link_texts(path, listing) if symlinks == links.COPY else listing)

    @staticmethod
    def _if_still_empty(second: Followed, first: Followed) -> Followed:
        if is_empty(second.listing):
            return first
        doubt = "its first listing was empty, its second one was not"
        return replace(second, listing=replace(second.listing, doubt=doubt))

    def _target(self, tree: Tree, source: Listing, context: TaskContext) -> tuple[Listing, bool]:
        """The target's listing, and whether the directory was just made (in a dry run: would have been)."""
        pair, rules = self.pair, context.job.rules
        if pair.target_exists is not False:
            listing = self._listed_target(tree, source, context)
            if listing is not None:
                return listing, False
        if pair.lazy:
            return NOTHING, False
        if not rules.dry_run:
            new = tree.make_directory(pair.target, pair.mode)
            if rules.delete and not new:
                # It exists after all. Until it can be listed, what to delete in it is unknown.
                listing = self._seen(tree, tree.list(pair.target), source, context)
                doubt = "it was not found at first, and is there" if listing.entries else listing.doubt
                return replace(listing, doubt=doubt), True
        return NOTHING, True

    def _listed_target(self, tree: Tree, source: Listing, context: TaskContext) -> Listing | None:
        pair = self.pair
        if pair.opens is not None and not context.job.rules.dry_run:
            tree.open_directory(pair.target, pair.opens)
        listing = tree.list_if_there(pair.target, expected=bool(pair.target_exists))
        return None if listing is None else self._seen(tree, listing, source, context)

    def _seen(self, tree: Tree, listing: Listing, source: Listing, context: TaskContext) -> Listing:
        """The target's listing, with information on links as far as copying or deleting needs it."""
        rules, path = context.job.rules, self.pair.target
        if rules.symlinks == links.COPY:
            return tree.with_texts_like(source, path, listing)
        kept = {entry.name for entry in source.entries if entry.kind is Kind.DIR}
        losing = any(entry.kind is Kind.DIR and entry.name not in kept for entry in listing.entries)
        return tree.unmasked(path, listing) if rules.delete and losing else listing
