"""What goes between the coordinator and the workers besides tasks and their results."""

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
    """A task that did not work out; None where a worker failed between two of them. ``error`` may be a defect of ours,
    which the coordinator raises again."""

    task: TaskT | None
    error: BaseException


@dataclass(frozen=True)
class Told:
    """An event on its way to the coordinator, who alone passes events on."""

    event: Event


class Perform(Protocol[TaskT_contra, ResultT_co]):
    """Does one task in a worker's thread. Raises FtpcliError."""

    def __call__(self, task: TaskT_contra, worker: Worker, /) -> ResultT_co: ...


class Begun(Protocol[ResultT_co]):
    """A task that was begun together with others, and what is left of it. It stays with the worker that began it."""

    @property
    def is_local(self) -> bool:
        """Whether nothing more is wanted of the server."""
        ...

    def finish(self) -> ResultT_co:
        """Do the rest. Raises FtpcliError."""
        ...


class Batching(Protocol[TaskT_contra, ResultT_co]):
    """Which tasks one worker may take at once, and how it begins them."""

    @property
    def most(self) -> int:
        """Tasks in one batch."""
        ...

    @property
    def most_bytes(self) -> int:
        """Bytes of one batch, beyond which no further task joins."""
        ...

    def size(self, task: TaskT_contra) -> int | None:
        """Bytes of a task that may go together with others; None for one that goes alone."""
        ...

    def begin(self, tasks: Sequence[TaskT_contra], worker: Worker) -> Sequence[Begun[ResultT_co] | None]:
        """What came of each; None for a task that was not begun."""
        ...
