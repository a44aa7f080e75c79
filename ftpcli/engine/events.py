"""The events that the engine emits while it works, all defined here.

Only the coordinator's thread calls ``on_event``, so listeners need no lock. Paths are relative to the run's root if
there is one tree, and as the user named them otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ftpcli.model import TlsFacts


@dataclass(frozen=True, slots=True)
class Planned:
    """An action was decided on. ``action``: download, upload, mkdir, link, chmod, delete, rename. ``why`` is meant for
    people. Only a rename has a ``target``, the new name.
    """

    path: str
    action: str
    bytes: int | None = None
    why: str = ""
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    path: str
    action: str
    worker: int
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Retrying:
    path: str
    error: str
    message: str
    tries: int
    wait: float


@dataclass(frozen=True, slots=True)
class Finished:
    """``action``: download, upload, mkdir, link, chmod, rename; only the last has a ``target``, the new name.

    ``backup`` is where the file that was replaced is kept.
    """

    path: str
    action: str
    worker: int
    bytes: int = 0
    seconds: float = 0.0
    tries: int = 1
    resumed_from: int = 0
    verified: str = "none"
    tls: TlsFacts | None = None
    target: str | None = None
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    path: str
    error: str
    message: str
    reply: str | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class Skipped:
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """``backup`` is where the entry is kept; None if it is not."""

    path: str
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    message: str


@dataclass
class Report:
    """Counts, sizes in bytes, and figures about the connections.

    ``held_back``: entries that ``--delete`` would have deleted, but for a doubt about a directory or a failure in it.
    ``bytes`` is the total size of the files transferred, ``moved`` the bytes that crossed the network. ``entries``: how
    many the source's listings held. ``would_…``: what a dry run would have done. ``failure_codes``: the exit codes of
    the files that failed.
    """

    transferred: int = 0
    renamed: int = 0
    skipped: int = 0
    made_directories: int = 0
    deleted: int = 0
    held_back: int = 0
    failed: int = 0
    bytes: int = 0
    would_transfer: int = 0
    would_rename: int = 0
    would_make_directories: int = 0
    would_delete: int = 0
    would_bytes: int = 0
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


@dataclass(frozen=True, slots=True)
class Summary:
    """The last event of a run. ``connections_known``: False if connections were not counted."""

    report: Report
    connections_known: bool = True

    @property
    def idle(self) -> bool:
        """True if the run succeeded and found nothing to do."""
        report = self.report
        done = report.transferred or report.made_directories or report.deleted
        return not (done or report.failed or report.exit_code)


Event = Planned | Started | Retrying | Finished | Failed | Skipped | Deleted | Warned | Summary
OnEvent = Callable[[Event], None]
