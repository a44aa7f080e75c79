"""A directory and its counterpart, before and after both were listed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ftpcli.engine.compare.names import EXACT, SameNames
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.model import Listing

NOTHING = Listing(())


@dataclass(frozen=True)
class Pair:
    """A directory and its counterpart. ``target_exists`` is None for a root, for which it is not yet known.

    Without ``source`` it is a directory that only the target has, to be deleted with everything in it; ``owner`` is
    then the nearest directory above it that both sides have. ``prefix`` is the part of ``shown`` above the root, which
    filters do not see. ``lazy``: the target is made only if something goes into it. ``whole``: compared recursively,
    whatever ``Rules.only`` says. ``trail``: the links that led here, if links are followed. ``mode``: the permission
    bits that a new target gets in the end; ``opens``: those that an existing one needs before anything can be written
    into it.
    """

    source: str | None
    target: str
    shown: str
    target_exists: bool | None = None
    owner: str = ""
    prefix: str = ""
    lazy: bool = False
    whole: bool = False
    trail: LinkTrail | None = None
    mode: int | None = None
    opens: int | None = None


@dataclass(frozen=True)
class Listed:
    pair: Pair
    source: Listing
    target: Listing
    made: bool
    followed: Followed = field(default_factory=lambda: Followed(NOTHING))
    names: SameNames = EXACT
