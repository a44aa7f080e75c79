"""Where the log records of the package go: standard error for -v and -vv, and the file of ``--log-file``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ftpcli.cli.output.sanitize import sanitized
from ftpcli.cli.output.screen import Screen
from ftpcli.errors import UsageError

ROOT = "ftpcli"
EVENTS = "ftpcli.cli.events"  # events, which the screen shows by itself: for the log file only


class _OneLine(logging.Formatter):
    """Text of servers and file names must not fake a line of the log. Tracebacks keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return sanitized(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(sanitized(line) for line in super().format(record).split("\n"))


class _ToFile(logging.FileHandler):
    """If the log can no longer be written, one warning is shown and the transfers go on."""

    def __init__(self, path: str, screen: Screen) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._screen = screen
        self._told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name and form
        if not self._told:
            self._told = True
            self._screen.warn(f"cannot write the log file {self.baseFilename}; the run goes on without it")

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class _ToScreen(logging.Handler):
    """Writes through the Screen, so that progress bars are not broken."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.DEBUG if screen.verbosity > 1 else logging.INFO)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        style = "dim" if record.levelno < logging.INFO else None
        for line in self.format(record).split("\n"):
            self._screen.line(line, style)


@contextmanager
def logging_to(screen: Screen, log_file: str | None) -> Iterator[None]:
    """Install the handlers for the time of one command."""
    logger = logging.getLogger(ROOT)
    before = logger.level, logger.propagate
    handlers = _handlers(screen, log_file)
    logger.setLevel(logging.DEBUG if screen.verbosity > 1 else logging.INFO if handlers else logging.CRITICAL)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.level, logger.propagate = before


def _handlers(screen: Screen, log_file: str | None) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if screen.verbosity and sys.stderr is not None:
        to_screen = _ToScreen(screen)
        to_screen.setFormatter(_OneLine("%(threadName)s: %(message)s" if screen.verbosity > 1 else "%(message)s"))
        to_screen.addFilter(lambda record: record.name != EVENTS)
        handlers.append(to_screen)
    if log_file:
        try:
            to_file = _ToFile(log_file, screen)
        except OSError as error:
            raise UsageError(f"--log-file {log_file}: {error.strerror}") from None
        to_file.setFormatter(_OneLine("%(asctime)s %(levelname)s %(threadName)s: %(message)s"))
        handlers.append(to_file)
    return handlers
