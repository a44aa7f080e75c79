"""Dates and months."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.wire.ftp.listing import times
from ftpcli.wire.ftp.listing.ls_dates import MONTH


def at(*numbers: int) -> float:
    return datetime(*numbers, tzinfo=timezone.utc).timestamp()  # type: ignore[arg-type, misc]


moments = st.datetimes(datetime(1971, 1, 1), datetime(2170, 1, 1))


@given(moments)
def test_seconds_agree_with_datetime(moment: datetime) -> None:
    told = times.seconds_of(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    assert told == moment.replace(microsecond=0, tzinfo=timezone.utc).timestamp()


@given(now=moments, days=st.floats(-363.5, 1.0))
def test_the_year_is_found_for_all_times_of_the_last_year(now: datetime, days: float) -> None:
    right_now = float(int(now.replace(tzinfo=timezone.utc).timestamp()))
    then = float(int(right_now + days * times.DAY)) // 60 * 60
    moment = datetime.fromtimestamp(then, timezone.utc)
    assert times.recent(moment.month, moment.day, moment.hour, moment.minute, right_now) == then


def test_the_turn_of_the_year() -> None:
    eve = at(2026, 12, 31, 20, 0)
    assert times.recent(1, 1, 1, 0, eve) == at(2027, 1, 1, 1, 0)  # the server's zone is ahead
    assert times.recent(1, 1, 21, 0, eve) == at(2026, 1, 1, 21, 0)
    assert times.recent(12, 31, 23, 0, at(2027, 1, 1, 2, 0)) == at(2026, 12, 31, 23, 0)


def test_the_leap_day() -> None:
    assert times.recent(2, 29, 1, 0, at(2026, 11, 20)) == at(2024, 2, 29, 1, 0)
    assert times.recent(2, 29, 1, 0, at(2103, 6, 1)) == at(2096, 2, 29, 1, 0)
    assert times.recent(2, 30, 1, 0, at(2026, 11, 20)) is None


@pytest.mark.parametrize("numbers", [(2026, 13, 1), (2026, 2, 29), (0, 1, 1), (2026, 1, 1, 24), (2026, 1, 1, 0, 60)])
def test_no_such_time(numbers: tuple[int, ...]) -> None:
    assert times.seconds_of(*numbers) is None


def test_no_word_means_two_months() -> None:
    seen: dict[str, int] = {}
    for table in (times.WESTERN, times.CYRILLIC):
        assert len(table) == 12
        for number, words in enumerate(table, 1):
            for word in words.split():
                assert seen.setdefault(word, number) == number, word


def test_every_month_is_matched_by_the_pattern() -> None:
    import re

    for raw, number in times.foreign_months().items():
        assert times.month_of(raw) == number
        if len(raw) > 2 or raw[-1] > 127:
            assert re.fullmatch(MONTH, raw) or b"0" in raw[:1], raw


def test_dots_and_case() -> None:
    assert times.month_of(b"nov") == times.month_of(b"NOV") == times.month_of(b"Nov.") == 11
    assert times.month_of("DÉC.".encode()) == 12
    assert times.month_of(b"Foo") is None
    assert times.month_of(b"") is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((11, b"-", 20, 26), (2026, 11, 20)),
        ((20, b"-", 11, 26), (2026, 11, 20)),
        ((5, b"/", 4, 2026), (2026, 5, 4)),
        ((5, b".", 4, 2026), (2026, 4, 5)),
        ((2026, b"-", 11, 20), (2026, 11, 20)),
        ((99, b"/", 12, 31), (1999, 12, 31)),
        ((0, b"/", 2, 23), (2000, 2, 23)),
    ],
)
def test_order_of_three_numbers(told: tuple[int, bytes, int, int], expected: tuple[int, int, int]) -> None:
    assert times.in_order(*told) == expected
