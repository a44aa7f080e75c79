"""One remote file to standard output, or standard input to one remote file."""

from __future__ import annotations

import sys

from ftpcli.cli.output.pipes import InputPipe, OutputPipe
from ftpcli.cli.output.progress import showing
from ftpcli.cli.output.render import show_summary
from ftpcli.cli.output.screen import stdout_is_gone
from ftpcli.cli.running.context import CommandContext
from ftpcli.cli.server.targets import Target
from ftpcli.engine.events import Event, Finished, OnEvent, Report, Retrying, Summary
from ftpcli.engine.progress import RunProgress
from ftpcli.errors import FtpcliError, LocalFileError, UsageError, cause_of
from ftpcli.exit_codes import BROKEN_PIPE
from ftpcli.model import Endpoint


def fetch_to_stdout(context: CommandContext, endpoint: Endpoint, place: Target, progress: str) -> int:
    """Write the file's bytes as they arrive. A reader that closes the pipe ends it without an error message."""
    from ftpcli.engine.transfer.stream import RemoteFile, fetch

    if sys.stdout is None:
        raise LocalFileError("standard output is closed")
    meter, tries = RunProgress(1), _Tries(context.listener())
    sys.stdout.flush()
    try:
        with (
            context.solo(endpoint, place.choices, tries) as solo,
            showing(progress, context.screen, meter) as say,
            context.signals.announced(say),
        ):
            report = fetch(
                RemoteFile(solo, place.path, meter, place.choices.get("limit_rate")), OutputPipe(sys.stdout.fileno())
            )
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as error:
        raise LocalFileError(f"cannot write to standard output: {cause_of(error)}") from error
    except FtpcliError:
        if stdout_is_gone():
            return BROKEN_PIPE
        raise
    if report.exit_code and not context.stop.requested and stdout_is_gone():
        return BROKEN_PIPE
    _write_json(context, place, "download", tries, report)
    if context.screen.verbosity:
        show_summary(context.screen, report)
    return report.exit_code


def send_from_stdin(context: CommandContext, endpoint: Endpoint, place: Target) -> int:
    """Standard input to the end of file, as one remote file."""
    from ftpcli.engine.transfer.stream import RemoteFile, send

    if place.location.trailing_slash:
        raise UsageError("put - needs the name of a file: the URL must not end in /")
    if sys.stdin is None:
        raise LocalFileError("standard input is closed")
    meter, tries = RunProgress(1), _Tries(context.listener())
    with (
        context.solo(endpoint, place.choices, tries) as solo,
        showing(context.progress, context.screen, meter) as say,
        context.signals.announced(say),
    ):
        report = send(
            RemoteFile(solo, place.path, meter, place.choices.get("limit_rate")),
            InputPipe(sys.stdin.fileno()),
            make_parents=place.choices["mkdir"],
            in_place=place.choices["in_place"],
        )
    _write_json(context, place, "upload", tries, report)
    show_summary(context.screen, report)
    return report.exit_code


class _Tries:
    """Passes events on and counts the tries that they report."""

    def __init__(self, on_event: OnEvent) -> None:
        self.count = 1
        self._on_event = on_event

    def __call__(self, event: Event) -> None:
        if isinstance(event, Retrying):
            self.count = event.tries + 1
        self._on_event(event)


def _write_json(context: CommandContext, place: Target, action: str, tries: _Tries, report: Report) -> None:
    context.json_writer(Finished(place.path, action, 0, report.bytes, report.seconds, tries.count, tls=report.tls))
    context.json_writer(Summary(report))
