"""What waits until everything is deleted (--delete-before), so that copies find room.

It may not fit in memory. Directories that the target lacks wait as well, since there is nothing to delete in them.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable, Iterator

from ftpcli.engine.plan.spool import Spool
from ftpcli.engine.tasks.pair import Pair
from ftpcli.engine.tasks.task import Task


class Postponed:
    """For the coordinator's thread only. Holds work back until ``release``."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._released: Iterator[Task | Pair] = iter(())
        self.holds = True

    def tasks(self, several: Iterable[Task]) -> None:
        for task in several:
            self._append(task)

    def pairs(self, several: Iterable[Pair]) -> list[Pair]:
        """The pairs that do not wait."""
        now: list[Pair] = []
        for pair in several:
            if pair.target_exists is False:
                self._append(pair)
            else:
                now.append(pair)
        return now

    def _append(self, item: Task | Pair) -> None:
        self._spool.append(base64.b85encode(pickle.dumps(item)).decode("ascii"))

    def release(self) -> None:
        """Everything is deleted."""
        self.holds = False
        self._released = (pickle.loads(base64.b85decode(text)) for (text,) in reversed(self._spool))

    def next(self) -> Task | Pair | None:
        return next(self._released, None)

    @property
    def some(self) -> bool:
        return len(self._spool) > 0

    def close(self) -> None:
        self._spool.close()
