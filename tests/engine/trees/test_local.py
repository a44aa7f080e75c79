"""The local tree: part files that are renamed to their target atomically, and errors of the disk."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.engine.trees import local, part_file
from ftpcli.engine.trees.folder_handle import Folders, Place
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.errors import LocalFileError
from ftpcli.model import Kind
from ftpcli.part_names import is_part, part_name

ROOT = Path(__file__).parents[3]
AS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not AS_ROOT, reason="only root can give files away")
not_as_root = pytest.mark.skipif(AS_ROOT, reason="permissions do not bind root")


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if is_part(name)]


def fill(target: Path, data: bytes, *identity: object, resume: bool = True, mtime: float | None = None) -> None:
    """One download from beginning to end."""
    part = PartFile(Place.of(str(target)), *identity, resume=resume)
    try:
        part.file.write(data)
        part.commit(mtime)
    finally:
        part.close()


class TestPartNames:
    @given(name=st.text(min_size=1, max_size=300).filter(lambda name: not set(name) & set("/\0")) | st.just("ä" * 200))
    def test_every_part_name_is_a_valid_file_name(self, name: str) -> None:
        try:
            name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return  # no name that a server can have
        part = part_name(name, "somewhere", 1, 2)
        assert is_part(part)
        assert len(part.encode("utf-8", "surrogateescape")) <= 255
        assert "/" not in part

    def test_names_with_undecodable_bytes(self) -> None:
        assert part_name("\udcff", 1).startswith(".\udcff.")
        assert is_part(part_name("\udcff" * 300, 1))

    def test_another_source_has_another_name(self) -> None:
        names = {
            part_name("a", *identity) for identity in [("x", 1, 2), ("x", 1, 3), ("y", 1, 2), ("x", 12), ("x", None)]
        }
        assert len(names) == 5
        assert part_name("a", "x", 1) == part_name("a", "x", 1)

    @pytest.mark.parametrize("name", ["a", "a.ftpcli-part", ".hidden", ""])
    def test_other_names_are_not_part_names(self, name: str) -> None:
        assert not is_part(name)


class TestPartFile:
    # Was: resumed, though its end may be zeros.
    @pytest.mark.parametrize("in_order", [False, True])
    def test_after_a_reboot_only_a_properly_closed_part_file_is_resumed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_order: bool
    ) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        part.append(b"12")
        if in_order:
            part.close()
        else:
            part.file.close()
        moment = time.clock_gettime(part_file._SINCE_BOOT)
        monkeypatch.setattr(time, "clock_gettime", lambda _: -moment)
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        assert part.size == (2 if in_order else 0)
        part.append(b"3")
        part.file.close()
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        assert part.size == 0, "it was not closed properly this time"
        part.close()

    def test_a_file_system_with_coarse_times_resumes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """FAT has even seconds only, and none before 1980. Was: no part file was ever resumed there."""
        utime = os.utime

        def coarse(file: int, times: tuple[float, float] | None = None) -> None:
            utime(file, times and tuple(max(315_532_800, moment // 2 * 2) for moment in times))

        monkeypatch.setattr(os, "utime", coarse)
        for size in (0, 2):
            part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
            assert part.size == size
            part.append(b"12")
            part.close()

    def test_a_disk_error_while_resuming_a_part_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        part.append(b"12")
        part.close()

        def fail(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "utime", fail)
        with pytest.raises(LocalFileError, match="input/output error"):
            PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)

    def test_a_finished_file_does_not_keep_the_mark_of_a_part_file(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        part.append(b"12")
        part.close()
        PartFile(Place.of(str(tmp_path / "a")), "source", resume=True).commit(None)
        assert (tmp_path / "a").stat().st_mtime > time.time() - 3600

    def test_whole(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", b"data", mtime=5e8)
        assert (tmp_path / "a").read_bytes() == b"data"
        assert (tmp_path / "a").stat().st_mtime == 5e8
        assert leftovers(tmp_path) == []

    def test_the_target_appears_with_the_commit(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        part = PartFile(Place.of(str(tmp_path / "a")), resume=True)
        part.file.write(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
        part.commit(None)
        assert (tmp_path / "a").read_bytes() == b"new"

    def test_resume(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        part.file.write(b"half")
        part.close()
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        assert part.size == 4
        part.file.write(b" way")
        part.commit(None)
        assert (tmp_path / "a").read_bytes() == b"half way"

    @pytest.mark.parametrize(("identity", "resume"), [("source", False), ("other", True)])
    def test_no_resume(self, tmp_path: Path, identity: str, resume: bool) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), "source", resume=True)
        part.file.write(b"half")
        part.close()
        part = PartFile(Place.of(str(tmp_path / "a")), identity, resume=resume)
        assert part.size == 0
        part.close()

    def test_restart_and_step_back(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), resume=True)
        part.file.write(b"123456")
        part.size = 6
        part.step_back(2)
        part.file.write(b"x")
        part.size = 5
        part.step_back(100)
        assert part.size == 0
        part.file.write(b"abc")
        part.restart()
        part.file.write(b"z")
        part.commit(None)
        assert (tmp_path / "a").read_bytes() == b"z"

    def test_an_empty_part_file_is_deleted(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), resume=True)
        part.close()
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
    def test_the_mode_of_what_was_there_is_kept(self, tmp_path: Path, mode: int) -> None:
        target = tmp_path / "a"
        target.write_bytes(b"old")
        target.chmod(mode)
        fill(target, b"new")
        assert target.read_bytes() == b"new"
        assert stat.S_IMODE(target.stat().st_mode) == mode

    def test_a_new_file_obeys_the_umask(self, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            part = LocalTree(str(tmp_path)).open_part(
                str(tmp_path / "a"), resume=False, begun=lambda _: None, mode=None
            )
        finally:
            os.umask(old)
        part.commit(None)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640

    def test_another_process_writes_it(self, tmp_path: Path) -> None:
        script = (
            "import sys; from ftpcli.engine.trees.folder_handle import Place;"
            "from ftpcli.engine.trees.part_file import PartFile;"
            "part = PartFile(Place.of(sys.argv[1]), 1, resume=True);"
            "print('open', flush=True); sys.stdin.read(); part.close()"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "a")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            with pytest.raises(LocalFileError, match="another process is writing it now"):
                PartFile(Place.of(str(tmp_path / "a")), 1, resume=True)
            process.communicate()
        PartFile(Place.of(str(tmp_path / "a")), 1, resume=True).close()

    # Was: between open() and flock() another process may commit: the lock is then on the finished file itself,
    # and `resume=False` (or another `restart`) empties it.
    def test_another_process_commits_between_open_and_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "a"
        first = PartFile(Place.of(str(target)), resume=True)
        first.file.write(b"precious")
        flock = part_file.fcntl.flock

        def late(file: object, flags: int) -> None:
            if not first.file.closed:
                first.commit(None)
            flock(file, flags)  # type: ignore[arg-type]

        monkeypatch.setattr("ftpcli.engine.trees.part_file.fcntl.flock", late)
        second = PartFile(Place.of(str(target)), resume=False)
        try:
            assert target.read_bytes() == b"precious"
        finally:
            second.close()

    @pytest.mark.parametrize("there", [True, False])
    def test_a_symbolic_link_at_the_target_is_replaced(self, tmp_path: Path, there: bool) -> None:
        if there:
            (tmp_path / "elsewhere").write_bytes(b"old")
        os.symlink("elsewhere", tmp_path / "a")
        target = Folders([str(tmp_path)]).place(str(tmp_path / "a"))
        part = PartFile(target, resume=False)
        part.append(b"new")
        part.commit(None)
        assert not (tmp_path / "a").is_symlink()
        assert not there or (tmp_path / "elsewhere").read_bytes() == b"old"
        assert (tmp_path / "elsewhere").exists() == there

    # As with curl -o. The file behind it is replaced as any other is.
    @pytest.mark.parametrize("mode", [0o600, 0o755, None])
    def test_a_symbolic_link_that_the_user_named_is_written_through(self, tmp_path: Path, mode: int | None) -> None:
        (tmp_path / "other").mkdir()
        behind = tmp_path / "other" / "file"
        if mode is not None:
            behind.write_bytes(b"old")
            behind.chmod(mode)
        os.symlink("other/file", tmp_path / "a")
        fill(tmp_path / "a", b"new")
        assert (tmp_path / "a").is_symlink()
        assert behind.read_bytes() == b"new"
        assert stat.S_IMODE(behind.stat().st_mode) == (mode or 0o600)

    @as_root
    def test_a_link_that_others_made_in_a_shared_directory_is_not_followed(self, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (tmp_path / "precious").write_bytes(b"precious")
        os.symlink("../precious", shared / "a")
        os.chown(shared / "a", 4321, 4321, follow_symlinks=False)
        with pytest.raises(LocalFileError, match="another user made"):
            fill(shared / "a", b"new")
        assert (tmp_path / "precious").read_bytes() == b"precious"

    @pytest.mark.parametrize("redirected", [">", ">>"])
    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
    def test_standard_output_by_its_name(self, tmp_path: Path, redirected: str, name: str) -> None:
        """What the shell opened is written to, and /dev keeps its links."""
        script = (
            "import sys; from ftpcli.engine.trees.folder_handle import Place;"
            "from ftpcli.engine.trees.part_file import PartFile;"
            "part = PartFile(Place.of(sys.argv[1]), 1, resume=True);"
            "part.append(b'new'); part.sync(); part.commit(5e8)"
        )
        (tmp_path / "out").write_bytes(b"old ")
        os.symlink("/dev/stdout", tmp_path / "link")
        path = str(tmp_path / "link") if name == "link" else name
        command = f'exec "$0" -c "$1" "$2" {redirected} "$3"'
        subprocess.run(["sh", "-c", command, sys.executable, script, path, str(tmp_path / "out")], cwd=ROOT, check=True)
        assert (tmp_path / "out").read_bytes() == (b"new" if redirected == ">" else b"old new")
        assert os.path.islink("/dev/stdout")

    def test_a_device_is_written_to_directly(self) -> None:
        fill(Path("/dev/null"), b"data", mtime=5e8)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        assert leftovers(Path("/dev")) == []

    def test_a_device_stays_after_a_failure(self) -> None:
        part = PartFile(Place.of("/dev/null"), resume=True)
        part.restart()
        part.close()
        assert os.path.exists("/dev/null")

    def test_a_named_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a")
        reader = os.open(tmp_path / "a", os.O_RDONLY | os.O_NONBLOCK)
        fill(tmp_path / "a", b"data")
        assert os.read(reader, 10) == b"data"
        os.close(reader)
        assert stat.S_ISFIFO((tmp_path / "a").stat().st_mode)

    @pytest.mark.parametrize("link", [False, True])
    def test_a_directory_in_the_way(self, tmp_path: Path, link: bool) -> None:
        (tmp_path / "d").mkdir()
        if link:
            os.symlink("d", tmp_path / "l")
        with pytest.raises(LocalFileError, match="a directory is in the way"):
            PartFile(Place.of(str(tmp_path / ("l" if link else "d"))), resume=True)
        assert leftovers(tmp_path) == []

    def test_a_directory_that_appears_at_the_target(self, tmp_path: Path) -> None:
        part = PartFile(Place.of(str(tmp_path / "a")), resume=True)
        part.file.write(b"x")
        (tmp_path / "a").mkdir()
        with pytest.raises(LocalFileError, match="is a directory"):
            part.commit(None)
        part.close()
        assert len(leftovers(tmp_path)) == 1

    @pytest.mark.parametrize("target", ["none/a", "file/a"])
    def test_no_such_folder(self, tmp_path: Path, target: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LocalFileError, match="cannot write"):
            PartFile(Place.of(str(tmp_path / target)), resume=True)

    @not_as_root
    def test_a_read_only_directory(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(LocalFileError, match="permission denied"):
                PartFile(Place.of(str(tmp_path / "a")), resume=True)
        finally:
            tmp_path.chmod(0o700)


class TestFullDisk:
    """In a process of its own, which reports what LocalFileError said."""

    SCRIPT = """
