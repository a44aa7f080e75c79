"""Sets the permission bits of one file or directory of the target."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.engine.compare.decide import OWNERS_BITS
from ftpcli.engine.tasks.context import TaskContext


@dataclass(frozen=True)
class SetMode:
    """Set permission bits. ``told``: reported as an action of its own, not as a part of making the copy."""

    path: str
    shown: str
    mode: int
    told: bool

    @property
    def shuts(self) -> bool:
        """True if the mode keeps the owner out, so that nothing below can be reached afterwards."""
        return self.mode & OWNERS_BITS != OWNERS_BITS

    def run(self, context: TaskContext) -> ModeSet:
        problem = context.target(self.shown).set_mode(self.path, self.mode)
        return ModeSet(self, problem, context.worker.number)


@dataclass(frozen=True)
class ModeSet:
    """``problem`` says why the mode could not be set; empty if it was."""

    task: SetMode
    problem: str
    worker: int
