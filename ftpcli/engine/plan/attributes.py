"""Plans permission bits and symbolic links.

Directories get their permissions last of all and deepest first, because nothing can be put into a read-only one.
Links on the server are made after all files: ProFTPD does not make dangling links.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ftpcli.engine.compare.decide import OWNERS_BITS, PERMISSIONS, Decision, other_mode
from ftpcli.engine.events import Finished, Planned
from ftpcli.engine.job import Job, Side
from ftpcli.engine.plan.paths import PathMap, shown
from ftpcli.engine.plan.reporter import Reporter
from ftpcli.engine.plan.spool import Spool
from ftpcli.engine.tasks.make_link import LinkMade, MakeLink
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.rename_file import Renamed
from ftpcli.engine.tasks.set_mode import ModeSet, SetMode
from ftpcli.errors import Unsupported
from ftpcli.model import Entry


class AttributePlan:
    """Creates the tasks for links and permissions, and reports their results. For the coordinator's thread only."""

    def __init__(self, job: Job, path_map: PathMap, reporter: Reporter) -> None:
        self._rules = job.rules
        self._links_last = job.direction.target is Side.REMOTE
        self._path_map = path_map
        self._reporter = reporter
        self._modes = Spool()
        self._links = Spool()
        self._problems = 0
        self._first = ""

    # Links

    def link(self, decision: Decision, where: Pair) -> list[MakeLink]:
        """The task for one link; none if it has to wait until the end."""
        path = shown(where, decision.name)
        text = decision.source.target if decision.source is not None else None
        if text is None:
            self._reporter.fail(
                path, Unsupported("the server does not tell what this symbolic link says, so it is not copied")
            )
            return []
        self._reporter.tell(Planned(path, "link", why=decision.why))
        if self._rules.dry_run:
            return []
        target, replaces = self._path_map.target(where, decision.name), decision.target is not None
        if self._links_last:
            self._links.append(target, path, text, "replaces" if replaces else "")
            return []
        return [MakeLink(target, path, text, replaces=replaces)]

    def links(self) -> Iterator[MakeLink]:
        """The links that waited until all files were there; each is named once."""
        waiting, self._links = self._links, Spool()
        for path, name, text, replaces in reversed(waiting):
            yield MakeLink(path, name, text, replaces=bool(replaces))
        waiting.close()

    # Permissions

    def mode(self, target: str, name: str, source: Entry, why: str) -> list[SetMode]:
        """The task for one file that is up to date except for its mode."""
        assert source.mode is not None
        self._reporter.tell(Planned(name, "chmod", why=why))
        if self._rules.dry_run:
            return []
        return [SetMode(target, name, source.mode & PERMISSIONS, told=True)]

    def descent(self, decision: Decision, listed: Listed) -> Pair:
        """The pair for a directory. An existing one with other or insufficient permissions is changed at the end."""
        where, source, there = listed.pair, decision.source, decision.target
        assert source is not None
        below = self._path_map.below(where, source, exists=there is not None)
        below = replace(below, trail=listed.followed.trails.get(source.name))
        if not self._rules.perms or source.mode is None:
            return below
        why, opens = other_mode(source, there), _opens(there)
        if why:
            self._reporter.tell(Planned(below.shown, "chmod", why=why))
        if (why or opens is not None) and not self._rules.dry_run:
            self._directory(below.target, below.shown, source.mode, told=bool(why))
        return replace(below, mode=source.mode, opens=opens)

    def made(self, pair: Pair) -> None:
        """A directory was made."""
        if pair.mode is not None:
            self._directory(pair.target, pair.shown, pair.mode, told=False)

    def renamed(self, result: Renamed) -> list[SetMode]:
        """A file of the target was renamed; it still has its old permissions."""
        new, old = result.task.new, result.task.old.entry
        if not self._rules.perms or new.entry.mode is None:
            return []
        why = other_mode(new.entry, old) if old.mode is not None else "permissions are not known"
        return self.mode(new.target, new.shown, new.entry, why) if why else []

    def _directory(self, path: str, name: str, mode: int, *, told: bool) -> None:
        self._modes.append(path, name, str(mode & PERMISSIONS), "told" if told else "")

    def modes(self) -> Iterator[SetMode]:
        """The tasks for directories, deepest first."""
        for path, name, mode, told in reversed(self._modes):
            yield SetMode(path, name, int(mode), told=bool(told))

    # What came of it

    def done(self, result: LinkMade | ModeSet) -> None:
        if isinstance(result, LinkMade):
            self._reporter.tell(Finished(result.task.shown, "link", result.worker))
        elif result.problem:
            self.problem(result.task.shown, result.problem)
        elif result.task.told:
            self._reporter.tell(Finished(result.task.shown, "chmod", result.worker))

    def problem(self, name: str, why: str) -> None:
        """Permissions of ``name`` could not be set."""
        self._problems += 1
        self._first = self._first or f"{name}: {why}"

    def warning(self) -> str:
        """One warning for the whole run; empty if all permissions could be set."""
        if not self._problems:
            return ""
        count = "1 file or directory" if self._problems == 1 else f"{self._problems} files and directories"
        return f"the permissions of {count} could not be set; {self._first}"

    def close(self) -> None:
        self._modes.close()
        self._links.close()


def _opens(target: Entry | None) -> int | None:
    """The bits that an existing directory needs until its content has been written; None if it has them."""
    if target is None or target.mode is None or target.mode & OWNERS_BITS == OWNERS_BITS:
        return None
    return target.mode & PERMISSIONS | OWNERS_BITS
