"""Whether a file will fit on the server, asked before the first byte of it goes."""

from __future__ import annotations

import posixpath

from ftpcli.errors import NoSpace, Refused, Unsupported
from ftpcli.session.contract import Session

# What is smaller is refused as soon as it is asked.
_WORTH_ASKING = 1024 * 1024


def require_room(session: Session, path: str, size: int, offset: int) -> None:
    """Raises NoSpace where a file of ``size`` bytes, of which ``offset`` are at ``path`` already, cannot fit.

    What is at ``path`` now counts as room: it is written over. Where the server tells too little, that is no reason.
    """
    wanted = size - offset
    if wanted < _WORTH_ASKING:
        return
    free = session.free_bytes(posixpath.dirname(path), wanted)
    if free is None or free >= wanted:
        return
    try:
        there = session.size(path) or 0
    except (Refused, Unsupported):
        there = 0
    if free + there < size:
        raise NoSpace(f"the server has no room for it: {size - there} bytes are needed, and {free} are free")
