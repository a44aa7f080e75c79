"""The patterns of ssh_config and known_hosts: ``*``, ``?``, ``!`` before one of a list (ssh_config(5), PATTERNS)."""

from __future__ import annotations

from collections.abc import Iterable


def matches(text: str, pattern: str) -> bool:
    """Whether the whole of ``text`` is what ``pattern`` says; case does not count, as in host names.

    In time that grows with the product of the two lengths at most, whatever the pattern.
    """
    text, pattern = text.lower(), pattern.lower()
    at = position = 0
    star, retry = -1, 0
    while at < len(text):
        if position < len(pattern) and pattern[position] == "*":
            star, retry = position, at
            position += 1
        elif position < len(pattern) and pattern[position] in ("?", text[at]):
            position += 1
            at += 1
        elif star >= 0:
            retry += 1
            position, at = star + 1, retry
        else:
            return False
    return not pattern[position:].strip("*")


def matches_any(text: str, patterns: Iterable[str]) -> bool:
    """True when one of the patterns matches and none of those behind a ``!`` does."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(text, pattern[1:]):
                return False
        elif matches(text, pattern):
            found = True
    return found
