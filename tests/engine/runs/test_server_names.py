"""Mirrors onto servers for which two names are one file: nothing is lost, and nothing replaces another file unseen."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ftpcli.engine.compare.aliases import rough
from ftpcli.engine.events import Failed, Warned
from ftpcli.engine.job import Direction, FilterRules, Root
from ftpcli.errors import NotFound, Stopped
from ftpcli.exit_codes import INTERRUPTED
from ftpcli.model import Entry, Kind
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, FakeSession, File, Folder, Link, Tree, use
from tests.engine.runs.test_run import Side, go
from tests.servers.scripted.name_rules import (
    APFS,
    EXACT,
    FOLDING,
    IGNORES_CASE,
    LOWER,
    NFD,
    TURKISH,
    UPPER,
    WINDOWS,
    NameRules,
)

SOME = ("Logo.png", "logo.png", "LOGO.PNG", "index", "INDEX", "Index", "é", "e\u0301", "É", "straße", "STRASSE")
names = st.sampled_from([*SOME, "strasse", "a", "a.", "a ", "b"])
files = st.dictionaries(names, st.sampled_from([b"", b"1", b"22", b"long"]), max_size=5)
trees = st.dictionaries(names, st.sampled_from([b"1", b"22", b"long"]) | files, max_size=5)
rules = st.sampled_from([EXACT, *FOLDING.values()])

# One name in the source, and the one that an earlier run left on the server.
PAIRS = [
    (IGNORES_CASE, "logo.png", "Logo.png"),
    (FOLDING["ignores case, keeps spelling"], "logo.png", "Logo.png"),
    (LOWER, "Logo.png", "logo.png"),
    (UPPER, "index.html", "INDEX.HTML"),
    (NFD, "é.txt", "e\u0301.txt"),
    (FOLDING["nfc"], "e\u0301.txt", "é.txt"),
    (APFS, "É.txt", "e\u0301.txt"),
    (WINDOWS, "notes. ", "notes"),
    (WINDOWS, "Notes.", "nOTES"),
    (TURKISH, "ı.txt", "I.txt"),
    (TURKISH, "i.txt", "İ.txt"),
    (APFS, "straße", "STRASSE"),
]


@pytest.fixture
def side(server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(Direction.UPLOAD, server, tmp_path / "local", stop, events)


def looks(side: Side) -> int:
    return len(side.server.verbs("stat"))


@pytest.mark.parametrize(("rule", "name", "listed"), PAIRS)
class TestOneFileUnderTwoNames:
    @pytest.mark.parametrize("tracks", [False, True])
    @pytest.mark.parametrize("in_place", [False, True])
    def test_new_content_replaces_the_old_and_stays(
        self, side: Side, rule: NameRules, name: str, listed: str, tracks: bool, in_place: bool
    ) -> None:
        side.put({name: b"new one", "other": b"1"}, {listed: b"old", "gone": b"22"})
        side.server.names = rule
        report = side.mirror(delete=True, track_renames=tracks, in_place=in_place)
        assert (report.exit_code, report.transferred, report.deleted) == (0, 2, 1)
        there = side.target
        assert sorted(there.values()) == [b"1", b"new one"]
        assert {rule.one(each) for each in there} == {rule.one(name), rule.one("other")}
        again = side.mirror(delete=True)
        assert (again.exit_code, again.transferred, again.deleted) == (0, 0, 0)
        assert side.target == there

    def test_the_same_content_is_not_sent_again(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: b"one"}, {listed: b"one"})
        side.server.names = rule
        report = side.mirror(delete=True)
        assert (report.exit_code, report.transferred, report.deleted, report.skipped) == (0, 0, 0, 1)
        assert side.target == {listed: b"one"}

    def test_a_directory_and_all_that_is_in_it(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: {name: b"new", "d": {"x": b"1"}}}, {listed: {listed: b"o", "d": {"x": b"1"}, "gone": b"2"}})
        side.server.names = rule
        report = side.mirror(delete=True)
        assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
        (inside,) = side.target.values()
        assert sorted(map(repr, inside.values())) == sorted(map(repr, (b"new", {"x": b"1"})))

    def test_a_backup_keeps_what_is_replaced(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: b"new one"}, {listed: b"old"})
        side.server.names = rule
        assert side.mirror(delete=True, backup="kept/now").exit_code == 0
        assert list(side.target.values()) == [b"new one"]
        assert _contents(side.server.find("kept/now")) == [b"old"]

    def test_another_kind_of_thing_is_in_its_place(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: b"new"}, {listed: {"x": b"1"}})
        side.server.names = rule
        report = side.mirror()
        assert (report.exit_code, side.target) == (6, {listed: {"x": b"1"}})

    def test_a_pattern_for_either_name_spares_it(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        for pattern in (name, listed):
            side.put({name: b"new one"}, {listed: b"old"})
            side.server.names = rule
            report = side.mirror(delete=True, filters=FilterRules((f"/{pattern[:-1]}[{pattern[-1]}]",)))
            assert (report.exit_code, side.target) == (0, {listed: b"old"}), pattern
            for path in side.folder.iterdir():
                path.unlink()

    def test_a_dry_run_says_the_same(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: b"new one"}, {listed: b"old"})
        side.server.names = rule
        report = side.mirror(delete=True, dry_run=True)
        assert (report.exit_code, report.would_transfer, report.deleted) == (0, 1, 0)
        assert side.target == {listed: b"old"}

    def test_a_link(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        side.put({name: Link("new")}, {listed: Link("old")})
        side.server.names = rule
        report = side.mirror(delete=True, symlinks="copy")
        assert (report.exit_code, report.deleted, list(side.target.values())) == (0, 0, [Link("new")])

    def test_two_source_names(self, side: Side, rule: NameRules, name: str, listed: str) -> None:
        """Where the server has neither yet."""
        side.put({name: b"first", listed: b"second", "z": b"3"}, {"gone": b"4"})
        side.server.names = rule
        report = side.mirror(delete=True)
        assert (report.exit_code, report.transferred, report.failed, report.deleted) == (1, 2, 1, 0)
        there = side.target
        assert (len(there), there["gone"]) == (3, b"4")
        (failed,) = side.events.of(Failed)
        assert isinstance(failed, Failed)
        stored = b"second" if failed.path == name else b"first"
        assert stored in there.values()


def test_nothing_is_asked_where_no_names_are_similar(side: Side) -> None:
    side.put({"a": b"1", "d": {"b": b"2", "c": b"3"}}, {"x": b"4", "d": {"y": b"5"}})
    side.mirror(delete=True, dry_run=True)
    assert looks(side) == 0


def test_one_question_for_names_that_differ_in_the_same_manner(side: Side) -> None:
    side.put({f"logo-{n}": b"1" for n in range(20)}, {f"LOGO-{n}": b"1" for n in range(20)})
    side.server.names = IGNORES_CASE
    assert side.mirror(delete=True).exit_code == 0
    assert looks(side) == 1


class TestExactServer:
    def test_a_new_case_is_a_new_file(self, side: Side) -> None:
        side.put({"logo.png": b"new", "docs": {"a": b"1"}}, {"Logo.png": b"old", "Docs": {"a": b"1"}})
        report = side.mirror(delete=True)
        assert (report.exit_code, report.deleted) == (0, 3)
        assert side.target == {"logo.png": b"new", "docs": {"a": b"1"}}

    def test_it_is_renamed(self, side: Side) -> None:
        side.put({"logo.png": b"same"}, {"Logo.png": b"same"})
        report = side.mirror(delete=True, track_renames=True)
        assert (report.exit_code, report.transferred, report.deleted, report.renamed) == (0, 0, 0, 1)
        assert side.target == {"logo.png": b"same"}

    @pytest.mark.parametrize("tracks", [False, True])
    def test_it_holds_both(self, side: Side, tracks: bool) -> None:
        tree: Tree = {"a": b"1", "A": b"2", "ß": {"x": b"3", "X": {"y": b"4"}}, "SS": {"x": b"5"}, "ss": b"6"}
        side.put(tree, {"gone": b"7"})
        report = side.mirror(delete=True, track_renames=tracks)
        assert (report.exit_code, side.target) == (0, tree)


class TestDoubt:
    """Servers that do not answer plainly: nothing is deleted."""

    def test_no_file_is_found_by_asking(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without SIZE and MLST, as with aioftp's server, every file is "not found"."""
        side.put({"logo.png": b"new", "a": b"1", "A": b"2"}, {"Logo.png": b"old"})
        side.server.names = IGNORES_CASE
        _knows_no_files(monkeypatch)
        report = side.mirror(delete=True)
        assert report.deleted == 0
        (stored,) = set(side.target) - {"logo.png"}
        assert set(side.failures()) == {stored.swapcase()}
        assert side.target == {"logo.png": b"new", stored: {"a": b"1", "A": b"2"}[stored]}

    def test_names_are_folded_when_they_are_stored_only(self, side: Side) -> None:
        side.put({"logo.png": b"new"}, {"LOGO.PNG": b"old"})
        side.server.names, original = NameRules(keeps_spelling=True), side.server.parent

        def parent(path: str) -> tuple[Folder, str]:
            folder, name = original(path)
            return folder, name.upper() if name.startswith("logo") else name

        side.server.parent = parent  # type: ignore[method-assign]
        report = side.mirror(delete=True)
        assert (report.deleted, set(side.failures())) == (0, {"logo.png"})
        assert side.target == {"LOGO.PNG": b"new"}

    def test_something_else_answers_to_the_name(self, side: Side) -> None:
        """A name that the listing hides."""
        side.put({"logo.png": b"new"}, {"Logo.png": b"old", "logo.png": b"hidden"})
        side.server.alter = lambda _, listing: listing.__class__(
            tuple(entry for entry in listing.entries if entry.name != "logo.png")
        )
        report = side.mirror(delete=True)
        assert (report.deleted, set(side.failures())) == (0, {"logo.png"})
        assert side.target == {"Logo.png": b"old", "logo.png": b"hidden"}


