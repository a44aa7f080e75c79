"""Gives one file or directory of the target its permission bits."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.compare.decide import OWNERS_BITS
from ftpcli.engine.tasks.context import TaskContext


@dataclass(frozen=True)
class SetMode:
    """``told``: that is news, and not a part of making the copy."""

    path: str
    shown: str
    mode: int
    told: bool

    @property
    def shuts(self) -> bool:
        """True where what is below can no longer be reached afterwards."""
        return self.mode & OWNERS_BITS != OWNERS_BITS

    def run(self, context: TaskContext) -> ModeSet:
        problem = context.target(self.shown).set_mode(self.path, self.mode)
        return ModeSet(self, problem, context.worker.number)


@dataclass(frozen=True)
class ModeSet:
    """``problem`` says why it could not be done."""

    task: SetMode
    problem: str
    worker: int
