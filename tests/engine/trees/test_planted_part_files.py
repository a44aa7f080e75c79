"""What others have put in the place of a part file is neither written to nor followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ftpcli.engine.trees import part_file
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.errors import LocalFileError
from ftpcli.part_names import part_name
from tests.engine.trees.test_local import as_root, fill


class TestPlanted:
    """Part names can be predicted: in a shared directory somebody may have put something there."""

    @pytest.fixture
    def planted(self, tmp_path: Path) -> Path:
        (tmp_path / "precious").write_bytes(b"precious")
        return tmp_path / part_name("a", 1)

    def receive(self, folder: Path) -> os.stat_result:
        """A download that could resume. What is there afterwards must be what it received, and nobody else's."""
        fill(folder / "a", b"content", 1)
        assert (folder / "a").read_bytes() == b"content"
        assert (folder / "precious").read_bytes() == b"precious"
        found = (folder / "a").stat()
        assert (found.st_uid, found.st_nlink, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 1, 0o600)
        return found

    @pytest.mark.parametrize("mode", [0o600, 0o666, 0o620, 0o602])
    @as_root
    def test_a_file_of_another_user(self, tmp_path: Path, planted: Path, mode: int) -> None:
        planted.write_bytes(b"evil")
        planted.chmod(mode)
        os.chown(planted, 4321, 4321)
        self.receive(tmp_path)

    @pytest.mark.parametrize("mode", [0o666, 0o660, 0o602])
    def test_a_file_that_others_may_write(self, tmp_path: Path, planted: Path, mode: int) -> None:
        planted.write_bytes(b"evil")
        planted.chmod(mode)
        self.receive(tmp_path)

    def test_another_name_of_a_file(self, tmp_path: Path, planted: Path) -> None:
        os.link(tmp_path / "precious", planted)
        self.receive(tmp_path)

    @pytest.mark.parametrize("leads", ["precious", "none", ".", "/dev/null"])
    def test_a_symbolic_link(self, tmp_path: Path, planted: Path, leads: str) -> None:
        os.symlink(leads, planted)
        self.receive(tmp_path)

    def test_a_named_pipe(self, tmp_path: Path, planted: Path) -> None:
        os.mkfifo(planted)
        self.receive(tmp_path)

    def test_a_directory_cannot_be_cleared_away(self, tmp_path: Path, planted: Path) -> None:
        planted.mkdir()
        with pytest.raises(LocalFileError, match="in the way: it is not this user's"):
            fill(tmp_path / "a", b"content", 1)

    def test_it_comes_between_looking_and_making(
        self, tmp_path: Path, planted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, left = PartFile._made, [1]

        def late(part: PartFile) -> int | None:
            if left:
                left.pop()
                os.symlink("precious", planted)
            return made(part)

        monkeypatch.setattr(PartFile, "_made", late)
        self.receive(tmp_path)

    def test_it_comes_again_and_again(self, tmp_path: Path, planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PartFile, "_made", lambda _: os.symlink("precious", planted))
        with pytest.raises(LocalFileError, match="keeps putting a file in the place"):
            fill(tmp_path / "a", b"content", 1)
        assert (tmp_path / "precious").read_bytes() == b"precious"

    def test_it_comes_between_looking_and_opening(
        self, tmp_path: Path, planted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planted.write_bytes(b"ours")
        planted.chmod(0o600)
        judged, seen = part_file._is_ours, list[bool]()

        def late(found: os.stat_result) -> bool:
            seen.append(judged(found))
            if len(seen) == 1:
                planted.unlink()
                os.link(tmp_path / "precious", planted)
            return seen[-1]

        monkeypatch.setattr(part_file, "_is_ours", late)
        self.receive(tmp_path)
        assert seen[:2] == [True, False]

    def test_what_is_received_is_private_until_it_is_whole(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        (tmp_path / "a").chmod(0o644)
        part = PartFile(Place.of(str(tmp_path / "a")), resume=True, mode=0o755, new_mode=0o644)
        part.append(b"new")
        assert stat.S_IMODE(os.stat(part.path).st_mode) == 0o600
        part.commit(None)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
