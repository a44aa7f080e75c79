"""Trees as plain values: what a cell begins with, and what it must end with.

A path is relative to the home of its side, parts joined by ``/``. A file is its content, a directory is None.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

Tree = dict[str, bytes | None]

OLD, OLDER = 1_577_934_247.0, 1_546_300_811.0  # seconds since 1970: 2020-01-02, 2019-01-01
LARGE = 1_300_000  # worth resuming: see ``engine.transfer.outcome``
SEED = 20_260_101

# Ordinary names, and those that some client or server has been seen to trip over.
_SIZES = {
    "index.html": 733,
    "empty": 0,
    "one": 1,
    "large.bin": LARGE,
    "same.txt": 40,
    "two words.txt": 17,
    "übung.txt": 21,
    "report [1].txt": 30,
    "-v": 12,
    "Mixed.Case": 9,
    "docs/a.txt": 100,
    "docs/deep/b.txt": 65_537,
    "docs/.hidden": 8,
}


def site() -> Tree:
    """The tree that is sent or fetched; the same in every run."""
    rng = random.Random(SEED)
    files: Tree = {f"site/{name}": rng.randbytes(size) for name, size in _SIZES.items()}
    return {"site": None, "site/docs": None, "site/docs/deep": None, "site/void": None, **files}


def older_site() -> Tree:
    """What an earlier run may have left of it: files that changed, files that are gone from the source, and one that is
    the same."""
    new = site()
    return {
        "site": None,
        "site/docs": None,
        "site/stale": None,
        "site/index.html": b"an older page",
        "site/same.txt": new["site/same.txt"],
        "site/large.bin": b"was short once",
        "site/docs/a.txt": b"a, before",
        "site/gone.txt": b"not in the source",
        "site/docs/gone.txt": b"not in the source either",
        "site/stale/x.txt": b"nor its directory",
    }


def stranger() -> Tree:
    """What lies beside the site and belongs to nobody here."""
    return {"other": None, "other/keep.txt": b"keep me", "keep.txt": b"and me"}


def below(tree: Mapping[str, bytes | None], top: str) -> Tree:
    """The part of a tree at and below one path."""
    return {path: value for path, value in tree.items() if f"{path}/".startswith(f"{top}/")}


def without(tree: Mapping[str, bytes | None], *tops: str) -> Tree:
    gone = {path for top in tops for path in below(tree, top)}
    return {path: value for path, value in tree.items() if path not in gone}


def moved(tree: Mapping[str, bytes | None], old: str, new: str) -> Tree:
    """The same tree with ``old``, and what is below it, under another name."""
    part = below(tree, old)
    return {**without(tree, old), **{new + path[len(old) :]: value for path, value in part.items()}}


def put(root: Path, tree: Mapping[str, bytes | None], times: Mapping[str, float]) -> None:
    """Makes a tree on disk. Files without a time in ``times`` are OLD."""
    for path, value in sorted(tree.items()):
        place = root / path
        if value is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(value)
            os.utime(place, (times.get(path, OLD),) * 2)


def read(root: Path) -> Tree:
    tree: Tree = {}
    for path in root.rglob("*"):
        tree[str(path.relative_to(root))] = None if path.is_dir() else path.read_bytes()
    return tree
