"""Files whose name changed in the source are renamed on the target, not sent again.

Copies of files that the target lacks wait until every directory is listed. Then each is compared with the files that
are to be deleted: one of the same size and time is taken for the same file, preferring one of the same name in another
directory. If a listing is less precise than the time the server knows, the server is asked. If the server provides a
digest it must agree. If not, size and time suffice only where they are a file's own: no other file of either tree has
both, and a time without a fraction of a second, which a tool may have given to many files (npm packages, builds with
SOURCE_DATE_EPOCH), no other file at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ftpcli.engine.compare.times import has_fraction, is_copied_time, is_exact
from ftpcli.engine.job import Job, Side
from ftpcli.engine.plan.deletes import Delete, Deletes
from ftpcli.engine.plan.renames.index import Candidate, RenameIndex, open_database
from ftpcli.engine.plan.renames.witnesses import Witnesses
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.tasks.rename_file import Asked, AskTime, New, Old, RenameFile
from ftpcli.model import Entry
from ftpcli.part_names import is_part


class Renames:
    """Collects files while directories are compared, then creates the tasks. For the coordinator's thread only.

    ``planning``: more tasks may follow.
    """

    def __init__(self, job: Job, deletes: Deletes) -> None:
        self._deletes = deletes
        self._database = open_database()
        self._new = RenameIndex(self._database, "new")
        self._old = RenameIndex(self._database, "old")
        self._witnesses = Witnesses(self._database)
        # The side on the server, whose listings may be less precise than the times it knows.
        self._asked = self._old if job.direction.target is Side.REMOTE else self._new
        self.planning = True

    def wait(self, new: New) -> bool:
        """Let a copy wait. False if the file could not be recognised among others; see ``RenameIndex.add``."""
        return self._new.add(new.entry, new.source, new.target, new.shown, new.why)

    def delete_planned(self, number: int, delete: Delete, entry: Entry) -> None:
        if not is_part(entry.name):
            self._old.add(entry, str(number), delete.path, delete.shown, delete.owner)

    def stays(self, source: Entry | None, target: Entry | None) -> None:
        """A file has its counterpart under the same name, or none at all; no rename is about it."""
        exact = [entry for entry in (source, target) if entry is not None and is_exact(entry)]
        self._witnesses.add(*(exact or (source, target)))

    def questions(self) -> Iterator[AskTime]:
        """Tasks that ask for the exact times of those files on the server that may match others."""
        self._new.close_list()
        self._old.close_list()
        self._witnesses.close_list()
        others = self._new if self._asked is self._old else self._old
        for candidate in self._asked.all(inexact=True):
            if any(True for _ in others.like(candidate.entry)):
                path = _old(candidate).path if self._asked is self._old else _new(candidate).source
                yield AskTime(path, path, candidate.entry, candidate.row)

    def asked(self, result: Asked) -> None:
        """The server was asked for a file's exact time."""
        self._asked.learn(result.task.row, result.entry)

    def tasks(self, copy: Callable[[New], list[CopyFile]]) -> Iterator[RenameFile | CopyFile]:
        """Renames for files with a counterpart, copies for the rest. ``copy`` plans a copy."""
        for same_name in (True, False):
            for candidate in self._new.all():
                new = _new(candidate)
                old = self._counterpart(new.entry, same_name=same_name)
                if old is not None:
                    self._new.serve(candidate)
                    yield self._rename(old, new, same_name)
                elif not same_name:
                    yield from copy(new)
        self.planning = False

    def _rename(self, old: Old, new: New, same_name: bool) -> RenameFile:
        certain = (
            is_copied_time(new.entry, old.entry)
            and self._old.has_one_at_most(new.entry, same_name=same_name)
            and self._new.has_one_at_most(old.entry, same_name=same_name)
            and not self._witnesses.has_like(new.entry, same_name=same_name)
            and (has_fraction(new.entry) or not self._is_shared_time(new.entry))
        )
        return RenameFile(old, new, certain)

    def _is_shared_time(self, entry: Entry) -> bool:
        return self._new.count_at(entry) > 1 or self._old.count_at(entry) > 1 or self._witnesses.has_time_of(entry)

    def _counterpart(self, entry: Entry, *, same_name: bool) -> Old | None:
        """The file to rename, if there is one; each is used only once."""
        for candidate in self._old.like(entry, same_name=same_name):
            old = _old(candidate)
            if self._deletes.allow(old.owner, old.shown):
                self._old.serve(candidate)
                return old
        return None

    def close(self) -> None:
        self._database.close()


def _new(candidate: Candidate) -> New:
    source, target, shown, why = candidate.about
    return New(source, target, shown, candidate.entry, why)


def _old(candidate: Candidate) -> Old:
    number, path, shown, owner = candidate.about
    return Old(int(number), path, shown, owner, candidate.entry)
