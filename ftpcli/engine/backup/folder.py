"""Where a run keeps what it deletes and replaces: a dated folder, which must not be part of the mirrored tree."""

from __future__ import annotations

import itertools
import os
import posixpath
from collections.abc import Iterator
from datetime import datetime, timezone

from ftpcli.engine.job import Side
from ftpcli.engine.trees.local import real_path
from ftpcli.errors import UsageError


def backup_folder(side: Side, directory: str, target: str, now: float) -> str:
    """The folder of a run that begins ``now`` (seconds since 1970): ``DIRECTORY/2026-11-21T074012Z``.

    ``directory`` and ``target`` are both on ``side``. Raises UsageError where one would get into the other.
    """
    if not directory:
        raise UsageError("--backup-dir names no folder")
    folder = posixpath.join(directory, datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H%M%SZ"))
    within = _within_on_disk if side is Side.LOCAL else _within_on_server
    if within(directory, target):
        raise UsageError(
            f"--backup-dir {directory} is the mirrored tree {target or '.'} or inside it; name a folder outside of it"
        )
    if within(target, folder):
        raise UsageError(f"the target {target or '.'} is inside the backup folder {folder}; name another --backup-dir")
    return folder


def _within_on_disk(path: str, tree: str) -> bool:
    """Whether ``path`` is ``tree`` or inside it, by whatever names; neither has to exist yet."""
    path, tree = real_path(path), real_path(tree)
    while not _same(path, tree):
        above = os.path.dirname(path)
        if above == path:
            return False
        path = above
    return True


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _within_on_server(path: str, tree: str) -> bool:
    """The same by the names alone. Raises UsageError where these do not tell."""
    (above, inner), (tree_above, tree_inner) = _taken_apart(path), _taken_apart(tree)
    if above != tree_above:
        raise UsageError(
            f"whether {path or '.'} and {tree or '.'} overlap on the server cannot be told; "
            "write --backup-dir and the target the same way, both from / or both from the login directory"
        )
    return inner[: len(tree_inner)] == tree_inner


def _taken_apart(path: str) -> tuple[str, list[str]]:
    """Where a path starts ("/", the login directory, or so many directories above that), and its names from there."""
    names = posixpath.normpath(path).split("/") if path else []
    if path.startswith("/"):
        return "/", [name for name in names if name]
    names = [name for name in names if name != "."]
    above = names.count("..")  # after normpath these are all in front
    return "../" * above, names[above:]


def numbered(place: str) -> Iterator[str]:
    """The place itself, and then with numbers."""
    yield place
    for number in itertools.count(1):
        yield f"{place}.{number}"
