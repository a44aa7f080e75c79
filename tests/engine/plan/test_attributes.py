"""Permission bits: of copies, of what is up to date, and of directories last of all."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ftpcli.engine.compare.decide import What, decide
from ftpcli.engine.events import Finished, Planned, Warned
from ftpcli.engine.job import Direction, FilterRules, Rules
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.errors import Denied
from ftpcli.model import Entry, Kind, Listing
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, FakeSession, File, Folder, lost, raising
from tests.engine.runs.test_run import Side

PERMS = Rules(perms=True)
FILE = Entry("a", Kind.FILE, size=1, mtime=1.0, mode=0o644)
BOTH = pytest.mark.parametrize("direction", Direction)
Modes = dict[str, int]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (0o644, 0o644, What.SKIP),
        (0o644, 0o600, What.CHMOD),
        (0o4755, 0o755, What.SKIP),
        (0o4755, 0o700, What.CHMOD),
        (None, 0o600, What.SKIP),
        (0o644, None, What.SKIP),
    ],
)
def test_only_known_differences_count(source: int | None, target: int | None, expected: What) -> None:
    entries = [Entry("a", Kind.FILE, size=1, mtime=1.0, mode=mode) for mode in (source, target)]
    assert decide(*entries, PERMS).what is expected
    assert decide(*entries, Rules()).what is What.SKIP


def test_a_copy_gets_its_mode_when_it_is_made() -> None:
    assert decide(FILE, Entry("a", Kind.FILE, size=2, mode=0o600), PERMS).what is What.COPY


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    return Side(direction, server, tmp_path / "local", stop, events)


def set_modes(side: Side, modes: Modes, *, source: bool) -> None:
    """By path, deepest last."""
    for path, mode in sorted(modes.items(), reverse=True):
        if source is side.up:
            (side.folder / path).chmod(mode)
        else:
            node = side.server.find(f"top/{path}")
            assert isinstance(node, (File, Folder))
            node.mode = mode


def mode(side: Side, path: str) -> int | None:
    if side.up:
        node = side.server.find(f"top/{path}")
        assert isinstance(node, (File, Folder))
        return node.mode
    return stat.S_IMODE((side.folder / path).stat().st_mode)


def changed(side: Side) -> set[str]:
    return {event.path for event in side.events if isinstance(event, Finished) and event.action == "chmod"}


@BOTH
class TestPermissions:
    MODES = {"a": 0o640, "ro": 0o444, "d": 0o555, "d/x": 0o4755, "d/deep": 0o711, "d/deep/y": 0o600}  # noqa: RUF012

    def fill(self, side: Side) -> None:
        side.put({"a": b"1", "ro": b"2", "d": {"x": b"3", "deep": {"y": b"4"}}}, {})
        set_modes(side, self.MODES, source=True)

    def test_of_copies(self, side: Side) -> None:
        self.fill(side)
        report = side.mirror(perms=True)
        assert {path: mode(side, path) for path in self.MODES} == {**self.MODES, "d/x": 0o755}
        assert (report.exit_code, report.transferred, report.failed) == (0, 4, 0)
        assert changed(side) == set(), "it belongs to the copy"
        side.events.clear()
        assert side.mirror(perms=True, delete=True).transferred == 0
        assert changed(side) == set()

    def test_not_without_being_asked(self, side: Side) -> None:
        self.fill(side)
        side.mirror()
        assert mode(side, "ro") != 0o444
        assert mode(side, "d") != 0o555

    # Was: everybody could read what is in a private directory until the end of the run.
    def test_of_private_directories_from_the_start(self, side: Side) -> None:
        if side.up:
            pytest.skip("MKD says nothing of permissions")
        side.put({"private": {"a": b"1"}}, {})
        set_modes(side, {"private": 0o700, "private/a": 0o644}, source=True)
        seen = []
        side.server.on("read", lambda: seen.append(mode(side, "private")))
        assert side.mirror(perms=True).exit_code == 0
        assert seen == [0o700]

    # Was: a renamed file had its new permissions only after the next run.
    def test_of_what_is_renamed(self, side: Side) -> None:
        side.put({"new": b"content", "d": {"n": b"more"}}, {"old": b"content", "o": b"more", "d": {}})
        # A time of its own: others have that of "new".
        local, remote = ("d/n", "o") if side.up else ("o", "d/n")
        os.utime(side.folder / local, (1_000_007, 1_000_007))
        side.server.file(f"top/{remote}").mtime = 1_000_007
        set_modes(side, {"new": 0o640, "d": 0o555, "d/n": 0o444}, source=True)
        set_modes(side, {"old": 0o600, "d": 0o755}, source=False)
        report = side.mirror(perms=True, delete=True, track_renames=True)
        assert (report.renamed, report.transferred, report.exit_code) == (2, 0, 0)
        assert [mode(side, path) for path in ("new", "d", "d/n")] == [0o640, 0o555, 0o444]

    def test_of_what_is_up_to_date(self, side: Side) -> None:
        self.fill(side)
        side.mirror(perms=True)
        set_modes(side, {"a": 0o600, "d/deep": 0o700}, source=True)
        side.events.clear()
        foreseen = side.mirror(perms=True, dry_run=True)
        planned = {event.path for event in side.events if isinstance(event, Planned) and event.action == "chmod"}
        assert planned == {"a", "d/deep"}
        assert mode(side, "a") == 0o640
        report = side.mirror(perms=True)
        assert changed(side) == {"a", "d/deep"}
        assert (mode(side, "a"), mode(side, "d/deep")) == (0o600, 0o700)
        assert report.transferred == foreseen.would_transfer == 0
        assert report.skipped == foreseen.skipped

    def test_new_files_are_put_into_a_read_only_directory(self, side: Side) -> None:
        self.fill(side)
        side.mirror(perms=True)
        if side.up:
            set_modes(side, {"d": 0o755}, source=True)
            (side.folder / "d" / "new").write_bytes(b"5")
            set_modes(side, {"d": 0o555}, source=True)
        else:
            folder = side.server.find("top/d")
            assert isinstance(folder, Folder)
            folder.inside["new"] = File(b"5")
        writable = []

        def look() -> None:
            found = mode(side, "d")
            assert found is not None
            writable.append(found & 0o200)

        side.server.on("write" if side.up else "read", look)
        assert side.mirror(perms=True).exit_code == 0
        assert side.target["d"]["new"] == b"5"
        assert writable == [0o200]
        assert mode(side, "d") == 0o555

    def test_a_lost_connection(self, side: Side) -> None:
        self.fill(side)
        for _ in range(2):
            side.server.on("set_mode", lost(), done=True)
            side.server.on("rename", lost(), done=True)
            side.server.on("set_mode", lost())
        assert side.mirror(perms=True, retries=9).exit_code == 0
        assert {path: mode(side, path) for path in self.MODES} == {**self.MODES, "d/x": 0o755}

    def test_directories_that_filters_keep_from_being_made(self, side: Side) -> None:
        self.fill(side)
        report = side.mirror(perms=True, filters=FilterRules(patterns=("!a",)))
        assert side.target == {"a": b"1"}
        assert report.exit_code == 0
        assert not side.events.of(Warned)


class ListsOnly(FakeSession):
    """Like vsftpd: listings show permissions and imprecise times; SIZE and MDTM give exact times but no permissions."""

    def list(self, path: str) -> Listing:
        listing = super().list(path)
        entries = (replace(entry, precision=60.0, mtime_is_utc=False) for entry in listing.entries)
        return replace(listing, entries=tuple(entries))

    def stat(self, path: str) -> Entry:
        return replace(super().stat(path), mode=None)


class TestDownload:
    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.DOWNLOAD

    @pytest.mark.parametrize("content", [b"1", b"2", b"another"])
    def test_permissions_known_from_listings_only(
        self, side: Side, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        monkeypatch.setattr("tests.engine.fake.FakeSession", ListsOnly)
        side.put({"a": b"1"}, {"a": content})
        if content == b"2":
            side.server.file("top/a").mtime += 100_000.5
        set_modes(side, {"a": 0o600}, source=True)
        set_modes(side, {"a": 0o640}, source=False)
        assert side.mirror(perms=True).exit_code == 0
        assert mode(side, "a") == 0o600

    def test_a_large_file_with_permissions_known_from_listings_only(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its exact time is asked for, so that it can be resumed."""
        monkeypatch.setattr("tests.engine.fake.FakeSession", ListsOnly)
        side.put({"a": bytes(1_200_000)}, {"a": b"1"})
        set_modes(side, {"a": 0o600}, source=True)
        set_modes(side, {"a": 0o640}, source=False)
        assert side.mirror(perms=True).exit_code == 0
        assert mode(side, "a") == 0o600


