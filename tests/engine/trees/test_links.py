"""Symbolic links in a mirror: skipped, followed or copied; never a way out of the target."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ftpcli.engine.compare.decide import What, decide
from ftpcli.engine.events import Deleted, Failed, Finished, Planned, Report, Skipped, Warned
from ftpcli.engine.job import Direction, FilterRules, Root, Rules
from ftpcli.engine.trees.links import same_text
from ftpcli.model import Entry, Kind, Listing
from ftpcli.stop import StopToken
from tests.engine.backup.test_backup import at_number
from tests.engine.fake import Events, FakeServer, File, Folder, Link, Tree, lost
from tests.engine.runs.test_run import Side, go

BOTH = pytest.mark.parametrize("direction", Direction)
LINK = Entry("a", Kind.LINK, target="to")

LINKS: Tree = {
    "f": b"1",
    "lf": Link("f"),
    "dangling": Link("no/where"),
    "absolute": Link("/etc/passwd"),
    "d": {"up": Link("../f"), "loop": Link(".")},
}


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(direction, server, tmp_path / "local", stop, events)


def warnings(side: Side) -> list[str]:
    return [event.message for event in side.events if isinstance(event, Warned)]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (LINK, None, What.LINK),
        (LINK, LINK, What.SKIP),
        (LINK, Entry("a", Kind.LINK, target="elsewhere"), What.LINK),
        (LINK, Entry("a", Kind.LINK), What.LINK),
        (LINK, Entry("a", Kind.FILE), What.REPLACE),
        (LINK, Entry("a", Kind.DIR), What.REPLACE),
        (Entry("a", Kind.FILE), LINK, What.REPLACE),
        (Entry("a", Kind.DIR), LINK, What.REPLACE),
        (None, LINK, What.DELETE),
    ],
)
def test_decisions_when_links_are_copied(source: Entry | None, target: Entry | None, expected: What) -> None:
    assert decide(source, target, Rules(symlinks="copy", delete=True)).what is expected


@pytest.mark.parametrize("symlinks", ["skip", "follow"])
def test_links_are_skipped_unless_they_are_copied(symlinks: str) -> None:
    for target in (None, LINK, Entry("a", Kind.FILE)):
        assert decide(LINK, target, Rules(symlinks=symlinks, delete=True)).what is What.SKIP


@pytest.mark.parametrize(
    ("text", "there", "expected"),
    [
        ("f", "f", True),
        ("f", "/home/top/sub/f", True),
        ("../f", "/home/top/f", True),
        ("..", "/home/top", True),
        ("f", "/home/top/sub/g", False),
        ("f", "/f", False),
        ("f", "g", False),
        ("/abs", "/home/abs", False),
        ("../../../f", "/f", False),
        ("../..", "/", False),
    ],
)
def test_an_absolute_link_written_by_proftpd_counts_as_the_same(text: str, there: str, expected: bool) -> None:
    source, target = (Entry("l", Kind.LINK, target=target) for target in (text, there))
    assert same_text(source, target, "top/sub") is expected


@BOTH
class TestSkip:
    def test_a_file_in_the_place_of_a_skipped_link_stays(self, side: Side) -> None:
        side.put({"a": Link("x"), "b": b"1"}, {"a": b"precious", "c": b"gone"})
        report = side.mirror(delete=True)
        assert side.target == {"a": b"precious", "b": b"1"}
        assert (report.exit_code, report.skipped) == (0, 1)
        assert any("--symlinks follow or copy takes links" in message for message in warnings(side))

    def test_a_directory_is_not_written_through_a_link_of_the_target(self, side: Side, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        for symlinks in ("skip", "copy", "follow"):
            side.put({"d": {"f": b"1"}}, {"d": Link(str(tmp_path / "outside"))})
            side.server.root.inside["outside"] = Folder()
            report = side.mirror(delete=True, symlinks=symlinks)
            copies = symlinks == "copy"  # then the link is replaced
            assert (report.exit_code == 0) == copies
            assert side.failures().keys() == (set() if copies else {"d"})
            assert list((tmp_path / "outside").iterdir()) == []
            assert side.server.tree()["outside"] == {}
            if not side.up:
                shutil.rmtree(side.folder / "d") if copies else (side.folder / "d").unlink()
            side.events.clear()


@BOTH
class TestFollow:
    def test_files_and_directories(self, side: Side) -> None:
        real: Tree = {"f": b"file", "d": {"in": b"inside", "deeper": {"x": b"y"}}}
        side.put({**real, "lf": Link("f"), "ld": Link("d"), "sub": {"up": Link("../d/deeper")}}, {})
        report = side.mirror(symlinks="follow")
        assert side.target == {**real, "lf": b"file", "ld": real["d"], "sub": {"up": {"x": b"y"}}}
        assert (report.exit_code, report.failed) == (0, 0)
        assert warnings(side) == []
        assert side.mirror(symlinks="follow", delete=True).transferred == 0

    def test_a_large_file_behind_a_link_has_not_changed(self, side: Side) -> None:
        """``stat`` of its name describes the link itself, with another size and time."""
        large = b"x" * 1_200_000
        side.put({"f": large, "l": Link("f")}, {})
        assert side.mirror(symlinks="follow").exit_code == 0
        assert side.target == {"f": large, "l": large}

    def test_a_dangling_link_fails_by_itself_and_nothing_is_deleted(self, side: Side) -> None:
        side.put({"a": Link("nowhere"), "b": b"1"}, {"a": b"old", "c": b"extra"})
        report = side.mirror(symlinks="follow", delete=True)
        assert side.target == {"a": b"old", "b": b"1", "c": b"extra"}, "nothing is deleted where something failed"
        assert set(side.failures()) == {"a"}
        (failure,) = (event for event in side.events if isinstance(event, Failed))
        assert "leads nowhere" in failure.message
        assert report.exit_code == 1

    @pytest.mark.parametrize("tells", [True, False])
    def test_loops_end(self, side: Side, tells: bool) -> None:
        side.server.tells_links = tells
        side.put({"f": b"1", "d": {"self": Link("."), "up": Link(".."), "chain": Link("chain")}}, {})
        report = side.mirror(symlinks="follow")
        assert report.exit_code != 0
        target = side.target
        assert target["f"] == b"1"
        if side.up or tells:
            assert set(side.failures()) == {"d/self", "d/up", "d/chain"}
            assert target == {"f": b"1", "d": {}}

    def test_a_loop_through_a_real_directory(self, side: Side) -> None:
        """The link leads above the tree, where the tree is found again as a real directory."""
        side.put({"sub": {"f": b"1", "above": Link("../..")}}, {})
        side.server.root.inside["beside"] = File(b"2")
        report = side.mirror(symlinks="follow")
        assert report.exit_code != 0
        assert all("leads back" in event.message for event in side.events if isinstance(event, Failed))
        assert side.target["sub"]["f"] == b"1"

    def test_a_link_out_of_the_tree_is_warned_of_once(self, side: Side, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "x").write_bytes(b"far")
        side.put({"out": Link("../outside"), "in": Link("real"), "real": b"1"}, {})
        side.server.root.inside["outside"] = Folder({"x": File(b"far")})
        report = side.mirror(symlinks="follow")
        assert side.target == {"out": {"x": b"far"}, "in": b"1", "real": b"1"}
        (warning,) = warnings(side)
        assert warning.startswith("out is a symbolic link out of the tree")
        assert report.exit_code == 0

    def test_filters_see_the_name_before_anything_fails(self, side: Side) -> None:
        side.put({"bad": Link("nowhere"), "good": Link("f"), "f": b"1"}, {})
        report = side.mirror(symlinks="follow", filters=FilterRules(patterns=("bad",)))
        assert side.target == {"good": b"1", "f": b"1"}
        assert report.exit_code == 0

    def test_a_lost_connection(self, side: Side) -> None:
        side.put({"lf": Link("f"), "f": b"1" * 500, "ld": Link("d"), "d": {"x": b"2"}}, {})
        for verb in ("follow", "list_links", "reading", "writing"):
            side.server.on(verb, lost())
        assert side.mirror(symlinks="follow", retries=5).exit_code == 0
        assert side.target == {"lf": b"1" * 500, "f": b"1" * 500, "ld": {"x": b"2"}, "d": {"x": b"2"}}


@BOTH
class TestCopy:
    def mirror(self, side: Side, **rules: object) -> Report:
        return side.mirror(symlinks="copy", **rules)  # type: ignore[arg-type]

    def test_copied_links_have_the_same_text(self, side: Side) -> None:
        side.put(LINKS, {})
        report = self.mirror(side)
        assert side.target == LINKS
        assert (report.exit_code, report.transferred) == (0, 6)
        made = {event.path for event in side.events if isinstance(event, Finished) and event.action == "link"}
        assert made == {"lf", "dangling", "absolute", "d/up", "d/loop"}
        side.events.clear()
        report = self.mirror(side, delete=True)
        assert (report.transferred, report.skipped, report.deleted) == (0, 6, 0)
        assert warnings(side) == []

    def test_a_link_that_leads_elsewhere_is_replaced(self, side: Side) -> None:
        side.put({"l": Link("new")}, {"l": Link("old"), "gone": Link("x")})
        report = self.mirror(side, delete=True)
        assert side.target == {"l": Link("new")}
        assert (report.exit_code, report.deleted) == (0, 1)

    def test_dry_run(self, side: Side) -> None:
        side.put(LINKS, {"f": b"1"})
        report = self.mirror(side, dry_run=True)
        assert side.target == {"f": b"1"}
        planned = {event.path for event in side.events if isinstance(event, Planned) and event.action == "link"}
        assert planned == {"lf", "dangling", "absolute", "d/up", "d/loop"}
        assert report.transferred == 0
        assert report.would_transfer == self.mirror(side).transferred

    def test_conflicts(self, side: Side) -> None:
        side.put({"a": Link("x"), "b": Link("x")}, {"a": b"file", "b": {"in": b"1"}})
        report = self.mirror(side)
        assert side.target == {"a": b"file", "b": {"in": b"1"}}
        assert set(side.failures()) == {"a", "b"}
        assert report.exit_code != 0

    def test_filters(self, side: Side) -> None:
        side.put({"a": Link("x"), "b": Link("x")}, {"a": Link("kept")})
        self.mirror(side, delete=True, filters=FilterRules(patterns=("a",)))
        assert side.target == {"a": Link("kept"), "b": Link("x")}

    def test_a_directory_that_is_only_made_for_a_link(self, side: Side) -> None:
        side.put({"d": {"wanted": Link("x")}, "e": {"other": Link("x")}}, {})
        self.mirror(side, filters=FilterRules(patterns=("!wanted",)))
        assert side.target == {"d": {"wanted": Link("x")}}

    def test_a_lost_connection(self, side: Side) -> None:
        side.put(LINKS, {"lf": Link("old")})
        for verb in ("symlink", "remove", "list_links"):
            side.server.on(verb, lost(), done=True)
        assert self.mirror(side, retries=5).exit_code == 0
        assert side.target == LINKS


class TestUploadOnly:
    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.UPLOAD

    def test_a_server_that_makes_no_links(self, side: Side) -> None:
        side.server.makes_links = False
        side.put({"l": Link("f"), "f": b"1"}, {"l": Link("old")})
        report = side.mirror(symlinks="copy")
        assert set(side.failures()) == {"l"}
        assert side.target == {"f": b"1", "l": Link("old")}, "what cannot be replaced stays"
        assert report.exit_code == 1

    def test_with_a_backup_the_old_link_stays_if_the_new_one_cannot_be_made(self, side: Side) -> None:
        side.server.makes_links = False
        side.put({"l": Link("f"), "f": b"1"}, {"l": Link("old")})
        side.mirror(symlinks="copy", backup="kept/now")
        assert set(side.failures()) == {"l"}
        assert side.target == {"f": b"1", "l": Link("old")}

    @pytest.mark.parametrize("verb", ["symlink", "rename", "mkdir", "list_links"])
    @pytest.mark.parametrize("done", [False, True])
    @pytest.mark.parametrize("number", range(3))
    def test_a_connection_lost_while_a_link_goes_into_the_backup(
        self, side: Side, verb: str, done: bool, number: int
    ) -> None:
        side.put({"l": Link("new")}, {"l": Link("old")})
        at_number(side.server, verb, number, lost(), done=done)
        assert side.mirror(symlinks="copy", backup="kept/now").exit_code == 0
        assert side.target == {"l": Link("new")}
        assert side.server.tree()["kept"] == {"now": {"l": Link("old")}}

    @pytest.mark.parametrize("renames_over", [True, False])
    @pytest.mark.parametrize("verb", ["symlink", "rename", "remove"])
    @pytest.mark.parametrize("done", [False, True])
    def test_a_connection_lost_while_a_link_is_replaced(
        self, side: Side, verb: str, done: bool, renames_over: bool
    ) -> None:
        side.server.renames_over = renames_over
        side.put({"l": Link("new")}, {"l": Link("old")})
        side.server.on(verb, lost(), done=done)
        assert side.mirror(symlinks="copy").exit_code == 0
        assert side.target == {"l": Link("new")}

    # A server that shows links as what they lead to (pyftpdlib's MLSD) would have their content deleted.
    def test_deleting_a_link_does_not_empty_what_it_leads_to(self, side: Side) -> None:
        side.server.masks_links = True
        side.put(
            {"keep": {"x": b"1"}, "f": b"2"}, {"keep": {"x": b"1"}, "l": Link("keep"), "e": {"m": Link("../keep")}}
        )
        report = side.mirror(delete=True)
        assert side.target == {"keep": {"x": b"1"}, "f": b"2"}
        deleted = {event.path for event in side.events if isinstance(event, Deleted)}
        assert deleted == {"l", "e", "e/m"}
        assert report.exit_code == 0


class TestDownloadOnly:
    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.DOWNLOAD

    def test_a_server_that_does_not_provide_link_texts(self, side: Side) -> None:
        side.server.tells_links = False
        side.put({"l": Link("f"), "f": b"1"}, {})
        report = side.mirror(symlinks="copy")
        assert side.failures() == {"l": "Unsupported"}
        assert side.target == {"f": b"1"}
        assert report.exit_code == 1

    def test_a_link_that_appears_in_the_target_during_the_run_is_not_followed(self, side: Side, tmp_path: Path) -> None:
        """A directory of the target is replaced by a link after the target was listed."""
        (tmp_path / "outside").mkdir()
        side.put({"d": {"f": b"1"}}, {"d": {}})

        def swap() -> None:
            (side.folder / "d").rmdir()
            os.symlink(tmp_path / "outside", side.folder / "d")

        side.server.on("list", swap, path="top/d")
        report = side.mirror(symlinks="copy")
        assert list((tmp_path / "outside").iterdir()) == []
        assert side.failures() == {"d": "LocalFileError"}
        assert report.exit_code == 7

    @pytest.mark.parametrize("delete", [False, True])
    def test_a_link_that_appears_after_the_listing_is_not_followed(
        self, side: Side, tmp_path: Path, delete: bool
    ) -> None:
        """Hours may pass between listing a directory and copying or deleting in it."""
        outside = tmp_path / "outside"
        outside.mkdir()
        for name in ("gone", "f"):
            (outside / name).write_bytes(b"precious")
        side.put({"d": {"f": b"new"}, "z": {"f": b"1"}}, {"d": {"gone": b"x", "f": b"old one"}})

        def swap() -> None:
            shutil.move(side.folder / "d", tmp_path / "moved")
            os.symlink(outside, side.folder / "d")

        if delete:
            side.server.on("read", swap, path="top/z/f")
        else:
            side.server.on("list", swap, path="top/z")
        assert side.mirror(delete=delete, parallel=1).exit_code != 0
        assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"gone": b"precious", "f": b"precious"}
        assert set(side.failures()) == {"d/gone" if delete else "d/f"}

    # Was: chmod and symlink followed it.
    @pytest.mark.parametrize("swapped", ["d", "d/sub"])
    def test_attributes_are_not_set_through_a_link_that_appears(self, side: Side, tmp_path: Path, swapped: str) -> None:
        outside = tmp_path / "outside"
        (outside / "sub").mkdir(parents=True)
        (outside / "l").symlink_to("precious")
        source = {"d": {"sub": {"x": b"1"}, "l": Link("new")}, "z": {"f": b"1"}}
        side.put(source, {"d": {"sub": {"x": b"1"}, "l": Link("old")}})
        folder = side.server.find("top/d/sub")
        assert isinstance(folder, Folder)
        folder.mode = 0o700

        def swap() -> None:
            shutil.move(side.folder / swapped, tmp_path / "moved")
            os.symlink(outside, side.folder / swapped)

        side.server.on("list", swap, path="top/z")
        before = [path.lstat().st_mode for path in (outside, outside / "sub")]
        side.mirror(symlinks="copy", perms=True, parallel=1)
        assert [path.lstat().st_mode for path in (outside, outside / "sub")] == before
        assert os.readlink(outside / "l") == "precious"

    def test_a_name_listed_as_link_and_directory_is_not_written_through(
        self, side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that lists a name as a link and again as a directory gets nothing written through the link."""
        (tmp_path / "outside").mkdir()
        side.put({"d": {"f": b"1"}}, {})
        twice = (Entry("d", Kind.LINK, target=str(tmp_path / "outside")), Entry("d", Kind.DIR))
        for order in (twice, twice[::-1]):

            def listing(_: object, path: str, order: tuple[Entry, ...] = order) -> Listing:
                return Listing(order if path == "top" else (Entry("f", Kind.FILE, size=1),))

            monkeypatch.setattr("tests.engine.fake.FakeSession.list", listing)
            side.mirror(symlinks="copy")
            assert list((tmp_path / "outside").iterdir()) == []

    def test_the_root_of_the_target_may_be_a_link(self, side: Side, tmp_path: Path) -> None:
        side.put({"d": {"f": b"1"}}, {})
        side.folder.rmdir()
        (tmp_path / "real").mkdir()
        os.symlink("real", side.folder)
        assert side.mirror(symlinks="copy").exit_code == 0
        assert (tmp_path / "real" / "d" / "f").read_bytes() == b"1"

    def test_get(self, side: Side) -> None:
        side.put({"d": {"l": Link("f"), "f": b"1"}}, {})
        report = go(side, (Root("top/d", str(side.folder), into=True),), compare="always", symlinks="copy")
        assert side.target == {"d": {"l": Link("f"), "f": b"1"}}
        assert report.exit_code == 0
        assert not side.events.of(Skipped)
