"""What a run is to do: immutable values that the command line creates and the engine reads."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from enum import Enum

from ftpcli.errors import FtpcliError, LocalFileError, Refused
from ftpcli.model import Endpoint


class Side(Enum):
    """Where one of the two trees of a run is."""

    LOCAL = "local"
    REMOTE = "remote"

    def join(self, folder: str, name: str) -> str:
        """The path of an entry of a directory."""
        if self is Side.LOCAL:
            return os.path.join(folder, name)
        return posixpath.join(folder, name) if folder else name

    def split(self, path: str) -> tuple[str, str]:
        """The directory and the name of a path."""
        return os.path.split(path) if self is Side.LOCAL else posixpath.split(path)

    def refusal(self, message: str) -> FtpcliError:
        """The error to report when this side does not allow something."""
        return LocalFileError(message) if self is Side.LOCAL else Refused(message)


class Direction(Enum):
    """Which side is the source. The values are the action names used in events."""

    DOWNLOAD = "download"
    UPLOAD = "upload"

    @property
    def source(self) -> Side:
        return Side.REMOTE if self is Direction.DOWNLOAD else Side.LOCAL

    @property
    def target(self) -> Side:
        return Side.LOCAL if self is Direction.DOWNLOAD else Side.REMOTE

    def local_and_remote(self, source: str, target: str) -> tuple[str, str]:
        """The path on this machine and the one on the server."""
        return (target, source) if self is Direction.DOWNLOAD else (source, target)


@dataclass(frozen=True)
class Root:
    """One source and its target, as named on the command line. Exactly one of the two is on the server.

    ``glob``: patterns in ``source`` are expanded on the source's side, and ``target`` is a folder. ``into``: True, the
    source's own name is appended to ``target``; False, ``target`` is the final name; None, it is appended if ``target``
    is an existing folder (as in ``cp``). ``tree``: the source must be a directory, and is mirrored onto ``target``.
    """

    source: str
    target: str
    into: bool | None = False
    glob: bool = False
    tree: bool = False


@dataclass(frozen=True)
class FilterRules:
    """What limits a run to a part of the tree. See ``compare.filters`` for the meaning and order of patterns.

    The other limits apply to files only: sizes in bytes, both inclusive; times in seconds since 1970, ``newer_than``
    inclusive and ``older_than`` exclusive.
    """

    patterns: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    newer_than: float | None = None
    older_than: float | None = None


@dataclass(frozen=True)
class Scope:
    """The part of a tree that changed. Paths are relative to its root, parts joined by ``/``; "" is the root.

    ``directories`` are compared without their subdirectories, unless the target lacks these; ``trees`` recursively.
    Directories above them are listed to reach them, and other entries there are left alone.
    """

    directories: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """What a run may do.

    ``compare``: "always" copies every file (get, put); "auto" copies what is missing or differs in size or time;
    "time" goes by time alone, "size" by size alone; "checksum" compares digests where sizes agree. ``verify``: auto,
    size, checksum, none. ``strict_compare``: with "checksum" for either, the lack of a digest is an error.
    ``symlinks``: skip, follow, copy. ``perms``: copies get the permission bits of their sources.
    ``max_delete`` is a number of entries and overrides ``max_delete_percent``, a percentage of the target's entries.
    ``backup`` is this run's folder on the target's side that keeps what is deleted or replaced.
    ``modify_window``: seconds within which times count as equal, whatever the server does with them; None leaves that
    to what is found out. ``track_renames`` (with ``delete``): a file whose name changed in the source is renamed, not
    sent again.
    ``only`` limits the run to what changed; None is the whole tree.
    """

    compare: str = "auto"
    modify_window: float | None = None
    strict_compare: bool = False
    newer_only: bool = False
    verify: str = "auto"
    recursive: bool = True
    delete: bool = False
    max_delete: int | None = None
    max_delete_percent: float = 50.0
    allow_empty_source: bool = False
    dry_run: bool = False
    in_place: bool = False
    resume: bool = True
    times: bool = True
    symlinks: str = "skip"
    perms: bool = False
    make_parents: bool = False
    filters: FilterRules = FilterRules()
    backup: str | None = None
    delete_before: bool = False
    track_renames: bool = False
    only: Scope | None = None


@dataclass(frozen=True)
class Job:
    """One run of the engine. ``limit_rate`` is in bytes per second, for all workers together; ``retry_wait`` is in
    seconds, doubled with each retry in a row."""

    direction: Direction
    endpoint: Endpoint
    roots: tuple[Root, ...]
    rules: Rules = Rules()
    parallel: int = 4
    max_connections: int | None = None
    retries: int = 3
    retry_wait: float = 1.0
    limit_rate: float | None = None

    def name_of(self, side: Side, path: str) -> str:
        """A path of one side, as people are told of it: by its URL where it is on the server."""
        return path if side is Side.LOCAL else self.endpoint.url(path)
