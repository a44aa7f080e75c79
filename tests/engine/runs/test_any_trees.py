"""Random trees and rules: the result of a run is compared with that of a second, much simpler implementation."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ftpcli.engine.events import Deleted, Finished, Planned, Report
from ftpcli.engine.job import Direction, FilterRules
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, File, Folder, Link, Tree, use
from tests.engine.runs.test_run import BOTH, Side

VERBS = {Direction.DOWNLOAD: "download", Direction.UPLOAD: "upload"}
FEW = 10  # this many may be deleted whatever the share

files = st.builds(File, st.sampled_from([b"", b"a", b"b", b"long", b"LONG"]), st.sampled_from([1e6, 2e6, 3e6]))
leaves = files | st.just(Link("nowhere"))
names = st.sampled_from(["a", "b", "c.x", ".d", "é", "f", "g h"])
inner = st.dictionaries(names, leaves, max_size=7)
middle = st.dictionaries(names, leaves | inner, max_size=7)
trees = st.just({}) | st.dictionaries(names, leaves | middle, min_size=3, max_size=6)


@dataclass(frozen=True)
class Ways:
    """The rules of one run. ``excluded``: names; one that ends with a slash means directories only."""

    delete: bool = True
    compare: str = "auto"
    newer_only: bool = False
    max_delete: int | None = None
    max_delete_percent: float = 50.0
    allow_empty_source: bool = True
    excluded: tuple[str, ...] = ()
    max_size: int | None = None
    digests: bool = False
    pipelined: bool = False

    def rules(self) -> dict[str, object]:
        fields = ("delete", "compare", "newer_only", "max_delete", "max_delete_percent", "allow_empty_source")
        filters = FilterRules(self.excluded, max_size=self.max_size)
        return {**{name: getattr(self, name) for name in fields}, "filters": filters}

    def leaves_out(self, name: str, node: object) -> bool:
        if isinstance(node, File) and self.max_size is not None and len(node.data) > self.max_size:
            return True
        return name in self.excluded or (isinstance(node, dict) and f"{name}/" in self.excluded)

    def differ(self, source: File, target: File) -> bool:
        if self.newer_only and source.mtime <= target.mtime:
            return False
        sizes, times = len(source.data) != len(target.data), source.mtime != target.mtime
        if self.compare == "checksum":
            return sizes or (source.data != target.data if self.digests else times)
        return {"auto": sizes or times, "size": sizes, "time": times, "always": True}[self.compare]


ways = st.builds(
    Ways,
    delete=st.sampled_from([True, True, False]),
    compare=st.sampled_from(["auto", "size", "time", "checksum", "always"]),
    newer_only=st.booleans(),
    max_delete=st.sampled_from([None, None, 0, 1, 3]),
    max_delete_percent=st.sampled_from([0.0, 30.0, 50.0, 100.0]),
    allow_empty_source=st.booleans(),
    excluded=st.lists(st.sampled_from(["a", "b/", "c.x", ".d"]), max_size=2, unique=True).map(tuple),
    max_size=st.none() | st.just(2),
    digests=st.booleans(),
    pipelined=st.booleans(),
)


@dataclass
class Expected:
    """What a run has to do, by the rules in the manual."""

    direction: Direction
    ways: Ways
    actions: set[tuple[str, str]] = field(default_factory=set)
    conflicts: int = 0
    entries: int = 0

    def carry_out(self, source: Tree, target: Tree | None) -> tuple[Tree, int]:
        """The target afterwards, and the exit code: 0, 9, or -1 for any failure."""
        ways = self.ways
        if ways.delete and not ways.allow_empty_source and not source and target:
            return target, 9
        after = self._directory(source, target, "")
        deletes = [path for action, path in self.actions if action == "delete"]
        if ways.max_delete is not None:
            refused = len(deletes) > ways.max_delete
        else:
            few = FEW if ways.max_delete_percent else 0
            refused = len(deletes) > few and len(deletes) * 100 > self.entries * ways.max_delete_percent
        if refused:
            kept = Expected(self.direction, Ways(**{**vars(ways), "delete": False}))
            after = kept._directory(source, target, "")
            self.actions = kept.actions
            return after, 9
        return after, -1 if self.conflicts else 0

    def _directory(self, source: Tree, target: Tree | None, where: str) -> Tree:
        if target is None:
            self.actions.add(("mkdir", where or "."))
            target = {}
        self.entries += len(target)
        after = dict(target)
        for name, node in source.items():
            path, old = f"{where}/{name}" if where else name, target.get(name)
            if self.ways.leaves_out(name, node) or isinstance(node, Link):
                continue
            if old is not None and type(old) is not type(node):
                if self._makes_room(after, name, node, path):
                    old = None
                else:
                    self.conflicts += 1
                    continue
            if isinstance(node, dict):
                after[name] = self._directory(node, old, path)
            elif old is None or self.ways.differ(node, old):
                self.actions.add((VERBS[self.direction], path))
                after[name] = node
        if self.ways.delete:
            for name in set(target) - set(source):
                self._goes(after, name, where)
        return after

    def _makes_room(self, folder: Tree, name: str, node: object, path: str) -> bool:
        """Delete what is of another kind, if all of it may go."""
        old, planned = folder[name], set(self.actions)
        if not self.ways.delete or (isinstance(old, Link) and isinstance(node, dict)):
            return False
        self._goes(folder, name, path.rpartition("/")[0])
        if name not in folder:
            return True
        folder[name], self.actions = old, planned
        return False

    def _goes(self, folder: Tree, name: str, where: str) -> None:
        """Delete an entry recursively, except what is excluded and the directories above that."""
        path, node = f"{where}/{name}" if where else name, folder[name]
        if self.ways.leaves_out(name, node):
            return
        if isinstance(node, dict):
            self.entries += len(node)
            folder[name] = node = dict(node)
            for inner_name in list(node):
                self._goes(node, inner_name, path)
            if node:
                return
        self.actions.add(("delete", path))
        del folder[name]


class Stage:
    """Both sides, with times."""

    def __init__(self, side: Side, source: Tree, target: Tree | None) -> None:
        self.side = side
        remote, local = (target, source) if side.up else (source, target)
        side.server.root = Folder({} if remote is None else {"top": _folder(remote)})
        if local is not None:
            _write(side.folder, local)

    def target(self) -> Tree | None:
        if self.side.up:
            top = self.side.server.root.inside.get("top")
            return None if top is None else _plain(top)
        return _read(self.side.folder) if self.side.folder.exists() else None

    def run(self, ways: Ways, *, dry_run: bool = False) -> tuple[Report, list[tuple[str, str]]]:
        """The report, and what was done, or in a dry run announced."""
        self.side.events.clear()
        self.side.server.digests = "sha256" if ways.digests else None
        self.side.server.pipelines = ways.pipelined
        report = self.side.mirror(dry_run=dry_run, **ways.rules())
        done: list[tuple[str, str]] = []
        for told in self.side.events:
            if isinstance(told, Finished) or (dry_run and isinstance(told, Planned)):
                done.append((told.action, told.path))
            elif isinstance(told, Deleted):
                done.append(("delete", told.path))
        return report, done


def _folder(tree: Tree) -> Folder:
    """Files are copied: uploads write into them."""
    return Folder({name: _folder(node) if isinstance(node, dict) else replace(node) for name, node in tree.items()})


def _plain(node: object) -> Tree:
    assert isinstance(node, Folder)
    return {name: _plain(inner) if isinstance(inner, Folder) else inner for name, inner in node.inside.items()}


def _write(folder: Path, tree: Tree) -> None:
    folder.mkdir()
    for name, node in tree.items():
        path = folder / name
        if isinstance(node, dict):
            _write(path, node)
        elif isinstance(node, Link):
            path.symlink_to(node.target)
        else:
            path.write_bytes(node.data)
            os.utime(path, (node.mtime, node.mtime))


def _read(folder: Path) -> Tree:
    tree: Tree = {}
    for path in folder.iterdir():
        if path.is_symlink():
            tree[path.name] = Link(os.readlink(path))
        else:
            tree[path.name] = _read(path) if path.is_dir() else File(path.read_bytes(), path.stat().st_mtime)
    return tree


@contextmanager
def staged(monkeypatch: pytest.MonkeyPatch, direction: Direction, source: Tree, target: Tree | None) -> Iterator[Stage]:
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Stage(Side(direction, server, Path(folder, "local"), stop, Events()), source, target)
    finally:
        stop.close()


any_runs = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@BOTH
@any_runs
@given(source=trees, target=st.none() | trees, ways=ways)
def test_a_run_does_what_the_rules_require(
    monkeypatch: pytest.MonkeyPatch, direction: Direction, source: Tree, target: Tree | None, ways: Ways
) -> None:
    expected = Expected(direction, ways)
    after, code = expected.carry_out(source, target)
    event(f"exit {code}")
    with staged(monkeypatch, direction, source, target) as stage:
        dry, announced = stage.run(ways, dry_run=True)
        assert stage.target() == target, "a dry run changes nothing"
        report, done = stage.run(ways)
        if code == 9:  # which shows the deletes that are refused too
            announced = [(action, path) for action, path in announced if action != "delete"]
        assert sorted(done) == sorted(announced), "a dry run says exactly what the run then does"
        assert len(set(done)) == len(done)
        assert set(done) == expected.actions
        assert (stage.target() or {}) == after
        assert report.exit_code == dry.exit_code
        assert (report.exit_code == code) if code >= 0 else report.exit_code
        assert (
            report.deleted
            == sum(action == "delete" for action, _ in done)
            <= (report.deleted if ways.max_delete is None else ways.max_delete)
        )
        if code == 9:
            return  # with the files copied before, the same deletes are a smaller share
        again, more = stage.run(ways)
        if ways.compare == "always":
            more = [(action, path) for action, path in more if action != VERBS[direction]]
        assert more == [], "a second run finds nothing to do"
        assert bool(again.exit_code) == bool(report.exit_code)
        assert (stage.target() or {}) == after


patterns = st.lists(st.sampled_from(["!a", "!*.x", "a", "b/", "!b/", "a/b", "**/.d", "*", "!/b/a", "é/"]), max_size=3)


@BOTH
@any_runs
@given(source=trees, target=st.none() | trees, texts=patterns, delete=st.booleans())
def test_a_dry_run_reports_what_a_run_does_whatever_the_filters(
    monkeypatch: pytest.MonkeyPatch,
    direction: Direction,
    source: Tree,
    target: Tree | None,
    texts: list[str],
    delete: bool,
) -> None:
    ways = Ways(delete=delete, max_delete_percent=100.0, excluded=tuple(texts))
    with staged(monkeypatch, direction, source, target) as stage:
        _, announced = stage.run(ways, dry_run=True)
        assert stage.target() == target
        _, done = stage.run(ways)
        assert sorted(done) == sorted(announced)
        assert stage.run(ways)[1] == []
