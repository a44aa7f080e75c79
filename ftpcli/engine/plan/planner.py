"""What remains to be done: named sources and listings in, tasks out.

Directories are listed depth first, and only when no other tasks are waiting, so only a few listings are in memory at a
time, whatever the size of the tree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftpcli.engine.compare.names import clash
from ftpcli.engine.job import Job
from ftpcli.engine.plan.comparison import Comparison
from ftpcli.engine.plan.copies import Copies
from ftpcli.engine.plan.deletes import Deletes
from ftpcli.engine.plan.kind_changes import KindChanges
from ftpcli.engine.plan.overlap import Overlap
from ftpcli.engine.plan.postponed import Postponed
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.plan.twins import Twins, Waiting
from ftpcli.engine.tasks.check_names import CheckFree, FreeChecked
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Rechecked
from ftpcli.engine.tasks.rename_file import Asked, Declined, New, Renamed
from ftpcli.engine.tasks.resolve import Found, Resolved
from ftpcli.engine.tasks.task import Task
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.errors import Refused, UsageError
from ftpcli.model import Kind
from ftpcli.session.contract import HostMemory

if TYPE_CHECKING:
    from ftpcli.engine.plan.renames.pairing import Renames


def _renames(job: Job, deletes: Deletes) -> Renames | None:
    """Most runs look for no renames, and start sooner without that module."""
    if not job.rules.track_renames:
        return None
    from ftpcli.engine.plan.renames.pairing import Renames

    return Renames(job, deletes)


class Planner:
    """For the coordinator's thread only; ``close`` must always be called, also after errors."""

    def __init__(self, job: Job, reporter: Reporter, deletes: Deletes, memory: HostMemory, times: TargetTimes) -> None:
        self._job = job
        self._reporter = reporter
        self._deletes = deletes
        self._overlap = Overlap(job, memory)
        self._renames = _renames(job, deletes)
        self._copies = Copies(job, reporter)
        self._twins = Twins()
        self._kind_changes = KindChanges(job.direction.target, deletes, reporter)
        self.comparison = Comparison(
            job, reporter, deletes, self._copies, self._renames, times, self._twins, self._kind_changes
        )
        self._postponed = Postponed() if job.rules.delete_before else None
        self._targets: dict[str, str] = {}
        self._pairs: list[Pair] = []
        self._listings = 0
        self._ready: deque[Iterator[Task]] = deque()

    @property
    def growing(self) -> bool:
        """True while more work may still be found."""
        return bool(self._pairs or self._listings or (self._renames is not None and self._renames.planning))

    def close(self) -> None:
        self._overlap.end()
        self.comparison.attributes.close()
        if self._renames is not None:
            self._renames.close()
        if self._postponed is not None:
            self._postponed.close()

    def next_task(self) -> Task | None:
        while self._ready:
            task = next(self._ready[0], None)
            if task is not None:
                return task
            self._ready.popleft()
        if self._pairs and self._listings < 2 * self._job.parallel:
            self._listings += 1
            return ListPair(self._pairs.pop())
        return self._next_postponed() if self._postponed is not None and not self._listings else None

    def _next_postponed(self) -> Task | None:
        assert self._postponed is not None
        item = self._postponed.next()
        if not isinstance(item, Pair):
            return item
        self._listings += 1
        return ListPair(item)

    def everything_is_deleted(self) -> None:
        """What waited for that may be done now."""
        if self._postponed is not None:
            self._postponed.release()

    def renames(self) -> Iterator[None]:
        """To be iterated when everything is listed. Each step adds tasks, which must be done before the next step."""
        if self._renames is None:
            return
        for tasks in (self._renames.questions(), self._renames.tasks(self._copies.plan)):
            self._ready.append(tasks)
            yield

    def twins(self) -> Iterator[None]:
        """To be iterated when all else is stored, as ``renames``."""
        while self._twins.waiting:
            self._ready.append(self._twins.questions())
            yield

    def before_deletes(self) -> None:
        """Everything is compared: see to it that nothing is deleted to make room where there is a doubt."""
        self._kind_changes.settle()

    def deleted(self, shown: str) -> None:
        """An entry of the target was deleted, or would have been in a dry run."""
        self._kind_changes.gone(shown)

    def successors(self) -> Iterator[None]:
        """To be iterated after the deletes, as ``renames``: what takes the place of an entry of another kind."""
        for successor in self._kind_changes.successors():
            if isinstance(successor, Pair):
                self._pairs.append(successor)
            elif isinstance(successor, New):
                self._copy(successor)
            else:
                self._ready.append(iter(self.comparison.attributes.link(successor.decision, successor.where)))
        yield
        yield from self.twins()

    # What comes in

    def resolved(self, result: Resolved) -> None:
        """What the command line named was looked up."""
        for found in result.found:
            self._found(found, is_tree=result.task.root.tree)
        for folder, error in result.gaps.items():
            self._reporter.fail(folder or ".", error)

    def _found(self, found: Found, *, is_tree: bool) -> None:
        first = self._targets.setdefault(found.target, found.source)
        if first != found.source:
            self._reporter.fail(found.source, Refused(f"it would replace {first}, which goes to {found.target} too"))
            return
        folder, name = self._job.direction.target.split(found.target)
        if is_tree or self._twins.goes_first(folder, Waiting(name, found.source, found)):
            self._begin(found, is_tree=is_tree)

    def _begin(self, found: Found, *, is_tree: bool) -> None:
        if found.entry.kind is not Kind.DIR:
            self._copy_named(found)
        elif not self._job.rules.recursive:
            error = self._job.direction.source.refusal("it is a directory; -r takes directories as well")
            self._reporter.fail(found.source or ".", error)
        else:
            self._overlap.begin(found.source, found.target)
            name = "" if is_tree else found.entry.name
            self._pairs.append(Pair(found.source, found.target, name, prefix=f"{name}/" if name else ""))

    def _copy_named(self, found: Found) -> None:
        there = found.there
        if there is not None and there.kind is Kind.LINK and not self._job.rules.in_place:
            why = (
                f"a symbolic link is in the place of {found.target}; remove that first, or write through it: --in-place"
            )
            self._reporter.fail(found.source, self._job.direction.target.refusal(why))
            return
        self._copy(New(found.source, found.target, found.source, found.entry, "asked for", there, found.is_new))

    def not_listed(self, pair: Pair) -> None:
        """The listing of a directory failed. What only the target has stays then, with the directories above it."""
        self._listings -= 1
        if pair.source is None and not self._kind_changes.waits_for(pair.owner):
            self._deletes.keep(pair.shown)
        else:
            self._deletes.block(
                pair.owner if pair.source is None else pair.shown, f"{pair.shown or '.'} could not be listed"
            )

    def listed(self, result: Listed | Probed) -> None:
        """Both sides of a directory were listed."""
        try:
            then = self._overlap.found(result) if isinstance(result, Probed) else self._overlap.look(result)
        except UsageError as error:
            self._reporter.end_run(error)
            return
        if isinstance(then, Probe):
            self._ready.appendleft(iter((then,)))
        elif isinstance(then, Pair):
            self._ready.appendleft(iter((ListPair(then),)))
        else:
            self._listings -= 1
            work = self.comparison.compare(then)
            if self._postponed is not None and self._postponed.holds:
                self._pairs.extend(self._postponed.pairs(work.pairs))
                self._postponed.tasks(work.tasks)
                return
            self._pairs.extend(work.pairs)
            if work.tasks:
                self._ready.append(iter(work.tasks))

    def free_checked(self, result: FreeChecked) -> None:
        """The target was asked about one of several similar names."""
        one, stored = self._twins.take(result.task, stores=result.free), result.task.stored
        if not result.free:
            self._reporter.fail(one.shown, self._job.direction.target.refusal(clash(" or ".join(stored))))
        elif isinstance(one.work, Found):
            self._begin(one.work, is_tree=False)
        elif isinstance(one.work, Pair):
            self._pairs.append(one.work)
        else:
            self._copy(one.work)

    def not_checked(self, task: CheckFree) -> None:
        """The question about one of several similar names failed."""
        self._twins.take(task, stores=False)

    def rechecked(self, result: Rechecked) -> None:
        """The server was asked about a file."""
        self._ready.append(iter(self.comparison.rechecked(result)))

    def asked(self, result: Asked) -> None:
        """The server was asked for a file's exact time."""
        if self._renames is not None:
            self._renames.asked(result)

    def renamed(self, result: Renamed) -> None:
        """A file was renamed."""
        self._kind_changes.gone(result.task.old.shown)
        self._ready.append(iter(self.comparison.attributes.renamed(result)))

    def declined(self, result: Declined) -> None:
        """A file could not be renamed."""
        self._copy(result.task.new)

    def _copy(self, new: New) -> None:
        self._ready.append(iter(self._copies.plan(new)))
