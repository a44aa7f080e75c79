"""Files with a new name are renamed on the target; a file that is not certainly the same is sent."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Report, Retrying, Summary
from ftpcli.engine.job import Direction, FilterRules
from ftpcli.engine.plan.renames.pairing import Renames
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.errors import Denied, LocalFileError, TransientRefusal
from ftpcli.model import Entry
from ftpcli.stop import StopToken
from tests.engine.backup.test_backup import Kept, at_number, files
from tests.engine.fake import Events, FakeServer, FakeSession, File, Folder, Tree, lost, raising, use
from tests.engine.plan.test_attributes import mode, set_modes
from tests.engine.runs.test_run import BOTH, trees

DOWN = pytest.mark.parametrize("direction", [Direction.DOWNLOAD])
UP = pytest.mark.parametrize("direction", [Direction.UPLOAD])
NEW: Tree = {"a": b"alpha", "new name": b"moved it", "deep": {"er": {"photo": b"picture"}}, "kept": b"k"}
BEFORE: Tree = {"a": b"alpha", "old name": b"moved it", "flat": {"photo": b"picture"}, "kept": b"k"}


class Moved(Kept):
    """A mirror that tracks renames."""

    def put(self, source: Tree, target: Tree) -> None:
        """Files of the same size have the same time, as a copy and its original have, and no others."""
        super().put(source, target)
        for tree, side in ((source, True), (target, False)):
            for path, content in files(tree).items():
                self.age(path, 1_000_000 + 10 * len(content), source=side)

    def run(self, **rules: Any) -> Report:
        return self.mirror(**({"delete": True, "track_renames": True} | rules))

    def renames(self) -> dict[str, str | None]:
        """New name → old one."""
        found = {}
        for event in self.events:
            if isinstance(event, Finished) and event.action == "rename":
                assert event.target is not None
                found[event.target] = event.path
        return found

    def age(self, path: str, seconds: float, *, source: bool) -> None:
        """Give one file a distinct time."""
        if source is self.up:
            os.utime(self.folder / path, (seconds, seconds))
        else:
            self.server.file(f"top/{path}").mtime = seconds

    def transfers(self) -> list[object]:
        return [call[1] for call in (*self.server.verbs("read"), *self.server.verbs("write"))]


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Moved:
    return Moved(direction, server, tmp_path / "local", stop, events)


@BOTH
class TestRuns:
    def test_renamed_and_not_sent(self, side: Moved) -> None:
        side.put(NEW, BEFORE)
        report = side.run()
        assert side.target == NEW
        assert side.transfers() == []
        assert side.renames() == {"new name": "old name", "deep/er/photo": "flat/photo"}
        assert (report.exit_code, report.renamed, report.transferred, report.deleted) == (0, 2, 0, 1)
        assert {event.path for event in side.events if isinstance(event, Deleted)} == {"flat"}
        assert side.run().renamed == 0

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_it_gets_the_permissions_of_its_source(self, side: Moved, dry_run: bool) -> None:
        side.put({"new": b"moved", "a": b"1"}, {"old": b"moved", "a": b"1"})
        set_modes(side, {"new": 0o600, "a": 0o644}, source=True)
        set_modes(side, {"old": 0o644, "a": 0o644}, source=False)
        assert side.run(perms=True, dry_run=dry_run).exit_code == 0
        planned = {event.path: event.action for event in side.events if isinstance(event, Planned)}
        assert planned == {"old": "rename", "new": "chmod"}
        if not dry_run:
            assert side.renames() == {"new": "old"}
            assert [mode(side, name) for name in ("new", "a")] == [0o600, 0o644]
            side.events.clear()
            side.run(perms=True)
            assert not [event for event in side.events if isinstance(event, Planned)]

    def test_without_the_option_it_is_sent(self, side: Moved) -> None:
        side.put(NEW, BEFORE)
        assert side.run(track_renames=False).transferred == 2

    def test_a_dry_run_reports_what_the_run_does(self, side: Moved) -> None:
        side.put({**NEW, "fresh": b"12"}, {**BEFORE, "gone": b"123"})
        foreseen = side.run(dry_run=True)
        assert side.target == {**BEFORE, "gone": b"123"}
        planned = {(event.action, event.path, event.target) for event in side.events if isinstance(event, Planned)}
        assert {plan for plan in planned if plan[0] in ("rename", "delete")} == {
            ("rename", "old name", "new name"), ("rename", "flat/photo", "deep/er/photo"),
            ("delete", "gone", None), ("delete", "flat", None),
        }  # fmt: skip
        assert not side.events.of(Finished, Deleted)
        side.events.clear()
        report = side.run()
        assert foreseen_counts(foreseen) == counts(report)
        assert (foreseen.skipped, foreseen.failed, foreseen.exit_code) == (
            report.skipped, report.failed, report.exit_code,
        )  # fmt: skip
        done = {(event.action, event.path, event.target) for event in side.events if isinstance(event, Planned)}
        assert done == {plan for plan in planned if plan[0] not in ("delete", "mkdir")}

    def test_another_time_or_size_is_another_file(self, side: Moved) -> None:
        side.put({"n1": b"1234", "n2": b"1234"}, {"o1": b"1234", "o2": b"12345"})
        side.age("o1", 1_000_002, source=False)
        report = side.run()
        assert side.target == {"n1": b"1234", "n2": b"1234"}
        assert (report.renamed, report.transferred, report.deleted) == (0, 2, 2)

    def test_empty_files_are_sent(self, side: Moved) -> None:
        side.put({"n": b""}, {"o": b""})
        assert (side.run().renamed, side.target) == (0, {"n": b""})

    def test_a_file_of_the_same_base_name_is_preferred(self, side: Moved) -> None:
        """Even if a file that was found earlier would match, too."""
        side.server.digests = "sha256"
        side.put({"aa": b"11", "new": {"x": b"22", "y": b"33"}}, {"old": {"y": b"33", "x": b"22", "z": b"11"}})
        side.run()
        assert side.renames() == {"aa": "old/z", "new/x": "old/x", "new/y": "old/y"}
        assert side.target == {"aa": b"11", "new": {"x": b"22", "y": b"33"}}

    # Was: the first of them was taken for the same file, whatever its content.
    def test_only_a_digest_decides_between_files_of_the_same_size_and_time(self, side: Moved) -> None:
        after, before = {"a": b"11", "b": b"22", "c": {"x": b"33"}}, {"y": b"22", "z": b"11", "d": {"x": b"33"}}
        side.put(after, before)
        report = side.run()
        assert (report.transferred, side.target) == (3, after)

    def test_a_name_that_occurs_twice_does_not_identify_a_file(self, side: Moved) -> None:
        after, before = {"a": {"x": b"11"}, "b": {"x": b"22"}}, {"c": {"x": b"22"}, "d": {"x": b"11"}}
        side.put(after, before)
        report = side.run()
        assert (report.renamed, side.target) == (0, after)

    def test_each_old_file_is_renamed_once(self, side: Moved) -> None:
        side.server.digests = "sha256"
        side.put({"n1": b"11", "n2": b"11", "n3": b"11"}, {"o1": b"11", "o2": b"11"})
        report = side.run()
        assert (report.renamed, report.transferred, report.deleted) == (2, 1, 0)
        assert set(side.target) == {"n1", "n2", "n3"}

    def test_what_is_excluded_is_no_candidate(self, side: Moved) -> None:
        side.put({"new": b"11"}, {"old": b"11", "gone": {"old": b"11"}})
        report = side.run(filters=FilterRules(patterns=("old",)))
        assert (report.exit_code, report.renamed) == (0, 0)
        assert side.target == {"new": b"11", "old": b"11", "gone": {"old": b"11"}}

    def test_a_listing_in_doubt_gives_no_candidates(self, side: Moved) -> None:
        side.put({"new": b"11", "sub": {"x": b"1"}}, {"sub": {"x": b"1", "old": b"11"}})
        side.server.problems["top/sub"] = ("???",)
        assert side.run().renamed == 0
        assert side.target == {"new": b"11", "sub": {"x": b"1", "old": b"11"}}

    def test_renames_do_not_count_as_deletes(self, side: Moved) -> None:
        many = {f"file {number:02}": b"%d" % (1000 + number) for number in range(30)}
        for number, name in enumerate(many):
            many[name] = b"x" * (number + 1)
        side.put({"moved": many}, many)
        report = side.run(max_delete=0)
        assert (report.exit_code, report.renamed, report.deleted) == (0, 30, 0)
        assert side.target == {"moved": many}

    def test_the_guard_still_holds(self, side: Moved) -> None:
        side.put({"new": b"123456"}, {"old": b"123456", **{f"f{number}": b"x" for number in range(20)}})
        report = side.run()
        assert (report.exit_code, report.renamed, report.deleted) == (9, 1, 0)
        assert len(side.target) == 21

    def test_a_backup_is_not_needed(self, side: Moved) -> None:
        side.put({**NEW, "a": b"alpha no 2"}, {**BEFORE, "gone": b"123"})
        report = side.run(backup=side.place)
        assert (report.exit_code, side.target) == (0, {**NEW, "a": b"alpha no 2"})
        assert side.backup == {"a": b"alpha", "gone": b"123", "flat": {}}

    def test_a_digest_must_agree_where_there_is_one(self, side: Moved) -> None:
        side.server.digests = "sha256"
        side.put({"n1": b"11", "n2": b"222"}, {"o1": b"99", "o2": b"222"})
        report = side.run()
        assert side.target == {"n1": b"11", "n2": b"222"}
        assert (report.renamed, report.transferred, report.deleted) == (1, 1, 1)
        assert not side.events.of(Retrying), "another digest is an answer, not a failure to retry"
        assert report.reconnects == 0

    @pytest.mark.parametrize("option", ["compare", "verify"])
    def test_without_digests_an_exact_time_suffices(self, side: Moved, option: str) -> None:
        side.put({"n1": b"11"}, {"o1": b"11"})
        assert side.run(**{option: "checksum"}).renamed == 1

    def test_a_dry_run_asks_for_digests_too(self, side: Moved) -> None:
        side.server.digests = "sha256"
        side.put({"n1": b"11"}, {"o1": b"99"})
        foreseen = side.run(dry_run=True)
        assert (foreseen.would_rename, foreseen.would_transfer, foreseen.would_delete) == (0, 1, 1)
        assert not [event for event in side.events if isinstance(event, Planned) and event.action == "rename"]

    def test_stopped(self, side: Moved) -> None:
        side.put(NEW, BEFORE)
        side.server.on("list", lambda: side.stop.request(143))
        assert side.run().exit_code == 143
        assert side.target == BEFORE

    def test_stopped_while_it_renames(self, side: Moved) -> None:
        many = {f"file {number}": b"x" * (number + 1) for number in range(60)}
        side.put({"moved": many}, {**many, "gone": b""})
        collect = side.events.append

        def stop_soon(event: Any) -> None:
            collect(event)
            if isinstance(event, Finished) and event.action == "rename":
                side.stop.request(143)

        side.events.append = stop_soon  # type: ignore[method-assign]
        report = side.run()
        assert (report.exit_code, report.deleted, "gone" in side.target) == (143, 0, True)
        assert 0 < report.renamed < 60
        assert report.renamed == len(side.target["moved"]) == 61 - len(side.target) + 1

    def test_a_temporary_file_that_cannot_be_written(self, side: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
        side.put(NEW, BEFORE)
        monkeypatch.setattr(
            "ftpcli.engine.plan.renames.index._SETTINGS", "PRAGMA page_size = 512; PRAGMA max_page_count = 3"
        )
        with pytest.raises(LocalFileError, match="temporary"):
            side.run()
        assert side.server.live == 0

    def test_names_of_all_kinds(self, side: Moved) -> None:
        odd = ["é", "a\udcffb", "x'y\"z", "%s {0}", "new\u2028line"]
        side.put({f"n {name}": b"1" * (index + 1) for index, name in enumerate(odd)},
                 {f"o {name}": b"1" * (index + 1) for index, name in enumerate(odd)})  # fmt: skip
        assert side.run().renamed == len(odd)
        assert side.renames() == {f"n {name}": f"o {name}" for name in odd}


class ImpreciseListings(FakeSession):
    """Listings to the minute, in an unknown time zone; ``stat`` is exact if the server has MDTM."""

    def list(self, path: str) -> Any:
        listing = super().list(path)
        entries = tuple(
            entry if entry.mtime is None else replace(
                entry, mtime=entry.mtime // 60 * 60 + 7200, precision=60.0, mtime_is_utc=False
            )
            for entry in listing.entries
        )  # fmt: skip
        return replace(listing, entries=entries)

    def stat(self, path: str) -> Entry:
        entry = super().stat(path)
        if getattr(self.server, "stat_tells_times", True) or entry.mtime is None:
            return entry
        return replace(entry, mtime=None)


@BOTH
class TestImpreciseTimes:
    @pytest.fixture(autouse=True)
    def _imprecise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.engine.fake.FakeSession", ImpreciseListings)

    def test_the_server_is_asked(self, side: Moved) -> None:
        """Three of one size, within one minute; only their exact times tell which is which."""
        side.put(
            {f"n{number}": b"%d" % number for number in range(3)},
            {f"o{number}": b"%d" % number for number in (1, 2, 0)},
        )
        for number in range(3):
            side.age(f"n{number}", 1_000_000 + 10 * number, source=True)
            side.age(f"o{number}", 1_000_000 + 10 * number, source=False)
        report = side.run()
        assert side.renames() == {f"n{number}": f"o{number}" for number in range(3)}
        assert (report.exit_code, side.target) == (0, {f"n{number}": b"%d" % number for number in range(3)})

    def test_exact_times_that_differ_prevent_the_rename(self, side: Moved) -> None:
        side.put({"n": b"1"}, {"o": b"2"})
        side.age("o", 1_000_030, source=False)
        assert (side.run().renamed, side.target) == (0, {"n": b"1"})

    def test_the_server_is_not_asked_without_candidates(self, side: Moved) -> None:
        side.put({"n": b"1"}, {"o": b"22"})
        side.run()
        assert not [call for call in side.server.verbs("stat") if call[1] in ("top/n", "top/o")][:-1]

    def test_without_times_or_digests_it_is_sent(self, side: Moved) -> None:
        side.server.stat_tells_times = False  # type: ignore[attr-defined]
        side.put({"n": b"1"}, {"o": b"1"})
        report = side.run()
        assert (report.renamed, report.transferred, side.target) == (0, 1, {"n": b"1"})

    def test_a_digest_suffices(self, side: Moved) -> None:
        side.server.on("stat", raising(Denied("no MDTM")), times=1)
        side.server.digests = "md5"
        side.put({"n": b"1"}, {"o": b"1"})
        assert (side.run(parallel=1).renamed, side.target) == (1, {"n": b"1"})

    def test_a_digest_that_differs(self, side: Moved) -> None:
        side.server.on("stat", raising(Denied("no MDTM")), times=1)
        side.server.digests = "md5"
        side.put({"n": b"1"}, {"o": b"2"})
        assert (side.run(parallel=1).renamed, side.target) == (0, {"n": b"1"})

    @pytest.mark.parametrize("verb", ["stat", "digest", "rename"])
    def test_a_connection_lost_while_asking(self, side: Moved, verb: str) -> None:
        side.server.digests = "md5"
        side.put({"n": b"1"}, {"o": b"1"})
        side.server.on(verb, lost(), times=2)
        assert side.run().exit_code == 0
        assert (side.target, side.renames()) == ({"n": b"1"}, {"n": "o"})

    def test_it_changed_since_it_was_listed(self, side: Moved) -> None:
        side.put({"n": b"1"}, {"o": b"1"})
        if side.up:
            side.server.on("list", lambda: setattr(side.server.file("top/o"), "data", b"22"), done=True)
        else:
            side.server.on("list", lambda: setattr(side.server.file("top/n"), "data", b"22"), done=True)
        report = side.run(parallel=1)
        assert (report.renamed, report.transferred) == (0, 1)
        assert side.target == side.source


@BOTH
class TestProof:
    """Was: a vanished file and a new one of the same size and about the same time were taken for one, for good."""

    def test_a_time_that_other_files_have_proves_nothing(self, side: Moved) -> None:
        """npm gives all files of a package the same time, and so does a build with SOURCE_DATE_EPOCH."""
        others: Tree = {"index.html": b"of another size", "lib": {"x.js": b"of a third"}}
        after, before = {**others, "app.1f3c.js": b"version 2"}, {**others, "app.09ab.js": b"version 1"}
        side.put(after, before)
        for tree, source in ((after, True), (before, False)):
            for path in files(tree):
                side.age(path, 499_162_500, source=source)
        report = side.run()
        assert (report.renamed, report.transferred, side.target) == (0, 1, after)

    @pytest.mark.parametrize("source", [False, True])
    def test_a_time_that_only_files_of_one_side_have(self, side: Moved, source: bool) -> None:
        after: Tree = {"new": b"11", **({"other": b"of another size"} if source else {})}
        side.put(after, {"old": b"22", **({} if source else {"other": b"of another size"})})
        side.age("other", 1_000_020, source=source)
        report = side.run()
        assert (report.renamed, side.target) == (0, after)

    def test_a_file_that_stays_has_the_same_size_and_time(self, side: Moved) -> None:
        after, before = {"kept": b"33", "new": b"11"}, {"kept": b"33", "old": b"22"}
        side.put(after, before)
        report = side.run()
        assert (report.renamed, side.target) == (0, after)

    @pytest.mark.parametrize("apart", [-1, 1, 1.5])
    def test_the_times_differ_by_about_a_second(self, side: Moved, apart: float) -> None:
        side.put({"new": b"11"}, {"old": b"22"})
        side.age("new", 1_000_020 + apart, source=True)
        report = side.run()
        assert (report.renamed, side.target) == (0, {"new": b"11"})

    def test_the_source_changes_meanwhile(self, side: Moved) -> None:
        side.put({"new": b"11"}, {"old": b"11"})

        def change() -> None:
            side.age("new", 1_000_099, source=True)

        side.server.on("list", change, done=True)
        report = side.run(parallel=1)
        assert report.renamed == 0


@UP
class TestFractions:
    """A local file has a time of its own, of which a server keeps the second."""

    @pytest.mark.parametrize(("here", "there", "renamed"), [(20.4, 20, 1), (20.9, 20, 1), (20.4, 21, 0), (20.4, 19, 0)])
    def test_the_second_must_be_the_same(self, side: Moved, here: float, there: float, renamed: int) -> None:
        side.put({"new": b"11"}, {"old": b"11"})
        side.age("new", 1_000_000 + here, source=True)
        side.age("old", 1_000_000 + there, source=False)
        assert side.run().renamed == renamed

    def test_others_in_the_same_second_are_of_other_sizes(self, side: Moved) -> None:
        side.put({"new": b"11", "other": b"1"}, {"old": b"11", "other": b"1"})
        for name, source in (("new", True), ("other", True), ("old", False), ("other", False)):
            side.age(name, 1_000_000 + source * (0.25 if name == "new" else 0.5), source=source)
        assert side.run().renamed == 1

    def test_names_tell_files_of_one_size_apart(self, side: Moved) -> None:
        side.put({"a": b"11", "b": {"x": b"22"}}, {"z": b"11", "c": {"x": b"22"}})
        for name in ("a", "b/x"):
            side.age(name, 1_000_020.5, source=True)
        report = side.run()
        assert (report.transferred, side.renames()) == (1, {"b/x": "c/x"})


@BOTH
class TestOtherContent:
    """Of one size and time, and without digests: the content is read back."""

    @pytest.mark.parametrize(("size", "at"), [(1, 0), (1000, 500), (1_000_000, 0), (1_000_000, 999_999)])
    def test_it_is_not_renamed(self, side: Moved, size: int, at: int) -> None:
        here = bytearray(b"1" * size)
        here[at] = ord("2")
        side.put({"new": bytes(here)}, {"old": b"1" * size})
        report = side.run()
        assert (report.renamed, report.transferred) == (0, 1)
        assert side.target == {"new": bytes(here)}

    def test_a_large_file_that_agrees_is_renamed(self, side: Moved) -> None:
        side.put({"new": b"12" * 500_000}, {"old": b"12" * 500_000})
        assert side.run().renamed == 1

    def test_what_cannot_be_read_back_is_sent(self, side: Moved) -> None:
        side.put({"new": b"11"}, {"old": b"11"})
        side.server.on("read_range", raising(Denied("no")))
        report = side.run()
        assert (report.exit_code, report.renamed, side.target) == (0, 0, {"new": b"11"})


@UP
class TestOnTheServer:
    @pytest.mark.parametrize("done", [False, True])
    @pytest.mark.parametrize("verb", ["stat", "rename", "list", "mkdir", "rmdir"])
    @pytest.mark.parametrize("after", range(5))
    def test_a_connection_lost_at_any_command(self, side: Moved, verb: str, done: bool, after: int) -> None:
        side.put(NEW, BEFORE)
        at_number(side.server, verb, after, lost(), done=done)
        report = side.run(parallel=1)
        assert (report.exit_code, side.target, report.renamed, report.deleted) == (0, NEW, 2, 1)
        assert side.transfers() == []

    @pytest.mark.parametrize(("error", "times"), [(Denied("no"), 1), (TransientRefusal("later"), 3)])
    def test_a_refusal_falls_back_to_sending(self, side: Moved, error: Exception, times: int) -> None:
        side.put({"n": b"1"}, {"o": b"1"})
        side.server.on("rename", raising(error), times=times)
        report = side.run(parallel=1, retries=2)
        assert (report.exit_code, report.renamed, report.transferred, report.deleted) == (0, 0, 1, 1)
        assert side.target == {"n": b"1"}

    def test_a_name_that_is_taken_meanwhile(self, side: Moved) -> None:
        """It is sent, replacing what appeared, as without the option; the rename replaces nothing."""
        side.put({"n": b"1"}, {"o": b"1"})
        top = side.server.find("top")
        assert isinstance(top, Folder)
        side.server.on("list", lambda: top.inside.update(n=File(b"just came")), done=True)
        report = side.run(parallel=1)
        assert (report.renamed, report.transferred, side.target) == (0, 1, {"n": b"1"})
        assert ("rename", "top/o", "top/n") not in side.server.calls

    def test_a_server_that_stays_unreachable(self, side: Moved) -> None:
        """It is unknown whether it was renamed, so nothing is deleted; the next run continues."""
        side.put({"n": b"1", "x": b"2"}, {"o": b"1", "x": b"2"})
        side.server.on("rename", lost(), done=True)
        side.server.on("rename", lambda: side.server.on("open", lost(), times=10**6))
        assert side.run(parallel=1).exit_code == 3
        assert side.events.of(Deleted) == []
        side.server.faults.clear()
        assert (side.run().exit_code, side.target) == (0, {"n": b"1", "x": b"2"})

    def test_a_rename_that_fails_keeps_the_old_one(self, side: Moved) -> None:
        side.put({"new": {"n": b"1"}, "x": b"22"}, {"gone": {"o": b"1"}, "x": b"22"})
        side.server.on("rename", lost(), times=10)
        report = side.run(parallel=1, retries=2)
        assert [event.path for event in side.events if isinstance(event, Failed)] == ["new/n"]
        assert (report.deleted, side.target) == (0, {"new": {}, "gone": {"o": b"1"}, "x": b"22"})


@DOWN
class TestOnTheDisk:
    @pytest.mark.parametrize("name", ["n", "o"])
    def test_one_of_the_two_changes_meanwhile(self, side: Moved, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is sent, as without the option; the rename replaces nothing."""
        side.put({"n": b"1"}, {"o": b"1"})

        rename_plainly = LocalTree.rename

        def rename(*values: Any) -> None:
            (side.folder / name).write_bytes(b"2")
            rename_plainly(*values)

        monkeypatch.setattr(LocalTree, "rename", rename)
        report = side.run(parallel=1)
        assert (report.exit_code, report.renamed, report.transferred) == (0, 0, 1)
        assert side.target == {"n": b"1"}

    # Was: renamed all the same, out of the tree or into it, though nothing else follows a link in the local target.
    @pytest.mark.parametrize("folder", ["old", "new"])
    def test_a_link_that_replaces_a_directory_is_not_followed(
        self, side: Moved, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside = tmp_path / "outside"
        questions = Renames.questions

        def swap(renames: Renames) -> Any:
            (side.folder / folder).rename(outside)
            (side.folder / folder).symlink_to(outside)
            return questions(renames)

        side.put({"new": {"n": b"1"}, "x": b"2"}, {"old": {"o": b"1"}, "new": {}, "x": b"2"})
        monkeypatch.setattr(Renames, "questions", swap)
        report = side.run(parallel=1)
        assert (report.exit_code != 0, report.renamed) == (True, 0)
        assert os.listdir(outside) == (["o"] if folder == "old" else [])

    def test_a_refusal_falls_back_to_sending(self, side: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
        def rename(*_: object, **__: object) -> None:
            raise OSError(errno.EXDEV, "no")

        side.put({"n": b"1"}, {"o": b"1"})
        monkeypatch.setattr("os.rename", rename)
        report = side.run()
        assert (report.exit_code, report.renamed, report.transferred, side.target) == (0, 0, 1, {"n": b"1"})


# Nothing is lost, and the target equals the source


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """Two trees, the second one with files of the first under other names."""
    source = draw(trees)
    target = draw(trees)
    spare = [data for data in files(source).values() if data]
    for name in ("moved 1", "moved 2", "moved 3"):
        if spare and draw(st.booleans()):
            target = {**target, name: draw(st.sampled_from(spare))}
    return source, target


@BOTH
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pair=pairs(),
    backup=st.booleans(),
    fault=st.none()
    | st.tuples(st.sampled_from(["rename", "mkdir", "stat", "remove", "list"]), st.integers(0, 9), st.booleans()),
)
def test_any_two_trees(
    monkeypatch: pytest.MonkeyPatch,
    direction: Direction,
    pair: tuple[Tree, Tree],
    backup: bool,
    fault: tuple[str, int, bool] | None,
) -> None:
    """Contents differ only in size here: files of the same size and time are the same to this option."""
    source, target = (same_for_same_size(tree) for tree in pair)
    server, stop = FakeServer(), StopToken()
    use(server, monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        side = Moved(direction, server, Path(folder, "local"), stop, Events())
        side.put(source, target)
        rules = {"allow_empty_source": True, "max_delete": 10**9, "backup": side.place if backup else None}
        foreseen = side.run(**rules, dry_run=True)
        side.events.clear()
        if fault is not None:
            at_number(server, fault[0], fault[1], lost(), done=fault[2])
        report = side.run(**rules)
        assert side.source == source
        after = {**files(side.target), **{f"backup/{path}": data for path, data in files(side.backup).items()}}
        if backup:
            for path, data in files(target).items():
                assert data in after.values(), path
        if report.exit_code == 0:
            assert side.target == source
            assert foreseen_counts(foreseen) == counts(report)
        assert isinstance(side.events[-1], Summary)
    stop.close()


def counts(report: Report) -> tuple[int, ...]:
    return report.transferred, report.bytes, report.renamed, report.deleted, report.made_directories


def foreseen_counts(report: Report) -> tuple[int, ...]:
    """The renames that a dry run reports without doing them."""
    assert counts(report) == (0, 0, 0, 0, 0)
    return (
        report.would_transfer, report.would_bytes, report.would_rename, report.would_delete,
        report.would_make_directories,
    )  # fmt: skip


def same_for_same_size(tree: Tree) -> Tree:
    return {
        name: same_for_same_size(value) if isinstance(value, dict) else b"x" * len(value)
        for name, value in tree.items()
    }


# The temporary database
