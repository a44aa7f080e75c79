"""What a worker lends to the task at hand: its session, its patience, and a way to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ftpcli.engine.events import Event
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.cpu_turns import Turns
from ftpcli.engine.workers.rate_limit import RateLimit
from ftpcli.engine.workers.slot import Slot
from ftpcli.model import Capabilities, Entry, Listing
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

Result = TypeVar("Result")


@dataclass(frozen=True)
class Worker(retry.Retrier):
    """What a worker lends to the task at hand."""

    number: int
    slot: Slot
    progress: WorkerProgress
    policy: retry.Policy
    stop: StopToken
    tell: Callable[[Event], None]
    rate: RateLimit | None = None
    journal: Journal = field(default_factory=Journal)
    turns: Turns = field(default_factory=Turns)

    def moved(self, count: int) -> None:
        """Bytes went over the data connection."""
        self.progress.add(count)
        if self.rate is not None:
            self.rate.take(count)


class Questions:
    """A session as far as it can be asked. Each question is insisted on by itself, so that a server which drops the
    connection after every few commands answers them all in the end."""

    def __init__(self, worker: Worker, shown: str) -> None:
        self._worker = worker
        self._shown = shown

    def _ask(self, question: Callable[[Session], Result]) -> Result:
        return self._worker.insist(self._shown, question)

    @property
    def capabilities(self) -> Capabilities:
        return self._ask(lambda session: session.capabilities)

    def list(self, path: str) -> Listing:
        return self._ask(lambda session: session.list(path))

    def link_targets(self, path: str) -> Mapping[str, str]:
        return self._ask(lambda session: session.link_targets(path))

    def follow(self, path: str) -> Entry:
        return self._ask(lambda session: session.follow(path))

    def absolute(self, path: str) -> str:
        return self._ask(lambda session: session.absolute(path))
