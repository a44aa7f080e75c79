"""Filters: examples, edge cases, and comparison with git itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpcli.engine.compare.filters import Filters, parse
from ftpcli.engine.job import FilterRules
from ftpcli.model import Entry, Kind

FILE = Entry("x", Kind.FILE, size=1000, mtime=5000.0)
# ASCII only: to git a ? is one byte, here it is one character.
TREE = [
    "#c", "!b", "a b", "a ", "a.o", "b.txt", "v1/xyz", "va/xyz", "A", "[x]",
    "a/a/a", "a/a/b.txt", "a/b/a.o", "a/b/c/d", "b/a", "b/a.o", "b/c.txt", "c/d/e/a.o", "c/d/a", "c/-", "c/]",
    "d/a*b", "d/a?b", "d/a\\b", "d/line\nbreak", "d/a.o/a.o",
]  # fmt: skip


def filters(*patterns: str) -> Filters:
    return Filters(FilterRules(patterns))


def walk(chosen: Filters, paths: list[str]) -> Iterator[str]:
    """Which of the files ``paths``, and of their directories, a run keeps. Only entered directories are listed."""

    def below(folder: str) -> Iterator[str]:
        start = f"{folder}/" if folder else ""
        inside = {path.removeprefix(start).partition("/")[::2] for path in paths if path.startswith(start)}
        for name, kind in {name: Kind.DIR if rest else Kind.FILE for name, rest in inside}.items():
            if chosen.keeps(start + name, Entry(name, kind)):
                yield start + name
            if kind is Kind.DIR and chosen.enters(start + name):
                yield from below(start + name)

    return below("")


def kept(paths: str, *patterns: str) -> set[str]:
    """The files among what is kept."""
    files = paths.split()
    return set(walk(filters(*patterns), files)) & set(files)


@pytest.mark.parametrize(
    ("patterns", "result"),
    [
        ([], "a.c a.o src/b.c src/b.o src/lib/c.c doc/d.txt"),
        (["*.o"], "a.c src/b.c src/lib/c.c doc/d.txt"),
        (["/*.o"], "a.c src/b.c src/b.o src/lib/c.c doc/d.txt"),
        (["*.o", "!b.o"], "a.c src/b.c src/b.o src/lib/c.c doc/d.txt"),
        (["*.c", "!src/**"], "a.o src/b.c src/b.o src/lib/c.c doc/d.txt"),
        (["src/"], "a.c a.o doc/d.txt"),
        (["a.c/"], "a.c a.o src/b.c src/b.o src/lib/c.c doc/d.txt"),
        (["src/", "!src/b.c"], "a.c a.o doc/d.txt"),
        (["src/*", "!src/b.c"], "a.c a.o src/b.c doc/d.txt"),
        (["*", "!*/", "!*.c"], "a.c src/b.c src/lib/c.c"),
        (["**/lib"], "a.c a.o src/b.c src/b.o doc/d.txt"),
        # The first one is an include: nothing else is kept.
        (["!*.c"], "a.c src/b.c src/lib/c.c"),
        (["!src"], "src/b.c src/b.o src/lib/c.c"),
        (["!/src/lib"], "src/lib/c.c"),
        (["!src", "*.o"], "src/b.c src/lib/c.c"),
        (["!src", "lib"], "src/b.c src/b.o"),
        (["!*.c", "lib"], "a.c src/b.c"),
        (["!*.c", "!doc/"], "a.c src/b.c src/lib/c.c doc/d.txt"),
        (["!*.c", "src", "!*.o"], "a.c a.o"),
    ],
)
def test_examples(patterns: list[str], result: str) -> None:
    assert kept("a.c a.o src/b.c src/b.o src/lib/c.c doc/d.txt", *patterns) == set(result.split())


def test_a_directory_is_entered_but_not_kept_if_only_an_include_may_be_in_it() -> None:
    chosen = filters("!*.c", "tmp")
    folder = Entry("src", Kind.DIR)
    assert (chosen.enters("src"), chosen.keeps("src", folder)) == (True, False)
    assert (chosen.enters("src/tmp"), chosen.keeps("src/tmp", folder)) == (False, False)
    assert (chosen.enters("x.c"), chosen.keeps("x.c", folder)) == (True, True)
    assert chosen.keeps("x.c/anything", FILE)


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.LINK, Kind.OTHER])
def test_only_directories_match_a_pattern_that_ends_in_a_slash(kind: Kind) -> None:
    assert filters("build/").keeps("build", Entry("build", kind))
    assert not filters("build/").keeps("build", Entry("build", Kind.DIR))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("#x", "#x"), (r"\#x", "#x"), (r"\!x", "!x"), ("x  ", "x"), (r"x\ ", "x "), (r"x\  ", "x "), (r"\*", "*"),
     ("[[]", "["), ("[]]", "]"), ("[&&]", "&"), ("[!a]", "b"), ("[^a]", "b"), ("x\t", "x\t"), ("\udc80", "\udc80"),
     ("?", "é")],
)  # fmt: skip
def test_spelling(pattern: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not filters(pattern).keeps(name, FILE)
    assert filters(pattern).keeps("other", FILE)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "matches nothing"),
        ("!", "matches nothing"),
        ("/", "matches nothing"),
        ("  ", "matches nothing"),
        ("a\0b", "matches nothing"),
        ("a//b", "matches nothing"),
        ("a\\", "could escape"),
        ("a\\/b", "could escape"),
        ("a[b", "no ]"),
        ("[z-a]", "bad character range"),
        ("[[:digit:]]", "not supported"),
        (r"[\]]", "not supported"),
    ],
)
def test_invalid_patterns_are_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(pattern)


@pytest.mark.parametrize(
    ("rules", "size", "keeps"),
    [
        (FilterRules(min_size=1000), 1000, True),
        (FilterRules(min_size=1000), 999, False),
        (FilterRules(max_size=1000), 1000, True),
        (FilterRules(max_size=1000), 1001, False),
        (FilterRules(max_size=0), 0, True),
        (FilterRules(max_size=0), 1, False),
        (FilterRules(min_size=1, max_size=1), None, True),
    ],
)
def test_sizes(rules: FilterRules, size: int | None, keeps: bool) -> None:
    assert Filters(rules).keeps("x", replace(FILE, size=size)) is keeps


@pytest.mark.parametrize(
    ("mtime", "precision", "newer", "older"),
    [
        (5000.0, 0.001, True, False),
        (4999.5, 0.001, False, True),
        (5000.5, 0.001, True, False),
        (4999.0, 1.0, False, True),
        (4980.0, 60.0, True, True),
        (4940.0, 60.0, False, True),
        (None, 1.0, True, True),
    ],
)
def test_times(mtime: float | None, precision: float, newer: bool, older: bool) -> None:
    """A file whose mtime is too imprecise to tell is kept by both limits."""
    entry = replace(FILE, mtime=mtime, precision=precision)
    assert Filters(FilterRules(newer_than=5000.0)).keeps("x", entry) is newer
    assert Filters(FilterRules(older_than=5000.0)).keeps("x", entry) is older


def test_a_time_in_an_unknown_zone_is_uncertain_by_hours() -> None:
    both = [Filters(FilterRules(newer_than=1e6)), Filters(FilterRules(older_than=1e6))]
    for hours, answers in [(-15, [False, True]), (-13, [True, True]), (13, [True, True]), (15, [True, False])]:
        entry = replace(FILE, mtime=1e6 + hours * 3600, mtime_is_utc=False)
        assert [chosen.keeps("x", entry) for chosen in both] == answers


@pytest.mark.parametrize("kind", [Kind.DIR, Kind.LINK, Kind.OTHER])
def test_sizes_and_times_limit_files_only(kind: Kind) -> None:
    chosen = Filters(FilterRules(min_size=10, newer_than=9e9))
    assert chosen.keeps("x", Entry("x", kind, size=1, mtime=1.0))
    assert chosen.enters("x")


def test_both_pattern_and_size_must_agree() -> None:
    chosen = Filters(FilterRules(("!*.c",), min_size=10))
    assert chosen.keeps("a.c", replace(FILE, size=10))
    assert not chosen.keeps("a.c", replace(FILE, size=9))
    assert not chosen.keeps("a.o", replace(FILE, size=10))


class Git:
    """Asks ``git check-ignore`` about every path of TREE."""

    def __init__(self, folder: Path) -> None:
        self._top, self._patterns, self._git_dir = folder / "tree", folder / "patterns", folder / "git"
        for path in TREE:
            (self._top / path).parent.mkdir(parents=True, exist_ok=True)
            (self._top / path).touch()
        self._run("init", "-q")
        self.paths = {str(path.relative_to(self._top)) for path in self._top.rglob("*")}

    def _run(self, *arguments: str, given: str = "", codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            ["git", "--git-dir", self._git_dir, "--work-tree", ".", "-c", f"core.excludesFile={self._patterns}",
             "-c", "core.ignoreCase=false", *arguments],
            input=os.fsencode(given), capture_output=True, check=False, cwd=self._top,
            env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"},
        )  # fmt: skip
        assert done.returncode in codes, done.stderr
        return os.fsdecode(done.stdout)

    def ignored(self, patterns: list[str]) -> set[str]:
        self._patterns.write_text("".join(f"{pattern}\n" for pattern in patterns), "utf-8")
        answer = self._run("check-ignore", "--stdin", "-z", given="\0".join(sorted(self.paths)), codes=(0, 1))
        return set(answer.split("\0")) - {""}


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    if shutil.which("git") is None:
        pytest.skip("no git")
    return Git(tmp_path_factory.mktemp("git"))


PIECES = [
    "a", "b", "c", "d", "v", ".o", ".txt", "*", "?", "/", "/", "**/", "/**", "[ab]", "[!0-9]", "[^a]", "[]x]",
    "[[]", "[a-", "[-z]", "]", r"\*", r"\ ", r"\\", " ", "#", "!",
]  # fmt: skip
pattern_texts = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "!", "/", "!/", r"\#", r"\!"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
    st.sampled_from(["", "", "/", " "]),
    # gitignore(5) calls two stars beside anything but slashes plain ones; git itself does not always take them so.
).filter(lambda text: not re.search(r"[^/!]\*\*|\*\*[^/]|^#", text))


def valid(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(patterns=st.lists(pattern_texts.filter(valid), max_size=5))
def test_random_patterns_match_as_in_git(git: Git, patterns: list[str]) -> None:
    """With an exclude as the first pattern, which matches nothing, so that the root is kept."""
    patterns = ["no such name", *patterns]
    assert git.paths - set(walk(filters(*patterns), TREE)) == git.ignored(patterns)


@given(patterns=st.lists(pattern_texts.filter(valid), max_size=5))
def test_every_kept_directory_is_entered(patterns: list[str]) -> None:
    chosen = filters(*patterns)
    for path in {path.rpartition("/")[0] for path in TREE} - {""}:
        assert chosen.enters(path) or not chosen.keeps(path, Entry("x", Kind.DIR))


# What other programs understand, and what could match nothing


# Was: accepted, and --delete deleted the directory that was to be protected.
@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("- uploads/", "write 'uploads/'"),
        ("+ *.html", "write '!\\*.html'"),
        ("-/ x", "rsync"),
        ("a,b", "a comma separates nothing"),
        ("*.tmp,*.bak", "a comma separates nothing"),
        ("{a,b}", "has no meaning here"),
        ("*.{jpg,png}", "has no meaning here"),
        ("file{1..3}", "has no meaning here"),
        ("uploads\\cache", "write / between directories"),
        ("C:\\site\\uploads", "write / between directories"),
        ("../uploads", "no name is"),
        ("a/../b", "no name is"),
        ("/./a", "no name is"),
        ("..", "no name is"),
        ("~/site/uploads", "not replaced"),
    ],
)
def test_what_would_protect_nothing_is_refused(pattern: str, words: str) -> None:
    for text in (pattern, f"!{pattern}"):
        with pytest.raises(ValueError, match=words):
            parse(text)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("a\\,b", "a,b"),
        ("a[,]b", "a,b"),
        ("\\{a\\,b\\}", "{a,b}"),
        ("{a}", "{a}"),
        ("\\- a", "- a"),
        ("[-] a", "- a"),
        ("-a", "-a"),
        ("a\\\\b", "a\\b"),
        ("~a", "~a"),
        ("..a", "..a"),
        ("./a", "a"),
    ],
)
def test_such_names_can_be_written(pattern: str, name: str) -> None:
    assert not filters(pattern).keeps(name, FILE)


def test_a_leading_dot_binds_to_the_root() -> None:
    assert kept("uploads/x sub/uploads/x", "./uploads/") == {"sub/uploads/x"}
