"""Progress of a run: live bars on a terminal, or a line every few seconds. Both only read ``RunProgress``."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from ftpcli.cli.output.sanitize import sanitized
from ftpcli.cli.output.screen import Screen, write_stderr
from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.output.units import duration_text, size_text
from ftpcli.engine.progress import RunProgress, WorkerProgress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REFRESHES_PER_SECOND = 8
PLAIN_INTERVAL = 5.0
_WINDOW = 5.0
Say = Callable[[str], None]


def showing(choice: str, screen: Screen, run: RunProgress) -> AbstractContextManager[Say]:
    """Progress for the time of a run. auto: bars on a terminal, a line every few seconds elsewhere.

    Gives a function that shows a line beside it, safe to call in a signal handler.
    """
    if choice == "auto":
        choice = "bar" if screen.terminal else "plain"
    if choice == "none" or screen.quiet:
        return nullcontext(write_stderr)
    return _bars(screen, run) if choice == "bar" else _lines(screen, run)


class Pace:
    """Speed over the last seconds and the time left, computed from a run's running totals."""

    def __init__(self, run: RunProgress, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self) -> None:
        now = self._clock()
        self._samples.append((now, self._run.moved))
        while len(self._samples) > 2 and self._samples[0][0] < now - _WINDOW:
            self._samples.popleft()

    @property
    def speed(self) -> float:
        """Bytes a second; 0 until there are two samples."""
        if len(self._samples) < 2:
            return 0.0
        (began, before), (now, after) = self._samples[0], self._samples[-1]
        return (after - before) / (now - began) if now > began else 0.0

    @property
    def done(self) -> int:
        return self._run.finished_bytes + sum(worker.done for worker in self._run.workers if worker.path is not None)

    def amount_text(self) -> str:
        files = f"{self._run.finished_files} of {self._run.planned_files}{'+' if self._run.listing else ''} files"
        return f"{files}, {size_text(self.done)} of {size_text(self._run.planned_bytes)}"

    def speed_text(self) -> str:
        return f"{size_text(self.speed)}/s"

    def left_text(self) -> str:
        """Empty while listings may still add files, or while nothing moves."""
        missing = self._run.planned_bytes - self.done
        if self._run.listing or self.speed <= 0 or missing < 0:
            return ""
        return f"{duration_text(missing / self.speed)} left"


@contextmanager
def _lines(screen: Screen, run: RunProgress) -> Iterator[Say]:
    pace, finished = Pace(run), threading.Event()

    def report() -> None:
        pace.sample()
        while not finished.wait(PLAIN_INTERVAL):
            pace.sample()
            screen.line(", ".join(filter(None, (pace.amount_text(), pace.speed_text(), pace.left_text()))))

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield write_stderr
    finally:
        finished.set()
        thread.join()


@contextmanager
def _bars(screen: Screen, run: RunProgress) -> Iterator[Say]:
    from rich.console import Console

    console = Console(stderr=True, force_terminal=True, no_color=not screen.color, highlight=False)
    with _bar_display(console, run) as display, TERMINAL.shared_with(display.stop, display.start):
        yield screen.line  # which the display puts above itself


def _bar_display(console: object, run: RunProgress) -> Progress:
    """A rich display that reads the run whenever it redraws itself."""
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, Progress, TextColumn

    assert isinstance(console, Console)
    pace = Pace(run)

    class Bars(Progress):
        def get_renderables(self) -> Iterator[RenderableType]:
            _update(self, rows, run, pace)
            yield self.make_tasks_table(self.tasks)

    rows: list[TaskID] = []
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[amount]}", markup=False),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    display = Bars(
        *columns, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND, redirect_stdout=False
    )
    rows += [display.add_task("total", total=None, amount="", pace="")]
    rows += [display.add_task("", total=None, visible=False, amount="", pace="") for _ in run.workers]
    return display


def _update(display: Progress, rows: list[TaskID], run: RunProgress, pace: Pace) -> None:
    if len(rows) != 1 + len(run.workers):
        return
    pace.sample()
    text = " ".join(filter(None, (pace.speed_text(), pace.left_text())))
    display.update(rows[0], total=run.planned_bytes or None, completed=pace.done, amount=pace.amount_text(), pace=text)
    for row, worker in zip(rows[1:], run.workers, strict=True):
        _update_worker(display, row, worker)


def _update_worker(display: Progress, row: TaskID, worker: WorkerProgress) -> None:
    path, size, done = worker.path, worker.size, worker.done
    if path is None:
        display.update(row, visible=False)
        return
    amount = size_text(done) if size is None else f"{size_text(done)} of {size_text(size)}"
    display.update(row, visible=True, description=_short(path), total=size, completed=done, amount=amount)


def _short(path: str, width: int = 30) -> str:
    """The end of a path says more than its beginning."""
    path = sanitized(path)
    return path if len(path) <= width else "…" + path[1 - width :]
