"""The law that every cell is judged by, and that knows nothing of how the program works.

Right: exit 0, and both sides are what the command was to make of them. Refused: another exit code, and each path of
each side is as it was or as it was to be; nothing else is there but part files. Anything else is wrong.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ftpcli.part_names import PART_SUFFIX
from tests.matrix.trees import Tree
from tests.servers.scripted.name_rules import EXACT, NameRules

RIGHT, REFUSED = "right", "refused"

Key = Callable[[str], str]
_GONE = "nothing"


@dataclass(frozen=True)
class World:
    local: Tree
    remote: Tree


def key_of(names: NameRules) -> Key:
    """Equal for paths that are one file on that server."""
    if names is EXACT:
        return lambda path: path
    return lambda path: "/".join(names.key(names.stored(name)) for name in path.split("/"))


def judge(before: World, expected: World, after: World, code: int, names: NameRules) -> str:
    """RIGHT, REFUSED, or what is wrong."""
    sides: tuple[tuple[str, Tree, Tree, Tree, Key], ...] = (
        ("local", before.local, expected.local, after.local, key_of(EXACT)),
        ("remote", before.remote, expected.remote, after.remote, key_of(names)),
    )
    check = _differs if code == 0 else _lost
    for side, was, to_be, now, key in sides:
        if problem := check(was, to_be, now, key):
            return f"exit {code}, {side}: {problem}"
    return RIGHT if code == 0 else REFUSED


def _differs(_was: Tree, to_be: Tree, now: Tree, key: Key) -> str:
    wanted = _by_key({path: value for path, value in to_be.items() if not _is_part(path)}, key)
    there = _by_key(now, key)
    for path, values in wanted.items():
        if len(values) > 1:
            return f"two files of the source are one here: {path}"
        if path not in there:
            return f"{path} is missing"
        if there[path] != values:
            return f"{path} is {_shown(there[path])}, not {_shown(values)}"
    extra = sorted(there.keys() - wanted.keys())
    return f"{extra} should not be there" if extra else ""


def _lost(was: Tree, to_be: Tree, now: Tree, key: Key) -> str:
    was = {path: value for path, value in was.items() if not _is_part(path)}  # of an earlier run, which may go on
    old, new, there = _by_key(was, key), _by_key(to_be, key), _by_key(now, key)
    for path in sorted(old.keys() | new.keys()):
        if _is_part(path):
            continue
        allowed = old.get(path, {_GONE}) | new.get(path, {_GONE})
        found = there.get(path, {_GONE})
        if not found <= allowed:
            return f"{path} is {_shown(found)}, and was {_shown(old.get(path, {_GONE}))}"
    strange = [path for path in there.keys() - old.keys() - new.keys() if not _is_part(path)]
    if strange:
        return f"{sorted(strange)} came from nowhere"
    # What moves is at one of its two places.
    kept = set().union(*old.values()) & set().union(*new.values(), set()) if old else set()
    lost = kept - set().union(*there.values(), set())
    return f"content is nowhere any more: {_shown(lost)}" if lost else ""


def _by_key(tree: Mapping[str, bytes | None], key: Key) -> dict[str, set[bytes | str | None]]:
    found: dict[str, set[bytes | str | None]] = {}
    for path, value in tree.items():
        found.setdefault(key(path), set()).add(value)
    return found


def _is_part(path: str) -> bool:
    return posixpath.basename(path).lower().endswith(PART_SUFFIX)


def _shown(values: set[bytes | str | None]) -> str:
    return " or ".join(
        "a directory" if value is None else value if isinstance(value, str) else f"{len(value)} bytes {value[:12]!r}"
        for value in sorted(values, key=repr)
    )
