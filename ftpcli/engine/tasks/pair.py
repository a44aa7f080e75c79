"""A directory and its counterpart, before and after both were listed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ftpcli.engine.compare.names import EXACT, Folding
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.model import Listing

NOTHING = Listing(())


@dataclass(frozen=True)
class Pair:
    """A directory and its counterpart. ``target_exists`` is None for a root, of which nobody knows yet.

    Without ``source`` it is a directory that only the target has, about to be deleted with all that is in it;
    ``owner`` is then the nearest directory above it that both sides have. ``prefix`` is the part of ``shown`` above
    the root, which filters do not see. ``lazy``: the target is made only if something goes into it. ``whole``: compared
    with all that is below it, whatever ``Rules.only`` says. ``trail``: how links led here, where they are followed.
    ``mode``: what the target gets in the end if it is made; ``opens``: what one that is there needs before anything can
    be put into it.
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
    folding: Folding = EXACT
