"""The commands of the matrix: what each begins with, how it is typed, and what it must come to."""

from __future__ import annotations

import os
import posixpath
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from tests.matrix.law import World, key_of
from tests.matrix.places import Place
from tests.matrix.trees import OLD, OLDER, SEED, Tree, below, moved, older_site, site, stranger, without

PAGE = random.Random(SEED + 1).randbytes(733)  # another page of the same size
SOON = 120.0

Expected = Callable[[World, Place], World]


@dataclass(frozen=True)
class Command:
    """``typed``: the arguments, given the place and the local folder. ``local`` and ``remote``: the trees before.
    ``expected``: the trees after. ``prints``: standard output, as lines in any order (a set) or as it is (bytes).
    ``changes``: what happens to the source before the command is run once more; None: it is run once."""

    name: str
    typed: Callable[[Place, Path], list[str]]
    expected: Expected
    local: Tree = field(default_factory=dict)
    remote: Tree = field(default_factory=dict)
    prints: Callable[[World], bytes | set[str]] | None = None
    changes: Callable[[Place, Path], None] | None = None
    cut: bool = False


def older_times(tree: Mapping[str, bytes | None]) -> dict[str, float]:
    """The times of files that an earlier run left: all but one are older than the source's."""
    return {path: OLD if path.endswith("same.txt") else OLDER for path in tree}


# What must come of it -------------------------------------------------------------------------------------------------


def nothing(before: World, _: Place) -> World:
    return before


def uploaded(part: Tree, before: World, place: Place) -> World:
    """``part`` is on the server, in place of what had its names."""
    key = key_of(place.names)
    new = {key(path) for path, value in part.items() if value is not None or path not in before.remote}
    kept = {path: value for path, value in before.remote.items() if key(path) not in new}
    folders = {key(path) for path, value in kept.items() if value is None}
    added = {path: value for path, value in part.items() if value is not None or key(path) not in folders}
    return replace(before, remote={**kept, **added})


def _all_up(before: World, place: Place) -> World:
    return uploaded(below(before.local, "site"), before, place)


def _same_up(before: World, place: Place) -> World:
    there = _as_stored(before, place, "site")
    return replace(before, remote={**without(before.remote, there), **below(before.local, "site")})


def _all_down(before: World, place: Place) -> World:
    return replace(before, local={**before.local, **_fetched(before, place)})


def _same_down(before: World, place: Place) -> World:
    return replace(before, local={**without(before.local, "site"), **_fetched(before, place)})


def _fetched(before: World, place: Place) -> Tree:
    """The server's site, under the name that was typed."""
    there = _as_stored(before, place, "site")
    return moved(below(before.remote, there), there, "site")


def _as_stored(before: World, place: Place, path: str) -> str:
    """A path as the server spells it."""
    key = key_of(place.names)
    return next(there for there in before.remote if key(there) == key(path))


def _one_up(name: str, target: str) -> Expected:
    return lambda before, place: uploaded({target: before.local[name]}, before, place)


def _one_down(name: str, target: str) -> Expected:
    def expected(before: World, place: Place) -> World:
        content = before.remote[_as_stored(before, place, name)]
        return replace(before, local={**before.local, target: content})

    return expected


def _matching(tree: Tree, pattern: str) -> list[str]:
    folder = posixpath.dirname(pattern)
    return [path for path in tree if posixpath.dirname(path) == folder and fnmatchcase(path, pattern)]


def _globbed_down(before: World, _: Place) -> World:
    found = {posixpath.basename(path): before.remote[path] for path in _matching(before.remote, "site/*.txt")}
    return replace(before, local={**before.local, **found})


def _globbed_away(before: World, _: Place) -> World:
    return replace(before, remote=without(before.remote, *_matching(before.remote, "site/*.txt")))


def _removed(top: str) -> Expected:
    def expected(before: World, place: Place) -> World:
        return replace(before, remote=without(before.remote, _as_stored(before, place, top)))

    return expected


def _renamed(old: str, new: str) -> Expected:
    def expected(before: World, place: Place) -> World:
        return replace(before, remote=moved(before.remote, _as_stored(before, place, old), new))

    return expected


def _names(top: str, *, deep: bool) -> Callable[[World], set[str]]:
    def printed(before: World) -> set[str]:
        found = next(path for path in before.remote if path.casefold() == top)
        inside = {path[len(found) + 1 :] for path in below(before.remote, found) if path != found}
        return inside if deep else {name for name in inside if "/" not in name}

    return printed


# What happens to a source between two runs ----------------------------------------------------------------------------


def _edit_local(_: Place, root: Path) -> None:
    """Two minutes later: a page has changed without a change of its size, one file is gone, another one is new."""
    page = root / "site/index.html"
    page.write_bytes(PAGE)
    os.utime(page, (time.time() + SOON,) * 2)
    (root / "site/one").unlink()
    new = root / "site/docs/new.txt"
    new.write_bytes(b"new")
    os.utime(new, (OLD,) * 2)  # a file of this moment would be waited for, until it cannot change unseen any more


def _edit_remote(place: Place, _: Path) -> None:
    """The same on the server."""
    place.write("site/index.html", PAGE, float(int(time.time() + SOON)))
    place.remove("site/one")
    place.write("site/docs/new.txt", b"new", OLD)


# The commands ---------------------------------------------------------------------------------------------------------

