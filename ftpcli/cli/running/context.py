"""What every command works with (screen, log, signals, JSON lines), and how a command runs the engine's jobs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ftpcli.cli.options.choices import Choices
from ftpcli.cli.output.json_lines import JsonWriter
from ftpcli.cli.output.logs import EVENTS, logging_to
from ftpcli.cli.output.progress import showing
from ftpcli.cli.output.render import EventPrinter, show_summary
from ftpcli.cli.output.screen import Screen, write_stderr
from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.running.signals import Signals
from ftpcli.cli.server.targets import Target
from ftpcli.engine.events import Event, OnEvent, Report, Warned
from ftpcli.engine.job import Job
from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.progress import RunProgress
from ftpcli.errors import FtpcliError, Retry, Stopped
from ftpcli.exit_codes import DEADLINE_PASSED, combined
from ftpcli.model import Endpoint
from ftpcli.stop import StopToken

if TYPE_CHECKING:
    from ftpcli.engine.workers.solo import Solo


_DEADLINE = "the deadline passed; part files are kept, and the next run goes on from there"
_log = logging.getLogger(__name__)
_events = logging.getLogger(EVENTS)


@dataclass(frozen=True)
class CommandContext:
    """What a command works with besides its own arguments."""

    screen: Screen
    stop: StopToken
    signals: Signals
    json_writer: JsonWriter
    progress: str = "none"
    logs: bool = False

    @property
    def reports_skipped(self) -> bool:
        """Whether anything shows the entries that need nothing: a log, -vv or JSON lines."""
        return self.logs or self.screen.verbosity > 1 or self.json_writer.writes

    def listener(self, *, dry_run: bool = False) -> OnEvent:
        """Hands the engine's events to the JSON lines and to the screen."""
        printer = EventPrinter(self.screen, dry_run=dry_run and not self.json_writer.on_stdout)

        def on_event(event: Event) -> None:
            self.json_writer(event)
            printer(event)

        return on_event

    def warn(self, message: str) -> None:
        self.json_writer(Warned(message))
        self.screen.warn(message)

    def say(self, message: str) -> None:
        """Show a message that is no warning; -q leaves it out."""
        _events.info("%s", message)
        if not self.screen.quiet:
            self.screen.line(f"ftpcli: {message}")

    @contextmanager
    def solo(self, endpoint: Endpoint, choices: Choices, on_event: OnEvent | None = None) -> Iterator[Solo]:
        """One session for one command."""
        from ftpcli.engine.workers.retry import Policy
        from ftpcli.engine.workers.solo import Solo

        policy = Policy(choices["retries"], choices["retry_wait"])
        with Solo(endpoint, policy, on_event or self.listener(), self.stop) as solo:
            yield solo


@contextmanager
def command_context(
    choices: Choices, warnings: Iterable[str] = (), json_writer: JsonWriter | None = None
) -> Iterator[CommandContext]:
    """Set everything up and take it down again. Signals stop the command in order, and give it their exit code.

    ``warnings`` are shown first. ``json_writer``: given by commands that have --report, which close it themselves.
    """
    screen = screen_for(choices)
    stop = StopToken()
    signals = Signals(stop)
    try:
        with signals.caught(), TERMINAL.stopped_by(stop):
            if choices.get("deadline"):
                stop.expire_after(choices["deadline"], DEADLINE_PASSED, end_at_once)
            if json_writer is None:
                json_writer = JsonWriter()
            else:
                json_writer.open(screen, stop, json=choices.get("json", False), report=choices["report"])
            with logging_to(screen, choices["log_file"]):
                progress = "none" if json_writer.on_terminal else choices["progress"]
                context = CommandContext(screen, stop, signals, json_writer, progress, logs=bool(choices["log_file"]))
                for warning in warnings:
                    context.warn(warning)
                with _untranslated_is_internal():
                    yield context
    except Stopped as error:
        raise click.exceptions.Exit(stop.exit_code or error.exit_code) from None
    finally:
        if json_writer is not None:
            json_writer.stop = None
        stop.close()
        if stop.exit_code == DEADLINE_PASSED:
            screen.fail(_DEADLINE)


def end_at_once() -> None:
    """The deadline passed, and something blocks that no stop token reaches: a hung disk, a named pipe."""
    write_stderr(f"ftpcli: {_DEADLINE}")
    os._exit(DEADLINE_PASSED)


@contextmanager
def _untranslated_is_internal() -> Iterator[None]:
    """Log where an error comes from that nobody translated; an OSError would be taken for one of standard output."""
    try:
        yield
    except (FtpcliError, click.exceptions.Exit):
        raise
    except Exception as error:
        _log.debug("internal error", exc_info=True)
        if isinstance(error, OSError):
            raise RuntimeError(f"untranslated {error!r}") from error
        raise


def screen_for(choices: Choices) -> Screen:
    """-q and -v contradict each other: the command line wins over a profile, a profile over ``[defaults]``."""
    loud = choices.one_of("quiet", "verbose") == "verbose"
    quiet = bool(choices["quiet"]) and not loud
    return Screen(verbosity=choices["verbose"] if loud else 0, quiet=quiet, color=choices["color"])


def transfer(context: CommandContext, job: Job, journal: Journal | None = None) -> Report:
    """Run a job as ``run_job`` does and show its summary."""
    report = run_job(context, job, journal)
    if not job.rules.dry_run:
        show_summary(context.screen, report)
    return report


def run_job(context: CommandContext, job: Job, journal: Journal | None = None) -> Report:
    """Run a job and show its events."""
    return one_run(context, job, context.listener(dry_run=job.rules.dry_run), journal)


def one_run(context: CommandContext, job: Job, on_event: OnEvent, journal: Journal | None = None) -> Report:
    """Run a job with progress shown; signals stop it in order."""
    from ftpcli.engine.run import run

    for root in job.roots:
        direction = job.direction
        names = job.name_of(direction.source, root.source), job.name_of(direction.target, root.target)
        _log.info("%s: %s to %s", direction.value, *names)
    meter = RunProgress(min(job.parallel, job.max_connections or job.parallel))
    progress = "none" if job.rules.dry_run else context.progress
    with showing(progress, context.screen, meter) as say, context.signals.announced(say):
        return run(job, on_event, context.stop, meter, journal, tell_skipped=context.reports_skipped)


def for_each(context: CommandContext, places: Iterable[Target], do: Callable[[Target], int]) -> int:
    """Call ``do`` with each place, also after an error that concerns one place only; returns the exit code for all."""
    codes: list[int] = []
    for place in places:
        try:
            codes.append(do(place))
        except FtpcliError as error:
            if error.retry is Retry.STOP_RUN:
                raise
            context.json_writer.failed(place.path, error, error.exit_code)
            context.screen.fail(str(error))
            codes.append(error.exit_code)
        if context.stop.requested:
            raise Stopped(context.stop.exit_code)
    return combined(codes)
