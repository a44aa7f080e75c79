"""How far a run is: written by the coordinator and the workers, read by whoever draws it.

Every number has one thread that writes it, so no lock is needed; a reader sees each of them a moment old at worst.
"""

from __future__ import annotations


class WorkerProgress:
    """One worker's present file. ``moved`` only ever grows: bytes of all files this worker has carried."""

    __slots__ = ("done", "moved", "path", "size")

    def __init__(self) -> None:
        self.path: str | None = None
        self.size: int | None = None
        self.done = 0
        self.moved = 0

    def start(self, path: str, size: int | None, done: int) -> None:
        self.path, self.size, self.done = path, size, done

    def add(self, count: int) -> None:
        self.done += count
        self.moved += count

    def clear(self) -> None:
        self.path, self.size, self.done = None, None, 0


class RunProgress:
    """All workers of a run, and the totals the coordinator knows so far. ``listing`` is True while totals may grow."""

    def __init__(self, workers: int) -> None:
        self.workers = [WorkerProgress() for _ in range(workers)]
        self.planned_files = 0
        self.planned_bytes = 0
        self.finished_files = 0
        self.finished_bytes = 0
        self.listing = True

    @property
    def moved(self) -> int:
        return sum(progress.moved for progress in self.workers)
