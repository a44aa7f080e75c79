"""Names that the target may take for one another, such as ``README`` and ``readme``, where it has none of them yet.

Whether it does shows once one of them is stored. So the first of each group goes at once, and the others wait until
everything else is done; then the target is asked about one after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ftpcli.engine.compare.aliases import rough
from ftpcli.engine.tasks.check_names import CheckFree
from ftpcli.engine.tasks.pair import Pair
from ftpcli.engine.tasks.rename_file import New
from ftpcli.engine.tasks.resolve import Found


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is to be done as soon as its name is known to be free."""

    name: str
    shown: str
    work: Found | New | Pair


@dataclass(slots=True)
class _Group:
    stored: list[str] = field(default_factory=list)
    waiting: deque[Waiting] = field(default_factory=deque)


class Twins:
    """For the coordinator's thread only."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def goes_first(self, folder: str, one: Waiting) -> bool:
        """Whether this is the first of the similar names that go into ``folder``; if not, it is kept waiting."""
        group = self._groups.setdefault((folder, rough(one.name)), _Group())
        if not group.stored:
            group.stored.append(one.name)
            return True
        group.waiting.append(one)
        return False

    def questions(self) -> Iterator[CheckFree]:
        """One about each group: what is asked next depends on the answer."""
        for (folder, _), group in list(self._groups.items()):
            if group.waiting:
                one = group.waiting[0]
                yield CheckFree(folder, one.name, one.shown, tuple(group.stored))

    @property
    def waiting(self) -> bool:
        return any(group.waiting for group in self._groups.values())

    def take(self, task: CheckFree, *, stores: bool) -> Waiting:
        """What a question was about; it waits no longer. ``stores``: it is done now."""
        group = self._groups[task.folder, rough(task.name)]
        if stores:
            group.stored.append(task.name)
        return group.waiting.popleft()
