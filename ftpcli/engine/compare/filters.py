"""Which entries of a tree a run deals with. Pure: patterns, sizes and times in, yes or no out.

Patterns are those of gitignore. The last one that matches an entry itself decides: it is excluded or, with a leading
``!``, included. An entry that no pattern matches is treated like the directory it is in. The root is kept, so that
everything is kept unless a pattern excludes it. But if the *first* pattern is an include, the root is not kept: then
only what an include matches is kept, with everything in it, and directories are searched for such entries.

An excluded directory is never listed, so nothing in it can be included again, as in git. If it is uncertain whether a
file's size or time is within the limits, the file is kept.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ftpcli.engine.job import FilterRules
from ftpcli.model import Entry, Kind

# Matchers to try on a path, in order until one matches; and whether that one keeps the path.
_Matchers: TypeAlias = tuple[tuple[Callable[[str], object], bool], ...]

_FILE, _DIR = Kind.FILE, Kind.DIR
# Marks the end of a path in what pathspec translates; it occurs in no name and no pattern.
_END = "\0"
_BRACKETS = re.compile(r"\\.|\[(\^?)(\]?[^\]]*)\]", re.DOTALL)
# How other programs write what a pattern here cannot say.
_RSYNC = re.compile(r"[-+][,/!Csrpx]* ")
_BRACES = re.compile(r"\{[^{}]*(,|\.\.)[^{}]*\}")
_BACKSLASH = re.compile(r"(?:[^\\]|^)(?:\\\\)*\\\w")
# What has no meaning of its own in a pattern: escaped characters, and what is in brackets.
_ESCAPED = re.compile(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)
# By how many seconds a server's local time may be off UTC.
_ZONES = 14 * 3600.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern. ``regex`` matches the whole path of an entry, but not the paths below it."""

    regex: str
    keeps: bool
    directories_only: bool


def parse(text: str) -> Pattern:
    """Parse a gitignore pattern, except that ``#`` starts no comment, and that a leading ``./`` means the root.

    Raises ValueError, which says why; also for what other programs would take for something else, and what could match
    nothing here: a directory that it was to protect would be deleted.
    """
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # slow to import

    glob = text.removeprefix("!")
    if glob.startswith("./"):
        glob = glob[1:]
    _refuse_other_syntax(glob)
    stripped = glob.rstrip(" ")
    if _escapes(stripped) and stripped != glob:
        stripped += " "
    body = stripped.removesuffix("/")
    if not body or "//" in stripped or _END in body:
        raise ValueError("it matches nothing")
    if any(map(_escapes, body.split("/"))):
        raise ValueError("there is nothing that a \\ could escape")
    inside = "/*" if body == "**" or body.endswith("/**") else ""
    # The leading ! keeps pathspec from interpreting a # or a second !.
    regex, _ = GitIgnoreSpecPattern.pattern_to_regex(f"!{body}{inside}{_END}")
    if regex is None:
        raise ValueError("a [ has no ]")
    try:
        regex = _BRACKETS.sub(_as_in_git, regex.partition(_END)[0])
        re.compile(regex)
    except re.error as error:
        raise ValueError(error.msg) from None
    return Pattern(regex, keeps=text.startswith("!"), directories_only=stripped != body)


def _refuse_other_syntax(glob: str) -> None:
    """Raises ValueError."""
    if rule := _RSYNC.match(glob):
        right = glob[rule.end() :] if rule[0][0] == "-" else f"!{glob[rule.end() :]}"
        raise ValueError(f"this is a rule of rsync's; write {right!r}, or \\{glob[0]} where a name begins like that")
    plain = _ESCAPED.sub("", glob)
    if _BRACES.search(plain):
        raise ValueError("{...} has no meaning here; give one pattern for each, or write \\{ for a name with a brace")
    if "," in plain:
        raise ValueError("a comma separates nothing; give one pattern for each, or write \\, for a name with a comma")
    if _BACKSLASH.search(glob):
        raise ValueError("\\ only makes a special character plain; write / between directories")
    if glob.startswith("~/"):
        raise ValueError("~ is not replaced; patterns are relative to the root of the tree, and /NAME begins there")
    if any(part in (".", "..") for part in glob.rstrip(" ").split("/")):
        raise ValueError("no name is . or ..; patterns are relative to the root of the tree, and /NAME begins there")


