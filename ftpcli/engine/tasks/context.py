"""What a task has at hand in a worker's thread, and everything that the workers of a run share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ftpcli.engine.backup.contract import Backup
from ftpcli.engine.job import Job, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.tasks.arrival_times import TargetTimes
from ftpcli.engine.transfer.context import TransferContext
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.trees.remote_tree import RemoteTree
from ftpcli.engine.trees.tree import Tree
from ftpcli.engine.workers.worker import Worker


@dataclass(frozen=True)
class Shared:
    """What the threads of a run share besides the pool's queues, its progress, its rate limit and what is known of the
    host. Each of these guards itself, or only goes from unknown to known.

    ``times``: None where a time that differs always means another content. ``backup``: None where nothing is kept.
    """

    job: Job
    journal: Journal
    local: LocalTree
    times: TargetTimes | None
    backup: Backup | None

    @classmethod
    def of(cls, job: Job, journal: Journal, backup: Backup | None) -> Shared:
        root = job.roots[0]
        target = job.direction.target is Side.LOCAL
        tree = LocalTree(root.target if target else root.source, journal, holds_named=target and not root.tree)
        return cls(job, journal, tree, TargetTimes.of(job), backup)


@dataclass(frozen=True)
class TaskContext:
    """For one worker's thread."""

    worker: Worker
    shared: Shared

    @property
    def job(self) -> Job:
        return self.shared.job

    def source(self, shown: str) -> Tree:
        """The source's tree; ``shown`` names the task where a question is asked again."""
        return self._tree(self.job.direction.source, shown)

    def target(self, shown: str) -> Tree:
        """The target's tree, likewise."""
        return self._tree(self.job.direction.target, shown)

    def _tree(self, side: Side, shown: str) -> Tree:
        if side is Side.LOCAL:
            return self.shared.local
        return RemoteTree(partial(self.worker.insist, shown), self.shared.journal)

    @property
    def transfer(self) -> TransferContext:
        worker, job = self.worker, self.job
        return TransferContext(
            worker.progress,
            worker.moved,
            worker.stop,
            job.rules,
            job.endpoint.place,
            self.shared.journal,
            worker.turns,
        )
