"""What surrounds the engine in every command: screen, log, signals, and one exit code in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ftpcli.cli.options.choices import Choices
from ftpcli.cli.output.json_lines import Record
from ftpcli.cli.output.logs import EVENTS, logging_to
from ftpcli.cli.output.progress import showing
from ftpcli.cli.output.render import EventPrinter, show_summary
from ftpcli.cli.output.screen import Screen
from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.running.signals import watching
from ftpcli.cli.server.targets import Target
from ftpcli.engine.events import Event, OnEvent, Report, Warned
from ftpcli.engine.job import Direction, Job
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress
from ftpcli.errors import FtpcliError, Retry, Stopped
from ftpcli.exit_codes import DEADLINE_PASSED, combined
from ftpcli.model import Endpoint
from ftpcli.stop import StopToken

if TYPE_CHECKING:
    from ftpcli.engine.workers.solo import Solo


_log = logging.getLogger(__name__)


_events = logging.getLogger(EVENTS)


@dataclass(frozen=True)
class CommandContext:
    """What a command works with besides its own arguments."""

    screen: Screen
    stop: StopToken
    record: Record
    progress: str = "none"
    logs: bool = False

    @property
    def hears_skipped(self) -> bool:
        """Whether anybody wants to know of every entry that needs nothing."""
        return self.logs or self.screen.verbosity > 1 or self.record.writes

    def listener(self, *, dry_run: bool = False) -> OnEvent:
        """What the engine tells goes to the record and to the screen."""
        printer = EventPrinter(self.screen, dry_run=dry_run and not self.record.on_stdout)

        def on_event(event: Event) -> None:
            self.record(event)
            printer(event)

        return on_event

    def warn(self, message: str) -> None:
        self.record(Warned(message))
        self.screen.warn(message)

    def say(self, message: str) -> None:
        """Something that is no warning, said once."""
        _events.info("%s", message)
        if not self.screen.quiet:
            self.screen.line(f"ftpcli: {message}")

    @contextmanager
    def solo(self, endpoint: Endpoint, choices: Choices, on_event: OnEvent | None = None) -> Iterator[Solo]:
        """One session for one command, and an ear for signals."""
        from ftpcli.engine.workers.retry import Policy
        from ftpcli.engine.workers.solo import Solo

        policy = Policy(choices["retries"], choices["retry_wait"])
        with self.watched(), Solo(endpoint, policy, on_event or self.listener(), self.stop) as solo:
            yield solo

    def watched(self) -> AbstractContextManager[None]:
        """Signals end the engine's work in order, for as long as this lasts."""
        return watching(self.stop, "ftpcli: stopping; press again to cut the connections")


@contextmanager
def surroundings(
    choices: Choices, warnings: Iterable[str] = (), record: Record | None = None
) -> Iterator[CommandContext]:
    """Set everything up and take it down again; an interrupted command ends in 130 or 143.

    ``record``: of a command that has the options for one.
    """
    screen = screen_for(choices)
    stop = StopToken()
    try:
        if record is None:
            record = Record()
        else:
            record.open(screen, stop, json=choices.get("json", False), report=choices["report"])
        with logging_to(screen, choices["log_file"]), TERMINAL.stopped_by(stop):
            progress = "none" if record.on_terminal else choices["progress"]
            around = CommandContext(screen, stop, record, progress, logs=bool(choices["log_file"]))
            for warning in warnings:
                around.warn(warning)
            if choices.get("deadline"):
                stop.expire_after(choices["deadline"], DEADLINE_PASSED)
            try:
                yield around
            except Exception as error:
                if not isinstance(error, (FtpcliError, click.exceptions.Exit)):
                    _log.debug("internal error", exc_info=True)
                if isinstance(error, BrokenPipeError):  # click would end the program without a word
                    raise RuntimeError(f"untranslated {error!r}") from error
                raise
    except Stopped as error:
        raise click.exceptions.Exit(stop.exit_code or error.exit_code) from None
    finally:
        if record is not None:
            record.stop = None
        stop.close()
        if stop.exit_code == DEADLINE_PASSED:
            screen.fail("the deadline passed; part files are kept, and the next run goes on from there")


def screen_for(choices: Choices) -> Screen:
    """-q and -v contradict each other; whichever stands closer to the user wins."""
    loud = choices.one_of("quiet", "verbose") == "verbose"
    quiet = bool(choices["quiet"]) and not loud
    return Screen(verbosity=choices["verbose"] if loud else 0, quiet=quiet, color=choices["color"])


def transfer(around: CommandContext, job: Job, journal: Journal | None = None) -> Report:
    """Run a job and say in the end what it came to."""
    report = run_job(around, job, journal)
    if not job.rules.dry_run:
        show_summary(around.screen, report)
    return report


def run_job(around: CommandContext, job: Job, journal: Journal | None = None) -> Report:
    """Run a job, told to the user as every job is."""
    return one_run(around, job, around.listener(dry_run=job.rules.dry_run), journal)


def one_run(around: CommandContext, job: Job, on_event: OnEvent, journal: Journal | None = None) -> Report:
    """Run a job with progress and with an ear for signals."""
    from ftpcli.engine.run import run

    for root in job.roots:
        up, url = job.direction is Direction.UPLOAD, job.endpoint.url
        source, target = (root.source, url(root.target)) if up else (url(root.source), root.target)
        _log.info("%s: %s to %s", job.direction.value, source, target)
    meter = RunProgress(min(job.parallel, job.max_connections or job.parallel))
    progress = "none" if job.rules.dry_run else around.progress
    with showing(progress, around.screen, meter) as say, watching(around.stop, say=say):
        return run(job, on_event, around.stop, meter, journal, tell_skipped=around.hears_skipped)


def each(around: CommandContext, places: Iterable[Target], do: Callable[[Target], int]) -> int:
    """``do`` for each place; the others get their turn after a failure that is one place's own."""
    codes = []
    for place in places:
        try:
            codes.append(do(place))
        except FtpcliError as error:
            if error.retry is Retry.STOP_RUN:
                raise
            around.record.failed(place.path, error, error.exit_code)
            around.screen.fail(str(error))
            codes.append(error.exit_code)
        if around.stop.requested:
            raise Stopped(around.stop.exit_code)
    return combined(codes)
