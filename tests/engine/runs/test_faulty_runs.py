"""A thousand mirrors with --delete, each with injected faults: what the source has never vanishes from the target.

The checker knows both trees and where faults struck, but nothing of how the engine decides.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Failed
from ftpcli.engine.job import Direction
from ftpcli.errors import ConnectionLost, Denied, FtpcliError, NotFound, TransientRefusal
from ftpcli.model import Listing
from ftpcli.part_names import is_part
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, Tree, use
from tests.engine.runs.test_run import Side, names

FOR_GOOD = 10**6
RETRIES = 2

# Faults that make a listing fail: the error, and whether it comes at the end.
ERRORS: dict[str, tuple[FtpcliError, bool]] = {
    "connection lost": (ConnectionLost("lost"), False),
    "data cut": (ConnectionLost("the listing was cut"), True),
    "451 at the end": (TransientRefusal("later", reply="451 read error"), True),
    "550": (NotFound("not found, or no permission", reply="550 no"), False),
    "denied": (Denied("no", reply="553 no"), False),
}


def without_one(listing: Listing, rng: random.Random, problem: str) -> Listing:
    entries = list(listing.entries)
    if entries:
        entries.pop(rng.randrange(len(entries)))
    return replace(listing, entries=tuple(entries), problems=(problem,))


def cut_short(listing: Listing, _: random.Random) -> Listing:
    """The last line lost its end, and with it a letter of the name."""
    if not listing.entries:
        return listing
    *entries, last = listing.entries
    return replace(listing, entries=(*entries, replace(last, name=last.name[:-1] or "x")), doubt="no line end")


# Faults of a listing that is taken for a valid one.
LIES: dict[str, Callable[[Listing, random.Random], Listing]] = {
    "unreadable line": lambda listing, rng: without_one(listing, rng, "cannot read line '???'"),
    "refused name": lambda listing, rng: without_one(listing, rng, "refused name '../x'"),
    "cut in a name": cut_short,
    "empty with 226": lambda listing, _: replace(listing, entries=()),
    "everything twice": lambda listing, _: replace(listing, entries=listing.entries * 2),
}
HARMLESS = {"everything twice"}
# Faults of a transfer: the verb at which they strike. An upload is refused at its start, and so on.
TRANSFERS = {"lost in a file": "reading", "451 after a file": "read end", "file refused": "read"}
ALL = [*ERRORS, *LIES, *TRANSFERS]


@dataclass
class Case:
    """One run. Directories are "" and "a/b"; ``struck`` holds those where a fault took effect for good."""

    rng: random.Random
    side: Side
    source: Tree = field(default_factory=dict)
    target: Tree = field(default_factory=dict)
    struck: set[str] = field(default_factory=set)
    hits: Counter[str] = field(default_factory=Counter)
    spoilt: bool = False

    def prepare(self) -> None:
        self.source = grow(self.rng, 3)
        self.target = age(self.rng, self.source)
        self.side.put(self.source, self.target)
        folders = ["", *(path for path in names(self.source) if isinstance(at(self.source, path), dict))]
        files = [path for path in names(self.source) if isinstance(at(self.source, path), bytes)]
        lies: dict[str, str] = {}
        for kind in self.rng.sample(ALL, self.rng.choice([1, 1, 2, 3])):
            times = self.rng.choice([1, FOR_GOOD])
            if kind in TRANSFERS:
                if files:
                    self._strike_file(kind, self.rng.choice(files), times)
            elif folders:
                folder = folders.pop(self.rng.randrange(len(folders)))  # one fault each, or one would hide the other
                if kind in ERRORS:
                    self._strike_listing(kind, folder, times)
                else:
                    lies[folder] = kind
        self.side.server.alter = lambda path, listing: self._lie(lies, path, listing)

    def _strike_listing(self, kind: str, folder: str, times: int) -> None:
        error, done = ERRORS[kind]
        for_good = times == FOR_GOOD or isinstance(error, (NotFound, Denied))

        def act() -> None:
            self.hits[kind] += 1
            if for_good:
                self.struck.add(folder)
            raise error

        self.side.server.on("list", act, path=self._remote(folder), done=done, times=times)

    def _strike_file(self, kind: str, path: str, times: int) -> None:
        verb = TRANSFERS[kind]
        if self.side.up:
            verb = verb.replace("read", "writ" if verb == "reading" else "write")
        error: FtpcliError = {
            "lost in a file": ConnectionLost("lost"),
            "451 after a file": TransientRefusal("later", reply="451 no"),
        }.get(kind, Denied("no", reply="553 no"))

        def act() -> None:
            self.hits[kind] += 1
            if times == FOR_GOOD or isinstance(error, Denied):
                self.spoilt = True
                if not self.side.up:
                    self.struck.add(path.rpartition("/")[0])
            raise error

        # Uploads go to a part name, so the fault takes the first file that comes.
        if isinstance(error, Denied) and self.side.server.pipelines:
            times *= 2  # in a batch, and then by itself
        self.side.server.on(verb, act, path=None if self.side.up else self._remote(path), times=times)

    def _lie(self, lies: dict[str, str], path: str, listing: Listing) -> Listing:
        folder = path.removeprefix("top").lstrip("/")
        kind = lies.get(folder)
        if kind is None:
            return listing
        if kind == "empty with 226":
            del lies[folder]  # if the server repeats it, it has to be believed
        changed = LIES[kind](listing, self.rng)
        self.hits[kind] += changed != listing
        if changed != listing and kind not in HARMLESS:
            self.struck.add(folder)
        return changed

    def _remote(self, path: str) -> str:
        return f"top/{path}" if path else "top"

    def run(self) -> None:
        report = self.side.mirror(
            parallel=self.rng.choice([1, 1, 1, 3]), retries=RETRIES, delete=True, max_delete_percent=100.0
        )
        self.judge(self.side.target, report.exit_code)

    def judge(self, after: Tree, code: int) -> None:
        assert self.side.source == self.source
        had, kept = set(names(self.target)), set(names(after))
        gone = had - kept
        assert not gone & set(names(self.source)), "nothing that the source has may vanish"
        for path in gone:
            assert self._owner(path) not in self.struck, "nothing may go where there is doubt"
        for path in kept:
            if isinstance(at(after, path), bytes) and not is_part(path.rpartition("/")[2]):
                assert at(after, path) in (at(self.source, path), at(self.target, path)), "whole files only"
        failed = {event.path for event in self.side.events if isinstance(event, Failed)}
        assert not gone & failed
        assert not {self._owner(path) for path in gone} & set(map(self._spoils, failed)), "nor where anything failed"
        if not self.struck and not self.spoilt:
            assert (after, code) == (self.source, 0), "what passes must not stay behind"

    def _spoils(self, path: str) -> str:
        """Where a failure of this entry keeps everything: for a directory that the target has in itself."""
        return path if isinstance(at(self.target, path), dict) else path.rpartition("/")[0]

    def _owner(self, path: str) -> str:
        """The nearest directory above that both sides have: its listing justifies the delete."""
        while path:
            path = path.rpartition("/")[0]
            if isinstance(at(self.source, path), dict) and isinstance(at(self.target, path), dict):
                break
        return path


def grow(rng: random.Random, depth: int) -> Tree:
    tree: Tree = {}
    for _ in range(rng.randint(1, 5)):
        name = rng.choice("abcdefgh") + rng.choice("123")
        tree[name] = grow(rng, depth - 1) if depth and rng.random() < 0.4 else rng.randbytes(rng.choice([0, 5, 150]))
    return tree


def age(rng: random.Random, tree: Tree) -> Tree:
    """What an older run may have left: some files are missing, some differ, and some no longer exist in the source."""
    old: Tree = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            if rng.random() < 0.9:
                old[name] = age(rng, value)
        elif rng.random() < 0.8:
            old[name] = value if rng.random() < 0.7 else b"old contents"
    for number in range(rng.randint(0, 2)):
        old[f"old{number}"] = rng.choice([b"x", {"y": b"y", "z": {"deep": b""}}])
    return old


def at(tree: Tree, path: str) -> object:
    node: object = tree
    for name in path.split("/") if path else ():
        node = node.get(name) if isinstance(node, dict) else None
    return node


def cases(monkeypatch: pytest.MonkeyPatch, folder: Path, seeds: range) -> Iterator[Case]:
    for seed in seeds:
        rng = random.Random(seed)
        server, stop = FakeServer(), StopToken()
        use(server, monkeypatch)
        direction = rng.choice([Direction.DOWNLOAD, Direction.DOWNLOAD, Direction.DOWNLOAD, Direction.UPLOAD])
        server.pipelines = seed % 2 == 0
        try:
            yield Case(rng, Side(direction, server, folder / "local", stop, Events()))
        finally:
            stop.close()
            shutil.rmtree(folder / "local", ignore_errors=True)


@pytest.mark.timeout(600)  # where the disk is slow: each run syncs its files and its journal
def test_no_fault_makes_delete_remove_what_the_source_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hits: Counter[str] = Counter()
    deleting = 0
    for number, case in enumerate(cases(monkeypatch, tmp_path, range(1000))):
        case.prepare()
        try:
            case.run()
        except AssertionError as error:
            raise AssertionError(f"seed {number}: {error}") from error
        hits.update(kind for kind in case.hits if case.hits[kind])
        deleting += bool(case.side.events.of(Deleted))
    assert set(hits) == set(ALL)
    assert min(hits.values()) >= 20, hits
    assert deleting > 300, "the guards do not simply stop everything"