def _escapes(text: str) -> bool:
    """Whether the text ends with a backslash that escapes the next character, and is not itself escaped."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _as_in_git(found: re.Match[str]) -> str:
    """Make [...] never match a slash, and refuse what pathspec interprets differently from git."""
    if found[0].startswith("\\") or found[0] == "[^/]":
        return found[0]
    negated, members = found.groups()
    if "\\" in members or "[:" in members:
        raise ValueError("\\ and [:classes:] within [...] are not supported")
    quiet = re.sub(r"[&|~[]", r"\\\g<0>", members)  # avoids Python's FutureWarning about set operations
    return f"(?!/)[{negated}{quiet}]"


class Filters:
    """The filters of one run, on its hot path. Paths are relative to the mirrored root, parts joined by ``/``."""

    def __init__(self, rules: FilterRules) -> None:
        patterns = [parse(text) for text in rules.patterns]
        self._for_directories = _last_first(patterns)
        self._for_files = _last_first(pattern for pattern in patterns if not pattern.directories_only)
        self._idle = [
            (text, re.compile(pattern.regex, re.DOTALL).fullmatch, pattern.directories_only)
            for text, pattern in zip(rules.patterns, patterns, strict=True)
        ]
        self._keeps_root = not (patterns and patterns[0].keeps)
        self._folder_kept = lru_cache(256)(self._find_folder_kept)
        self._smallest = rules.min_size or 0
        self._largest = math.inf if rules.max_size is None else rules.max_size
        self._from = -math.inf if rules.newer_than is None else rules.newer_than
        self._until = math.inf if rules.older_than is None else rules.older_than
        self._measures = rules != FilterRules(rules.patterns)
        self.limits = rules != FilterRules()
        """False if everything is kept, so that nothing need be checked."""

    def keeps(self, shown: str, entry: Entry) -> bool:
        """Whether the run may copy or delete the entry at ``shown``, if all directories above it are entered."""
        if self._idle:
            self._note(shown, is_directory=entry.kind is _DIR)
        kept = _verdict(self._for_directories if entry.kind is _DIR else self._for_files, shown)
        if kept is None:
            kept = self._keeps_root or self._folder_kept(shown.rpartition("/")[0])
        return kept and (not self._measures or entry.kind is not _FILE or self._fits(entry))

    def excludes(self, shown: str, entry: Entry) -> bool:
        """Whether a pattern excludes the entry at ``shown`` itself."""
        return _verdict(self._for_directories if entry.kind is _DIR else self._for_files, shown) is False

    def enters(self, shown: str) -> bool:
        """Whether the directory at ``shown`` is listed: because it is kept, or to search it for included entries."""
        if self._idle:
            self._note(shown, is_directory=True)
        return _verdict(self._for_directories, shown) is not False

    @property
    def idle(self) -> list[str]:
        """The patterns that have matched nothing so far."""
        return [text for text, _, _ in self._idle]

    def _note(self, shown: str, *, is_directory: bool) -> None:
        self._idle = [one for one in self._idle if (one[2] and not is_directory) or not one[1](shown)]

    def _find_folder_kept(self, shown: str) -> bool:
        if not shown:
            return self._keeps_root
        kept = _verdict(self._for_directories, shown)
        return self._folder_kept(shown.rpartition("/")[0]) if kept is None else kept

    def _fits(self, entry: Entry) -> bool:
        if entry.size is not None and not self._smallest <= entry.size <= self._largest:
            return False
        if entry.mtime is None:
            return True
        doubt = 0.0 if entry.mtime_is_utc else _ZONES
        return entry.mtime + entry.precision + doubt > self._from and entry.mtime - doubt < self._until


def _last_first(patterns: Iterable[Pattern]) -> _Matchers:
    """Consecutive patterns of one kind become one regular expression."""
    groups = itertools.groupby(reversed(list(patterns)), key=lambda pattern: pattern.keeps)
    return tuple(
        (re.compile("|".join(pattern.regex for pattern in group), re.DOTALL).fullmatch, keeps)
        for keeps, group in groups
    )


def _verdict(questions: _Matchers, shown: str) -> bool | None:
    for matches, keeps in questions:
        if matches(shown):
            return keeps
    return None
