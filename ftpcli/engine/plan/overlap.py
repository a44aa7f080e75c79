"""Detects that source and target are the same directory, or that one contains the other.

This is possible only if the server runs on this machine. A mirror of a tree into itself would never end (S/t/t/t/…),
and with --delete a target that contains the source would lose the source. Paths cannot tell, because the server may
have another root. So during the run the local directory holds a marker, hidden like part files: a server listing that
shows the marker is of the same directory. An upload into a subdirectory of the source shows in no server listing;
there, a local directory that resembles the target is probed by putting a file into the target. None of this is done
with servers on other machines, nor in a dry run, which changes nothing. It takes no time that can be measured.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass, replace

from ftpcli.engine.job import Job, Side
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.probe import STEM, Probe, Probed
from ftpcli.errors import UsageError
from ftpcli.model import Listing
from ftpcli.part_names import is_part, part_name
from ftpcli.session.contract import HostMemory

# Two sets of names are kept in memory; a directory with more names is recognised by its path only.
_MOST_NAMES = 10_000
# Seconds of tolerance: file timestamps are coarser than the system clock.
_GRAIN = 2.0


@dataclass(frozen=True)
class _Root:
    """What the two sides held when the run began."""

    target: str
    source_names: frozenset[str]
    target_names: frozenset[str]


class Overlap:
    """For the coordinator's thread only. ``end`` must always be called, also after errors."""

    def __init__(self, job: Job, memory: HostMemory) -> None:
        self._job = job
        self._source_is_local = job.direction.source is Side.LOCAL
        self._memory = memory
        self._began = time.time()
        self._starts: dict[str, str] = {}
        self._markers: dict[str, tuple[str, int]] = {}
        self._roots: list[_Root] = []
        self._made: set[str] = set()

    def begin(self, source: str, target: str) -> None:
        """A directory is about to be mirrored; the local one is marked if it exists."""
        if self._memory.here and not self._job.rules.dry_run:
            local = source if self._source_is_local else target
            self._starts[source] = target
            if os.path.isdir(local):
                self._mark(local)

    def look(self, listed: Listed) -> Listed | Pair | Probe:
        """The listing to continue with, or what to do first: a pair to list again, or a probe.

        Raises UsageError if the two sides overlap.
        """
        where = listed.pair
        if not self._starts:
            return listed
        if where.source in self._starts:
            return self._look_at_root(listed, where.source)
        self._check_markers(listed, same=False)
        if not self._source_is_local or where.source is None:
            return listed
        return next((Probe(listed, root.target) for root in self._roots if self._resembles(listed, root)), listed)

    def _look_at_root(self, listed: Listed, source: str) -> Listed | Pair:
        where = listed.pair
        if listed.made and source not in self._made:
            # The source was listed before the target existed and could show in it. Only once: a server may never list
            # a directory that it claims to have made, or to exist.
            self._made.add(source)
            if not self._source_is_local:
                self._mark(where.target)
            return where
        self._check_markers(listed, same=True)
        self._roots.append(_Root(where.target, _names(listed.source), _names(listed.target)))
        return replace(listed, made=source in self._made)

    def _check_markers(self, listed: Listed, *, same: bool) -> None:
        for entry in (listed.target if self._source_is_local else listed.source).entries:
            if entry.name in self._markers:
                path = listed.pair.target if self._source_is_local else listed.pair.source
                raise self._error(path or "", os.path.dirname(self._markers[entry.name][0]), same=same)

    def found(self, probed: Probed) -> Listed:
        """The listing to continue with. Raises UsageError if the probe's file appeared in the source."""
        if probed.inside:
            raise UsageError(
                f"{probed.listed.pair.source} is the target itself, seen from this computer: the source contains the "
                "target, and a mirror of it would never end; name a target outside of the source"
            )
        return probed.listed

    def end(self) -> None:
        for path, descriptor in self._markers.values():
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(descriptor)
        self._markers.clear()

    def _mark(self, folder: str) -> None:
        """Put a marker into a directory. If none can be written there, no mirror can grow there either."""
        name = part_name(STEM, os.getpid(), time.time_ns(), os.urandom(8))
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, ValueError):
            _sweep(folder)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            self._markers[name] = path, descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _resembles(self, listed: Listed, root: _Root) -> bool:
        """Whether a local directory may be the target: it holds what the target held, and nothing that could not have
        come from the source."""
        path = listed.pair.shown[len(listed.pair.prefix) :].split("/")
        if path[: len(path) // 2] == path[len(path) // 2 :]:
            return True  # S/t/t, a/b/a/b: the path repeats, as in an endless mirror
        names = _names(listed.source)
        if not root.target_names <= names <= root.target_names | root.source_names:
            return False
        return bool(root.target_names) or self._is_new(listed.pair.source)

    def _is_new(self, folder: str | None) -> bool:
        """Whether a directory changed after the run began, as a target that was empty or missing then must have."""
        try:
            return os.stat(folder or "").st_mtime > self._began - _GRAIN
        except OSError:
            return False

    def _error(self, path: str, local: str, *, same: bool) -> UsageError:
        outer, inner = ("target", "source") if self._source_is_local else ("source", "target")
        what = "source and target are the same directory" if same else f"the {outer} contains the {inner}"
        return UsageError(
            f"{self._job.endpoint.url(path)} is {local}, on this computer: {what}; name two that are apart"
        )


def _names(listing: Listing) -> frozenset[str]:
    """A listing's names without part files, which come and go. Empty if there are too many to keep."""
    if len(listing.entries) > _MOST_NAMES:
        return frozenset()
    return frozenset(entry.name for entry in listing.entries if not is_part(entry.name))


def _sweep(folder: str) -> None:
    """Remove markers left by killed runs, recognised by their locks no longer being held."""
    with os.scandir(folder) as found:
        left = [item.path for item in found if item.name.startswith(f".{STEM}.") and is_part(item.name)]
    for path in left:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
            finally:
                os.close(descriptor)
