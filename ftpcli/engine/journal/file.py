"""The journal on disk: JSON lines, the first of which says what it is.

- ``{"ftpcli_journal": 1, "source": ..., "target": ..., "started": ..., "pid": ...}``
- ``{"part": PART}``: a part file is about to be made
- ``{"aside": PATH, "of": TARGET}``: ``TARGET`` is about to be renamed to ``PATH``, to make room for its successor
- ``{"done": TARGET, "part": PART}``: it is whole, and its part file no more
- ``{"gone": PATH}``: a part file, or a displaced file, is no more
- ``{"plan": TARGET, "bytes": N}``: written by earlier versions, which also counted in the first line; ignored
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Any

from ftpcli.part_names import is_part

VERSION = 1
_BATCH = 1.0  # seconds that a line may wait for its way onto the disk
_LONGEST_LINE = 1024 * 1024


class Unreadable(Exception):
    """A journal that is damaged, or of a newer version. Says so for people."""


class _Nonsense(Exception):
    pass


@dataclass
class Past:
    """What earlier runs left, relative to the target's root; ``displaced``: where a file is now → where it belongs."""

    head: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, None] = field(default_factory=dict)
    displaced: dict[str, str] = field(default_factory=dict)

    def take(self, record: Any) -> None:
        match record:
            case {"plan": str()}:
                pass
            case {"done": str(), "part": str(part)}:
                self.parts.pop(part, None)
            case {"part": str(part)} if _is_ours(part):
                self.parts[part] = None
            case {"aside": str(path), "of": str(target)} if _is_ours(path) and _is_below(target):
                self.displaced[path] = target
            case {"gone": str(path)}:
                self.parts.pop(path, None)
                self.displaced.pop(path, None)
            case _:
                raise _Nonsense


def _is_ours(path: str) -> bool:
    return _is_below(path) and is_part(path.rpartition("/")[2])


def _is_below(path: str) -> bool:
    """False for all that could lead out of the tree: what the journal names will be deleted."""
    return all(name not in ("", ".", "..") for name in path.split("/"))


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"


def head(**facts: Any) -> dict[str, Any]:
    return {"ftpcli_journal": VERSION, **facts}


def read(path: str) -> Past:
    """What is outstanding; nothing where there is no journal. A torn last line does not count.

    Raises Unreadable, OSError.
    """
    past = Past()
    try:
        file = open(path, "rb")  # noqa: SIM115  (closed below)
    except FileNotFoundError:
        return past
    with file:
        number = 0
        while raw := file.readline(_LONGEST_LINE):
            number += 1
            try:
                record = json.loads(raw)
                if number == 1:
                    past.head = _checked_head(record, path)
                else:
                    past.take(record)
            except (ValueError, RecursionError, _Nonsense):
                if _is_torn(raw, file):
                    break
                raise Unreadable(f"the journal {path} is damaged (line {number})") from None
    return past


def _checked_head(record: Any, path: str) -> dict[str, Any]:
    match record:
        case {"ftpcli_journal": int(version)} if version > VERSION:
            raise Unreadable(f"the journal {path} was written by a newer version of ftpcli")
        case {"ftpcli_journal": int()}:
            return dict(record)
    raise _Nonsense


def _is_torn(raw: bytes, file: IO[bytes]) -> bool:
    return not raw.endswith(b"\n") and not file.read(1)


class JournalFile:
    """Appends lines to what it begins with. Not for two threads at once. Every method raises OSError."""

    def __init__(self, path: str, lines: Iterable[bytes]) -> None:
        self._path = path
        self._descriptor = -1
        self._grown = 0
        self._syncing = threading.Lock()  # the descriptor stays as it is
        self._changed = threading.Condition()  # of the next two
        self._dirty = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self.replace(lines)

    def append(self, text: bytes) -> int:
        """Lines, in one write; the bytes that were appended since the file began anew."""
        if os.write(self._descriptor, text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._grown += len(text)
        with self._changed:
            if not self._dirty:
                self._dirty = True
                self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_synced, name="journal", daemon=True)
            self._thread.start()
        return self._grown

    def replace(self, lines: Iterable[bytes]) -> None:
        """Begin anew with these lines; at no moment is there no journal, or half of one."""
        new = f"{self._path}.new"
        try:
            with open(new, "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            os.rename(new, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        with self._syncing:
            before, self._descriptor = self._descriptor, descriptor
            if before >= 0:
                os.close(before)
        self._grown = 0
        _sync_folder(os.path.dirname(self._path))

    def _keep_synced(self) -> None:
        """Flags under a lock, and waits that look at them first: ``close`` may come between any two lines."""
        closing = False
        while not closing:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._closing)
                self._changed.wait_for(lambda: self._closing, _BATCH)
                closing = self._closing
                self._dirty = False
            with self._syncing, contextlib.suppress(OSError):
                os.fsync(self._descriptor)

    def close(self) -> None:
        """What was appended is on disk then."""
        if self._thread is not None:
            with self._changed:
                self._closing = True
                self._changed.notify()
            self._thread.join()
            self._thread = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sync_folder(path: str) -> None:
    with contextlib.suppress(OSError):  # not every file system does that
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
