"""Finds files by size and time. They may not fit in memory, so they are kept in a temporary database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from ftpcli.engine.compare.times import is_exact, same_time
from ftpcli.errors import LocalFileError
from ftpcli.model import Entry, Kind

if TYPE_CHECKING:
    import sqlite3

_BATCH = 500
_LARGEST = 2**63 - 1  # SQLite's largest integer
# By how many seconds a time in an unknown zone may be off; see ``compare.times.same_time``.
_ZONES = 14 * 3600.0 + 900.0
_SETTINGS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000; BEGIN"
_TABLE = """
CREATE TABLE {0} (
    id INTEGER PRIMARY KEY, name BLOB, size INTEGER, mtime REAL, slack REAL, exact INTEGER, record TEXT,
    served INTEGER DEFAULT FALSE
)
"""
_INDEXES = """
CREATE INDEX {0}_time ON {0} (served, size, mtime);
CREATE INDEX {0}_mtime ON {0} (mtime);
CREATE INDEX {0}_name ON {0} (served, size, name, mtime)
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file, and the texts that were stored with it."""

    row: int
    entry: Entry
    about: tuple[str, ...]


@contextmanager
def translated() -> Iterator[None]:
    """Raises LocalFileError where SQLite fails."""
    import sqlite3  # not needed by most runs

    try:
        yield
    except sqlite3.Error as error:
        raise LocalFileError(f"cannot use a temporary file: {error}") from error


def open_database() -> sqlite3.Connection:
    """A private database: SQLite keeps it in an unnamed temporary file, written only when it outgrows its cache.

    Raises LocalFileError.
    """
    import sqlite3

    with translated():
        database = sqlite3.connect("", isolation_level=None)
        database.executescript(_SETTINGS)
        return database


class RenameIndex:
    """One side's files, in the order they were added. All methods raise LocalFileError."""

    def __init__(self, database: sqlite3.Connection, table: str) -> None:
        self._database = database
        self._table = table
        self._slack: float | None = None
        self._count = 0
        self._do(_TABLE)

    def add(self, entry: Entry, *about: str) -> bool:
        """Add a file. False if it cannot be recognised by size and time: it is empty, has no time, or its size is out
        of range."""
        if entry.kind is not Kind.FILE or entry.mtime is None or not 0 < (entry.size or 0) <= _LARGEST:
            return False
        values = (*_values(entry), _text(entry, about))
        self._do("INSERT INTO {0} (name, size, mtime, slack, exact, record) VALUES (?, ?, ?, ?, ?, ?)", *values)
        self._count += 1
        return True

    def close_list(self) -> None:
        """Create the indexes: no more files will be added."""
        for command in _INDEXES.split(";"):
            self._do(command)

    def all(self, *, inexact: bool = False) -> Iterator[Candidate]:
        """All files that have no counterpart yet; with ``inexact`` only those whose time is not exact. The table may be
        changed during the iteration."""
        which = "AND NOT served AND NOT exact " if inexact else "AND NOT served "
        last = 0
        while rows := self._select(
            f"SELECT id, record FROM {{0}} WHERE id > ? {which}ORDER BY id LIMIT {_BATCH}", last
        ):
            for last, text in rows:
                yield _candidate(last, text)

    def like(self, entry: Entry, *, same_name: bool = False, served: bool = False) -> Iterator[Candidate]:
        """Files of the same size and, as far as it is known, the same time; ordered by time, then by when they were
        added. ``served``: those that have a counterpart, not those without one."""
        assert entry.mtime is not None
        if not self._count:
            return
        if self._slack is None:
            self._slack = self._widest()
        reach = slack(entry) + self._slack
        where = "served = ? AND size = ? AND mtime BETWEEN ? AND ?"
        values: list[object] = [served, entry.size, entry.mtime - reach, entry.mtime + reach]
        if same_name:
            where += " AND name = ?"
            values.append(stored_name(entry.name))
        # In index order: sorting all files of one size again for each of them would take far too long.
        select = f"SELECT id, record FROM {self._table} WHERE {where} ORDER BY mtime, id"
        with translated():
            for row, text in self._database.execute(select, values):
                found = _candidate(row, text)
                if same_time(entry, found.entry):
                    yield found

    def has_one_at_most(self, entry: Entry, *, same_name: bool) -> bool:
        """Whether at most one file is like it, counting those that already have a counterpart."""
        both = (self.like(entry, same_name=same_name, served=served) for served in (False, True))
        return len(list(islice(chain.from_iterable(both), 2))) < 2

    def count_at(self, entry: Entry) -> int:
        """How many files, of whatever size, have a time within the same second."""
        assert entry.mtime is not None
        second = math.floor(entry.mtime)
        select = f"SELECT COUNT(*) FROM {self._table} WHERE mtime >= ? AND mtime < ?"
        with translated():
            ((count,),) = self._database.execute(select, (second, second + 1))
        return int(count)

    def learn(self, row: int, told: Entry) -> None:
        """Store what the server said when asked for the exact time of the file in a row."""
        ((_, text),) = self._select("SELECT id, record FROM {0} WHERE id = ?", row)
        candidate = _candidate(row, text)
        listed = candidate.entry
        if told.kind is not Kind.FILE or told.size != listed.size or told.mtime is None:
            # The file is not what was listed; it matches nothing any more.
            self._slack = None
            self._do("UPDATE {0} SET mtime = NULL WHERE id = ?", row)
        elif is_exact(told):
            exact = replace(listed, mtime=told.mtime, precision=told.precision, mtime_is_utc=True)
            self._slack = None
            values = (*_values(exact), _text(exact, candidate.about), row)
            self._do(
                "UPDATE {0} SET name = ?, size = ?, mtime = ?, slack = ?, exact = ?, record = ? WHERE id = ?", *values
            )

    def serve(self, candidate: Candidate) -> None:
        """The file has found its counterpart and is no longer a candidate."""
        self._do("UPDATE {0} SET served = TRUE WHERE id = ?", candidate.row)

    def _widest(self) -> float:
        with translated():
            ((slack,),) = self._database.execute(f"SELECT MAX(slack) FROM {self._table}")
        return float(slack or 0.0)

    def _select(self, command: str, *values: object) -> list[tuple[int, str]]:
        """Row numbers and records of files."""
        with translated():
            return self._database.execute(command.format(self._table), values).fetchall()

    def _do(self, command: str, *values: object) -> None:
        with translated():
            self._database.execute(command.format(self._table), values)


def slack(entry: Entry) -> float:
    """By how many seconds the listed time may be off."""
    return max(entry.precision, 1.0) + (0.0 if entry.mtime_is_utc else _ZONES)


def _values(entry: Entry) -> tuple[object, ...]:
    return stored_name(entry.name), entry.size, entry.mtime, slack(entry), is_exact(entry)


def stored_name(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(entry: Entry, about: tuple[str, ...]) -> str:
    return json.dumps([entry.name, entry.size, entry.mtime, entry.precision, entry.mtime_is_utc, entry.mode, *about])


def _candidate(row: int, text: str) -> Candidate:
    name, size, mtime, precision, mtime_is_utc, mode, *about = json.loads(text)
    return Candidate(row, Entry(name, Kind.FILE, size, mtime, precision, mtime_is_utc, mode), tuple(about))
