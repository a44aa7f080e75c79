"""What a run would delete, and whether it may.

Entries of a directory are deleted only if its source listing was complete and nothing in it failed; a problem in one
directory protects that directory, not the others. Deletes come last, and only if there are not suspiciously many.
What is held back so was asked for: the run does not end in success.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftpcli.engine.job import Rules
from ftpcli.engine.plan.spool import Spool
from ftpcli.errors import GuardRefused
from ftpcli.model import Kind

# This many may always be deleted, unless the limit is zero: half of a handful of files is not suspicious.
_FEW = 10
FAILED = "it failed"


@dataclass(frozen=True, slots=True)
class Delete:
    """One target entry; a directory is empty by the time it is deleted. ``owner`` is the nearest directory above that
    the source has too, whose source listing justifies the delete; or the entry that is replaced by one of another kind,
    for itself and all that is in it."""

    path: str
    shown: str
    kind: Kind
    owner: str


class Deletes:
    """Collects deletes while directories are compared; iterates backwards, so that contents precede their directory."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._spool = Spool()
        self._blocked: dict[str, str] = {}
        self._kept: set[str] = set()
        self._renamed = bytearray()
        self._hidden: dict[str, int] = {}
        self._postponed: dict[str, int] = {}
        self.target_entries = 0

    def add(self, delete: Delete) -> int:
        """Plan a delete, and return its number."""
        self._spool.append(delete.path, delete.shown, delete.kind.value, delete.owner)
        self._renamed.append(False)
        return len(self._spool) - 1

    def renamed(self, number: int) -> None:
        """The entry is not deleted after all: it was renamed."""
        self._renamed[number] = True

    def block(self, owner: str, why: str) -> None:
        """Block all deletes whose ``owner`` is this directory, also those planned already."""
        self._blocked.setdefault(owner, why)

    def why_blocked(self, owner: str) -> str:
        """Why nothing with this owner is deleted; empty if it is."""
        return self._blocked.get(owner, "")

    def failed(self, shown: str) -> bool:
        """Whether the failure of this entry itself was reported."""
        return self._blocked.get(shown) == FAILED

    def hide(self, owner: str) -> None:
        """An entry of this directory would be deleted, had not its name a leading dot, which the source's listing may
        not show."""
        self._hidden[owner] = self._hidden.get(owner, 0) + 1

    def keep(self, shown: str) -> None:
        """Keep an entry, and with it the directories above it."""
        while shown:
            self._kept.add(shown)
            shown = parent(shown)

    def postpone(self, owner: str, shown: str) -> None:
        """Leave an entry to the next run: only what is stored after the deletes shows whether it is the same."""
        self.keep(shown)
        self._postponed[owner] = self._postponed.get(owner, 0) + 1

    def held(self) -> Iterator[tuple[int, str]]:
        """What is held back, by directory: how many entries, and why."""
        counts: dict[str, int] = {}
        for delete in self._all() if self._blocked else ():
            if delete.owner in self._blocked:
                counts[delete.owner] = counts.get(delete.owner, 0) + 1
        for owner in sorted(counts):
            yield counts[owner], f"nothing is deleted in {owner or '.'}: {self._blocked[owner]}"
        for owner in sorted(self._hidden):
            what = "the server's listing may not show names with a leading dot; --exclude '.*' keeps this quiet"
            yield self._hidden[owner], f"no name with a leading dot is deleted in {owner or '.'}: {what}"
        for owner in sorted(self._postponed):
            what = "the server may take them for names that are stored after the deletes; run it again"
            yield self._postponed[owner], f"similar names are not deleted in {owner or '.'} yet: {what}"

    def check(self) -> None:
        """Raises GuardRefused if more would be deleted than the rules allow."""
        count = sum(1 for _ in self)
        if self._rules.max_delete is not None:
            if count > self._rules.max_delete:
                raise GuardRefused(
                    f"{count} entries would be deleted, and --max-delete allows {self._rules.max_delete}; "
                    "nothing was deleted"
                )
        elif (
            count > (_FEW if self._rules.max_delete_percent else 0)
            and count * 100 > self.target_entries * self._rules.max_delete_percent
        ):
            raise GuardRefused(
                f"{count} of {self.target_entries} entries would be deleted, more than "
                f"{self._rules.max_delete_percent:g}%; nothing was deleted. --max-delete {count} allows it"
            )

    def __iter__(self) -> Iterator[Delete]:
        for delete in self._all():
            if self.allow(delete.owner, delete.shown):
                yield delete

    def allow(self, owner: str, shown: str) -> bool:
        """Whether an entry may be deleted, as far as is known now."""
        return owner not in self._blocked and shown not in self._kept

    def _all(self) -> Iterator[Delete]:
        for (path, shown, kind, owner), renamed in zip(reversed(self._spool), reversed(self._renamed), strict=True):
            if not renamed:
                yield Delete(path, shown, Kind(kind), owner)

    def close(self) -> None:
        self._spool.close()


def parent(shown: str) -> str:
    """The directory of a shown path; "" is the root."""
    return shown.rpartition("/")[0]