def _contents(folder: object) -> list[bytes]:
    assert isinstance(folder, Folder)
    return [node.data for node in folder.inside.values() if isinstance(node, File)]


def _knows_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    stat = FakeSession.stat

    def without_files(session: FakeSession, path: str) -> Entry:
        entry = stat(session, path)
        if entry.kind is Kind.FILE:
            raise NotFound("there is no SIZE here, and no such directory", reply="550 no")
        return entry

    monkeypatch.setattr(FakeSession, "stat", without_files)


class TestNamedFiles:
    @pytest.mark.parametrize("rule", [IGNORES_CASE, LOWER, UPPER])
    def test_the_second_of_two_is_not_stored(self, side: Side, tmp_path: Path, rule: NameRules) -> None:
        sources = _sources(tmp_path, {"a/Logo.png": b"first", "b/logo.png": b"second", "b/x": b"3"})
        side.put({}, {})
        side.server.names = rule
        report = go(side, tuple(Root(source, "top", into=True) for source in sources), compare="always")
        assert (bool(report.exit_code), set(side.failures())) == (True, {sources[1]})
        assert sorted(side.target.values()) == [b"3", b"first"]

    def test_an_exact_server_holds_both_and_replaces_both(self, side: Side, tmp_path: Path) -> None:
        sources = _sources(tmp_path, {"a/Logo.png": b"first", "b/logo.png": b"second"})
        for there in ({}, {"logo.png": b"old", "Logo.png": b"old"}):
            side.server.root = Folder({"top": FakeServer(there).root})
            roots = tuple(Root(source, "top", into=True) for source in sources)
            assert go(side, roots, compare="always").exit_code == 0
            assert side.target == {"Logo.png": b"first", "logo.png": b"second"}

    def test_directories(self, side: Side, tmp_path: Path) -> None:
        sources = _sources(tmp_path, {"a/Docs/x": b"first", "b/docs/x": b"second"})
        folders = [os.path.dirname(source) for source in sources]
        side.put({}, {})
        side.server.names = IGNORES_CASE
        report = go(side, tuple(Root(folder, "top", into=True) for folder in folders), compare="always")
        assert (bool(report.exit_code), set(side.failures())) == (True, {folders[1]})
        assert side.target == {"Docs": {"x": b"first"}}


