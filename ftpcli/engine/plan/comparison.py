"""Compares a directory that was listed on both sides: what to do in it now, and what to postpone to the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from ftpcli.engine.compare.aliases import Aliases, or_unsure, rough, similar
from ftpcli.engine.compare.decide import MISSING, UP_TO_DATE, Decision, What, is_empty, other_mode
from ftpcli.engine.compare.names import or_rewritten, pair_folded, rewritten, without_clashes
from ftpcli.engine.events import Warned
from ftpcli.engine.job import Job, Side
from ftpcli.engine.plan.attributes import AttributePlan
from ftpcli.engine.plan.copies import Copies
from ftpcli.engine.plan.deletes import Delete, Deletes
from ftpcli.engine.plan.kind_changes import KindChanges, NewLink, Successor
from ftpcli.engine.plan.paths import PathMap, shown
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.plan.twins import Twins, Waiting
from ftpcli.engine.tasks.check_names import CheckStored, StoredChecked
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.tasks.make_link import MakeLink
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.rename_file import New
from ftpcli.engine.tasks.set_mode import SetMode
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.errors import GuardRefused, ListingInDoubt
from ftpcli.model import Entry, Kind, Listing

if TYPE_CHECKING:
    from ftpcli.engine.plan.renames.pairing import Renames

_STORING = frozenset((What.COPY, What.LINK, What.DESCEND))

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
        twins: Twins,
        kind_changes: KindChanges,
    ) -> None:
        self._rules = job.rules
        self._direction = job.direction
        self._reporter = reporter
        self._deletes = deletes
        self._copies = copies
        self._renames = renames
        self._twins = twins
        self._kind_changes = kind_changes
        self._stored: list[CheckStored] = []
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
            return self._copies.plan(
                New(task.source, task.target, task.shown, result.entry, result.why, task.target_entry)
            )
        if self._rules.perms and (why := other_mode(result.entry, task.target_entry)):
            return self.attributes.mode(task.target, task.shown, result.entry, why)
        self._reporter.skip(task.shown, result.skipped or UP_TO_DATE)
        return []

    def _report_problems(self, listed: Listed) -> None:
        where = listed.pair
        owner = where.shown if where.source is not None else where.owner
        for problem in (*listed.source.problems, *listed.target.problems):
            self._deletes.block(owner, "its listing is in doubt")
            self._reporter.fail(where.shown or ".", ListingInDoubt(problem), alone=bool(where.target_exists))
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
        names = listed.names
        pairs = pair_folded(listed.source, listed.target, names)
        decisions: Iterable[Decision]
        decisions = (self._path_map.decide(listed.pair, source, target) for source, target in pairs)
        if names:
            decisions = without_clashes(tuple(decisions), names)
        if isinstance(names, Aliases) and names.unsure:
            decisions = tuple(or_unsure(decision, names.unsure) for decision in decisions)
        if self._direction.target is Side.REMOTE and (others := rewritten(listed.source, listed.target)):
            decisions = (or_rewritten(decision, others) for decision in decisions)
        return (decision for decision in decisions if self._path_map.concerns(listed.pair, decision))

    def _carry_out(self, listed: Listed) -> Work:
        descents: list[Pair] = []
        work = Work()
        followed, names = listed.followed, listed.names
        decisions: Iterable[Decision] = self._decisions(listed)
        twins: frozenset[str] = frozenset()
        if isinstance(names, Aliases) and (names.twins or names.apart):
            decisions = tuple(decisions)
            twins = _twins(decisions) if names.twins else twins
            self._check_before_deletes(decisions, listed.pair, names)
        for decision in decisions:
            if (followed.trouble or followed.outside) and self._is_unfollowable(decision, listed):
                continue
            if self._renames is not None and not _may_be_renamed(decision):
                self._renames.stays(decision.source, decision.target)
            if decision.name in twins and self._waits(decision, listed):
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

    def _check_before_deletes(self, decisions: Iterable[Decision], where: Pair, names: Aliases) -> None:
        """Have the server show new names that are similar to some that it listed, before any of these is deleted."""
        if not self._rules.delete or self._rules.dry_run:
            return
        stored = tuple(
            each.name
            for each in decisions
            if each.name in names.apart and each.what in _STORING and each.source is not None
            if not self._path_map.is_lazy(where, each.source)
        )
        if stored:
            similar_to = {rough(name) for name in stored}
            there = (each.name for each in decisions if each.what is What.DELETE)
            deleted = tuple(name for name in there if rough(name) in similar_to)
            self._stored.append(CheckStored(where.target, where.shown, stored, deleted))
            if self._rules.delete_before:
                for name in deleted:  # only once something is stored would it show whether it is that
                    self._deletes.postpone(where.shown, shown(where, name))

    def warning(self) -> str:
        """What the user has to know of filters that matched nothing; empty if there is none."""
        if not (idle := self._path_map.idle_patterns()):
            return ""
        told = "no entry matched " + ", ".join(f"'{pattern}'" for pattern in idle)
        if not self._rules.delete:
            return told
        return f"{told}: if that was to protect anything from --delete, compare it with the paths that --dry-run shows"

    def checks(self) -> Iterator[CheckStored]:
        """What to ask before anything is deleted."""
        for task in self._stored:
            if self._deletes.allow(task.directory, ""):
                yield task

    def stored_checked(self, result: StoredChecked) -> None:
        """The server was asked whether it lists what was stored; where it does not, nothing may be deleted."""
        task, missing = result.task, result.missing
        for name in (*task.stored, *task.deleted):
            path = f"{task.directory}/{name}".lstrip("/")
            if name in missing and name in task.deleted:
                self._deletes.keep(path)  # it is what was stored
            elif name in missing:
                why = "it was stored, but the server does not list it under this name; rename the file"
                self._reporter.fail(path, self._direction.target.refusal(why))

    def _waits(self, decision: Decision, listed: Listed) -> bool:
        """Whether a similar name goes first."""
        where, name = listed.pair, decision.name
        descends = decision.what is What.DESCEND
        work = self.attributes.descent(decision, listed) if descends else self._new(decision, where)
        return not self._twins.goes_first(where.target, Waiting(name, shown(where, name), work))

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
        elif decision.what is What.REPLACE:
            work.pairs.extend(self._replace(decision, listed))
        elif decision.what is What.CONFLICT:
            # Two kinds under one name are no doubt about the other names.
            two_kinds = decision.source and decision.target and decision.source.kind is not decision.target.kind
            error = self._direction.target.refusal(decision.why)
            self._reporter.fail(shown(where, name), error, alone=bool(two_kinds))
        elif listed.source.hides_dot_files and name.startswith("."):
            self._deletes.hide(where.shown)
            self._reporter.skip(name, "the server's listing does not show names with a leading dot", where)
        else:
            assert decision.target is not None
            work.pairs.extend(self._delete(decision.target, where, owner=where.shown))

    def _replace(self, decision: Decision, listed: Listed) -> list[Pair]:
        """Plan to delete what is of another kind; what takes its place waits for that."""
        where, name = listed.pair, shown(listed.pair, decision.name)
        assert decision.source is not None
        assert decision.target is not None
        alone = decision._replace(target=None, why=MISSING)
        successor: Successor
        if decision.source.kind is Kind.DIR:
            successor = self.attributes.descent(alone, listed)
        elif decision.source.kind is Kind.LINK:
            successor = NewLink(alone, where)
        else:
            successor = self._new(alone, where)
        self._kind_changes.wait(name, successor, decision.why)
        return self._delete(decision.target, where, owner=name)

    def _copy(self, decision: Decision, where: Pair) -> list[Recheck] | list[CopyFile]:
        assert decision.source is not None
        recheck = self._path_map.recheck(where, decision)
        if recheck is not None:
            return [recheck]
        new = self._new(decision, where)
        renames = self._renames
        if decision.target is None and renames is not None and renames.planning and renames.wait(new):
            return []
        return self._copies.plan(new)

    def _new(self, decision: Decision, where: Pair) -> New:
        assert decision.source is not None
        name = decision.name
        source, target = self._path_map.source(where, name), self._path_map.target(where, name)
        return New(source, target, shown(where, name), decision.source, decision.why, decision.target)

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
                if self._kind_changes.waits_for(where.owner):
                    self._deletes.block(where.owner, f"{shown(where, entry.name)} is excluded")
            else:
                pairs.extend(self._delete(entry, where, where.owner))
        return pairs


def _may_be_renamed(decision: Decision) -> bool:
    """Whether one side only has it, and another name of the same file may be on the other side."""
    return decision.what is What.DELETE or (decision.what is What.COPY and decision.target is None)


def _twins(decisions: Iterable[Decision]) -> frozenset[str]:
    """The names to be stored that are similar to another one to be stored."""
    new = (each.name for each in decisions if each.target is None and each.what in (What.COPY, What.DESCEND))
    return frozenset(chain.from_iterable(similar(new).values()))
