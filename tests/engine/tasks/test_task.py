"""Tasks and results carry data only: each of them can be pickled."""

from __future__ import annotations

import dataclasses
import pickle
import typing

import pytest

from ftpcli.engine.compare.names import Folding
from ftpcli.engine.job import Root
from ftpcli.engine.tasks.check_names import CheckFree, CheckStored, FreeChecked, StoredChecked
from ftpcli.engine.tasks.copy_file import Copied, CopyFile
from ftpcli.engine.tasks.leftovers import Cleared, Recover, Sweep
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.make_link import LinkMade, MakeLink
from ftpcli.engine.tasks.pair import Listed, Pair
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.remove import Remove, Removed
from ftpcli.engine.tasks.rename_file import Asked, AskTime, Declined, New, Old, Renamed, RenameFile
from ftpcli.engine.tasks.resolve import Found, Resolve, Resolved
from ftpcli.engine.tasks.set_mode import ModeSet, SetMode
from ftpcli.engine.tasks.task import Result, Task
from ftpcli.engine.transfer.outcome import Done
from ftpcli.engine.trees.links import Followed, LinkTrail
from ftpcli.engine.workers.messages import Failure
from ftpcli.errors import NotFound
from ftpcli.model import Entry, Kind, Listing, TlsFacts

FILE = Entry("a\udcff", Kind.FILE, 5, 1e9, mode=0o640)
PAIR = Pair("source/d", "target/d", "d", trail=LinkTrail("source", "/real", (("device", 1),), nested=2))
LISTING = Listing((FILE, Entry("l", Kind.LINK, target="elsewhere")), ("a line",), "a doubt")
FOLLOWED = Followed(LISTING, {"l": NotFound("it leads nowhere", reply="550 no")}, {"o": "/out"})
LISTED = Listed(PAIR, LISTING, LISTING, made=True, followed=FOLLOWED, names=Folding(case=True))
OLD, NEW = Old(3, "target/o", "o", "", FILE), New("source/n", "target/n", "n", FILE, "missing")

RESOLVE = Resolve(Root("source", "target", tree=True))
RECHECK = Recheck("source/a", "target/a", "a", FILE, FILE, exactly=True)
COPY = CopyFile("source/a", "target/a", "a", FILE, replaces=True)
LINK = MakeLink("target/l", "l", "elsewhere", replaces=True)
MODE = SetMode("target/d", "d", 0o750, told=True)
ASK = AskTime("o", "o", FILE, 7)
RENAME = RenameFile(OLD, NEW, certain=True)
REMOVE = Remove("target/o", "o", Kind.FILE)
FREE = CheckFree("target", "A", "A", ("a",))
STORED = CheckStored("target/d", "d", ("a", "b"), ("A",))

TASKS: list[Task] = [
    RESOLVE, ListPair(PAIR), Probe(LISTED, "target"), RECHECK, COPY, LINK, MODE, ASK, RENAME, REMOVE,
    Recover("target/.a.part", "target/a"), Sweep("target/.a.part"), FREE, STORED,
]  # fmt: skip
RESULTS: list[Result] = [
    Resolved(RESOLVE, (Found("source", "target", FILE),)), LISTED, Probed(LISTED, inside=False),
    Rechecked(RECHECK, FILE, "time differs"),
    Copied(COPY, Done(5, 0, "size"), 1, 0.1, 0, TlsFacts("TLSv1.3", "a cipher", "00", "a subject"), "kept/a"),
    LinkMade(LINK, 0), ModeSet(MODE, "not allowed", 0), Asked(ASK, FILE), Renamed(RENAME, 0.1, 0), Declined(RENAME),
    Removed(REMOVE), Cleared(), FreeChecked(FREE, free=True), StoredChecked(STORED, frozenset("a")),
]  # fmt: skip


def name(value: object) -> str:
    return type(value).__name__


def test_there_is_one_of_each() -> None:
    assert {type(task) for task in TASKS} == set(typing.get_args(Task))
    assert {type(result) for result in RESULTS} == set(typing.get_args(Result))


@pytest.mark.parametrize("value", [*TASKS, *RESULTS], ids=name)
def test_it_can_be_pickled_and_unpickled(value: Task | Result) -> None:
    back = pickle.loads(pickle.dumps(value))
    assert repr(back) == repr(value)
    if not isinstance(value, (Listed, Probe, Probed)):  # which hold an error, and errors are equal to themselves only
        assert back == value


@pytest.mark.parametrize("value", [*TASKS, *RESULTS], ids=name)
def test_it_is_immutable(value: Task | Result) -> None:
    assert dataclasses.is_dataclass(value)
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_a_pickled_failure_keeps_the_reply() -> None:
    failure = Failure(COPY, NotFound("it is not there", reply="550 no such file"))
    back = pickle.loads(pickle.dumps(failure))
    assert back.task == COPY
    assert (type(back.error), back.error.message, back.error.reply, back.error.exit_code) == (
        NotFound, "it is not there", "550 no such file", NotFound.exit_code,
    )  # fmt: skip
