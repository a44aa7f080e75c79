"""Runs after an interrupted run: what it left is used or cleared away, and nothing else is."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Event, Failed, Report, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules, Scope
from ftpcli.engine.journal.journal import Journal, open_journal
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.errors import ConnectionLost, Denied, FtpcliError, LoginRejected, NotFound, Refused
from ftpcli.part_names import is_part, part_name
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, FakeSession, Folder, Link, Tree, lost, raising

BOTH = pytest.mark.parametrize("direction", Direction)
BIG = bytes(range(256)) * 10


class Mirror:
    """Mirrors ``source`` onto ``target``, two folders on either side, with a journal."""

    def __init__(self, direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken) -> None:
        self.direction = direction
        self.up = direction is Direction.UPLOAD
        self.server = server
        self.local = tmp_path / "local"
        self.state = tmp_path / "state"
        self.state.mkdir()
        self.stop = stop
        self.events = Events()

    @property
    def root(self) -> str:
        return "top" if self.up else str(self.local)

    def put(self, source: Tree, target: Tree) -> None:
        remote, local = (target, source) if self.up else (source, target)
        self.server.root = Folder({"top": FakeServer(remote).root})
        write(self.local, local)

    @property
    def target(self) -> Tree:
        return self.server.tree()["top"] if self.up else read(self.local)

    def leave(self, **lines: str) -> None:
        """A journal of an earlier run that was killed: ``part``, or ``aside`` and ``of``."""
        with open(self.state / "journal", "a") as file:
            if not file.tell():
                file.write('{"ftpcli_journal": 1, "started": "then"}\n')
            file.write(json.dumps(lines) + "\n")

    def __call__(self, *, parallel: int = 2, retries: int = 0, **rules: object) -> Report:
        self.events.clear()
        sides = (str(self.local), "top") if self.up else ("top", str(self.local))
        job = Job(self.direction, ENDPOINT, (Root(*sides, tree=True),), Rules(**rules), retries=retries, retry_wait=0)  # type: ignore[arg-type]
        job = replace(job, parallel=parallel)
        journal = open_journal(str(self.state), self.root, "source", "target", self.warn)
        try:
            report = run(job, self.events.append, self.stop, RunProgress(parallel), journal)
        finally:
            journal.close()
        assert self.server.live == 0
        return report

    def warn(self, message: str) -> None:
        self.events.append(Warned(message))

    def warned(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]

    def journal(self) -> list[dict[str, str]]:
        path = self.state / "journal"
        return [json.loads(line) for line in path.read_bytes().splitlines()[1:]] if path.exists() else []


def write(folder: Path, tree: Tree) -> None:
    folder.mkdir(exist_ok=True)
    for name, value in tree.items():
        if isinstance(value, dict):
            write(folder / name, value)
        else:
            (folder / name).write_bytes(value)
            os.utime(folder / name, (1_000_000, 1_000_000))


def read(folder: Path) -> Tree:
    tree: Tree = {}
    for path in folder.iterdir():
        link = path.is_symlink()
        tree[path.name] = Link(os.readlink(path)) if link else read(path) if path.is_dir() else path.read_bytes()
    return tree


@pytest.fixture
def mirror(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken) -> Mirror:
    return Mirror(direction, server, tmp_path, stop)


@pytest.fixture
def upload(server: FakeServer, tmp_path: Path, stop: StopToken) -> Mirror:
    return Mirror(Direction.UPLOAD, server, tmp_path, stop)


@pytest.fixture
def download(server: FakeServer, tmp_path: Path, stop: StopToken) -> Mirror:
    return Mirror(Direction.DOWNLOAD, server, tmp_path, stop)


OURS, FOREIGN = part_name("a", "ours"), part_name("a", "foreign")


# Part files


@BOTH
def test_only_what_the_journal_names_is_swept(mirror: Mirror) -> None:
    mirror.put({"a": b"alpha", "d": {"b": b"beta"}}, {OURS: b"al", FOREIGN: b"al", "d": {OURS: b"x", FOREIGN: b"y"}})
    mirror.leave(part=OURS)
    mirror.leave(part=f"d/{OURS}")
    mirror.leave(part=f"gone/{OURS}")
    mirror.leave(part="." + "z" * 200 + ".01234567.ftpcli-part")
    report = mirror()
    assert (report.exit_code, report.deleted) == (0, 0)
    assert mirror.target == {"a": b"alpha", FOREIGN: b"al", "d": {"b": b"beta", FOREIGN: b"y"}}
    assert mirror.events.of(Deleted) == []
    assert mirror.warned() == []
    assert os.listdir(mirror.state) == []


@BOTH
@pytest.mark.parametrize("delete", [False, True])
def test_a_link_that_never_got_its_name_is_swept_too(mirror: Mirror, delete: bool) -> None:
    """The run was killed between making it and renaming it; meanwhile the source has another one."""
    part = part_name("l", "link", "what it said")
    mirror.put({"a": b"1"}, {"a": b"1"})
    if mirror.up:
        mirror.server.root = Folder({"top": FakeServer({"a": b"1", "l": Link("old"), part: Link("new")}).root})
        os.symlink("new" if delete else "newer", mirror.local / "l")
    else:
        os.symlink("what it said", mirror.local / part)
        mirror.server.root = Folder({"top": FakeServer({"a": b"1", "l": Link("newer")}).root})
    mirror.leave(part=part)
    assert mirror(symlinks="copy", delete=delete).exit_code == 0
    assert set(mirror.target) == {"a", "l"}
    assert mirror.warned() == []
    assert mirror.journal() == []


@BOTH
def test_part_files_in_a_directory_that_is_deleted_do_not_go_into_the_backup(mirror: Mirror, tmp_path: Path) -> None:
    """A part file that is in no journal may hold the old content of a file that was moved aside."""
    ours, unknown = part_name("a", "of its source"), part_name("b", "of whatever")
    mirror.put({"x": b"1"}, {"x": b"1", "d": {ours: b"half", unknown: b"content"}})
    mirror.leave(part=f"d/{ours}")
    kept = "kept/now" if mirror.up else str(tmp_path / "kept")
    assert mirror(delete=True, backup=kept).exit_code == 0
    assert mirror.target == {"x": b"1"}
    backup = mirror.server.tree()["kept"]["now"] if mirror.up else read(tmp_path / "kept")
    assert backup == {"d": {unknown: b"content"}}
    assert mirror.journal() == []


@BOTH
def test_without_a_journal_nothing_is_swept(mirror: Mirror) -> None:
    mirror.put({"a": b"alpha"}, {OURS: b"al"})
    assert mirror().exit_code == 0
    assert mirror.target == {"a": b"alpha", OURS: b"al"}


@BOTH
def test_a_killed_run_is_resumed_at_the_byte_and_leaves_nothing(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("download", "sending"):
        monkeypatch.setattr(f"ftpcli.engine.transfer.{module}.WORTH_RESUMING", 100)
        monkeypatch.setattr(f"ftpcli.engine.transfer.{module}.OVERLAP", 100)
    monkeypatch.setattr("ftpcli.engine.transfer.download.SEAM", 100)
    mirror.put({"a": BIG, "b": b"beta"}, {})
    mirror.server.on("writing" if mirror.up else "reading", raising(ConnectionLost("x")), at=1000)
    assert mirror(parallel=1).failed == 1
    (left,) = mirror.journal()
    assert left == {"part": next(name for name in mirror.target if is_part(name))}

    mirror.server.calls.clear()
    report = mirror()
    assert (report.exit_code, report.transferred) == (0, 1)
    assert 0 < report.moved < len(BIG)
    assert mirror.target == {"a": BIG, "b": b"beta"}
    assert os.listdir(mirror.state) == []


@BOTH
def test_part_files_of_what_failed_again_stay_and_others_go(mirror: Mirror) -> None:
    other = part_name("b", "ours")
    mirror.put({"a": BIG, "b": b"beta"}, {OURS: b"al", other: b"be"})
    mirror.leave(part=OURS)
    mirror.leave(part=other)
    mirror.server.on("write" if mirror.up else "read", raising(FtpcliError("no")))
    report = mirror(parallel=1)
    assert report.failed == 1
    (failed,) = mirror.events.of(Failed)
    assert isinstance(failed, Failed)
    kept, gone = (OURS, other) if failed.path == "a" else (other, OURS)
    assert kept in mirror.target
    assert gone not in mirror.target
    assert {"part": kept} in mirror.journal()
    assert {"part": gone} not in mirror.journal()


@BOTH
def test_a_run_that_compares_a_part_of_the_tree_leaves_the_part_files_of_the_rest(mirror: Mirror) -> None:
    """A round of --watch: the large file that failed in the last round is not among the changes."""
    part = part_name("large", "of its source")
    mirror.put({"large": BIG, "sub": {"changed": b"1"}}, {part: BIG[:500], "sub": {}})
    mirror.leave(part=part)
    assert mirror(only=Scope(frozenset({"sub"}))).exit_code == 0
    assert mirror.target == {part: BIG[:500], "sub": {"changed": b"1"}}
    assert mirror.journal() == [{"part": part}]
    assert mirror().exit_code == 0
    assert mirror.target == {"large": BIG, "sub": {"changed": b"1"}}


@BOTH
def test_part_files_in_a_directory_that_could_not_be_listed_stay(mirror: Mirror) -> None:
    mirror.put({"d": {"a": b"alpha"}, "e": {"a": b"alpha"}}, {"d": {OURS: b"al"}, "e": {OURS: b"al"}})
    mirror.leave(part=f"d/{OURS}")
    mirror.leave(part=f"e/{OURS}")
    mirror.server.on("list", raising(Refused("no")), path="top/d")
    assert mirror().failed == 1
    assert OURS in mirror.target["d"]
    assert mirror.target["e"] == {"a": b"alpha"}
    assert mirror.journal() == [{"part": f"d/{OURS}"}]


@BOTH
def test_a_source_that_is_not_there_keeps_all_part_files(mirror: Mirror) -> None:
    mirror.put({}, {OURS: b"al"})
    mirror.leave(part=OURS)
    if mirror.up:
        mirror.local.rmdir()
    else:
        mirror.server.root = Folder()
    assert mirror().exit_code != 0
    assert mirror.journal() == [{"part": OURS}]


@BOTH
def test_a_stopped_run_sweeps_nothing_and_remembers(mirror: Mirror) -> None:
    mirror.put({"a": BIG}, {OURS: b"al"})
    mirror.leave(part=OURS)
    mirror.server.on("writing" if mirror.up else "reading", lambda: mirror.stop.request(130), at=500)
    assert mirror().exit_code == 130
    assert OURS in mirror.target
    assert len(mirror.journal()) == 2
    assert {"part": OURS} in mirror.journal()


def test_a_part_file_that_cannot_be_deleted_is_warned_of_and_remembered(upload: Mirror) -> None:
    upload.put({"a": b"alpha"}, {OURS: b"al"})
    upload.leave(part=OURS)
    upload.server.on("remove", raising(Denied("no", reply="550 no")), path=f"top/{OURS}")
    report = upload()
    assert (report.exit_code, report.failed) == (0, 0)
    (warning,) = upload.warned()
    assert OURS in warning
    assert "550 no" in warning
    assert upload.journal() == [{"part": OURS}]
    assert upload().exit_code == 0
    assert upload.target == {"a": b"alpha"}
    assert upload.journal() == []


def test_not_found_counts_only_if_stat_does_not_find_the_part_file_either(upload: Mirror) -> None:
    """FTP answers 550 both to "does not exist" and to "not allowed"."""
    upload.put({"a": b"alpha"}, {OURS: b"al"})
    upload.leave(part=OURS)
    upload.server.on("remove", raising(NotFound("not found, or no permission")), path=f"top/{OURS}")
    assert upload().exit_code == 0
    assert upload.journal() == [{"part": OURS}]
    assert OURS in upload.warned()[0]


def test_a_sweep_survives_a_lost_connection(upload: Mirror) -> None:
    upload.put({"a": b"alpha"}, {OURS: b"al"})
    upload.leave(part=OURS)
    upload.server.on("remove", lost(), path=f"top/{OURS}", done=True)
    assert upload(retries=1).exit_code == 0
    assert upload.target == {"a": b"alpha"}
    assert upload.journal() == []


def test_a_source_that_changes_between_two_tries_leaves_nothing(upload: Mirror) -> None:
    """The new content gets another part name, so the first part file is no longer of use."""
    upload.put({"a": BIG}, {})

    def change() -> None:
        (upload.local / "a").write_bytes(BIG[::-1] * 2)
        raise ConnectionLost("gone")

    upload.server.on("writing", change, at=500)
    assert upload(retries=2).exit_code == 0
    assert upload.target == {"a": BIG[::-1] * 2}
    assert upload.journal() == []


def test_in_place_leaves_nothing_to_sweep(upload: Mirror) -> None:
    upload.put({"a": BIG}, {})
    upload.server.on("writing", raising(ConnectionLost("x")), at=500)
    assert upload(in_place=True).failed == 1
    assert upload.journal() == []
    assert upload(in_place=True).exit_code == 0
    assert upload.target == {"a": BIG}


def test_a_file_that_the_server_refuses_leaves_nothing_to_remember(download: Mirror) -> None:
    download.put({"a": b"alpha", "b": b"beta"}, {})
    download.server.on("read", raising(Denied("no")), path="top/a")
    assert download().failed == 1
    assert download.target == {"b": b"beta"}
    assert download.journal() == []


def test_a_link_out_of_the_tree_is_not_followed(download: Mirror, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / OURS).write_bytes(b"precious")
    download.put({"a": b"alpha"}, {})
    (download.local / "d").symlink_to(outside)
    (download.local / part_name("b")).symlink_to(outside / OURS)
    download.leave(part=f"d/{OURS}")
    download.leave(part=part_name("b"))
    assert download().exit_code == 0
    assert (outside / OURS).read_bytes() == b"precious"
    assert not (download.local / part_name("b")).is_symlink(), "a link is deleted, but not what it leads to"
    assert len(download.warned()) == 1
    assert download.journal() == [{"part": f"d/{OURS}"}]


def test_a_target_that_is_a_link_itself_is_fine(download: Mirror, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / OURS).write_bytes(b"al")
    download.server.root = Folder({"top": FakeServer({"a": b"alpha"}).root})
    download.local.symlink_to(real)
    download.leave(part=OURS)
    assert download().exit_code == 0
    assert read(real) == {"a": b"alpha"}


def test_a_part_file_that_another_process_writes_stays(download: Mirror) -> None:
    download.put({"a": b"alpha"}, {})
    busy = PartFile(Place.of(str(download.local / "b")), "elsewhere", resume=True)
    try:
        busy.file.write(b"x")
        download.leave(part=os.path.basename(busy.path))
        assert download().exit_code == 0
        assert os.path.exists(busy.path)
        assert "another process is writing it" in download.warned()[0]
    finally:
        busy.close()
    assert download().exit_code == 0
    assert not os.path.exists(busy.path)


def test_a_directory_with_the_name_of_a_part_file_stays(download: Mirror) -> None:
    download.put({"a": b"alpha"}, {OURS: {"inner": b"x"}})
    download.leave(part=OURS)
    assert download().exit_code == 0
    assert download.target[OURS] == {"inner": b"x"}


@BOTH
def test_a_part_file_is_in_the_journal_before_it_is_made(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.put({"a": BIG, "b": b"beta", "empty": b""}, {})
    known: list[bool] = []

    def note(path: str) -> None:
        known.append(os.path.basename(path) in (mirror.state / "journal").read_text())

    write_to, claim = FakeSession.open_write, PartFile._claim
    monkeypatch.setattr(FakeSession, "open_write", lambda *args: (note(args[1]), write_to(*args))[1])
    monkeypatch.setattr(PartFile, "_claim", lambda *args: (note(args[0].path), claim(*args))[1])
    assert mirror().exit_code == 0
    assert known == [True] * 3


# Files that were moved aside

ASIDE = part_name("a", "aside", "part")


@pytest.mark.parametrize("aside_there", [True, False])
@pytest.mark.parametrize("target_there", [True, False])
def test_a_file_that_was_moved_aside_is_restored_or_deleted(
    upload: Mirror, aside_there: bool, target_there: bool
) -> None:
    """Only the first of these would be lost otherwise: the source no longer has that file."""
    there = {ASIDE: b"old"} if aside_there else {}
    there |= {"a": b"new"} if target_there else {}
    upload.put({"b": b"beta"}, there)
    upload.leave(aside=ASIDE, of="a")
    report = upload()
    assert (report.exit_code, report.deleted) == (0, 0)
    wanted = {"b": b"beta"}
    if target_there:
        wanted["a"] = b"new"
    elif aside_there:
        wanted["a"] = b"old"
    assert upload.target == wanted
    assert upload.journal() == []
    assert upload.warned() == []


def test_a_file_moved_aside_is_restored_before_the_target_is_listed(upload: Mirror) -> None:
    """It is then compared as usual: here it is up to date and not sent again."""
    upload.put({"a": b"old"}, {ASIDE: b"old"})
    upload.leave(aside=ASIDE, of="a")
    report = upload()
    assert (report.exit_code, report.transferred, report.skipped) == (0, 0, 1)
    assert upload.target == {"a": b"old"}


def test_a_directory_in_its_place_keeps_the_old_content(upload: Mirror) -> None:
    upload.put({"a": {"x": b"x"}}, {ASIDE: b"old", "a": {}})
    upload.leave(aside=ASIDE, of="a")
    assert upload().exit_code == 0
    assert upload.target[ASIDE] == b"old"
    assert ASIDE in upload.warned()[0]
    assert upload.journal() == [{"aside": ASIDE, "of": "a"}]


def test_a_recovery_whose_reply_is_lost_succeeds(upload: Mirror) -> None:
    upload.put({}, {ASIDE: b"old"})
    upload.leave(aside=ASIDE, of="a")
    upload.server.on("rename", lost(), done=True)
    assert upload(retries=1).exit_code == 0
    assert upload.target == {"a": b"old"}
    assert upload.journal() == []


def test_a_wrong_password_is_tried_once_and_nothing_is_forgotten(upload: Mirror) -> None:
    upload.put({}, {ASIDE: b"old"})
    upload.leave(aside=ASIDE, of="a")
    upload.server.takes_password = False
    assert upload().exit_code == LoginRejected.exit_code
    assert upload.server.logins == 1
    assert upload.journal() == [{"aside": ASIDE, "of": "a"}]


@pytest.mark.parametrize("moment", range(1, 9))
def test_a_replacement_killed_at_any_step_is_completed_by_the_next_run(upload: Mirror, moment: int) -> None:
    """On a server that does not rename over existing files; the process dies at the n-th step of the replacement."""
    upload.put({"a": b"new content"}, {"a": b"old"})
    upload.server.renames_over = False
    steps = 0

    class Killed(BaseException):
        pass

    def die() -> None:
        nonlocal steps
        steps += 1
        if steps >= moment:
            raise Killed

    for verb in ("rename", "remove"):
        for done in (False, True):
            upload.server.on(verb, die, done=done, times=100)
    try:
        died = upload(parallel=1) is None
    except Killed:
        died = True
    upload.server.faults.clear()
    upload.stop.requested = False
    names = [name for name in upload.target if name == "a" or upload.target[name] in (b"old", b"new content")]
    assert names, "neither the old content nor the new one is there"
    assert upload().exit_code == 0
    assert upload.target == {"a": b"new content"}
    assert upload.journal() == []
    assert died or steps < moment


def test_a_file_restored_in_the_same_run_is_not_recovered_again(upload: Mirror) -> None:
    """The new content cannot be renamed, neither before nor after the old one was moved aside."""
    upload.put({"a": b"new content"}, {"a": b"old"})
    upload.server.renames_over = False
    refuse_the_name_to_the_part_file(upload)
    assert upload().failed == 1
    assert upload.target["a"] == b"old"
    assert upload.journal() == [], "it is too small to be worth keeping"


def test_a_file_that_could_not_be_restored_at_once_is_at_the_end(upload: Mirror) -> None:
    upload.put({"a": b"new content"}, {"a": b"old"})
    upload.server.renames_over = False
    part = refuse_the_name_to_the_part_file(upload)
    aside = part_name("a", "aside", f"top/{part}")
    upload.server.on("rename", raising(Refused("not now")), path=f"top/{aside}")
    assert upload().failed == 1
    assert upload.target["a"] == b"old"
    assert aside not in upload.target
    assert upload.journal() == [], "it is too small to be worth keeping"


def refuse_the_name_to_the_part_file(upload: Mirror) -> str:
    source = upload.local / "a"
    part = part_name("a", str(source), source.stat().st_size, source.stat().st_mtime_ns)
    upload.server.on("rename", raising(Refused("no")), path=f"top/{part}", times=2)
    return part


def test_clearing_away_leftovers_emits_no_delete_events(upload: Mirror) -> None:
    upload.put({"a": b"alpha"}, {OURS: b"x", ASIDE: b"y"})
    upload.leave(part=OURS)
    upload.leave(aside=ASIDE, of="gone")
    report = upload(delete=True)
    kinds: list[type[Event]] = [type(event) for event in upload.events]
    assert Deleted in kinds  # "gone" came back, and is not in the source
    assert report.deleted == 1
    assert upload.target == {"a": b"alpha"}


def test_a_run_without_a_journal_file_cleans_up_after_itself(upload: Mirror, stop: StopToken) -> None:
    upload.put({"a": BIG}, {})

    def change() -> None:
        (upload.local / "a").write_bytes(b"another")
        raise ConnectionLost("gone")

    upload.server.on("writing", change, at=500)
    job = Job(Direction.UPLOAD, ENDPOINT, (Root(str(upload.local), "top", tree=True),), retry_wait=0)
    assert run(job, upload.events.append, stop, RunProgress(2), Journal("top")).exit_code == 0
    assert upload.target == {"a": b"another"}
