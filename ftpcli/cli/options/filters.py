"""The options that limit a run to a part of a tree → FilterRules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ftpcli.cli.options.choices import Choices, Origin
from ftpcli.engine.compare.filters import parse
from ftpcli.engine.job import FilterRules
from ftpcli.errors import UsageError, cause_of

_PATTERNS = ("filter_from", "exclude", "include")
_LIMITS = ("min_size", "max_size", "newer_than", "older_than")


def filter_rules(choices: Choices) -> FilterRules:
    """The rules that the options ask for. Raises UsageError for filters without -r, which would have no effect."""
    if choices.get("recursive", True):
        _check(choices)
        return FilterRules(tuple(_patterns(choices)), *(choices[name] for name in _LIMITS))
    for name in (*_PATTERNS, *_LIMITS):
        if choices.origin(name) is Origin.COMMAND_LINE:
            raise UsageError(f"--{name.replace('_', '-')} goes with -r: it is about what is in directories")
    return FilterRules()


def _check(choices: Choices) -> None:
    """Raises UsageError for a minimum above its maximum."""
    for lowest, highest in (("min_size", "max_size"), ("newer_than", "older_than")):
        low, high = choices[lowest], choices[highest]
        if low is not None and high is not None and low > high:
            names = f"--{lowest} and --{highest}".replace("_", "-")
            raise UsageError(f"{names} contradict each other: no file can be within both")


def _patterns(choices: Choices) -> Iterator[str]:
    """First those of the config, in the order of _PATTERNS, then those of the command line in its own order."""
    typed = [name for name in choices.typed if name in _PATTERNS]
    configured = sorted((name for name in _PATTERNS if name not in typed), key=choices.origin)
    values = {name: iter(choices[name]) for name in _PATTERNS}
    for name in [*(each for each in configured for _ in choices[each]), *typed]:
        value = next(values[name])
        if name == "filter_from":
            yield from _patterns_in(value)
        else:
            yield f"!{value}" if name == "include" else value


def _patterns_in(path: str) -> Iterator[str]:
    """The patterns in a filter file, without comments and empty lines. Raises UsageError."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise UsageError(f"--filter-from: cannot read {path}: {cause_of(error)}") from None
    for number, line in enumerate(text.split("\n"), 1):
        pattern = line.removesuffix("\r")
        if pattern.startswith("#") or not pattern.strip(" "):
            continue
        try:
            parse(pattern)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: '{pattern}' is not a pattern: {error}") from None
        yield pattern