def _sources(folder: Path, content: dict[str, bytes]) -> list[str]:
    for name, data in content.items():
        path = folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [str(folder / "sources" / name) for name in content]


# Random trees


@contextmanager
def staged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Side(Direction.UPLOAD, server, Path(folder, "local"), stop, Events())
    finally:
        stop.close()


def as_stored(tree: Tree, rule: NameRules) -> Tree:
    """Such a tree as that server may hold."""
    found = {rule.one(name): (rule.stored(name), node) for name, node in tree.items()}
    return {name: as_stored(node, rule) if isinstance(node, dict) else node for name, node in found.values()}


def clashes(source: Tree, before: Tree, rule: NameRules) -> bool:
    """Whether the server cannot hold all of it under these names, or has something else in its place."""
    old = {rule.one(name): node for name, node in before.items()}
    if len({rule.one(name) for name in source}) < len(source):
        return True
    for name, node in source.items():
        there = old.get(rule.one(name), node)
        replaced = isinstance(node, dict) is not isinstance(there, dict)
        if replaced and name not in before:
            return True  # under its own name it is replaced
        if isinstance(node, dict) and clashes(node, {} if replaced or there is node else there, rule):
            return True
    return False


def puzzling(source: Tree, before: Tree, rule: NameRules) -> bool:
    """Whether the server treats some names as one, and keeps apart others that may be one elsewhere. Then it may happen
    that a file is reported although all is well."""
    names = {rule.stored(name) for name in (*source, *before)}
    if rule is not EXACT and len({rough(name) for name in names}) < len({*map(rule.one, names)}):
        return True
    old = {rule.one(name): node for name, node in before.items()}
    below = ((node, old.get(rule.one(name))) for name, node in source.items() if isinstance(node, dict))
    return any(puzzling(node, there if isinstance(there, dict) else {}, rule) for node, there in below)


