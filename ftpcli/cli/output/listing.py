"""Directory entries as lines: plain names, ``-l``, and JSON."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from ftpcli.model import Entry, Kind

_LETTERS = {Kind.FILE: "-", Kind.DIR: "d", Kind.LINK: "l", Kind.OTHER: "?"}
_BITS = tuple((0o400 >> place, "rwx"[place % 3]) for place in range(9))
_ORDERS: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.name,
    "size": lambda entry: (-(entry.size or 0), entry.name),
    "time": lambda entry: (-(entry.mtime or 0), entry.name),
}


def ordered(entries: Iterable[Entry], order: str, *, hidden: bool) -> list[Entry]:
    """By name, largest first, or newest first, as ls sorts. ``hidden``: names that begin with a dot as well."""
    shown = (entry for entry in entries if hidden or not entry.name.startswith("."))
    return sorted(shown, key=_ORDERS[order])


def long_lines(entries: list[tuple[str, Entry]]) -> list[str]:
    """``-l``: mode, owner, group, size, time, name, in columns as wide as this directory needs."""
    rows = [_columns(entry) for _, entry in entries]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(4)]
    lines = []
    for (path, entry), (owner, group, size, when) in zip(entries, rows, strict=True):
        fields = (
            mode_text(entry),
            owner.ljust(widths[0]),
            group.ljust(widths[1]),
            size.rjust(widths[2]),
            when.ljust(widths[3]),
        )
        lines.append(f"{' '.join(fields)} {path}{f' -> {entry.target}' if entry.target else ''}")
    return lines


def _columns(entry: Entry) -> tuple[str, str, str, str]:
    size = "-" if entry.size is None or entry.kind is Kind.DIR else str(entry.size)
    return entry.owner or "-", entry.group or "-", size, time_text(entry)


def mode_text(entry: Entry) -> str:
    """``-rw-r--r--``, with ``?`` where the server gives no mode."""
    if entry.mode is None:
        return _LETTERS[entry.kind] + "?" * 9
    return _LETTERS[entry.kind] + "".join(letter if entry.mode & bit else "-" for bit, letter in _BITS)


def time_text(entry: Entry) -> str:
    """In this computer's zone where the server's time is known as UTC, else as the server wrote it."""
    if entry.mtime is None:
        return "-"
    moment = time.localtime(entry.mtime) if entry.mtime_is_utc else time.gmtime(entry.mtime)
    if entry.precision >= 86400:
        return time.strftime("%Y-%m-%d", moment)
    return time.strftime("%Y-%m-%d %H:%M" if entry.precision >= 60 else "%Y-%m-%d %H:%M:%S", moment)


def json_line(path: str, entry: Entry) -> str:
    """One entry as a JSON object. A name that is not UTF-8 also stands, byte for byte, in ``path_base64``."""
    readable = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    fields: dict[str, Any] = {
        "v": 1,
        "path": readable,
        "name": readable.rpartition("/")[2],
        "type": entry.kind.value,
        "size": entry.size,
        "mtime": _iso_time(entry),
    }
    if readable != path:
        fields["path_base64"] = base64.b64encode(path.encode("utf-8", "surrogateescape")).decode("ascii")
    if entry.mtime is not None:
        fields["mtime_precision"] = entry.precision
    if entry.mode is not None:
        fields["mode"] = f"{entry.mode & 0o7777:04o}"
    for name in ("owner", "group", "target"):
        if (value := getattr(entry, name)) is not None:
            fields[name] = value
    return json.dumps(fields, ensure_ascii=True)


def _iso_time(entry: Entry) -> str | None:
    """With a Z if it is known to be UTC, else without a zone."""
    if entry.mtime is None:
        return None
    moment = datetime.fromtimestamp(entry.mtime, timezone.utc)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if entry.precision < 86400 else moment.strftime("%Y-%m-%d")
    return f"{text}Z" if entry.mtime_is_utc and entry.precision < 86400 else text
