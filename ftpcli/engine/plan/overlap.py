"""Notices that source and target are one directory, or one is within the other.

One side of a run is on a server, so this can be only where the server is this very machine. A mirror of a tree into
itself would never end, S/t/t/t/…, and with --delete a target around the source would lose the source. Paths say
nothing about it: the server may show another root. So a marker, hidden as part files are, lies in the local directory
for the time of the run: where a listing of the server shows it, that is the same directory. An upload into the source
itself shows in no listing of the server; a local directory that looks as the target does is tried with a file put
into the target. Nothing of this happens with servers elsewhere, nor in a dry run, which changes nothing.
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

# Two sets of names are kept; of a directory with more only its path can tell.
_MOST_NAMES = 10_000
# Clocks of files are coarser than that of the system.
_GRAIN = 2.0


@dataclass(frozen=True)
class _Root:
    """What the two sides of a run held when it began."""

    target: str
    source_names: frozenset[str]
    target_names: frozenset[str]


class Overlap:
    """For the coordinator. ``end`` must be called whatever happens."""

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
        """A directory is about to be mirrored; the local one is marked if it is there already."""
        if self._memory.here and not self._job.rules.dry_run:
            local = source if self._source_is_local else target
            self._starts[source] = target
            if os.path.isdir(local):
                self._mark(local)

    def look(self, listed: Listed) -> Listed | Pair | Probe:
        """What to go on with, or what to do first: a pair to list again, or a probe.

        Raises UsageError where the two sides overlap.
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
            # The source was listed before there was a target that it could show. Once: a server may never list what it
            # calls made, or there already.
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
        """What to go on with. Raises UsageError where the probe met itself."""
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
        """Where it cannot be written there is no marker: then no mirror can grow there either."""
        name = part_name(STEM, os.getpid(), time.time_ns(), os.urandom(8))
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, ValueError):
            _sweep(folder)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            self._markers[name] = path, descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _resembles(self, listed: Listed, root: _Root) -> bool:
        """Whether a local directory may be the target: it holds what that held, and what came from the source."""
        path = listed.pair.shown[len(listed.pair.prefix) :].split("/")
        if path[: len(path) // 2] == path[len(path) // 2 :]:
            return True  # S/t/t, a/b/a/b: as it would go on
        names = _names(listed.source)
        if not root.target_names <= names <= root.target_names | root.source_names:
            return False
        return bool(root.target_names) or self._is_new(listed.pair.source)

    def _is_new(self, folder: str | None) -> bool:
        """What was empty or missing when the run began, and is that no more, has changed since."""
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
    """Without part files, which come and go. Empty where there are too many to keep."""
    if len(listing.entries) > _MOST_NAMES:
        return frozenset()
    return frozenset(entry.name for entry in listing.entries if not is_part(entry.name))


def _sweep(folder: str) -> None:
    """Remove the markers of runs that were killed: nobody holds their locks."""
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
