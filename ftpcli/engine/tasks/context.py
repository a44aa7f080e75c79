"""What a task can use in a worker's thread, and everything that the workers of a run share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ftpcli.engine.backup.contract import Backup
from ftpcli.engine.events import Warned
from ftpcli.engine.job import Job, Side
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.trees.remote_tree import RemoteTree
from ftpcli.engine.trees.tree import Tree
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.worker import Worker
from ftpcli.session.contract import HostMemory
from ftpcli.stop import StopToken


@dataclass(frozen=True)
class Shared:
    """Everything that the threads of a run share, besides the pool's queues and its state.

    Each part is thread-safe: the job is immutable; each number of ``progress`` is written by one thread only; the order
    in which the fields of ``host`` are assigned does not matter; ``journal``, ``local``, ``times`` and ``rate`` have a
    lock each; ``backup`` only remembers which folders exist, and making one twice does no harm.

    ``backup`` is None if nothing is kept, ``rate`` if there is no limit.
    """

    job: Job
    progress: RunProgress
    host: HostMemory
    journal: Journal
    local: LocalTree
    times: TargetTimes
    backup: Backup | None = None
    rate: RateLimit | None = None

    @classmethod
    def of(cls, job: Job, progress: RunProgress, journal: Journal, stop: StopToken) -> Shared:
        local_target = job.direction.target is Side.LOCAL
        roots = [root.target if local_target else root.source for root in job.roots]
        if job.rules.backup and local_target:
            roots.append(job.rules.backup)
        local = LocalTree(*roots, journal=journal, holds_named=local_target and not job.roots[0].tree)
        backup = _backup(job.rules.backup, job.direction.target, local) if job.rules.backup else None
        rate = RateLimit(job.limit_rate, stop.sleep) if job.limit_rate else None
        host = HostMemory()
        times = TargetTimes(job, journal, host, journal.last)
        return cls(job, progress, host, journal, local, times, backup, rate)


def _backup(folder: str, side: Side, local: LocalTree) -> Backup:
    """Most runs keep nothing, and start sooner without these modules."""
    if side is Side.LOCAL:
        from ftpcli.engine.backup.local import LocalBackup

        return LocalBackup(folder, local)
    from ftpcli.engine.backup.remote import RemoteBackup

    return RemoteBackup(folder)


@dataclass(frozen=True)
class TaskContext:
    """What a task can use in one worker's thread."""

    worker: Worker
    shared: Shared

    @property
    def job(self) -> Job:
        return self.shared.job

    def source(self, shown: str) -> Tree:
        """The source's tree; ``shown`` names the task in Retrying events."""
        return self._tree(self.job.direction.source, shown)

    def target(self, shown: str) -> Tree:
        """The target's tree; ``shown`` as for ``source``."""
        return self._tree(self.job.direction.target, shown)

    def _tree(self, side: Side, shown: str) -> Tree:
        if side is Side.LOCAL:
            return self.shared.local
        return RemoteTree(partial(self.worker.insist, shown), self.shared.journal)

    @property
    def transfer(self) -> CopyContext:
        worker, job = self.worker, self.job
        return CopyContext(
            worker.progress,
            worker.moved,
            worker.stop,
            job.rules,
            job.endpoint.place,
            self.shared.journal,
            self.shared.local,
            worker.local_work,
            self.shared.host,
            lambda text: worker.tell(Warned(text)),
            self.shared.times if self.shared.times.matter else None,
        )
