"""Patterns of host names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.wire.ssh.patterns import matches, matches_any


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("host", "host", True),
        ("Host", "hoST", True),
        ("host", "hos", False),
        ("host", "host.example", False),
        ("a.example.org", "*.example.org", True),
        ("example.org", "*.example.org", False),
        ("10.0.0.7", "10.0.0.?", True),
        ("10.0.0.17", "10.0.0.?", False),
        ("[h]:2222", "[h]:2222", True),
        ("h", "[h]", False),
        ("", "", True),
        ("", "*", True),
        ("x", "", False),
    ],
)
def test_patterns(text: str, pattern: str, expected: bool) -> None:
    assert matches(text, pattern) is expected


@given(st.text("aB.", max_size=12), st.text("aB.?*", max_size=8))
def test_as_a_regular_expression_would(text: str, pattern: str) -> None:
    plain = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert matches(text, pattern) is (re.fullmatch(plain, text, re.IGNORECASE | re.DOTALL) is not None)


def test_many_stars_take_no_time() -> None:
    assert not matches("a" * 2000, "*a" * 200 + "b")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(["*", "!h"], False), (["!h", "*"], False), (["!x", "*"], True), (["!x"], False), ([], False), (["x", "h"], True)],
)
def test_a_negated_match_decides(patterns: list[str], expected: bool) -> None:
    assert matches_any("h", patterns) is expected
