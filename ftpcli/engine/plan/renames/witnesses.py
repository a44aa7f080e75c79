"""Files that keep their names. What one of them has in common with a file that seems renamed proves nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftpcli.engine.compare.times import is_exact
from ftpcli.engine.plan.renames.index import slack, stored_name, translated
from ftpcli.model import Entry, Kind

if TYPE_CHECKING:
    import sqlite3

_TABLE = "CREATE TABLE witness (name BLOB, size INTEGER, second INTEGER, slack REAL)"
_INDEXES = """
CREATE INDEX witness_size ON witness (size, second);
CREATE INDEX witness_second ON witness (second)
"""


class Witnesses:
    """All methods raise LocalFileError."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._widest = 0.0
        with translated():
            database.execute(_TABLE)

    def add(self, *entries: Entry | None) -> None:
        for entry in entries:
            if entry is not None and entry.kind is Kind.FILE and entry.mtime is not None:
                may_differ_by = 0.0 if is_exact(entry) else slack(entry)
                self._widest = max(self._widest, may_differ_by)
                values = (stored_name(entry.name), entry.size, math.floor(entry.mtime), may_differ_by)
                with translated():
                    self._database.execute("INSERT INTO witness VALUES (?, ?, ?, ?)", values)

    def close_list(self) -> None:
        with translated():
            for command in _INDEXES.split(";"):
                self._database.execute(command)

    def has_like(self, entry: Entry, *, same_name: bool) -> bool:
        """Whether one of them may have the same size and, to the second, the same time."""
        where, values = "AND size = ?", [entry.size]
        if same_name:
            return self._has(entry, f"{where} AND name = ?", [*values, stored_name(entry.name)])
        return self._has(entry, where, values)

    def has_time_of(self, entry: Entry) -> bool:
        """Whether one of them may have the same time, to the second."""
        return self._has(entry, "", [])

    def _has(self, entry: Entry, where: str, values: Sequence[object]) -> bool:
        assert entry.mtime is not None
        second = math.floor(entry.mtime)
        select = f"SELECT 1 FROM witness WHERE second BETWEEN ? AND ? AND ABS(second - ?) <= slack {where} LIMIT 1"
        reach = (second - self._widest, second + self._widest, second)
        with translated():
            return self._database.execute(select, (*reach, *values)).fetchone() is not None
