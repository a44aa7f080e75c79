"""What a mirror has begun and not finished, kept where it survives ``kill -9`` and power loss.

A worker tells the journal of a part file *before* it is made, and of a file that makes room for its successor (a
displaced file) *before* it is renamed, so that nothing of ours can be left behind that the next run does not know of.
Such a line is written at once, and on disk a second later at the latest. Names are relative to the target's root, and
the target is the only side where a run makes files.
"""

from __future__ import annotations

import contextlib
import logging
import os
import posixpath
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from ftpcli.engine.job import Rules
from ftpcli.engine.journal.file import JournalFile, Past, Unreadable, head, line, read
from ftpcli.engine.journal.last_run import LastRun, forget
from ftpcli.errors import cause_of
from ftpcli.part_names import PartStyle, part_name, part_stem

log = logging.getLogger("ftpcli.journal")

_NAME = "journal"
# A run of millions of files would otherwise fill the state folder with what is long done.
_LARGEST = 16 * 1024 * 1024
_LATE = 4096  # bytes of lines that wait for the next one


class _State(Enum):
    """Of a part file: left by an earlier run, this run may resume it, or nobody ever will."""

    EARLIER = "earlier"
    NEEDED = "needed"
    USELESS = "useless"


class Journal:
    """What is outstanding in one run; without a ``file`` it is only remembered.

    Paths are those that the run works with: the target's root, and what is below it. May be called by any worker.
    """

    def __init__(self, root: str = "", past: Past | None = None) -> None:
        past = past or Past()
        self._prefix = root if not root or root.endswith("/") else f"{root}/"
        self._parts = {self._prefix + part: _State.EARLIER for part in past.parts}
        self._displaced = {self._prefix + path: self._prefix + target for path, target in past.displaced.items()}
        self._head: dict[str, Any] = {}
        self._folder = ""
        self._file: JournalFile | None = None
        self._lock = threading.Lock()
        self._late = bytearray()
        self.trouble = ""
        self.last: LastRun | None = None

    def keep_in(self, folder: str, first: dict[str, Any]) -> None:
        """Write it to ``folder`` from now on, in place of what an earlier run wrote there. Raises OSError."""
        self._folder = folder
        self._head = first
        self._file = JournalFile(self._path, self._outstanding())

    # What workers tell

    def begin(self, part: str) -> None:
        """A part file is about to be made or resumed."""
        with self._lock:
            if part not in self._parts:
                self._write(part=self._short(part))
            self._parts[part] = _State.NEEDED

    def displace(self, path: str, target: str) -> None:
        """``target`` is about to be renamed to ``path``, to make room for its successor."""
        with self._lock:
            if path not in self._displaced:
                self._displaced[path] = target
                self._write(aside=self._short(path), of=self._short(target))

    def commit(self, target: str, part: str) -> None:
        """``target`` is whole, and its part file (if there was one) is no more."""
        with self._lock:
            self._parts.pop(part, None)
            self._write_later(done=self._short(target), part=self._short(part))

    def useless(self, part: str) -> None:
        """Nobody will resume this part file, for its source has changed."""
        with self._lock:
            if part in self._parts:
                self._parts[part] = _State.USELESS

    def gone(self, path: str) -> None:
        """A part file, or a displaced file, is no more."""
        with self._lock:
            if self._parts.pop(path, None) is not None or self._displaced.pop(path, None) is not None:
                self._write(gone=self._short(path))

    def has_part(self, path: str) -> bool:
        """Whether a run made this as a part file: then it holds nothing that anybody would miss."""
        with self._lock:
            return path in self._parts

    @property
    def lasts(self) -> bool:
        """Whether a next run will know of what this one leaves."""
        return self._file is not None

    # What the coordinator asks

    def displaced(self) -> list[tuple[str, str]]:
        """Displaced files that are still there, with the names they had."""
        with self._lock:
            return list(self._displaced.items())

    def stale(self, failed: Failures, *, earlier: bool = True) -> list[str]:
        """Part files that nobody needs any more, but for those of what has failed: a next run may resume them.

        ``earlier``: with those that this run only knows from the journal.
        """
        done = (_State.EARLIER, _State.USELESS) if earlier else (_State.USELESS,)
        with self._lock:
            parts = [(part, state) for part, state in self._parts.items() if state in done]
        return [part for part, state in parts if state is _State.USELESS or not failed.cover(self._short(part))]

    def settle(self) -> None:
        """The run is over: keep what is outstanding for the next one, and no file where there is nothing."""
        with self._lock, self._guarded():
            self._late.clear()
            if not self._folder:
                return
            if not self._parts and not self._displaced:
                os.unlink(self._path)
            elif self._file is not None:
                self._file.replace(self._outstanding())
            else:  # it could not be written, but there may be room again
                self._file = JournalFile(self._path, self._outstanding())
            self.trouble = ""

    def complete(self, run: LastRun | None, rules: Rules) -> None:
        """The run was complete; ``run`` is what the next one should know of it, if anything."""
        if not self._folder:
            return
        with self._lock, self._guarded():
            if run is not None:
                run.save(self._folder, rules)
            else:
                forget(self._folder)

    def close(self) -> None:
        """Release the file, in whatever state it is."""
        with self._lock, self._guarded():
            self._flush()
            if self._file is not None:
                self._file.close()
            self._file = None

    # The file

    @property
    def _path(self) -> str:
        return os.path.join(self._folder, _NAME)

    def _short(self, path: str) -> str:
        return path.removeprefix(self._prefix)

    def _outstanding(self) -> Iterator[bytes]:
        yield line(self._head)
        for part in self._parts:
            yield line({"part": self._short(part)})
        for path, target in self._displaced.items():
            yield line({"aside": self._short(path), "of": self._short(target)})

    def _write(self, **record: Any) -> None:
        self._write_later(**record)
        self._flush()

    def _write_later(self, **record: Any) -> None:
        """What nobody misses after a crash: of what was done the next run finds the result itself."""
        if self._file is not None:
            self._late += line(record)
        if len(self._late) >= _LATE:
            self._flush()

    def _flush(self) -> None:
        text = bytes(self._late)
        self._late.clear()
        with self._guarded():
            if text and self._file is not None and self._file.append(text) > _LARGEST:
                self._file.replace(self._outstanding())

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """A journal that cannot be written is no reason to stop; the coordinator tells the user in the end."""
        try:
            yield
        except OSError as error:
            why = cause_of(error)
            self.trouble = (
                f"the journal in {self._folder} cannot be written ({why}): "
                "what this run leaves behind the next one may not know of"
            )
            file, self._file = self._file, None
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()


