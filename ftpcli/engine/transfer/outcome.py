"""What both directions have in common: they write to a part name, and rename only when the byte count, the data
connection's verdict and the final reply agree. The object outlives a try, so that what was reached is not done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ftpcli.session.contract import Session

# What is sent again before the place where an upload was cut, or where a download only lacks its confirmation: the last
# blocks that a server counts may not be on its disk.
OVERLAP = 64 * 1024
# What is received again where a download is resumed, to see that the server goes on with the same file at that place.
SEAM = 4 * 1024
# Below this asking for a part file left by an earlier run costs more than sending the file again.
WORTH_RESUMING = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """How a file went. ``bytes`` is the whole file's size, ``resumed_from`` the offset that this run began at.

    ``verified`` says what vouches for the content: "none", "size", "time", or the name of a digest. ``mode_problem``
    says why the permission bits could not be set.
    """

    bytes: int
    resumed_from: int
    verified: str = "none"
    mode_problem: str = ""


class FileTransfer(Protocol):
    """One file's transfer, which is tried again after a failure until it works or is given up."""

    def attempt(self, session: Session) -> Done:
        """Resume with ``session`` where the last attempt got to. Raises FtpcliError."""
        ...

    def progress(self) -> int:
        """Grows while the transfer gets anywhere: the offset where a next try would resume, and A_STEP for a step."""
        ...
