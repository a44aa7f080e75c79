"""Compares a directory that was listed on both sides: what to do in it now, and what to postpone to the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ftpcli.engine.compare.decide import UP_TO_DATE, Decision, What, is_empty, other_mode
from ftpcli.engine.compare.names import or_rewritten, pair_folded, rewritten, without_clashes
from ftpcli.engine.events import Warned
from ftpcli.engine.job import Job, Side
from ftpcli.engine.plan.attributes import AttributePlan
from ftpcli.engine.plan.copies import Copies
from ftpcli.engine.plan.deletes import Delete, Deletes
from ftpcli.engine.plan.paths import PathMap, shown
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.tasks.make_link import MakeLink
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.rename_file import New
from ftpcli.engine.tasks.set_mode import SetMode
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.errors import GuardRefused, Refused
from ftpcli.model import Entry, Kind, Listing

if TYPE_CHECKING:
    from ftpcli.engine.plan.renames import Renames

ForOneFile = CopyFile | Recheck | MakeLink | SetMode


class Work:
    """``pairs`` are to be listed next, last one first; ``tasks`` can be done in any order."""

    def __init__(self, pairs: list[Pair] | None = None) -> None:
        self.pairs: list[Pair] = pairs or []
        self.tasks: list[ForOneFile] = []


class Comparison:
    """For the coordinator's thread only. ``left_out`` counts entries that are neither file nor directory."""

    def __init__(
        self,
        job: Job,
        reporter: Reporter,
        deletes: Deletes,
        copies: Copies,
        renames: Renames | None,
        times: TargetTimes,
    ) -> None:
        self._rules = job.rules
        self._direction = job.direction
        self._reporter = reporter
        self._deletes = deletes
        self._copies = copies
        self._renames = renames
        self._path_map = PathMap(job, time.time(), times)
        self.attributes = AttributePlan(job, self._path_map, reporter)
        self.left_out = 0

    def compare(self, listed: Listed) -> Work:
        """Report what is skipped and what fails, plan deletes for the end, and return what to do now."""
        where = listed.pair
        self._path_map.witness(listed)
        if where.lazy and any(decision.what in (What.COPY, What.LINK) for decision in self._decisions(listed)):
            return Work([replace(where, lazy=False)])  # something goes into it: make it, then compare it
        if listed.made:
            self._reporter.directory_made(where)
            if not self._rules.dry_run:
                self.attributes.made(where)
        self._report_problems(listed)
        self._deletes.target_entries += len(listed.target.entries)
        if where.source is None:
            return Work(self._delete_all(where, listed.target))
        if self._is_suspiciously_empty(where, listed):
            return Work()
        if listed.made:
            listed = replace(listed, pair=replace(where, whole=True))
        self._reporter.report.entries += len(listed.source.entries)
        return self._carry_out(listed)

    def rechecked(self, result: Rechecked) -> list[CopyFile] | list[SetMode]:
        """The server was asked about a file."""
        task = result.task
        if result.why:
            return self._copies.plan(New(task.source, task.target, task.shown, result.entry, result.why))
        if self._rules.perms and (why := other_mode(result.entry, task.target_entry)):
            return self.attributes.mode(task.target, task.shown, result.entry, why)
        self._reporter.skip(task.shown, result.skipped or UP_TO_DATE)
        return []

    def _report_problems(self, listed: Listed) -> None:
        where = listed.pair
        owner = where.shown if where.source is not None else where.owner
        for problem in (*listed.source.problems, *listed.target.problems):
            self._deletes.block(owner, "its listing is in doubt")
            self._reporter.fail(where.shown or ".", Refused(problem))
        if doubt := listed.source.doubt or listed.target.doubt:
            self._deletes.block(owner, doubt)

    def _is_suspiciously_empty(self, where: Pair, listed: Listed) -> bool:
        """An empty source is more likely an unmounted disk than intended."""
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
        if self._direction.target is Side.REMOTE and (others := rewritten(listed.source, listed.target)):
            decisions = (or_rewritten(decision, others) for decision in decisions)
        return (decision for decision in decisions if self._path_map.concerns(listed.pair, decision))

    def _carry_out(self, listed: Listed) -> Work:
        descents: list[Pair] = []
        work = Work()
        followed = listed.followed
        for decision in self._decisions(listed):
            if (followed.trouble or followed.outside) and self._is_unfollowable(decision, listed):
                continue
            if decision.what is What.DESCEND:
                descents.append(self.attributes.descent(decision, listed))
            elif decision.what is not What.SKIP:
                self._plan(decision, listed, work)
            elif decision.source is not None:
                no_file = decision.source.kind in (Kind.LINK, Kind.OTHER)
                self.left_out += no_file and decision.why not in ("excluded", UP_TO_DATE)
                self._reporter.skip(decision.name, decision.why, listed.pair)
        # Depth first, in the order of the listing.
        work.pairs.extend(reversed(descents))
        return work

    def _is_unfollowable(self, decision: Decision, listed: Listed) -> bool:
        """Whether this is a link that cannot be followed. Warns about one that leads out of the tree."""
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

    def _plan(self, decision: Decision, listed: Listed, work: Work) -> None:
        """Turn a decision into work; deletes are kept for the end."""
        where, name = listed.pair, decision.name
        if decision.what is What.COPY:
            work.tasks.extend(self._copy(decision, where))
        elif decision.what is What.LINK:
            work.tasks.extend(self.attributes.link(decision, where))
        elif decision.what is What.CHMOD:
            assert decision.source is not None
            target = self._path_map.target(where, name)
            work.tasks.extend(self.attributes.mode(target, shown(where, name), decision.source, decision.why))
        elif decision.what is What.CONFLICT:
            self._reporter.fail(shown(where, name), self._direction.target.refusal(decision.why))
        elif listed.source.hides_dot_files and name.startswith("."):
            self._deletes.hide(where.shown)
            self._reporter.skip(name, "the server's listing does not show names with a leading dot", where)
        else:
            assert decision.target is not None
            work.pairs.extend(self._delete(decision.target, where, owner=where.shown))

    def _copy(self, decision: Decision, where: Pair) -> list[Recheck] | list[CopyFile]:
        assert decision.source is not None
        recheck = self._path_map.recheck(where, decision)
        if recheck is not None:
            return [recheck]
        name = decision.name
        source, target = self._path_map.source(where, name), self._path_map.target(where, name)
        new = New(source, target, shown(where, name), decision.source, decision.why)
        if decision.target is None and self._renames is not None and self._renames.wait(new):
            return []
        return self._copies.plan(new)

    def _delete(self, entry: Entry, where: Pair, owner: str) -> list[Pair]:
        """Plan a delete. A directory's content is listed next, because every entry deleted is reported by name."""
        target = self._path_map.target(where, entry.name)
        delete = Delete(target, shown(where, entry.name), entry.kind, owner)
        number = self._deletes.add(delete)
        if self._renames is not None:
            self._renames.delete_planned(number, delete, entry)
        return [self._path_map.target_only(where, entry, owner)] if entry.kind is Kind.DIR else []

    def _delete_all(self, where: Pair, listing: Listing) -> list[Pair]:
        """Plan to delete what is in a directory that is itself to be deleted."""
        pairs: list[Pair] = []
        for entry in listing.entries:
            if self._path_map.spares(where, entry):
                self._deletes.keep(where.shown)
            else:
                pairs.extend(self._delete(entry, where, where.owner))
        return pairs
