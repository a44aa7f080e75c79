"""One file, from the first try to the last: resume, copy, count, commit.

Both directions write to a part name and rename only when the byte count, the data connection's verdict and the final
reply agree. The object outlives a try, so that what was reached is not done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ftpcli.engine.journal import Journal
from ftpcli.engine.meter import Lane
from ftpcli.engine.plan import PERMISSIONS
from ftpcli.engine.stop import StopToken
from ftpcli.engine.turns import Turns
from ftpcli.errors import Refused, Unsupported
from ftpcli.session.protocol import Session

# What is sent again before the place where an upload was cut, or where a download only lacks its confirmation: the last
# blocks that a server counts may not be on its disk.
OVERLAP = 64 * 1024

# Below this asking for a part file left by an earlier run costs more than sending the file again.
WORTH_RESUMING = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """How a file went. ``bytes`` is the whole file's size, ``resumed_from`` the offset that this run began at."""

    bytes: int
    resumed_from: int
    verified: str = "none"
    mode_problem: str = ""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a worker lends to a transfer. ``moved`` is told of all bytes that go over the data connection."""

    lane: Lane
    moved: Callable[[int], None]
    stop: StopToken
    journal: Journal = field(default_factory=Journal)
    turns: Turns = field(default_factory=Turns)


class FileTransfer(Protocol):
    def attempt(self, session: Session) -> Done: ...
    def progress(self) -> int:
        """Grows while the transfer gets anywhere: the offset that a next try would go on from."""
        ...


def mode_problem(session: Session, path: str, mode: int) -> str:
    """Set the permission bits; why that cannot be done, or nothing. The file is whole all the same."""
    try:
        if session.set_mode(path, mode & PERMISSIONS):
            return ""
    except (Refused, Unsupported) as error:
        return str(error)
    return "this server has no command that sets permissions"
