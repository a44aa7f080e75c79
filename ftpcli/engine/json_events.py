"""Events as JSON objects: the one definition of what ``--json`` and ``--report`` write. Pure; fields are only ever
added, never renamed or removed.

Each object has ``v`` (1), ``event``, ``time`` and the fields of the event's class, with these exceptions:

- ``tls`` is present only if TLS was used, ``target`` only for a rename, ``backup`` only if the old content was kept;
- a summary has the fields of its report, and the entries per second computed from them;
- a text that is not UTF-8, such as a file name in another encoding, has U+FFFD for undecodable bytes, and a second
  field holds the exact bytes: ``path_base64`` for ``path``.
"""

from __future__ import annotations

import base64
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any

from ftpcli.engine.events import (
    Deleted,
    Event,
    Failed,
    Finished,
    Planned,
    Report,
    Retrying,
    Skipped,
    Started,
    Summary,
    Warned,
)
from ftpcli.model import TlsFacts

VERSION = 1
_NAMES = {
    Planned: "planned",
    Started: "started",
    Retrying: "retrying",
    Finished: "finished",
    Failed: "failed",
    Skipped: "skipped",
    Deleted: "deleted",
    Warned: "warning",
    Summary: "summary",
}
_ONLY_WHERE_THERE = ("tls", "target", "backup")
_CONNECTIONS = ("connections", "reconnects", "tls_data_connections", "tls_data_resumed")
_INTERNAL = ("tls", "failure_codes")


def as_record(event: Event, now: float) -> dict[str, Any]:
    """The event as a dict for ``json.dumps``. ``now``: when it happened, in seconds since 1970."""
    moment = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
    record: dict[str, Any] = {"v": VERSION, "event": _NAMES[type(event)], "time": moment.replace("+00:00", "Z")}
    for name, value in (_of_summary(event) if isinstance(event, Summary) else _fields(event)).items():
        if isinstance(value, str):
            record.update(_readable(name, value))
        elif isinstance(value, TlsFacts):
            record[name] = {
                "version": value.version,
                "cipher": value.cipher,
                "data_resumed": value.data_resumed_last,
            }
        elif value is not None or name not in _ONLY_WHERE_THERE:
            record[name] = value
    return record


def _of_summary(event: Summary) -> dict[str, Any]:
    report = event.report
    shown = {name: value for name, value in _fields(report).items() if name not in _INTERNAL}
    shown["entries_per_second"] = report.entries_per_second
    return shown if event.connections_known else {**shown, **dict.fromkeys(_CONNECTIONS)}


def _fields(value: Event | Report) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _readable(name: str, text: str) -> dict[str, str]:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that does not encode a byte
        raw = text.encode("utf-8", "surrogatepass")
    readable = raw.decode("utf-8", "replace")
    return {name: text} if readable == text else {name: readable, f"{name}_base64": base64.b64encode(raw).decode()}
