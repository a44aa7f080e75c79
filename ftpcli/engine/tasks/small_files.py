"""Transfers small files in batches if the session can pipeline them.

What can be done for the whole batch at once is done here. Then each file continues by itself from where it is, through
the same steps as any other file; that is also where failures are retried and reported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ftpcli.engine.compare.times import same_time
from ftpcli.engine.job import Job, Side
from ftpcli.engine.tasks.context import Shared, TaskContext
from ftpcli.engine.tasks.copy_file import Copied, CopyFile
from ftpcli.engine.tasks.task import Task
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.upload import Upload
from ftpcli.engine.workers.worker import Worker
from ftpcli.errors import FtpcliError, LocalFileError
from ftpcli.session.contract import Pipelined, Stored, ToStore

log = logging.getLogger("ftpcli.transfer")

# The most files and bytes in one batch; a worker holds a whole batch in memory.
MOST = 32
MOST_BYTES = 512 * 1024


def may_go_together(task: Task, job: Job) -> bool:
    """Whether this is a copy that may be part of a batch."""
    if not isinstance(task, CopyFile) or job.rules.backup is not None:
        return False
    rules, size = job.rules, task.entry.size
    in_place = rules.in_place and job.direction.target is Side.REMOTE
    return size is not None and size <= MOST_BYTES and not in_place and rules.verify != "checksum"


class _Begun:
    """``workers.messages.Begun``: a copy that was begun in a batch."""

    def __init__(self, task: CopyFile, transfer: Download | Upload, context: TaskContext) -> None:
        self._task = task
        self._transfer = transfer
        self._context = context

    @property
    def is_local(self) -> bool:
        return self._transfer.is_here

    def finish(self) -> Copied:
        return self._task.carry_out(self._transfer, self._context)


class SmallFiles:
    """``workers.messages.Batching`` for copies of small files."""

    most = MOST
    most_bytes = MOST_BYTES

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def size(self, task: Task) -> int | None:
        if isinstance(task, CopyFile) and may_go_together(task, self._shared.job):
            return task.entry.size
        return None

    def begin(self, tasks: Sequence[Task], worker: Worker) -> Sequence[_Begun | None]:
        """Begin the tasks as one batch, as far as possible."""
        session = worker.slot.at_hand()
        pipelined = session.pipelined if session is not None else None
        if pipelined is None:
            return [None] * len(tasks)
        largest, job = pipelined.largest, self._shared.job
        small = {
            number: task
            for number, task in enumerate(tasks)
            if isinstance(task, CopyFile) and may_go_together(task, job) and _size(task) <= largest
        }
        if len(small) < 2:
            return [None] * len(tasks)
        copies = list(small.values())
        worker.progress.start(f"{copies[0].shown} and {len(copies) - 1} more", sum(map(_size, copies)), 0)
        context = TaskContext(worker, self._shared)
        carry: Callable[[Mapping[int, CopyFile], Pipelined, TaskContext], Iterator[tuple[int, Download | Upload]]]
        carry = _fetch if job.direction.source is Side.REMOTE else _store
        begun: dict[int, _Begun] = {}
        try:
            for number, transfer in carry(small, pipelined, context):
                begun[number] = _Begun(small[number], transfer, context)
        except FtpcliError as error:
            # Each file continues by itself now and reports its own error.
            log.info("%d files together: %s", len(small), error)
        return [begun.get(number) for number in range(len(tasks))]


def _size(task: CopyFile) -> int:
    return task.entry.size or 0


def _fetch(small: Mapping[int, CopyFile], pipelined: Pipelined, context: TaskContext) -> Iterator[tuple[int, Download]]:
    files = pipelined.fetch([(task.source, _size(task)) for task in small.values()])
    for (number, task), file in zip(small.items(), files, strict=True):
        if file is not None and same_time(replace(task.entry, mtime=file.mtime), task.entry):
            download = Download(task, context.transfer)
            download.fetched(file.content)
            yield number, download


def _store(small: Mapping[int, CopyFile], pipelined: Pipelined, context: TaskContext) -> Iterator[tuple[int, Upload]]:
    uploads = {number: Upload(task, context.transfer) for number, task in small.items()}
    # Yielded before anything is sent: whatever fails later, each upload continues from where it is.
    yield from uploads.items()
    # One wait for the whole batch: a file still within its mtime's second would be left out of it.
    context.worker.stop.sleep(max(task.settles_in(context.job.rules.compare) for task in small.values()))
    with context.worker.local_work.held():
        files = list(_prepared(uploads.values(), pipelined.largest))
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
