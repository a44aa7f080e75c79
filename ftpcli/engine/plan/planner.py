"""What there is to do yet: named sources and listings in, tasks out.

Directories are listed depth first and only while few files wait, so what is in memory is a handful of listings
whatever the tree's size.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ftpcli.engine.backup.contract import Backup
from ftpcli.engine.compare.decide import MISSING, Decision, What, is_empty, other_mode
from ftpcli.engine.compare.names import or_rewritten, pair_folded, rewritten, without_clashes
from ftpcli.engine.events import Warned
from ftpcli.engine.job import Direction, Job
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.plan.attributes import AttributePlan
from ftpcli.engine.plan.deletes import Delete, Deletes
from ftpcli.engine.plan.overlap import Overlap
from ftpcli.engine.plan.paths import PathMap, shown
from ftpcli.engine.plan.renames import Renames
from ftpcli.engine.plan.report import Reporter
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.make_link import MakeLink
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.rename_file import Declined, New, Renamed
from ftpcli.engine.tasks.resolve import Found, Resolve
from ftpcli.engine.tasks.set_mode import SetMode
from ftpcli.engine.trees.name_folding import Foldings
from ftpcli.engine.workers.pool import Task
from ftpcli.errors import FtpcliError, GuardRefused, LocalFileError, Refused, UsageError
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import HostMemory

ForOneFile = CopyFile | Recheck | MakeLink | SetMode


class Planner:
    """For the coordinator's thread alone; ``close`` must be called whatever happens."""

    def __init__(
        self,
        job: Job,
        reporter: Reporter,
        deletes: Deletes,
        journal: Journal,
        backup: Backup | None,
        memory: HostMemory,
    ) -> None:
        self._job = job
        self._rules = job.rules
        self._remote_target = job.direction is Direction.UPLOAD
        self._reporter = reporter
        self._deletes = deletes
        self._journal = journal
        self._backup = backup
        self._overlap = Overlap(job, memory)
        self._renames = Renames(job, deletes) if job.rules.track_renames else None
        self._path_map = PathMap(job, time.time())
        self._foldings = None if self._remote_target else Foldings()
        self.attributes = AttributePlan(job, self._path_map, reporter, backup)
        self._targets: dict[str, str] = {}
        self._pairs: list[Pair] = []
        self._listings = 0
        self._most_listings = 2 * job.parallel
        self._ready: deque[Iterator[Task]] = deque()
        self.left_out = 0

    @property
    def growing(self) -> bool:
        """True while there may be more to do than is known."""
        return bool(self._pairs or self._listings or (self._renames is not None and self._renames.planning))

    def close(self) -> None:
        self._overlap.end()
        self.attributes.close()
        if self._renames is not None:
            self._renames.close()

    def next_task(self) -> Task | None:
        while self._ready:
            task = next(self._ready[0], None)
            if task is not None:
                return task
            self._ready.popleft()
        if self._pairs and self._listings < self._most_listings:
            self._listings += 1
            return self._list(self._pairs.pop())
        return None

    def _list(self, pair: Pair) -> ListPair:
        rules = self._rules
        return ListPair(pair, self._job.direction, rules.dry_run, rules.symlinks, rules.delete, self._foldings)

    def renames(self) -> Iterator[None]:
        """When everything is listed. Adds tasks, and wants them done before it goes on."""
        if self._renames is None:
            return
        for tasks in (self._renames.questions(), self._renames.tasks(self._copy_new)):
            self._ready.append(tasks)
            yield

    # What comes in

    def found(self, task: Resolve, found: Found) -> None:
        """A source that was named."""
        first = self._targets.setdefault(found.target, found.source)
        if first != found.source:
            self._reporter.fail(found.source, Refused(f"it would replace {first}, which goes to {found.target} too"))
        elif found.entry.kind is not Kind.DIR:
            self._add(self._copy(found.source, found.target, found.source, found.entry, "asked for"))
        elif not self._rules.recursive:
            self._reporter.fail(found.source or ".", self._at_source("it is a directory; -r takes directories as well"))
        else:
            self._overlap.begin(found.source, found.target)
            name = "" if task.root.tree else found.entry.name
            self._pairs.append(Pair(found.source, found.target, name, prefix=f"{name}/" if name else ""))

    def not_listed(self, pair: Pair) -> None:
        """The listing of a directory failed."""
        self._listings -= 1
        self._deletes.block(pair.owner, f"{pair.shown or '.'} could not be listed")

    def listed(self, result: Listed | Probed) -> None:
        """Both sides of a directory."""
        try:
            then = self._overlap.found(result) if isinstance(result, Probed) else self._overlap.look(result)
        except UsageError as error:
            self._reporter.end_run(error)
            return
        if isinstance(then, Probe):
            self._ready.appendleft(iter((then,)))
        elif isinstance(then, Pair):
            self._ready.appendleft(iter((self._list(then),)))
        else:
            self._listings -= 1
            self._compare(then)

    def rechecked(self, result: Rechecked) -> None:
        task = result.task
        if result.why:
            self._add(self._copy(task.source, task.target, task.shown, result.entry, result.why))
        elif self._rules.perms and (why := other_mode(result.entry, task.target_entry)):
            self._ready.append(iter(self.attributes.mode(task.target, task.shown, result.entry, why)))
        else:
            self._reporter.skip(task.shown, "up to date")

    def renamed(self, result: Renamed) -> None:
        """A file has its new name."""
        self._ready.append(iter(self.attributes.renamed(result)))

    def declined(self, result: Declined) -> None:
        """A file could not be renamed."""
        self._add(self._copy_new(result.task.new))

    # Comparison

    def _compare(self, listed: Listed) -> None:
        where = listed.pair
        if where.lazy and any(decision.what in (What.COPY, What.LINK) for decision in self._decisions(listed)):
            self._pairs.append(replace(where, lazy=False))  # so it is made after all, and compared then
            return
        if listed.made:
            self._reporter.directory_made(where)
            if not self._rules.dry_run:
                self.attributes.made(where)
        self._heed_doubts(listed)
        self._deletes.target_entries += len(listed.target.entries)
        if where.source is None:
            self._doom(where, listed.target)
            return
        if self._is_suspiciously_empty(where, listed):
            return
        if listed.made:
            listed = replace(listed, pair=replace(where, whole=True))
        self._reporter.report.entries += len(listed.source.entries)
        self._carry_out(listed)

    def _heed_doubts(self, listed: Listed) -> None:
        where = listed.pair
        owner = where.shown if where.source is not None else where.owner
        for problem in (*listed.source.problems, *listed.target.problems):
            self._deletes.block(owner, "its listing is in doubt")
            self._reporter.fail(where.shown or ".", Refused(problem))
        if doubt := listed.source.doubt or listed.target.doubt:
            self._deletes.block(owner, doubt)

    def _is_suspiciously_empty(self, where: Pair, listed: Listed) -> bool:
        """A source without a single entry is more often a disk that is not mounted than a wish."""
        at_root = not where.shown and is_empty(listed.source) and not is_empty(listed.target)
        if not (at_root and self._rules.delete) or self._rules.allow_empty_source:
            return False
        self._reporter.end_run(
            GuardRefused(
                f"{where.source or '.'} is empty, and --delete would empty {where.target or '.'}; "
                "nothing was deleted. --allow-empty-source allows it"
            )
        )
        return True

    def _decisions(self, listed: Listed) -> Iterator[Decision]:
        pairs = pair_folded(listed.source, listed.target, listed.folding)
        decisions: Iterable[Decision]
        decisions = (self._path_map.decide(listed.pair, source, target) for source, target in pairs)
        if listed.folding:
            decisions = without_clashes(tuple(decisions), listed.folding)
        if self._remote_target and (others := rewritten(listed.source, listed.target)):
            decisions = (or_rewritten(decision, others) for decision in decisions)
        return (decision for decision in decisions if self._path_map.concerns(listed.pair, decision))

    def _carry_out(self, listed: Listed) -> None:
        descents: list[Pair] = []
        tasks: list[ForOneFile] = []
        followed = listed.followed
        for decision in self._decisions(listed):
            if (followed.trouble or followed.outside) and self._in_trouble(decision, listed):
                continue
            if decision.what is What.DESCEND:
                descents.append(self.attributes.descent(decision, listed))
            elif decision.what is not What.SKIP:
                tasks += self._tasks(decision, listed)
            elif decision.source is not None:
                no_file = decision.source.kind in (Kind.LINK, Kind.OTHER)
                self.left_out += no_file and decision.why not in ("excluded", "up to date")
                self._reporter.skip(decision.name, decision.why, listed.pair)
        # Depth first, in the order of the listing.
        self._pairs.extend(reversed(descents))
        if tasks:
            self._ready.append(iter(tasks))

    def _in_trouble(self, decision: Decision, listed: Listed) -> bool:
        """True for a link that cannot be followed; one that leads out of the tree is named."""
        if decision.source is None or decision.why == "excluded":
            return False
        path = shown(listed.pair, decision.name)
        trouble = listed.followed.trouble.get(decision.name)
        if trouble is not None:
            self._reporter.fail(path, trouble)
        elif decision.name in listed.followed.outside:
            leads = listed.followed.outside[decision.name]
            self._reporter.tell(Warned(f"{path} is a symbolic link out of the tree, to {leads}; it is followed"))
        return trouble is not None

    def _tasks(self, decision: Decision, listed: Listed) -> list[ForOneFile]:
        """What a decision comes to now; deletes are for the end."""
        where = listed.pair
        if decision.what is What.COPY:
            task = self._task(decision, where)
            return [] if task is None else [task]
        if decision.what is What.LINK:
            return [*self.attributes.link(decision, where)]
        if decision.what is What.CHMOD:
            assert decision.source is not None
            target = self._path_map.target(where, decision.name)
            return [*self.attributes.mode(target, shown(where, decision.name), decision.source, decision.why)]
        if decision.what is What.CONFLICT:
            self._reporter.fail(shown(where, decision.name), self._conflict(decision.why))
        elif listed.source.hides_dot_files and decision.name.startswith("."):
            self._reporter.skip(decision.name, "the server's listing does not show names with a leading dot", where)
        else:
            assert decision.target is not None
            self._plan_delete(decision.target, where, owner=where.shown)
        return []

    def _task(self, decision: Decision, where: Pair) -> CopyFile | Recheck | None:
        assert decision.source is not None
        recheck = self._path_map.recheck(where, decision)
        if recheck is not None:
            return recheck
        name = decision.name
        source, target = self._path_map.source(where, name), self._path_map.target(where, name)
        new = New(source, target, shown(where, name), decision.source, decision.why)
        if decision.target is None and self._renames is not None and self._renames.wait(new):
            return None
        return self._copy_new(new)

    def _at_source(self, message: str) -> FtpcliError:
        return LocalFileError(message) if self._remote_target else Refused(message)

    def _conflict(self, message: str) -> FtpcliError:
        return Refused(message) if self._remote_target else LocalFileError(message)

    # Copies and deletes

    def _add(self, task: Task | None) -> None:
        if task is not None:
            self._ready.append(iter((task,)))

    def _copy_new(self, new: New) -> CopyFile | None:
        return self._copy(new.source, new.target, new.shown, new.entry, new.why)

    def _copy(self, source: str, target: str, shown: str, entry: Entry, why: str) -> CopyFile | None:
        """The task for one file; none in a dry run."""
        self._reporter.copy_planned(shown, entry, why)
        if self._rules.dry_run:
            return None
        self._journal.plan(target, entry.size)
        job, replaces = self._job, why != MISSING
        root = job.roots[0].target if job.roots[0].tree and not self._remote_target else None
        place = job.endpoint.place
        return CopyFile(source, target, shown, entry, job.direction, self._rules, place, self._backup, replaces, root)

    def _plan_delete(self, entry: Entry, where: Pair, owner: str) -> None:
        """Join the plan; what a directory holds is listed next, because every entry that goes is named."""
        target = self._path_map.target(where, entry.name)
        delete = Delete(target, shown(where, entry.name), entry.kind, owner)
        number = self._deletes.add(delete)
        if self._renames is not None:
            self._renames.doom(number, delete, entry)
        if entry.kind is Kind.DIR:
            self._pairs.append(self._path_map.doomed(where, entry, owner))

    def _doom(self, where: Pair, listing: Listing) -> None:
        for entry in listing.entries:
            if self._path_map.spares(where, entry):
                self._deletes.keep(where.shown)
            else:
                self._plan_delete(entry, where, where.owner)