class TestUpload:
    @pytest.fixture
    def direction(self) -> Direction:
        return Direction.UPLOAD

    def test_a_server_that_cannot_set_permissions_is_warned_of_once(self, side: Side) -> None:
        side.server.sets_modes = False
        side.put({"a": b"1", "b": b"2", "d": {"c": b"3"}}, {})
        report = side.mirror(perms=True)
        assert side.target == {"a": b"1", "b": b"2", "d": {"c": b"3"}}
        (warning,) = [event.message for event in side.events if isinstance(event, Warned)]
        assert "the permissions of 4 files and directories could not be set" in warning
        assert (report.exit_code, report.failed) == (0, 0)

    def test_a_refusal_does_not_fail_the_file(self, side: Side) -> None:
        side.put({"a": b"1", "b": b"2"}, {})
        side.server.on("set_mode", raising(Denied("cannot set it", reply="550 not yours")))
        report = side.mirror(perms=True, parallel=1)
        assert side.target == {"a": b"1", "b": b"2"}
        (warning,) = [event.message for event in side.events if isinstance(event, Warned)]
        assert "550 not yours" in warning
        assert report.exit_code == 0

    def test_the_bits_are_set_before_the_file_gets_its_name(self, side: Side) -> None:
        side.put({"a": b"1"}, {})
        set_modes(side, {"a": 0o600}, source=True)
        side.mirror(perms=True)
        verbs = [call[0] for call in side.server.calls if call[0] in ("set_mode", "rename")]
        assert verbs == ["set_mode", "set_mode", "rename"], "private before anything is in it, and to be sure"

    # The next run could not resume a read-only part file.
    def test_a_read_only_file_gets_its_bits_after_its_name(self, side: Side) -> None:
        side.put({"a": b"1"}, {})
        set_modes(side, {"a": 0o444}, source=True)
        side.mirror(perms=True)
        verbs = [call[0] for call in side.server.calls if call[0] in ("set_mode", "rename")]
        assert verbs == ["rename", "set_mode"]


class TestPartFile:
    def test_private_from_the_first_byte(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "x", resume=True, mode=0o400)
        assert stat.S_IMODE(os.stat(part.path).st_mode) == 0o600
        part.commit(None)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o400
        assert part.mode_problem == ""

    def test_a_file_system_without_permissions(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "fchmod", refuse)
        part = PartFile(Place.of(str(tmp_path / "a")), "x", resume=True, mode=0o400)
        part.file.write(b"1")
        part.commit(None)
        assert (tmp_path / "a").read_bytes() == b"1"
        assert "cannot set the permissions" in part.mode_problem
