"""The files among which a renamed one is looked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ftpcli.engine.plan.renames.index import Candidate, RenameIndex, open_database
from ftpcli.model import Entry, Kind


def entry(name: str, size: int | None = 5, mtime: float | None = 1e9, precision: float = 1.0, **more: Any) -> Entry:
    return Entry(name, Kind.FILE, size, mtime, precision, **more)


@pytest.fixture
def candidates() -> Iterator[RenameIndex]:
    database = open_database()
    yield RenameIndex(database, "t")
    database.close()


def found(candidates: Iterator[Candidate]) -> list[str]:
    return [candidate.entry.name for candidate in candidates]


class TestRenameIndex:
    def test_files_that_cannot_be_recognised_are_not_added(self, candidates: RenameIndex) -> None:
        assert not candidates.add(entry("a", size=0))
        assert not candidates.add(entry("a", size=2**63))
        assert not candidates.add(entry("a", size=None))
        assert not candidates.add(entry("a", mtime=None))
        assert not candidates.add(Entry("a", Kind.DIR, 5, 1e9))
        assert candidates.add(entry("a"), "x", "5")
        assert [(candidate.entry, candidate.about) for candidate in candidates.all()] == [(entry("a"), ("x", "5"))]

    def test_by_size_time_and_name(self, candidates: RenameIndex) -> None:
        for name, size, mtime in (("a", 5, 1e9), ("b", 5, 1e9 + 0.5), ("c", 5, 1e9 + 1), ("d", 6, 1e9), ("a", 5, 1e9)):
            candidates.add(entry(name, size, mtime))
        candidates.close_list()
        assert found(candidates.like(entry("a"))) == ["a", "a", "b"]
        assert found(candidates.like(entry("b"), same_name=True)) == ["b"]
        assert found(candidates.like(entry("d"), same_name=True)) == []

    def test_candidates_are_those_with_the_same_time(self, candidates: RenameIndex) -> None:
        """Imprecise times in any zone are found too."""
        candidates.add(entry("zone", mtime=1e9 + 13 * 3600, precision=60.0, mtime_is_utc=False))
        candidates.add(entry("day", mtime=1e9 - 80_000, precision=86_400.0))
        candidates.add(entry("other day", mtime=1e9 - 90_000, precision=86_400.0))
        candidates.close_list()
        assert found(candidates.like(entry("x"))) == ["day", "zone"]
        assert found(candidates.all(inexact=True)) == ["zone", "day", "other day"]

    def test_changes(self, candidates: RenameIndex) -> None:
        for name in "abc":
            candidates.add(entry(name, precision=60.0), name)
        candidates.close_list()
        a, b, c = candidates.all()
        candidates.learn(a.row, entry("a", mtime=1e9 + 30))
        candidates.learn(b.row, entry("b", size=6))
        assert found(candidates.like(entry("x"))) == ["c"]
        assert found(candidates.like(entry("x", mtime=1e9 + 30))) == ["c", "a"]
        assert found(candidates.all(inexact=True)) == ["b", "c"]
        candidates.serve(c)
        assert found(candidates.all()) == ["a", "b"]
        assert found(candidates.like(entry("x"))) == []
        assert found(candidates.like(entry("x"), served=True)) == ["c"]

    def test_how_many_are_like_it(self, candidates: RenameIndex) -> None:
        for name in ("a", "b", "b"):
            candidates.add(entry(name))
        candidates.add(entry("c", size=7))
        candidates.close_list()
        assert candidates.has_one_at_most(entry("a"), same_name=True)
        assert not candidates.has_one_at_most(entry("a"), same_name=False)
        assert not candidates.has_one_at_most(entry("b"), same_name=True)
        assert candidates.has_one_at_most(entry("c", size=7), same_name=False)
        assert candidates.has_one_at_most(entry("d", size=8), same_name=False)
        candidates.serve(next(candidates.like(entry("b"), same_name=True)))
        assert not candidates.has_one_at_most(entry("b"), same_name=True), "one that has served is one more"

    def test_more_than_a_batch(self, candidates: RenameIndex) -> None:
        for number in range(1201):
            candidates.add(entry(str(number)), str(number))
        seen = 0
        for candidate in candidates.all():
            candidates.serve(candidate)
            seen += 1
        assert seen == 1201
        assert found(candidates.all()) == []
