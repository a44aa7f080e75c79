"""The frozen values that every layer speaks. No behaviour beyond what follows from the fields themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ftpcli.model import Endpoint, TlsFacts


class Direction(Enum):
    DOWNLOAD = "download"
    UPLOAD = "upload"


@dataclass(frozen=True)
class Root:
    """One source and its target, as named on the command line. Exactly one of the two is on the server.

    ``glob``: patterns in ``source`` are expanded where it lives, and ``target`` is a folder. ``into``: True, the
    source's own name is appended to ``target``; False, ``target`` is the final name; None, it is a folder if such a
    folder is there (as in ``cp``). ``tree``: the source must be a directory, and is mirrored onto ``target``.
    """

    source: str
    target: str
    into: bool | None = False
    glob: bool = False
    tree: bool = False


@dataclass(frozen=True)
class FilterRules:
    """What limits a run to a part of the tree. ``engine.filters`` tells what the patterns mean, and their order.

    Files only: sizes in bytes, both still included; times in seconds since 1970, from ``newer_than`` on and before
    ``older_than``.
    """

    patterns: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    newer_than: float | None = None
    older_than: float | None = None


@dataclass(frozen=True)
class Scope:
    """The part of a tree that changed. Paths are relative to its root, parts joined by ``/``; "" is the root.

    ``directories`` are compared, but not what is below them unless the target lacks it; ``trees`` with all of that.
    What is above them is listed to get there, and its other entries are left alone.
    """

    directories: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """What a run may do.

    ``compare``: "always" copies every file (get, put); "auto" copies what is missing or differs in size or time.
    "checksum" asks the server for a digest of what has the same size. ``verify``: auto, size, checksum, none.
    ``symlinks``: skip, follow, copy. ``perms``: copies get the permission bits of their sources.
    ``max_delete`` is a number of entries and takes the place of ``max_delete_percent``, a share of the target's.
    ``backup`` is the folder, of this run and on the target's side, that keeps what is deleted or replaced.
    ``track_renames`` (with ``delete``): a file that only has another name now is renamed, not sent again.
    ``only`` limits the run to what changed; None is the whole tree.
    """

    compare: str = "auto"
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
    track_renames: bool = False
    only: Scope | None = None


@dataclass(frozen=True)
class Job:
    """One run of the engine. ``limit_rate`` is in bytes a second, for all workers together."""

    direction: Direction
    endpoint: Endpoint
    roots: tuple[Root, ...]
    rules: Rules = Rules()
    parallel: int = 4
    max_connections: int | None = None
    retries: int = 3
    retry_wait: float = 1.0
    limit_rate: float | None = None


@dataclass
class Report:
    """What a run did. ``bytes`` is the size of all files that are whole now, ``moved`` what went over the line.

    ``entries``: how many the source's listings showed.
    """

    transferred: int = 0
    renamed: int = 0
    skipped: int = 0
    made_directories: int = 0
    deleted: int = 0
    failed: int = 0
    bytes: int = 0
    moved: int = 0
    entries: int = 0
    seconds: float = 0.0
    connections: int = 0
    reconnects: int = 0
    tls_data_connections: int = 0
    tls_data_resumed: int = 0
    tls: TlsFacts | None = None
    exit_code: int = 0
    failure_codes: set[int] = field(default_factory=set)

    @property
    def entries_per_second(self) -> float:
        return round(self.entries / self.seconds, 1) if self.seconds > 0 else 0.0