import sys
from ftpcli.errors import LocalFileError
from ftpcli.engine.trees.folder_handle import Folders, Place
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.part_names import is_part
from ftpcli.net.pump import write_all
import os
folder = sys.argv[1]
part = PartFile(Place.of(folder + "/a"), resume=True)
try:
    for _ in range(100):
        write_all(part.file, memoryview(bytes(64 * 1024)))
    part.commit(None)
except LocalFileError as error:
    print(error)
finally:
    part.close()
print([is_part(name) for name in os.listdir(folder)])
"""

    def run(self, *command: str, before: Callable[[], None] | None = None) -> list[str]:
        done = subprocess.run(
            [*command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30, preexec_fn=before
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    def test_no_space_left(self, tmp_path: Path) -> None:
        shell = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1"'
        private = ["unshare", "-m", "sh", "-c"]
        if not AS_ROOT or subprocess.run([*private, 'mount -t tmpfs none "$0"', tmp_path], check=False).returncode:
            pytest.skip("no mount namespace for us")
        said = self.run(*private, shell, "sh", str(tmp_path), sys.executable, self.SCRIPT)
        assert said == ["cannot write: no space left on device", "[True]"]

    def test_file_too_large(self, tmp_path: Path) -> None:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        said = self.run(sys.executable, "-c", self.SCRIPT, str(tmp_path), before=limit)
        assert said == ["cannot write: file too large", "[True]"]


class TestLooking:
    def test_kinds(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"123")
        (tmp_path / "dir").mkdir()
        os.symlink("file", tmp_path / "link")
        os.mkfifo(tmp_path / "pipe")
        listing = local.scan(Place.of(str(tmp_path)))
        assert listing.whole
        found = {entry.name: (entry.kind, entry.size) for entry in listing.entries}
        assert found == {
            "file": (Kind.FILE, 3), "dir": (Kind.DIR, None), "link": (Kind.LINK, None), "pipe": (Kind.OTHER, None),
        }  # fmt: skip
        for name, (kind, size) in found.items():
            entry = local.look(Place.of(str(tmp_path / name)))
            assert entry is not None
            assert (entry.name, entry.kind, entry.size) == (name, kind, size)

    def test_names_that_are_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xff")).touch()
        assert [entry.name for entry in local.scan(Place.of(str(tmp_path))).entries] == ["\udcff"]

    @pytest.mark.parametrize("name", ["none", "file/below"])
    def test_nothing_there(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").touch()
        assert local.look(Place.of(str(tmp_path / name))) is None

    @pytest.mark.parametrize("name", ["a\0b", "x" * 300])
    def test_impossible_names(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(LocalFileError):
            local.look(Place.of(str(tmp_path / name)))

    def test_a_file_that_is_sent(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"123")
        with local.open_source(Place.of(str(path))) as source:
            assert source.size == 3
            assert source.unchanged()
            path.write_bytes(b"1234")
            assert not source.unchanged()

    def test_what_cannot_be_sent(self, tmp_path: Path) -> None:
        with pytest.raises(LocalFileError, match="no such file"):
            local.open_source(Place.of(str(tmp_path / "none")))

    # Was: os.fdopen() itself refuses a directory, and the descriptor stays open (the test's teardown says so).
    def test_a_directory_cannot_be_sent(self, tmp_path: Path) -> None:
        with pytest.raises(LocalFileError, match="is a directory"):
            local.open_source(Place.of(str(tmp_path)))

    def test_errors_name_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for doing in (
            lambda: local.scan(Place.of(str(tmp_path / "none"))),
            lambda: LocalTree(str(tmp_path)).make_directory(str(tmp_path / "file"), None),
            lambda: local.remove(Place.of(str(tmp_path / "none"))),
            lambda: local.remove_directory(Place.of(str(tmp_path / "none"))),
        ):
            with pytest.raises(LocalFileError, match=str(tmp_path)):
                doing()
