"""What the coordinator and the workers exchange besides tasks and results, and the protocols that tasks implement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ftpcli.engine.events import Event
from ftpcli.engine.workers.worker import Worker

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")
TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


@dataclass(frozen=True)
class Failure(Generic[TaskT]):
    """A task failed; ``task`` is None if a worker failed between two tasks. ``error`` may be any exception: one that is
    not an FtpcliError is a bug, and the coordinator raises it again."""

    task: TaskT | None
    error: BaseException


@dataclass(frozen=True)
class Told:
    """An event from a worker; the coordinator alone passes events on."""

    event: Event


class Perform(Protocol[TaskT_contra, ResultT_co]):
    """Does one task in a worker's thread. Raises FtpcliError."""

    def __call__(self, task: TaskT_contra, worker: Worker, /) -> ResultT_co: ...


class Begun(Protocol[ResultT_co]):
    """A task that was begun in a batch, to be finished by the same worker."""

    @property
    def is_local(self) -> bool:
        """Whether the rest needs no server."""
        ...

    def finish(self) -> ResultT_co:
        """Do the rest. Raises FtpcliError."""
        ...


class Batching(Protocol[TaskT_contra, ResultT_co]):
    """Which tasks one worker may take as a batch, and how it begins them."""

    @property
    def most(self) -> int:
        """Tasks in one batch."""
        ...

    @property
    def most_bytes(self) -> int:
        """Bytes in one batch; once reached, no further task is added."""
        ...

    def size(self, task: TaskT_contra) -> int | None:
        """Bytes of a task that may be part of a batch; None if it may not."""
        ...

    def begin(self, tasks: Sequence[TaskT_contra], worker: Worker) -> Sequence[Begun[ResultT_co] | None]:
        """Begin a batch: for each task how it was begun, or None if it was not."""
        ...
