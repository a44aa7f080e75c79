"""Small files go together where the session can pipeline them.

What can be done for all of them at once is done here. Then each is carried on by itself from where it is, by the same
steps as any other file: what did not work out is tried again there, and tells what is the matter.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.job import Direction
from ftpcli.engine.tasks.copy_file import CopyFile
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import FileTransfer
from ftpcli.engine.transfer.upload import Upload
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, LocalFileError
from ftpcli.session.contract import Pipelined, Stored, ToStore

log = logging.getLogger("ftpcli.transfer")

# How many files a worker takes at once, and how many bytes they have together at most: what it holds in memory.
MOST = 32
MOST_BYTES = 512 * 1024

Item = TypeVar("Item")


def may_go_together(task: object) -> bool:
    """Whether this is a plain copy of what may be a small file."""
    if not isinstance(task, CopyFile) or task.backup is not None:
        return False
    rules, size = task.rules, task.entry.size
    whole = rules.in_place and task.direction is Direction.UPLOAD
    return size is not None and size <= MOST_BYTES and not whole and rules.verify != "checksum"


def size(task: object) -> int:
    return task.entry.size or 0 if isinstance(task, CopyFile) else 0


def is_here(task: object) -> bool:
    """Whether all that is left of a task is to be done on this machine."""
    begun = task.begun if isinstance(task, CopyFile) else None
    return isinstance(begun, (Download, Upload)) and begun.is_here


def begin(tasks: Sequence[Item], worker: Worker) -> list[Item | CopyFile]:
    """The tasks, begun as far as they can be together."""
    session = worker.slot.at_hand()
    pipelined = session.pipelined if session is not None else None
    if pipelined is None:
        return list(tasks)
    largest = pipelined.largest
    small = [task for task in tasks if isinstance(task, CopyFile) and may_go_together(task) and size(task) <= largest]
    if len(small) < 2:
        return list(tasks)
    worker.progress.start(f"{small[0].shown} and {len(small) - 1} more", sum(map(size, small)), 0)
    carry = _fetch if small[0].direction is Direction.DOWNLOAD else _store
    begun: dict[int, FileTransfer] = {}
    try:
        for task, transfer in carry(small, pipelined, worker):
            begun[id(task)] = transfer
    except FtpcliError as error:
        # Each goes on by itself now, and tells what is the matter.
        log.info("%d files together: %s", len(small), error)
    return [_with(task, begun.get(id(task))) for task in tasks]


def _with(task: Item, transfer: FileTransfer | None) -> Item | CopyFile:
    return replace(task, begun=transfer) if transfer is not None and isinstance(task, CopyFile) else task


Carried = Iterator[tuple[CopyFile, FileTransfer]]


def _fetch(small: Sequence[CopyFile], pipelined: Pipelined, worker: Worker) -> Carried:
    files = pipelined.fetch([(task.source, size(task)) for task in small])
    for task, file in zip(small, files, strict=True):
        if file is not None and same_time(replace(task.entry, mtime=file.mtime), task.entry):
            download = task.download(worker)
            download.fetched(file.content)
            yield task, download


def _store(small: Sequence[CopyFile], pipelined: Pipelined, worker: Worker) -> Carried:
    uploads = [task.upload(worker) for task in small]
    # First, for whatever comes they know what they have begun.
    yield from zip(small, uploads, strict=True)
    # Once for all of them: a file whose second is not over would go by itself.
    worker.stop.sleep(max(task.settles_in() for task in small))
    with worker.turns.taken():
        files = list(_prepared(uploads, pipelined.largest))
    unnamed = list(_stored(files, pipelined.store([file for _, file in files])))
    done = pipelined.rename([names for _, names in unnamed])
    for (upload, _), renamed in zip(unnamed, done, strict=True):
        upload.renamed(renamed)


def _prepared(uploads: Iterable[Upload], largest: int) -> Iterator[tuple[Upload, ToStore]]:
    for upload in uploads:
        try:
            file = upload.prepare(largest)
        except LocalFileError:
            continue
        if file is not None:
            yield upload, file


def _stored(
    files: Iterable[tuple[Upload, ToStore]], told: Iterable[Stored | None]
) -> Iterator[tuple[Upload, tuple[str, str]]]:
    for (upload, file), there in zip(files, told, strict=True):
        names = upload.stored(file, there) if there is not None else None
        if names is not None:
            yield upload, names


class SmallFiles:
    """``workers.pool.Together`` for copies of small files."""

    most = MOST
    most_bytes = MOST_BYTES
    may_join = staticmethod(may_go_together)
    size = staticmethod(size)
    is_here = staticmethod(is_here)
    begin = staticmethod(begin)
