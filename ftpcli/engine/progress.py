"""How far a run is: written by the coordinator and the workers, read by the display.

Each number is written by one thread only, so no lock is needed; a reader may see a slightly outdated value.
"""

from __future__ import annotations

# What a step, such as a rename, counts beside bytes in what a retry need not do again.
A_STEP = 16 * 1024


class WorkerProgress:
    """One worker's current file. ``moved`` only grows: the bytes this worker has transferred, of all its files."""

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
    """All workers of a run, and the totals known so far. ``listing`` is True while totals may still grow."""

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
