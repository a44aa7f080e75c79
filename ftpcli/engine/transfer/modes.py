"""The permission bits of an upload: those of the file that it replaces, and never more on the way there.

A file that only its owner may read must not be readable by others while its successor arrives, nor afterwards.
"""

from __future__ import annotations

import io

from ftpcli.engine.compare.decide import PERMISSIONS
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.trees.local import OpenSource
from ftpcli.engine.trees.remote import mode_problem
from ftpcli.errors import NotPrivate, Refused, Unsupported
from ftpcli.session.contract import HostMemory, Session

_READ_AND_WRITE = 0o666
_OWNER = 0o600  # the owner can resume it
_OTHERS_READ = 0o044
_OTHERS_WRITE = 0o002


class Modes:
    """For one upload."""

    def __init__(self, request: CopyRequest, context: CopyContext) -> None:
        self._rules = context.rules
        self._host = context.host
        self._kept = None if context.rules.in_place else kept(request.target_mode)

    def wanted(self, source: OpenSource) -> int | None:
        """What it gets in the end; None leaves that to the server."""
        return source.mode & PERMISSIONS if self._rules.perms else self._kept

    def at_creation(self, source: OpenSource) -> int:
        """The most that a new file gets, where the protocol can say: no more than its source, as with scp and rsync."""
        wanted = self.wanted(source)
        return most_at_creation(source.mode if wanted is None else wanted)

    def shut(self, session: Session, part: str, source: OpenSource) -> None:
        """Make a part file that others must not read before anything is in it. Raises NotPrivate where that cannot be
        and the part file is to replace one that they may not read."""
        wanted = self.wanted(source)
        problem = "" if wanted is None else shut(session, part, wanted, self._host)
        if problem and self._kept is not None and is_private(self._kept):
            raise not_private(problem)

    def is_right(self, session: Session, part: str, told: int | None, wanted: int) -> bool:
        """Whether the part file needs no command for it. ``told``: its permission bits, where they are known."""
        if told is not None:
            return told == wanted
        if self._rules.perms or is_private(wanted):
            return False
        if self._host.new_file_mode is None:
            self._host.new_file_mode = mode_of(session, part)
        return self._host.new_file_mode == wanted


def kept(mode: int | None) -> int | None:
    """What is kept of the permission bits of a file that is replaced."""
    # ProFTPD's MLSD shows a symbolic link as a file that everybody may write.
    return None if mode is None or mode & _OTHERS_WRITE else mode & PERMISSIONS


def most_at_creation(mode: int) -> int:
    return mode & _READ_AND_WRITE | _OWNER


def is_private(mode: int) -> bool:
    return mode & _OTHERS_READ != _OTHERS_READ


def shut(session: Session, part: str, wanted: int, host: HostMemory) -> str:
    """Make a part file that others must not read before anything is in it. Returns why that cannot be."""
    if not is_private(wanted) or session.capabilities.creates_with_mode or _fits(host.new_file_mode, wanted):
        return ""
    with session.open_write(part, 0) as sink:
        sink.pump_from(io.BytesIO(), lambda _: None)
        sink.finish()
    host.new_file_mode = mode = mode_of(session, part)
    return "" if _fits(mode, wanted) else mode_problem(session, part, wanted | _OWNER)


def not_private(problem: str) -> NotPrivate:
    return NotPrivate(
        f"others may not read the file that is there, and could read the new one: {problem}; "
        "--in-place writes into the one that is there"
    )


def _fits(mode: int | None, wanted: int) -> bool:
    return mode is not None and not mode & _OTHERS_READ & ~wanted


def mode_of(session: Session, path: str) -> int | None:
    try:
        mode = session.examine(path).mode
    except (Refused, Unsupported):
        return None
    return None if mode is None else mode & PERMISSIONS
