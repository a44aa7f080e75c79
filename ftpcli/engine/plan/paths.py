"""How the two sides of a run correspond: which paths belong together, and which pass the filters. No I/O."""

from __future__ import annotations

from dataclasses import replace

from ftpcli.engine.compare.decide import (
    CONTENT_UNKNOWN,
    NOT_NEWER,
    TIME_DIFFERS,
    TIME_DIFFERS_HERE,
    TIME_UNSURE,
    UP_TO_DATE,
    Decision,
    What,
    decide,
)
from ftpcli.engine.compare.filters import Filters
from ftpcli.engine.compare.times import is_imprecise, is_young
from ftpcli.engine.job import Job, Scope, Side
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.recheck import Recheck
from ftpcli.engine.transfer.target_times import TargetTimes
from ftpcli.model import Entry, Kind


class PathMap:
    """See the module."""

    def __init__(self, job: Job, now: float, times: TargetTimes) -> None:
        """``now``: seconds since 1970 UTC. ``times``: how the target keeps times, as far as it is known yet."""
        self._direction = job.direction
        self._rules = job.rules
        self._filters = Filters(job.rules.filters)
        self._times = times
        self._on_the_way = _with_all_above(job.rules.only)
        self._now = now

    @property
    def _source_is_remote(self) -> bool:
        return self._direction.source is Side.REMOTE

    def decide(self, where: Pair, source: Entry | None, target: Entry | None) -> Decision:
        """What to do about one name, filters included. A file that could have changed unseen is copied or rechecked."""
        decision = self._decide(where, source, target)
        if decision.why in (TIME_DIFFERS, NOT_NEWER) and source is not None and target is not None:
            return self._unless_in_doubt(decision, source, target)
        if decision.why == UP_TO_DATE and source is not None and target is not None and self._by_chance(source, target):
            return decision._replace(what=What.COPY, why=TIME_UNSURE)
        if decision.why != UP_TO_DATE or source is None or self._rules.compare not in ("auto", "time"):
            return decision
        # It may have changed twice within one minute, and listings show minutes only (vsftpd).
        imprecise = source.kind is Kind.FILE and is_imprecise(source if self._source_is_remote else target)
        # A local copy gets the listed minute as its time only if that minute was over when it was made.
        told = self._source_is_remote and target is not None and target.mtime == source.mtime
        unsure = imprecise and not told and is_young(source, self._now)
        return decision._replace(what=What.COPY, why=TIME_UNSURE) if unsure else decision

    def _unless_in_doubt(self, decision: Decision, source: Entry, target: Entry) -> Decision:
        if decision.why == NOT_NEWER and (self._times.in_doubt(source, target) or self._is_rough_arrival(target)):
            return decision._replace(what=What.COPY)  # once it has been rechecked
        if decision.why == TIME_DIFFERS and self._times.stays_in_doubt(source, target):
            return decision._replace(why=TIME_DIFFERS_HERE)
        return decision

    def _by_chance(self, source: Entry, target: Entry) -> bool:
        chance = self._times.may_be_chance(source) and source.kind is Kind.FILE
        return chance and self._times.in_doubt(source, target)

    def _is_rough_arrival(self, target: Entry) -> bool:
        """Whether it is the time of an arrival, by another clock than ours, and not told exactly."""
        known = self._times.known
        return not self._source_is_remote and known is not None and not known.holds and is_imprecise(target)

    def witness(self, listed: Listed) -> None:
        """Look for a file of the target that shows its source's time, as long as none was seen."""
        if not self._times.wants_witness:
            return
        there = {entry.name: entry for entry in listed.target.entries}
        for source in listed.source.entries if there else ():
            target = there.get(source.name)
            if target is not None and source.kind is target.kind is Kind.FILE and self._times.witness(source, target):
                return

    def _decide(self, where: Pair, source: Entry | None, target: Entry | None) -> Decision:
        rough = is_imprecise(source if self._source_is_remote else target)
        keeping = None if rough else self._times.known
        if not self._filters.limits:
            return decide(source, target, self._rules, keeping)
        entry = source or target
        assert entry is not None
        path = self._filtered(where, entry.name)
        if entry.kind is Kind.DIR and source is not None:
            excluded = not self._filters.enters(path)
        else:
            excluded = not self._filters.keeps(path, entry)
        if source is not None and target is not None and source.name != target.name:
            # One object under two names is spared by a pattern for either of them.
            excluded = excluded or self._filters.excludes(self._filtered(where, target.name), target)
        if excluded:
            return Decision(What.SKIP, entry.name, source, target, "excluded")
        decision = decide(source, target, self._rules, keeping)
        if decision.what is What.REPLACE and source is not None and target is not None:
            if self.spares(where, target):
                return decision._replace(what=What.CONFLICT, why=f"{decision.why}, which is excluded")
            if self.is_lazy(where, source):
                return decision._replace(what=What.CONFLICT, why=f"{decision.why}; remove that first")
        return decision

    def idle_patterns(self) -> list[str]:
        """The filters that have matched nothing so far."""
        return self._filters.idle

    def concerns(self, where: Pair, decision: Decision) -> bool:
        """False if it is outside the run's scope."""
        only = self._rules.only
        if only is None or where.whole:
            return True
        if self._filtered(where, decision.name) in self._on_the_way:
            return True
        enters = decision.what is not What.DESCEND or decision.target is None
        return enters and where.shown[len(where.prefix) :] in only.directories

    def spares(self, where: Pair, entry: Entry) -> bool:
        """Whether a filter protects this entry of a directory that is to be deleted."""
        return not self._filters.keeps(self._filtered(where, entry.name), entry)

    def recheck(self, where: Pair, decision: Decision) -> Recheck | None:
        """What to ask the server before a file is copied; None if the listings are sufficient."""
        source, target = decision.source, decision.target
        if source is None or target is None or not self._is_doubtful(decision.why, source, target):
            return None
        name = decision.name
        return Recheck(
            self.source(where, name),
            self.target(where, name),
            shown(where, name),
            source,
            target,
            exactly=is_young(source, self._now),
        )

    def _is_doubtful(self, why: str, source: Entry, target: Entry) -> bool:
        if why in (CONTENT_UNKNOWN, TIME_UNSURE, NOT_NEWER):
            return True
        if self._rules.newer_only and self._times.in_doubt(source, target):
            return True
        if why != TIME_DIFFERS:
            return False
        return is_imprecise(source if self._source_is_remote else target) or self._times.in_doubt(source, target)

    def source(self, where: Pair, name: str) -> str:
        assert where.source is not None
        return self._direction.source.join(where.source, name)

    def target(self, where: Pair, name: str) -> str:
        return self._direction.target.join(where.target, name)

    def below(self, where: Pair, source: Entry, *, exists: bool) -> Pair:
        """The pair for a directory of the source. One that is entered only for included entries is made when needed."""
        name = source.name
        return Pair(
            self.source(where, name),
            self.target(where, name),
            shown(where, name),
            target_exists=exists,
            prefix=where.prefix,
            lazy=self.is_lazy(where, source),
            whole=where.whole or not exists or self._is_tree(self._filtered(where, name)),
        )

    def is_lazy(self, where: Pair, source: Entry) -> bool:
        """Whether this is a directory that is made only if something goes into it."""
        return source.kind is Kind.DIR and not self._filters.keeps(self._filtered(where, source.name), source)

    def _is_tree(self, path: str) -> bool:
        return self._rules.only is not None and path in self._rules.only.trees

    def target_only(self, where: Pair, entry: Entry, owner: str) -> Pair:
        """The pair for a directory that only the target has."""
        return replace(
            where,
            source=None,
            target=self.target(where, entry.name),
            shown=shown(where, entry.name),
            target_exists=True,
            owner=owner,
            lazy=False,
        )

    @staticmethod
    def _filtered(where: Pair, name: str) -> str:
        return shown(where, name)[len(where.prefix) :]


def _with_all_above(scope: Scope | None) -> frozenset[str]:
    """The directories of the scope, and all directories above them."""
    found: set[str] = set()
    for path in () if scope is None else scope.directories | scope.trees:
        while path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def shown(where: Pair, name: str) -> str:
    """The name under which an entry of this directory is reported."""
    return f"{where.shown}/{name}" if where.shown else name
