"""The engine's events and its report as text for people."""

from __future__ import annotations

import logging

from ftpcli.cli.output.logs import EVENTS
from ftpcli.cli.output.screen import Screen, emit, stdout_is_gone
from ftpcli.cli.output.units import count_text, duration_text, rate_text, size_text, speed_text
from ftpcli.engine.events import Deleted, Event, Failed, Finished, Planned, Report, Retrying, Skipped, Warned

_log = logging.getLogger(EVENTS)


class EventPrinter:
    """An ``OnEvent``. A failure is one line on standard error; with -v each file is; a dry run's plan is data."""

    def __init__(self, screen: Screen, *, dry_run: bool = False) -> None:
        self._screen = screen
        self._dry_run = dry_run
        self._why: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Planned():
                self._planned(event)
            case Finished() if not (self._screen.verbosity or _log.isEnabledFor(logging.INFO)):
                pass  # shown nowhere: formatting it takes time that counts with thousands of small files
            case Finished(action="rename"):
                self._detail(f"rename {event.path} -> {event.target}{self._facts(event)}")
            case Finished():
                self._detail(f"{event.action} {event.path}{self._facts(event)}")
            case Deleted():
                kept = f" (kept as {event.backup})" if event.backup else ""
                self._detail(f"delete {event.path}{kept}")
            case Skipped():
                self._detail(f"skip {event.path}: {event.reason}", level=2)
            case Retrying():
                wait = duration_text(event.wait)
                self._detail(f"{event.path}: {event.message}; try {event.tries} failed, the next one is in {wait}")
            case Failed():
                self._failed(event)
            case Warned():
                _log.warning("%s", event.message)
                self._screen.warn(event.message)

    def _planned(self, event: Planned) -> None:
        if self._dry_run:
            target = f" -> {event.target}" if event.target else ""
            why = f" ({event.why})" if event.why and self._screen.verbosity else ""
            emit(f"{event.action} {event.path}{target}{why}")
        elif self._screen.verbosity and event.why:
            self._why[event.path] = event.why

    def _facts(self, event: Finished) -> str:
        facts = []
        if event.action in ("download", "upload"):
            facts = [size_text(event.bytes), duration_text(event.seconds)]
        if event.resumed_from:
            facts.append(f"resumed at {size_text(event.resumed_from)}")
        if event.tries > 1:
            facts.append(f"{event.tries} tries")
        if why := self._why.pop(event.path, ""):
            facts.append(why)
        if event.backup:
            facts.append(f"the old one is kept as {event.backup}")
        return f" ({', '.join(facts)})" if facts else ""

    def _failed(self, event: Failed) -> None:
        text = f"{event.path}: {event.message}" if event.path else event.message
        if event.reply and event.reply not in event.message:
            text += f" (server: {event.reply})"
        _log.error("%s: %s", event.error, text)
        if not stdout_is_gone():
            self._screen.fail(text)

    def _detail(self, text: str, level: int = 1) -> None:
        _log.info("%s", text)
        if self._screen.verbosity >= level:
            self._screen.line(text)


def show_summary(screen: Screen, report: Report) -> None:
    """One line on a terminal; with -v the connections too; without a terminal only if something failed."""
    line = summary_line(report, detailed=screen.verbosity > 0)
    _log.info("%s; %s", line, connections_line(report))
    done = (report.transferred, report.renamed, report.skipped, report.made_directories, report.deleted, report.failed)
    if screen.quiet or (report.exit_code and not any(done)):
        return
    if screen.terminal or screen.verbosity or report.failed:
        screen.line(line)
    if screen.verbosity:
        screen.line(connections_line(report))


def summary_line(report: Report, *, detailed: bool = False) -> str:
    """Files, bytes, time and speed, and the other counts that are not 0.

    The number of entries examined is added with ``detailed``, or if nothing was transferred.
    """
    took = duration_text(report.seconds)
    if report.transferred:
        speed = speed_text(report.moved or report.bytes, report.seconds)
        parts = [f"{count_text(report.transferred, 'file')}, {size_text(report.bytes)} in {took} ({speed})"]
    else:
        parts = [f"nothing transferred in {took}"]
    others = (
        (report.renamed, f"{report.renamed:,} renamed"),
        (report.skipped, f"{report.skipped:,} skipped"),
        (report.made_directories, f"{count_text(report.made_directories, 'directory', 'directories')} made"),
        (report.deleted, f"{report.deleted:,} deleted"),
        (report.failed, f"{report.failed:,} failed"),
    )
    parts += [text for count, text in others if count]
    if report.entries and (detailed or not report.transferred):
        rate = rate_text(report.entries, report.seconds)
        looked_at = f"{count_text(report.entries, 'entry', 'entries')} looked at"
        parts.append(f"{looked_at} ({rate})" if rate else looked_at)
    return ", ".join(parts)


def connections_line(report: Report) -> str:
    """How many connections it took, and whether the TLS sessions were resumed on the data connections."""
    text = f"{count_text(report.connections, 'connection')}, {count_text(report.reconnects, 'reconnect')}"
    if report.tls is None and not report.tls_data_connections:
        return text
    text += f"; TLS data connections resumed {report.tls_data_resumed} of {report.tls_data_connections}"
    return f"{text} ({report.tls.version}, {report.tls.cipher})" if report.tls else text
