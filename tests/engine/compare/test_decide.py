"""Pairing and deciding: examples, and properties of random pairs of listings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.engine.compare.decide import What, decide, difference, pair
from ftpcli.engine.compare.times import same_time
from ftpcli.engine.job import Rules
from ftpcli.model import Entry, Kind, Listing
from ftpcli.part_names import is_part, part_name

FILE = Entry("a", Kind.FILE, size=3, mtime=100.0)

names = st.sampled_from(["a", "b", "c", "d", ".hidden", part_name("a", 1), part_name("b", 2), "ä"])
entries = st.builds(
    Entry,
    names,
    st.sampled_from(Kind),
    size=st.none() | st.integers(0, 3),
    mtime=st.none() | st.sampled_from([0.0, 59.0, 60.0, 61.0, 61.5, 86400.0]),
    precision=st.sampled_from([0.001, 1.0, 60.0, 86400.0]),
)
listings = st.lists(entries, max_size=8).map(lambda found: Listing(tuple(found)))
rules = st.builds(
    Rules, compare=st.sampled_from(["auto", "always", "size", "time"]), delete=st.booleans(), dry_run=st.booleans()
)


def what(source: Entry | None, target: Entry | None, rules: Rules = Rules()) -> What:  # noqa: B008  (frozen)
    return decide(source, target, rules).what


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (FILE, None, What.COPY),
        (FILE, FILE, What.SKIP),
        (FILE, replace(FILE, size=4), What.COPY),
        (FILE, replace(FILE, mtime=200.0), What.COPY),
        (FILE, replace(FILE, mtime=90.0, precision=60.0), What.SKIP),
        (FILE, replace(FILE, size=None, mtime=None), What.SKIP),
        (FILE, Entry("a", Kind.DIR), What.CONFLICT),
        (FILE, Entry("a", Kind.LINK), What.CONFLICT),
        (Entry("a", Kind.DIR), FILE, What.CONFLICT),
        (Entry("a", Kind.DIR), Entry("a", Kind.DIR), What.DESCEND),
        (Entry("a", Kind.DIR), None, What.DESCEND),
        (Entry("a", Kind.LINK), None, What.SKIP),
        (Entry("a", Kind.OTHER), None, What.SKIP),
        (None, FILE, What.SKIP),
    ],
)
def test_decision_for_each_example(source: Entry | None, target: Entry | None, expected: What) -> None:
    assert what(source, target) is expected


@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        (FILE, Entry("a", Kind.DIR), True),
        (FILE, Entry("a", Kind.LINK), True),
        (Entry("a", Kind.DIR), FILE, True),
        (Entry("a", Kind.DIR), Entry("a", Kind.LINK), False),
        (FILE, Entry("a", Kind.OTHER), False),
        (FILE, Entry("A", Kind.DIR), False),
    ],
)
def test_a_conflict_names_delete_where_that_would_replace(source: Entry, target: Entry, named: bool) -> None:
    assert ("mirror --delete" in decide(source, target, Rules()).why) == named
    assert (what(source, target, Rules(delete=True)) is What.REPLACE) == named


@pytest.mark.parametrize("kind", Kind)
def test_entries_are_deleted_only_with_the_delete_rule(kind: Kind) -> None:
    assert what(None, Entry("a", kind), Rules(delete=True)) is What.DELETE
    assert what(None, Entry("a", kind), Rules(delete=False)) is What.SKIP


@pytest.mark.parametrize(
    ("compare", "size", "mtime", "expected"),
    [
        ("size", 3, 999.0, What.SKIP),
        ("size", 4, 100.0, What.COPY),
        ("time", 4, 100.0, What.SKIP),
        ("time", 3, 999.0, What.COPY),
        ("always", 3, 100.0, What.COPY),
    ],
)
def test_each_comparison_finds_the_differences_it_should(compare: str, size: int, mtime: float, expected: What) -> None:
    assert what(FILE, replace(FILE, size=size, mtime=mtime), Rules(compare=compare)) is expected


@given(source=listings, target=listings)
def test_pairs_hold_every_name_once_and_no_part_files(source: Listing, target: Listing) -> None:
    pairs = list(pair(source, target))
    seen = [(left or right).name for left, right in pairs if (left or right) is not None]  # type: ignore[union-attr]
    wanted = {
        entry.name
        for entry in (*source.entries, *target.entries)
        if not (is_part(entry.name) and entry.kind in (Kind.FILE, Kind.LINK))
    }
    assert len(seen) == len(pairs) == len(set(seen))
    assert set(seen) == wanted
    for left, right in pairs:
        assert left is None or left in source.entries
        assert right is None or right in target.entries
        assert left is None or right is None or left.name == right.name


@given(source=listings, target=listings, rules=rules)
def test_decisions(source: Listing, target: Listing, rules: Rules) -> None:
    for left, right in pair(source, target):
        decision = decide(left, right, rules)
        if decision.what is What.DELETE:
            assert rules.delete
            assert decision.name not in {entry.name for entry in source.entries if not is_part(entry.name)}
        if decision.what in (What.COPY, What.DESCEND):
            assert left is not None
            assert right is None or right.kind is left.kind, "nothing is written over something of another kind"
            assert left.kind is {What.COPY: Kind.FILE, What.DESCEND: Kind.DIR}[decision.what]
            assert decision.what is What.DESCEND or decision.why
        if left is not None and left.kind in (Kind.FILE, Kind.DIR) and right is None:
            assert decision.what in (What.COPY, What.DESCEND), "missing files are copied"


@given(listing=listings, rules=rules)
def test_a_tree_compared_with_itself_needs_nothing(listing: Listing, rules: Rules) -> None:
    once = Listing(tuple({entry.name: entry for entry in reversed(listing.entries)}.values()))
    for left, right in pair(once, once):
        decision = decide(left, right, replace(rules, compare="auto"))
        assert decision.what in (What.SKIP, What.DESCEND)


@given(one=entries, other=entries)
def test_same_time_is_symmetrical(one: Entry, other: Entry) -> None:
    assert same_time(one, other) == same_time(other, one)
    assert same_time(one, one)


@given(mtime=st.floats(0, 4e9), precision=st.sampled_from([1.0, 60.0, 86400.0]))
def test_a_time_truncated_by_the_server_is_the_same(mtime: float, precision: float) -> None:
    exact = replace(FILE, mtime=mtime, precision=0.001)
    shown = replace(FILE, mtime=mtime // precision * precision, precision=precision)
    assert same_time(exact, shown)


@pytest.mark.parametrize(
    ("source_time", "target_time", "copied"), [(100.0, 50.0, True), (50.0, 100.0, False), (50.0, 50.0, False)]
)
def test_newer_only(source_time: float, target_time: float, copied: bool) -> None:
    source = Entry("a", Kind.FILE, size=1, mtime=source_time)
    target = Entry("a", Kind.FILE, size=2, mtime=target_time)
    decision = decide(source, target, Rules(newer_only=True))
    assert (decision.what is What.COPY) == copied
    assert decide(source, None, Rules(newer_only=True)).what is What.COPY


def test_the_sizes_are_those_of_source_and_target() -> None:
    """Not "here" and "there", which swap in a download."""
    said = difference(Entry("a", Kind.FILE, size=6), Entry("a", Kind.FILE, size=4), Rules())
    assert said == "size differs: 6 in the source, 4 in the target"
