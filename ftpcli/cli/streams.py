"""One remote file to standard output, or standard input to one remote file."""

from __future__ import annotations

import sys

from ftpcli.cli.progress import showing
from ftpcli.cli.render import EventPrinter, show_summary
from ftpcli.cli.screen import BROKEN_PIPE, stdout_is_gone
from ftpcli.cli.signals import watching
from ftpcli.cli.targets import Target
from ftpcli.cli.work import Surroundings
from ftpcli.engine.meter import Meter
from ftpcli.errors import FtpcliError, LocalFileError, UsageError
from ftpcli.model import Endpoint


def fetch_to_stdout(around: Surroundings, endpoint: Endpoint, place: Target, progress: str) -> int:
    """The file's bytes as they come. When nobody reads them any more, that is the reader's wish and no failure."""
    from ftpcli.engine.single import fetch

    if sys.stdout is None:
        raise LocalFileError("standard output is closed")
    meter = Meter(1)
    sys.stdout.flush()
    try:
        with watching(around.stop), showing(progress, around.screen, meter):
            report = fetch(
                endpoint,
                place.path,
                sys.stdout.buffer,
                retries=place.choices["retries"],
                retry_wait=place.choices["retry_wait"],
                on_event=EventPrinter(around.screen),
                stop=around.stop,
                meter=meter,
            )
            sys.stdout.buffer.flush()
    except FtpcliError:
        if stdout_is_gone():
            return BROKEN_PIPE
        raise
    if report.exit_code and not around.stop.requested and stdout_is_gone():
        return BROKEN_PIPE
    if around.screen.verbosity:
        show_summary(around.screen, report)
    return report.exit_code


def send_from_stdin(around: Surroundings, endpoint: Endpoint, place: Target) -> int:
    """Standard input to the end of file, as one remote file."""
    from ftpcli.engine.single import send

    if place.location.trailing_slash:
        raise UsageError("put - needs the name of a file: the URL must not end in /")
    if sys.stdin is None:
        raise LocalFileError("standard input is closed")
    meter = Meter(1)
    with (
        open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source,
        watching(around.stop),
        showing(around.progress, around.screen, meter),
    ):
        report = send(
            endpoint,
            source,
            place.path,
            make_parents=place.choices["mkdir"],
            in_place=place.choices["in_place"],
            retries=place.choices["retries"],
            retry_wait=place.choices["retry_wait"],
            on_event=EventPrinter(around.screen),
            stop=around.stop,
            meter=meter,
        )
    show_summary(around.screen, report)
    return report.exit_code
