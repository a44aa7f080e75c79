"""The lines of ``--json`` and ``--report``: one JSON object for each event, written at once."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import click

from ftpcli.cli.output.pipes import OutputPipe
from ftpcli.cli.output.screen import Screen
from ftpcli.engine.events import Event, Failed, Report, Summary
from ftpcli.engine.json_events import as_record
from ftpcli.engine.report import count
from ftpcli.errors import FtpcliError, LocalFileError, Stopped, UsageError
from ftpcli.exit_codes import BROKEN_PIPE, INTERNAL_ERROR, INTERRUPTED, LOCAL_FILE
from ftpcli.stop import StopToken


class JsonWriter:
    """An ``OnEvent`` that writes a line for each event and, in the end, one summary for the whole command.

    A run's own summary is written with ``each_run`` only (``mirror --watch``), and if the run found something to do.

    Each line is written with one system call, so that a killed run leaves whole lines. If the report file can no longer
    be written, the work goes on without it; if standard output cannot, ``stop`` ends the work.
    """

    def __init__(self) -> None:
        self.opened = False
        self.each_run = False
        self.stop: StopToken | None = None
        self._screen = Screen()
        self._stdout: int | None = None
        self._report: _ReportFile | None = None
        self._total = Report()
        self._began = time.monotonic()
        self._summed = self._raised = False
        self._lost_code = 0

    @property
    def on_stdout(self) -> bool:
        return self._stdout is not None

    @property
    def writes(self) -> bool:
        return self._stdout is not None or self._report is not None

    @property
    def on_terminal(self) -> bool:
        return self._stdout is not None and os.isatty(self._stdout)

    def open(self, screen: Screen, stop: StopToken | None, *, json: bool, report: str | None) -> None:
        """Choose where the lines go; an existing report is replaced. Raises UsageError, LocalFileError."""
        self.opened = True
        self._screen, self.stop = screen, stop
        if json:
            if sys.stdout is None:
                raise LocalFileError("standard output is closed")
            sys.stdout.flush()
            self._stdout = sys.stdout.fileno()
        if report is not None:
            try:
                self._report = _ReportFile(report)
            except OSError as error:
                raise UsageError(f"--report {report}: {error.strerror}") from None

    def __call__(self, event: Event) -> None:
        count(self._total, event)
        if isinstance(event, Summary):
            self._summed = True
            if self.each_run and not event.idle:
                self._write(event)
        else:
            self._write(event)

    def failed(self, path: str, error: BaseException, exit_code: int) -> None:
        """Write a ``failed`` line for an exception that the engine did not report. An empty path: the whole command."""
        self._raised = True
        reply = error.reply if isinstance(error, FtpcliError) else None
        message = error.message if isinstance(error, (FtpcliError, click.ClickException)) else str(error)
        self(Failed(path, type(error).__name__, message, reply, exit_code))

    def close(self, exit_code: int) -> int:
        """Write the summary and close the report. Returns ``exit_code``, or that of a lost standard output for 0."""
        self._total.seconds = time.monotonic() - self._began
        self._total.exit_code = exit_code
        self._write(Summary(self._total, connections_known=self._summed and not self._raised))
        if self._report is not None:
            self._report.close()
        return exit_code or self._lost_code

    def _write(self, event: Event) -> None:
        if not self.writes:
            return
        line = json.dumps(as_record(event, time.time())).encode("ascii") + b"\n"
        if self._report is not None:
            try:
                self._report.write(line)
            except (OSError, Stopped) as error:
                self._report.close()
                self._report = None
                if isinstance(error, Stopped):  # a pipe that nobody reads
                    return
                self._screen.warn(f"the report ends early, and the work goes on: {error.strerror}")
        if self._stdout is not None:
            try:
                _write_all(OutputPipe(self._stdout), line)
            except Stopped:
                self._stdout = None  # nobody reads, and the run is ending
            except OSError as error:
                self._stdout = None
                self._stdout_lost(error)

    def _stdout_lost(self, error: OSError) -> None:
        self._lost_code = BROKEN_PIPE if isinstance(error, BrokenPipeError) else LOCAL_FILE
        if self._lost_code != BROKEN_PIPE:
            self._screen.fail(f"standard output: {error.strerror}")
        if self.stop is not None:
            self.stop.request(self._lost_code)


class _ReportFile:
    """The file of --report; it never keeps a part of a line that did not fit."""

    def __init__(self, path: str) -> None:
        """Replace the file at ``path``. Raises OSError."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._length = 0

    def write(self, line: bytes) -> None:
        """Raises OSError."""
        try:
            _write_all(OutputPipe(self._descriptor), line)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            raise
        self._length += len(line)

    def close(self) -> None:
        os.close(self._descriptor)


def _write_all(pipe: OutputPipe, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[pipe.write(rest) :]


def run_with_json(ctx: click.Context, run: Callable[[click.Context], int]) -> int:
    """Run a command with a JsonWriter in ``ctx.obj``, and write the summary with the command's exit code.

    A command that fails before it has read its config, because of a bad URL say, writes where the command line says.
    """
    ctx.obj = writer = JsonWriter()
    try:
        code = run(ctx)
    except BaseException as error:
        if not writer.opened:
            with suppress(FtpcliError):
                writer.open(Screen(), None, json=ctx.params.get("json", False), report=ctx.params["report"])
        by_user = isinstance(error, (click.Abort, KeyboardInterrupt))
        code = getattr(error, "exit_code", INTERRUPTED if by_user else INTERNAL_ERROR)
        if not by_user and not isinstance(error, click.exceptions.Exit):
            writer.failed("", error, code)
        writer.close(code)
        raise
    return writer.close(code)
