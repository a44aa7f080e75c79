"""Files to be found by size and time; there may be more than memory holds, so they are in a temporary database."""

from __future__ import annotations

import json
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
_LARGEST = 2**63 - 1  # an integer of the database
# How far a time may be off whose zone is not known; see ``compare.times.same_time``.
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
CREATE INDEX {0}_name ON {0} (served, size, name, mtime)
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file, and what else is to be known about it: texts of whoever put it in."""

    row: int
    entry: Entry
    about: tuple[str, ...]


@contextmanager
def _translated() -> Iterator[None]:
    import sqlite3  # not needed by most runs

    try:
        yield
    except sqlite3.Error as error:
        raise LocalFileError(f"cannot use a temporary file: {error}") from error


def open_database() -> sqlite3.Connection:
    """A database of this process alone: a file without a name, which is written when memory does not do."""
    import sqlite3

    with _translated():
        database = sqlite3.connect("", isolation_level=None)
        database.executescript(_SETTINGS)
        return database


class RenameIndex:
    """One side's files, in the order in which they came. Raises LocalFileError."""

    def __init__(self, database: sqlite3.Connection, table: str) -> None:
        self._database = database
        self._table = table
        self._slack: float | None = None
        self._count = 0
        self._do(_TABLE)

    def add(self, entry: Entry, *about: str) -> bool:
        """False for a file that nothing can tell to be the same as another: an empty one, or one
        without a time, or of a size that no file has."""
        if entry.kind is not Kind.FILE or entry.mtime is None or not 0 < (entry.size or 0) <= _LARGEST:
            return False
        values = (*_values(entry), _text(entry, about))
        self._do("INSERT INTO {0} (name, size, mtime, slack, exact, record) VALUES (?, ?, ?, ?, ?, ?)", *values)
        self._count += 1
        return True

    def close_list(self) -> None:
        """No more will be added."""
        for command in _INDEXES.split(";"):
            self._do(command)

    def all(self, *, inexact: bool = False) -> Iterator[Candidate]:
        """Every one that has not served, or those of them whose time is not known exactly. They may be changed
        meanwhile."""
        which = "AND NOT served AND NOT exact " if inexact else "AND NOT served "
        last = 0
        while rows := self._select(
            f"SELECT id, record FROM {{0}} WHERE id > ? {which}ORDER BY id LIMIT {_BATCH}", last
        ):
            for last, text in rows:
                yield _candidate(last, text)

    def like(self, entry: Entry, *, same_name: bool = False, served: bool = False) -> Iterator[Candidate]:
        """Those of the same size, and of the same time as far as that is known; the first comers first."""
        assert entry.mtime is not None
        if not self._count:
            return
        if self._slack is None:
            self._slack = self._widest()
        reach = _slack(entry) + self._slack
        where = "served = ? AND size = ? AND mtime BETWEEN ? AND ?"
        values: list[object] = [served, entry.size, entry.mtime - reach, entry.mtime + reach]
        if same_name:
            where += " AND name = ?"
            values.append(_bytes(entry.name))
        # In the order of an index: to sort all of one size again for each of them would take for ever.
        select = f"SELECT id, record FROM {self._table} WHERE {where} ORDER BY mtime, id"
        with _translated():
            for row, text in self._database.execute(select, values):
                found = _candidate(row, text)
                if same_time(entry, found.entry):
                    yield found

    def has_one_at_most(self, entry: Entry, *, same_name: bool) -> bool:
        """Whether no two are like it, of those that have served too."""
        both = (self.like(entry, same_name=same_name, served=served) for served in (False, True))
        return len(list(islice(chain.from_iterable(both), 2))) < 2

    def learn(self, row: int, told: Entry) -> None:
        """What the server told of the file in a row, asked for its exact time."""
        ((_, text),) = self._select("SELECT id, record FROM {0} WHERE id = ?", row)
        candidate = _candidate(row, text)
        listed = candidate.entry
        if told.kind is not Kind.FILE or told.size != listed.size or told.mtime is None:
            # It is not what it was thought to be, and nothing is like it.
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
        """It has found its counterpart, and is looked for no more."""
        self._do("UPDATE {0} SET served = TRUE WHERE id = ?", candidate.row)

    def _widest(self) -> float:
        with _translated():
            ((slack,),) = self._database.execute(f"SELECT MAX(slack) FROM {self._table}")
        return float(slack or 0.0)

    def _select(self, command: str, *values: object) -> list[tuple[int, str]]:
        """Rows of a file's number and its record."""
        with _translated():
            return self._database.execute(command.format(self._table), values).fetchall()

    def _do(self, command: str, *values: object) -> None:
        with _translated():
            self._database.execute(command.format(self._table), values)


def _slack(entry: Entry) -> float:
    return max(entry.precision, 1.0) + (0.0 if entry.mtime_is_utc else _ZONES)


def _values(entry: Entry) -> tuple[object, ...]:
    return _bytes(entry.name), entry.size, entry.mtime, _slack(entry), is_exact(entry)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(entry: Entry, about: tuple[str, ...]) -> str:
    return json.dumps([entry.name, entry.size, entry.mtime, entry.precision, entry.mtime_is_utc, entry.mode, *about])


def _candidate(row: int, text: str) -> Candidate:
    name, size, mtime, precision, mtime_is_utc, mode, *about = json.loads(text)
    return Candidate(row, Entry(name, Kind.FILE, size, mtime, precision, mtime_is_utc, mode), tuple(about))