def keyed(tree: Tree, rule: NameRules) -> Tree:
    return {rule.one(name): keyed(node, rule) if isinstance(node, dict) else node for name, node in tree.items()}


def nothing_lost(source: Tree, before: Tree, after: Tree, rule: NameRules) -> bool:
    """Whether each of the server's names has what one of the source's has, or has kept what it had."""
    old, new = keyed(before, rule), keyed(after, rule)

    def holds(node: object, name: str) -> bool:
        there = new[name]
        if isinstance(node, dict) and isinstance(there, dict):
            below = old.get(name)
            return nothing_lost(node, below if isinstance(below, dict) else {}, there, rule)
        return bool(there == node)

    groups: dict[str, list[object]] = {}
    for name, node in source.items():
        groups.setdefault(rule.one(name), []).append(node)
    return all(
        name in new and (any(holds(node, name) for node in nodes) or new[name] == old.get(name))
        for name, nodes in groups.items()
    )


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(source=trees, before=trees, rule=rules, tracks=st.booleans(), replaces=st.booleans())
def test_nothing_is_lost_whatever_the_server_makes_of_names(
    monkeypatch: pytest.MonkeyPatch, source: Tree, before: Tree, rule: NameRules, tracks: bool, replaces: bool
) -> None:
    before = as_stored(before, rule)
    with staged(monkeypatch) as side:
        side.put(source, before)
        side.server.names, side.server.renames_over = rule, replaces
        report = side.mirror(delete=True, track_renames=tracks, allow_empty_source=True, max_delete_percent=100.0)
        good = not clashes(source, before, rule)
        assert nothing_lost(source, before, side.target, rule)
        if puzzling(source, before, rule):
            return
        assert not good or keyed(side.target, rule) == keyed(source, rule)
        event(f"exit {report.exit_code}")
        assert good == (report.exit_code == 0)
        there = side.target
        again = side.mirror(delete=True, track_renames=tracks, allow_empty_source=True, max_delete_percent=100.0)
        assert (again.exit_code == 0) == good
        if good:
            assert (again.transferred, again.deleted) == (0, 0)
            assert side.target == there


def test_a_stop_leaves_similar_names_undone(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(*_: object) -> NoReturn:
        side.stop.request(INTERRUPTED)
        raise Stopped(INTERRUPTED)

    monkeypatch.setattr(FakeSession, "open_write", stopping)
    side.put({"Logo.png": b"first", "logo.png": b"second"}, {})
    assert side.mirror().exit_code == INTERRUPTED


def test_the_strategies_know_names_in_both_forms() -> None:
    assert unicodedata.normalize("NFC", "e\u0301") in SOME


@pytest.mark.parametrize("delete", [True, False])
def test_a_pattern_that_matched_nothing_is_named(side: Side, delete: bool) -> None:
    side.put({"a": b"1", "d": {"x.tmp": b"2"}}, {"a": b"1"})
    patterns = ("*.tmp", "/uploads/", "!/d/", "a/")
    report = side.mirror(delete=delete, filters=FilterRules(patterns))
    (told,) = [event.message for event in side.events if isinstance(event, Warned)] or [""]
    assert report.exit_code == 0
    assert told.startswith("no entry matched '/uploads/', 'a/': if that was to protect") if delete else not told
