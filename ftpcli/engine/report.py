"""Folds a run's events into its report, from which the screen, the JSON lines and the exit code are all derived."""

from __future__ import annotations

from dataclasses import fields

from ftpcli.engine.events import Deleted, Event, Failed, Finished, Planned, Report, Skipped, Summary
from ftpcli.errors import FtpcliError
from ftpcli.exit_codes import SOME_FAILED, SUCCESS

# Counted from single events; a summary adds all other fields to a total.
_COUNTED = frozenset({"transferred", "renamed", "skipped", "made_directories", "deleted", "failed", "bytes"})
_NOT_ADDED_UP = _COUNTED | {"seconds", "tls", "exit_code", "failure_codes"}
_ADDED_UP = tuple(field.name for field in fields(Report) if field.name not in _NOT_ADDED_UP)


def count(report: Report, event: Event, *, dry_run: bool = False) -> None:
    """Add one event to the report of its run or, with the summaries of several runs, to their total."""
    match event:
        case Skipped():
            report.skipped += 1
        case Finished(action="mkdir"):
            report.made_directories += 1
        case Finished(action="download" | "upload" | "link"):
            report.transferred += 1
            report.bytes += event.bytes
        case Finished(action="rename"):
            report.renamed += 1
        case Deleted():
            report.deleted += 1
        case Failed(path=path) if path:
            report.failed += 1
            report.failure_codes.add(event.exit_code)
        case Planned() if dry_run:
            _plan(report, event)
        case Summary():
            for name in _ADDED_UP:
                setattr(report, name, getattr(report, name) + getattr(event.report, name))


def _plan(report: Report, event: Planned) -> None:
    match event.action:
        case "mkdir":
            report.would_make_directories += 1
        case "download" | "upload" | "link":
            report.would_transfer += 1
            report.would_bytes += event.bytes or 0
        case "rename":
            report.would_rename += 1
        case "delete":
            report.would_delete += 1


def exit_code(report: Report, fatal: FtpcliError | None) -> int:
    """The exit code of a run that was not stopped: 0 for success, 1 if files failed with different codes or others
    succeeded, or if deletes were held back, else the failure's own. ``fatal`` is the error that ended the run early."""
    if fatal is not None:
        return fatal.exit_code
    if not report.failure_codes:
        return SOME_FAILED if report.held_back else SUCCESS
    done = report.transferred or report.renamed or report.would_transfer or report.would_rename
    return next(iter(report.failure_codes)) if len(report.failure_codes) == 1 and not done else SOME_FAILED
