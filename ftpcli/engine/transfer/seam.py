"""Whether an upload that was resumed is what was sent.

Some servers truncate a file when it is opened for writing and leave a hole before the offset, some take REST and store
from the start, some append whatever the offset. With the first kind even the size is right. So the content around each
place where an upload was resumed is read back before the file counts, whatever ``--verify`` says.
"""

from __future__ import annotations

from ftpcli.engine.transfer.outcome import OVERLAP
from ftpcli.engine.transfer.read_back import SAMPLE, SOON, agree, read_local
from ftpcli.engine.transfer.verify import compare_digests
from ftpcli.engine.trees.local import OpenSource
from ftpcli.errors import ConnectionLost, Refused, Unsupported
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken


class Seams:
    """The places at which one upload was resumed, until each of them is proven."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._samples: list[tuple[int, int]] = []  # start and length

    def add(self, offset: int) -> None:
        """New bytes begin at ``offset``; 0 starts the whole file again, in which there is no seam."""
        self._samples.clear()
        if offset:
            self._offsets.append(offset)
        else:
            self._offsets.clear()

    def hold(self, session: Session, path: str, source: OpenSource, stop: StopToken) -> bool:
        """False where the file on the server differs, or nobody may look. May be asked again after ConnectionLost,
        which it also raises where looking cost the session."""
        if not self._offsets:
            return True
        if not self._samples:
            if not _has_size(session, path, source.size):
                return False
            compared = compare_digests(session, path, source, stop)
            if compared is not None:
                return not compared.difference
            self._samples = [sample for offset in self._offsets for sample in _samples(source, offset, stop)]
        while self._samples:
            require_healthy(session)
            if not agree(session, path, source, *self._samples[-1]):
                return False
            self._samples.pop()
        self._offsets.clear()
        return True


def require_healthy(session: Session) -> None:
    """Raises ConnectionLost where the last step has cost the session."""
    if not session.healthy:
        raise ConnectionLost("the connection was given up, because a download on it was broken off")


def _has_size(session: Session, path: str, size: int) -> bool:
    try:
        return session.size(path) in (None, size)
    except (Refused, Unsupported):
        return True  # what is read will tell


def _samples(source: OpenSource, offset: int, stop: StopToken) -> list[tuple[int, int]]:
    """What to read back: around the offset, and as far behind it as was sent twice, where a server that appends goes
    wrong. Zeros do not tell a hole from content, so before them the last block that has any content is read, too."""
    start = max(0, offset - SAMPLE)
    around = start, _within(source, start, offset + OVERLAP + SAMPLE)
    at = offset
    while at > 0:
        stop.check()
        at = max(0, at - SAMPLE)
        if read_local(source, at, min(SAMPLE, offset - at)).strip(b"\0"):
            return [around] if at == start else [around, (at, _within(source, at, at + SAMPLE))]
    return [around]


def _within(source: OpenSource, start: int, end: int) -> int:
    return min(end, source.size) - start if source.size - start > SOON else source.size - start