class Failures:
    """What failed in a run, as shown to people; asked whose part files must stay."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._stems: set[str] = set()

    def add(self, shown: str) -> None:
        shown = "" if shown == "." else shown
        folder, name = posixpath.split(shown)
        self._paths.add(shown)
        self._stems |= {posixpath.join(folder, part_stem(part_name(name, style=style))) for style in PartStyle}

    def cover(self, part: str) -> bool:
        """True for a part file of a file that failed, or that is somewhere in a directory that did."""
        if part_stem(part) in self._stems or "" in self._paths:
            return True
        while part := posixpath.dirname(part):
            if part in self._paths:
                return True
        return False


def open_journal(folder: str, root: str, source: str, target: str, warn: Callable[[str], None]) -> Journal:
    """The journal of one source and target, kept in ``folder``; ``source`` and ``target`` say to people what it is of.

    One that cannot be understood is set aside. Raises OSError.
    """
    path = os.path.join(folder, _NAME)
    try:
        past = read(path)
    except Unreadable as error:
        past = Past()
        warn(f"{error}; it is now {_set_aside(path)}, and part files that it names stay where they are")
    if past.head:
        log.info(
            "going on from the run that began %s; left: %d part files, %d files set aside",
            past.head.get("started"), len(past.parts), len(past.displaced),
        )  # fmt: skip
    journal = Journal(root, past)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    journal.keep_in(folder, head(source=source, target=target, started=started, pid=os.getpid()))
    return journal


def _set_aside(path: str) -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for number in range(1, 1000):
        aside = f"{path}.unreadable-{stamp}-{number}"
        if not os.path.lexists(aside):
            break
    os.rename(path, aside)
    return aside