SITE, OLD_SITE = {**site(), **stranger()}, {**older_site(), **stranger()}
TWINS: Tree = {
    "site": None,
    "site/Logo.png": b"capital",
    "site/logo.png": b"small",
    "site/ü": b"composed",
    "site/u\u0308": b"decomposed",
    "site/end": b"no dot",
    "site/end.": b"a dot",
}
NEW_CASE: Tree = {"site": None, "site/logo.png": b"the logo", "site/a.txt": b"a", "site/b.txt": b"b"}
OLD_CASE: Tree = {"site": None, "site/Logo.png": b"the logo", "site/a.txt": b"a", "site/b.txt": b"b"}

COMMANDS: tuple[Command, ...] = (
    Command("ls", lambda p, _: ["ls", "-a", p.url("site")], nothing, remote=SITE, prints=_names("site", deep=False)),
    Command(
        "ls -R", lambda p, _: ["ls", "-a", "-R", p.url("site")], nothing, remote=SITE, prints=_names("site", deep=True)
    ),
    Command(
        "cat",
        lambda p, _: ["cat", p.url("site/index.html")],
        nothing,
        remote=SITE,
        prints=lambda _: site()["site/index.html"] or b"",
    ),
    Command(
        "cat, cut once",
        lambda p, _: ["cat", p.url("site/large.bin")],
        nothing,
        remote=SITE,
        prints=lambda _: site()["site/large.bin"] or b"",
        cut=True,
    ),
    Command(
        "get",
        lambda p, root: ["get", p.url("site/two words.txt"), "-d", str(root)],
        _one_down("site/two words.txt", "two words.txt"),
        stranger(),
        SITE,
    ),
    Command(
        "get, cut once",
        lambda p, root: ["get", p.url("site/large.bin"), "-o", str(root / "large.bin")],
        _one_down("site/large.bin", "large.bin"),
        stranger(),
        SITE,
        cut=True,
    ),
    Command("get -r", lambda p, root: ["get", "-r", p.url("site"), "-d", str(root)], _all_down, stranger(), SITE),
    Command(
        "get glob",
        lambda p, root: ["get", p.url("site/*.txt", quoted=False), "-d", str(root)],
        _globbed_down,
        stranger(),
        SITE,
    ),
    Command(
        "put",
        lambda p, root: ["put", str(root / "site/index.html"), p.url("site/new.html")],
        _one_up("site/index.html", "site/new.html"),
        SITE,
        OLD_SITE,
    ),
    Command(
        "put over a file",
        lambda p, root: ["put", str(root / "site/index.html"), p.url("site/index.html")],
        _one_up("site/index.html", "site/index.html"),
        SITE,
        OLD_SITE,
    ),
    Command(
        "put an empty file over a file",
        lambda p, root: ["put", str(root / "site/empty"), p.url("site/gone.txt")],
        _one_up("site/empty", "site/gone.txt"),
        SITE,
        OLD_SITE,
    ),
    Command(
        "put on a directory",
        lambda p, root: ["put", str(root / "site/index.html"), p.url("site/docs")],
        _one_up("site/index.html", "site/docs/index.html"),
        SITE,
        OLD_SITE,
    ),
    Command(
        "put, cut once",
        lambda p, root: ["put", str(root / "site/large.bin"), p.url("site/large.bin")],
        _one_up("site/large.bin", "site/large.bin"),
        SITE,
        OLD_SITE,
        cut=True,
    ),
    Command("put -r", lambda p, root: ["put", "-r", str(root / "site"), p.url("")], _all_up, SITE, OLD_SITE),
    Command("put -r twins", lambda p, root: ["put", "-r", str(root / "site"), p.url("")], _all_up, TWINS, stranger()),
    Command(
        "mirror up",
        lambda p, root: ["mirror", str(root / "site"), p.url("site")],
        _all_up,
        SITE,
        OLD_SITE,
        changes=_edit_local,
    ),
    Command(
        "mirror up --delete",
        lambda p, root: ["mirror", "--delete", str(root / "site"), p.url("site")],
        _same_up,
        SITE,
        OLD_SITE,
        changes=_edit_local,
    ),
    Command(
        "mirror up --delete, new case",
        lambda p, root: ["mirror", "--delete", str(root / "site"), p.url("site")],
        _same_up,
        NEW_CASE,
        {**OLD_CASE, **stranger()},
    ),
    Command(
        "mirror down",
        lambda p, root: ["mirror", p.url("site"), str(root / "site")],
        _all_down,
        OLD_SITE,
        SITE,
        changes=_edit_remote,
    ),
    Command(
        "mirror down --delete",
        lambda p, root: ["mirror", "--delete", p.url("site"), str(root / "site")],
        _same_down,
        OLD_SITE,
        SITE,
        changes=_edit_remote,
    ),
    Command("rm -r", lambda p, _: ["rm", "-r", p.url("site/docs")], _removed("site/docs"), remote=SITE),
    Command("rm glob", lambda p, _: ["rm", p.url("site/*.txt", quoted=False)], _globbed_away, remote=SITE),
    Command(
        "mkdir -p",
        lambda p, _: ["mkdir", "-p", p.url("site/made/deep")],
        lambda before, place: uploaded({"site/made": None, "site/made/deep": None}, before, place),
        remote=SITE,
    ),
    Command(
        "mv",
        lambda p, _: ["mv", p.url("site/docs/a.txt"), p.url("site/void/b.txt")],
        _renamed("site/docs/a.txt", "site/void/b.txt"),
        remote=SITE,
    ),
    Command(
        "mv directory",
        lambda p, _: ["mv", p.url("site/docs"), p.url("site/papers")],
        _renamed("site/docs", "site/papers"),
        remote=SITE,
    ),
)
