"""One file: where it goes on after a failure, what makes it whole, and how it gets its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftpcli.engine.job import Rules
from ftpcli.engine.journal.journal import Failures
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.transfer import verify
from ftpcli.engine.transfer.commit import Replacement
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.download import Download
from ftpcli.engine.transfer.outcome import Done, FileTransfer
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.upload import Upload
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.part_file import PartFile
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.slot import Slot
from ftpcli.errors import (
    ConnectionLost,
    DataConnectionFailed,
    Denied,
    FtpcliError,
    Incomplete,
    LocalFileError,
    NoSpace,
    NotFound,
    Refused,
    SourceChanged,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.model import Entry, Kind
from ftpcli.part_names import is_part, part_name
from ftpcli.stop import StopToken
from tests.engine.fake import FakeServer, FakeSession, File, lost, raising

STOP = StopToken()
DATA = bytes(range(256)) * 4  # 1024 bytes: eleven of the fake's pieces
OTHER = DATA[::-1]
OVERLAP = 250  # what is sent again where an upload was cut; in real life 64 KiB
SEAM = 50  # what is received again where a download was cut; in real life 4 KiB
MIB = 1024 * 1024
Run = Callable[..., Done]


@pytest.fixture
def run(server: FakeServer, stop: StopToken) -> Run:
    def run(transfer: FileTransfer, retries: int = 3) -> Done:
        slot = Slot(server.open)
        try:
            return retry.run(Policy(retries, 0.0), slot, stop, transfer.attempt, progress=transfer.progress)
        finally:
            slot.retire()

    return run


def context(**rules: Any) -> CopyContext:
    progress = WorkerProgress()
    return CopyContext(progress, progress.add, STOP, Rules(**rules), "fake:21")


def download(server: FakeServer, target: Path, *, size: int | None = -1, mtime: float = 5e8, **rules: Any) -> Download:
    server.root.inside.setdefault("a", File(DATA, mtime))
    entry = Entry("a", Kind.FILE, size=len(server.file("a").data) if size == -1 else size, mtime=mtime)
    return Download(CopyRequest("a", str(target), "a", entry), context(**rules))


def upload(source: Path, target: str = "a", **rules: Any) -> Upload:
    return Upload(CopyRequest(str(source), target, "a", Entry("a", Kind.FILE)), context(**rules))


def parts(names: object) -> list[str]:
    assert isinstance(names, (dict, list))
    return [name for name in names if "ftpcli-part" in name]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    os.utime(path, (6e8, 6e8))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "target"


@pytest.fixture(autouse=True)
def _setting(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.parent.mkdir()
    monkeypatch.setattr("ftpcli.engine.transfer.download.OVERLAP", OVERLAP)
    monkeypatch.setattr("ftpcli.engine.transfer.sending.OVERLAP", OVERLAP)
    monkeypatch.setattr("ftpcli.engine.transfer.download.SEAM", SEAM)


class TestDownload:
    def test_whole(self, server: FakeServer, target: Path, run: Run) -> None:
        assert run(download(server, target)) == Done(len(DATA), 0, "size")
        assert target.read_bytes() == DATA
        assert target.stat().st_mtime == 5e8
        assert os.listdir(target.parent) == ["target"]

    def test_empty(self, server: FakeServer, target: Path, run: Run) -> None:
        server.root.inside["a"] = File(b"")
        assert run(download(server, target)).bytes == 0
        assert target.read_bytes() == b""

    # Was: the next try put the whole file behind what had gone into the pipe, and that was called a success.
    @pytest.mark.parametrize("grown", [False, True])
    def test_into_a_pipe_nothing_goes_twice(self, server: FakeServer, target: Path, run: Run, grown: bool) -> None:
        os.mkfifo(target)
        pipe = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
        if not grown:
            server.on("reading", lost(), at=500)
        with pytest.raises(FtpcliError, match="taken back"):
            run(download(server, target, size=900 if grown else -1))
        assert os.read(pipe, 65536) == DATA[: 1000 if grown else 500]
        os.close(pipe)

    def test_into_a_pipe_that_got_nothing_yet(self, server: FakeServer, target: Path, run: Run) -> None:
        os.mkfifo(target)
        pipe = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
        server.on("read", lost(), times=2)
        run(download(server, target))
        assert os.read(pipe, 65536) == DATA
        os.close(pipe)

    def test_without_times(self, server: FakeServer, target: Path, run: Run) -> None:
        run(download(server, target, times=False))
        assert target.stat().st_mtime != 5e8

    @pytest.mark.parametrize(("verify", "verified"), [("auto", "time"), ("checksum", "time"), ("size", "size")])
    def test_a_large_file_is_looked_at_again_after_its_last_byte(
        self, server: FakeServer, target: Path, run: Run, verify: str, verified: str
    ) -> None:
        server.root.inside["a"] = File(DATA * 1024)
        assert run(download(server, target, mtime=1e6, verify=verify)).verified == verified
        assert len(server.verbs("stat")) == (verified == "time")

    def test_a_small_file_is_not_asked_for_again(self, server: FakeServer, target: Path, run: Run) -> None:
        assert run(download(server, target)).verified == "size"
        assert server.verbs("stat") == []

    def test_a_large_file_whose_server_does_not_tell_again(self, server: FakeServer, target: Path, run: Run) -> None:
        server.root.inside["a"] = File(DATA * 1024)
        server.on("stat", raising(Unsupported("no MLST", reply="502 no")))
        assert run(download(server, target, mtime=1e6)).verified == "size"
        assert target.stat().st_size == MIB

    def test_lost_when_it_is_looked_at_again(self, server: FakeServer, target: Path, run: Run) -> None:
        """Nothing is received again: the server has called it whole, and only the question is repeated."""
        server.root.inside["a"] = File(DATA * 1024)
        server.on("stat", lost(), times=2)
        assert run(download(server, target, mtime=1e6)) == Done(MIB, 0, "time")
        assert len(server.verbs("read")) == 1
        assert target.read_bytes() == DATA * 1024

    def test_a_source_that_seems_to_change_back_is_read_again(self, server: FakeServer, target: Path, run: Run) -> None:
        server.root.inside["a"] = File(DATA * 1024)

        def swap(mtime: float) -> Callable[[], None]:
            return lambda: setattr(server.file("a"), "mtime", mtime)

        server.on("reading", swap(2e6), at=MIB // 2)
        server.on("stat", swap(1e6), done=True)
        assert run(download(server, target, mtime=1e6)) == Done(MIB, 0, "time")
        assert [call[2] for call in server.verbs("read")] == [0, 0]

    @pytest.mark.parametrize("same_size", [True, False])
    def test_a_source_that_changed_while_it_was_read_is_read_again(
        self, server: FakeServer, target: Path, run: Run, same_size: bool
    ) -> None:
        """The server goes on sending the bytes that it began with, as many do; the name has others by then."""
        new = (OTHER if same_size else OTHER + b"!") * 1024

        def swap() -> None:
            server.root.inside["a"] = File(new, 2e6)

        server.root.inside["a"] = File(DATA * 1024)
        server.on("reading", swap, at=MIB // 2)
        assert run(download(server, target, mtime=1e6)) == Done(len(new), 0, "time")
        assert target.read_bytes() == new
        assert target.stat().st_mtime == 2e6
        assert os.listdir(target.parent) == ["target"]

    @pytest.mark.parametrize("at", [0, 1, 500, 1000, 1024])
    def test_goes_on_where_it_was_lost(self, server: FakeServer, target: Path, run: Run, at: int) -> None:
        server.on("reading", lost(), at=at)
        assert run(download(server, target)).bytes == len(DATA)
        assert target.read_bytes() == DATA
        again = len(DATA) - OVERLAP - SEAM if at == len(DATA) else max(100, -(-at // 100) * 100) - SEAM
        assert [call[2] for call in server.verbs("read")] == [0, again]

    def test_lost_before_the_final_reply(self, server: FakeServer, target: Path, run: Run) -> None:
        """All bytes are here, and nobody said that they were all: the last ones are asked for again."""
        server.on("read end", lost())
        assert run(download(server, target)).bytes == len(DATA)
        assert target.read_bytes() == DATA
        assert server.verbs("read")[-1] == ("read", "a", len(DATA) - OVERLAP - SEAM)

    def test_never_confirmed(self, server: FakeServer, target: Path, run: Run) -> None:
        server.on("read end", lost(), times=99)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=3)
        assert not target.exists()

    def test_lost_again_and_again_with_progress(
        self, server: FakeServer, target: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "_WORTHWHILE", 1)
        server.on("reading", lost(), times=10)
        assert run(download(server, target), retries=1).bytes == len(DATA)
        assert target.read_bytes() == DATA
        assert server.logins == 11

    def test_what_was_reached_is_kept_for_the_next_run(self, server: FakeServer, target: Path, run: Run) -> None:
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        assert not target.exists()
        assert [is_part(name) for name in os.listdir(target.parent)] == [True]
        assert run(download(server, target)).resumed_from == 500
        assert target.read_bytes() == DATA
        assert os.listdir(target.parent) == ["target"]

    def test_no_resume(self, server: FakeServer, target: Path, run: Run) -> None:
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        assert run(download(server, target, resume=False)).resumed_from == 0
        assert server.verbs("read")[-1] == ("read", "a", 0)

    def test_another_source_is_not_continued(self, server: FakeServer, target: Path, run: Run) -> None:
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        server.root.inside["a"] = File(OTHER, 7e8)
        assert run(download(server, target, mtime=7e8)).resumed_from == 0
        assert target.read_bytes() == OTHER

    # Was: the first bytes twice, or old and new ones in one file, with the right size and exit code 0.
    @pytest.mark.parametrize("retries", [1, 3])
    @pytest.mark.parametrize("content", [DATA, bytes(1024)])
    def test_rest_that_is_ignored(
        self, server: FakeServer, target: Path, run: Run, content: bytes, retries: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.root.inside["a"] = File(content, 5e8)
        honest = FakeSession.open_read
        monkeypatch.setattr(
            FakeSession, "open_read", lambda self, path, offset: honest(self, path, 0 if ignores else offset)
        )
        ignores = True
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        assert run(download(server, target), retries=retries).resumed_from == 0
        assert target.read_bytes() == content

    def test_another_content_of_the_same_size_and_time_is_not_continued(
        self, server: FakeServer, target: Path, run: Run
    ) -> None:
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        server.root.inside["a"] = File(OTHER, 5e8)
        run(download(server, target))
        assert target.read_bytes() == OTHER

    def test_a_server_that_sends_on_and_on_is_stopped(self, server: FakeServer, target: Path, run: Run) -> None:
        server.root.inside["a"] = File(DATA * 1024)
        moved: list[int] = []
        transfer = download(server, target, size=600)
        server.knows_sizes = False
        server.on("reading", lambda: moved.append(1), times=-1)
        with pytest.raises(SourceChanged):
            run(transfer, retries=1)
        assert len(moved) <= 2 * 7
        assert os.listdir(target.parent) == []

    @pytest.mark.parametrize("verb", ["read", "reading"])
    def test_tries_that_bring_nothing_lose_nothing(
        self, server: FakeServer, target: Path, run: Run, verb: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ftpcli.engine.transfer.download.SEAM", 150)  # more than one piece
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=0)
        server.on(verb, lost(), times=9)
        with pytest.raises(ConnectionLost):
            run(download(server, target), retries=3)
        (left,) = target.parent.iterdir()
        assert left.read_bytes() == DATA[:500]

    def test_server_without_rest(self, server: FakeServer, target: Path, run: Run) -> None:
        server.restarts = False
        server.on("reading", lost(), at=500)
        run(download(server, target))
        assert target.read_bytes() == DATA

    def test_fewer_bytes_than_listed(self, server: FakeServer, target: Path, run: Run) -> None:
        """The server calls it complete; the retry finds the size unchanged, so it is not."""
        server.knows_sizes = False
        with pytest.raises(Incomplete, match="1024 of 2000"):
            run(download(server, target, size=2000), retries=1)
        assert not target.exists()

    def test_more_bytes_than_listed(self, server: FakeServer, target: Path, run: Run) -> None:
        """It grew since it was listed: the next try takes the new size."""
        assert run(download(server, target, size=600)).bytes == len(DATA)
        assert target.read_bytes() == DATA
        assert os.listdir(target.parent) == ["target"]

    def test_always_more_bytes(self, server: FakeServer, target: Path, run: Run) -> None:
        server.knows_sizes = False
        with pytest.raises(SourceChanged):
            run(download(server, target, size=600), retries=2)
        assert os.listdir(target.parent) == []

    def test_size_unknown(self, server: FakeServer, target: Path, run: Run) -> None:
        assert run(download(server, target, size=None)) == Done(len(DATA), 0, "size"), "it was asked for"
        assert target.read_bytes() == DATA

    def test_size_unknown_is_never_continued(self, server: FakeServer, target: Path, run: Run) -> None:
        server.knows_sizes = False
        server.on("reading", lost(), at=500)
        run(download(server, target, size=None))
        assert [call[2] for call in server.verbs("read")] == [0, 0]
        assert target.read_bytes() == DATA

    def test_source_grew_between_two_tries(self, server: FakeServer, target: Path, run: Run) -> None:
        def swap() -> None:
            server.root.inside["a"] = File(OTHER * 2, 7e8)
            lost()()

        server.on("reading", swap, at=500)
        run(download(server, target))
        assert target.read_bytes() == OTHER * 2
        assert target.stat().st_mtime == 7e8

    # Was: `_look_again` looks at the size only. Old and new bytes end up in one file, and that is called a success.
    def test_source_changed_between_two_tries_but_not_in_size(self, server: FakeServer, target: Path, run: Run) -> None:
        def swap() -> None:
            server.root.inside["a"] = File(OTHER, 7e8)
            lost()()

        server.on("reading", swap, at=500)
        run(download(server, target))
        assert target.read_bytes() == OTHER

    def test_a_directory_in_the_way(self, server: FakeServer, target: Path, run: Run) -> None:
        target.mkdir()
        with pytest.raises(LocalFileError, match="directory"):
            run(download(server, target))
        assert server.verbs("read") == []

    def test_progress(self, server: FakeServer, target: Path, run: Run) -> None:
        transfer = download(server, target)
        assert transfer.progress() == 0
        server.on("reading", lost(), at=300)
        with pytest.raises(ConnectionLost):
            run(transfer, retries=0)
        assert transfer.progress() == 300


class TestUpload:
    def test_whole(self, server: FakeServer, source: Path, run: Run) -> None:
        assert run(upload(source)) == Done(len(DATA), 0, "size")
        assert server.tree() == {"a": DATA}
        assert server.file("a").mtime == 6e8

    def test_empty(self, server: FakeServer, source: Path, run: Run) -> None:
        source.write_bytes(b"")
        assert run(upload(source)).bytes == 0
        assert server.tree() == {"a": b""}

    def test_the_old_content_stays_until_the_new_is_whole(self, server: FakeServer, source: Path, run: Run) -> None:
        server.root.inside["a"] = File(b"old")
        server.on("writing", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(upload(source), retries=0)
        assert server.file("a").data == b"old"
        run(upload(source))
        assert server.tree() == {"a": DATA}

    def test_without_times_and_on_a_server_that_has_none(self, server: FakeServer, source: Path, run: Run) -> None:
        run(upload(source, times=False))
        assert server.verbs("set_mtime") == []
        server.sets_times = False
        assert run(upload(source, "b")).bytes == len(DATA)

    @pytest.mark.parametrize(("verify", "verified"), [("auto", "time"), ("size", "size"), ("none", "none")])
    def test_a_time_that_the_server_says_it_has_set_vouches_too(
        self, server: FakeServer, source: Path, run: Run, verify: str, verified: str
    ) -> None:
        server.tells_times = True
        assert run(upload(source, verify=verify)).verified == verified

    @pytest.mark.parametrize(("step", "verified"), [(2, "time"), (60, "size")])
    def test_a_time_that_the_server_did_not_keep_does_not(
        self, server: FakeServer, source: Path, run: Run, step: int, verified: str
    ) -> None:
        os.utime(source, (1_600_000_039, 1_600_000_039))
        server.tells_times, server.times_step = True, step
        assert run(upload(source)).verified == verified
        assert server.file("a").data == DATA

    @pytest.mark.parametrize("at", [1, 500, 1000])
    @pytest.mark.parametrize("restarts", [True, False])
    def test_goes_on_where_it_was_lost(
        self, server: FakeServer, source: Path, run: Run, at: int, restarts: bool
    ) -> None:
        server.restarts = restarts
        server.on("writing", lost(), at=at)
        run(upload(source))
        assert server.tree() == {"a": DATA}
        offsets = [call[2] for call in server.verbs("write")]
        again = max(0, -(-at // 100) * 100 - OVERLAP)
        assert offsets == ([0, again] if restarts or not again else [0, again, 0])

    def test_small_files_of_an_earlier_run_are_not_asked_for(self, server: FakeServer, source: Path, run: Run) -> None:
        run(upload(source))
        assert server.verbs("stat") == []

    def test_a_large_file_of_an_earlier_run_is_continued(self, server: FakeServer, source: Path, run: Run) -> None:
        with source.open("ab") as file:
            file.truncate(MIB)
        server.on("writing", lost(), at=500_000)
        with pytest.raises(ConnectionLost):
            run(upload(source), retries=0)
        assert run(upload(source)).resumed_from == 500_000 - OVERLAP
        assert server.tree() == {"a": source.read_bytes()}

    def test_lost_before_the_final_reply(self, server: FakeServer, source: Path, run: Run) -> None:
        server.on("write end", lost())
        run(upload(source))
        assert server.tree() == {"a": DATA}

    @pytest.mark.parametrize("done", [False, True])
    @pytest.mark.parametrize("verb", ["set_mtime", "rename", "write"])
    @pytest.mark.parametrize("old", [None, b"old"])
    def test_lost_around_each_command(
        self, server: FakeServer, source: Path, run: Run, verb: str, done: bool, old: bytes | None
    ) -> None:
        if old is not None:
            server.root.inside["a"] = File(old)
        server.on(verb, lost(), done=done)
        assert run(upload(source)).bytes == len(DATA)
        assert server.tree() == {"a": DATA}
        assert len(server.verbs("write")) == 1 + (verb == "write" and done), "nothing is sent twice"

    def test_each_step_is_taken_once_and_counts_as_progress(self, server: FakeServer, source: Path, run: Run) -> None:
        """One retry is enough for a connection that is lost at every single command."""
        os.chmod(source, 0o444)
        commands = ("write", "size", "set_mtime", "rename", "set_mode")
        for verb in commands:
            server.on(verb, lost())
        run(upload(source, perms=True), retries=1)
        assert server.tree() == {"a": DATA}
        assert server.file("a").mode == 0o444
        assert [call[0] for call in server.calls] == list(commands)
        assert server.logins == 1 + len(commands)

    @pytest.mark.parametrize("verb", ["size", "set_mtime", "rename", "set_mode"])
    def test_a_step_that_fails_again_is_no_progress(
        self, server: FakeServer, source: Path, run: Run, verb: str
    ) -> None:
        os.chmod(source, 0o444)
        server.on(verb, lost(), times=9)
        with pytest.raises(ConnectionLost):
            run(upload(source, perms=True), retries=2)
        assert server.logins == 3

    def test_a_size_is_not_believed_after_a_refusal(self, server: FakeServer, source: Path, run: Run) -> None:
        """FileZilla Server answers 425 to an upload that broke, and its SIZE may be that of the whole file."""
        error = DataConnectionFailed("broke", reply="425 Error while transfering data: ECONNABORTED")
        server.on("write end", raising(error))
        run(upload(source))
        assert [call[2] for call in server.verbs("write")] == [0, 0]
        assert server.tree() == {"a": DATA}

    def test_source_changes_while_it_is_sent(self, server: FakeServer, source: Path, run: Run) -> None:
        server.on("writing", lambda: source.write_bytes(OTHER * 2), at=500)
        run(upload(source))
        assert server.tree() == {"a": OTHER * 2}

    def test_source_that_never_rests(self, server: FakeServer, source: Path, run: Run) -> None:
        server.root.inside["a"] = File(b"old")
        server.on("writing", lambda: os.utime(source, (server.logins, len(server.calls))), at=500, times=99)
        with pytest.raises(SourceChanged):
            run(upload(source), retries=2)
        assert server.tree() == {"a": b"old"}

    # Was: the refusal was what counted, and there was no other try.
    def test_source_changes_and_nothing_may_be_deleted(self, server: FakeServer, source: Path, run: Run) -> None:
        server.on("writing", lambda: source.write_bytes(OTHER * 2), at=500)
        server.on("remove", raising(Refused("no", reply="550 no")))
        run(upload(source))
        assert server.tree()["a"] == OTHER * 2

    @pytest.mark.parametrize("there", [len(DATA), 10])
    def test_unconfirmed_is_looked_at(self, server: FakeServer, source: Path, run: Run, there: int) -> None:
        server.confirms = False

        def cut() -> None:
            (part,) = parts(list(server.root.inside))
            server.file(part).data = DATA[:there]

        server.on("write end", cut)
        if there == len(DATA):
            assert run(upload(source), retries=0).bytes == len(DATA)
        else:
            with pytest.raises(Incomplete):
                run(upload(source), retries=0)
            assert "a" not in server.root.inside

    def test_source_that_is_not_there(self, server: FakeServer, tmp_path: Path, run: Run) -> None:
        with pytest.raises(LocalFileError, match="no such file"):
            run(upload(tmp_path / "none"))
        assert server.root.inside == {}

    @pytest.mark.parametrize("may_delete", [True, False])
    @pytest.mark.parametrize("error", [NoSpace("full", reply="552 quota"), Refused("no", reply="SSH_FX_FAILURE")])
    def test_a_full_server_is_left_without_a_part_file(
        self, server: FakeServer, source: Path, run: Run, error: FtpcliError, may_delete: bool
    ) -> None:
        if not may_delete:
            server.on("remove", raising(Refused("no", reply="550 no")))
        server.on("write end", raising(error))
        transfer = upload(source)
        with pytest.raises(type(error)):
            run(transfer)
        assert len(parts(list(server.root.inside))) == (not may_delete)
        assert transfer._context.journal.stale(Failures()) == parts(list(server.root.inside)), (
            "the run's end tries again"
        )

    def test_a_part_file_whose_source_changed_goes_later_if_not_now(
        self, server: FakeServer, source: Path, run: Run
    ) -> None:
        server.on("writing", lambda: source.write_bytes(OTHER * 2), at=500)
        server.on("remove", raising(Refused("no", reply="550 no")))
        transfer = upload(source)
        with pytest.raises(SourceChanged):
            run(transfer, retries=0)
        assert transfer._context.journal.stale(Failures()) == parts(list(server.root.inside))


class TestInPlace:
    # Was: exit code 0.
    @pytest.mark.parametrize("words", ["550 No such file.", "550 Could not get file size."])
    def test_what_is_not_there_is_no_success(self, server: FakeServer, source: Path, run: Run, words: str) -> None:
        server.on("size", raising(NotFound("x", reply=words)), times=9)
        with pytest.raises(VerifyMismatch, match="not there"):
            run(upload(source, in_place=True))
        assert len(server.verbs("write")) == 1
        run(upload(source, in_place=True, verify="none"))

    @pytest.mark.parametrize(
        "error", [Denied("no", reply="3"), NotFound("x", reply="550 Permission denied"), Unsupported("x", reply="500")]
    )
    def test_a_drop_box_tells_nothing(self, server: FakeServer, source: Path, run: Run, error: FtpcliError) -> None:
        if isinstance(error, Unsupported):
            server.knows_sizes = False
        else:
            server.on("size", raising(error), times=9)
        assert run(upload(source, in_place=True)).verified == "none"

    def test_a_full_server_has_an_incomplete_file(self, server: FakeServer, source: Path, run: Run) -> None:
        server.on("writing", raising(NoSpace("full", reply="552 quota")), at=500)
        with pytest.raises(NoSpace, match="incomplete file"):
            run(upload(source, in_place=True))

    def test_there_is_no_part_file(self, server: FakeServer, source: Path, run: Run) -> None:
        server.root.inside["a"] = File(b"old")
        run(upload(source, in_place=True))
        assert server.tree() == {"a": DATA}
        assert server.verbs("rename") == []
        assert server.verbs("write") == [("write", "a", 0)]

    def test_what_is_there_is_never_continued(self, server: FakeServer, source: Path, run: Run) -> None:
        server.root.inside["a"] = File(OTHER[:500])
        run(upload(source, in_place=True))
        assert server.tree() == {"a": DATA}

    def test_goes_on_where_it_was_lost(self, server: FakeServer, source: Path, run: Run) -> None:
        server.on("writing", lost(), at=500)
        run(upload(source, in_place=True))
        assert server.tree() == {"a": DATA}
        assert [call[2] for call in server.verbs("write")] == [0, 500 - OVERLAP]

    # Was: the target's name says nothing of its source, so the second try puts new bytes behind the old ones.
    def test_source_changed_between_two_tries(self, server: FakeServer, source: Path, run: Run) -> None:
        def swap() -> None:
            source.write_bytes(OTHER)
            lost()()

        server.on("writing", swap, at=500)
        run(upload(source, in_place=True))
        assert server.tree() == {"a": OTHER}

    # Was: `_sent` remembers the name only: the old content keeps its place and gets the new one's time and size.
    def test_source_changed_after_it_was_sent(self, server: FakeServer, source: Path, run: Run) -> None:
        def swap() -> None:
            source.write_bytes(OTHER)
            lost()()

        server.on("set_mtime", swap)
        run(upload(source, in_place=True))
        assert server.tree() == {"a": OTHER}

    # Was: `_send_from` removes `part`, and that is the user's own file here.
    def test_a_source_that_changed_does_not_delete_the_target(self, server: FakeServer, source: Path, run: Run) -> None:
        server.root.inside["a"] = File(b"old")
        server.on("writing", lambda: source.write_bytes(OTHER), at=500)
        with pytest.raises(SourceChanged):
            run(upload(source, in_place=True), retries=0)
        assert "a" in server.root.inside


class TestReplace:
    """A server that does not rename onto what exists."""

    @pytest.fixture
    def picky(self, server: FakeServer) -> FakeServer:
        server.renames_over = False
        server.root.inside.update({"part": File(b"new"), "a": File(b"old")})
        return server

    def test_the_old_file_steps_aside(self, picky: FakeServer) -> None:
        Replacement("part", "a").attempt(picky.open(), 3)
        assert picky.tree() == {"a": b"new"}

    def test_nothing_in_the_way(self, picky: FakeServer) -> None:
        del picky.root.inside["a"]
        Replacement("part", "a").attempt(picky.open(), 3)
        assert picky.tree() == {"a": b"new"}
        assert len(picky.verbs("rename")) == 1

    def test_the_old_file_comes_back(self, picky: FakeServer) -> None:
        def refuse() -> None:
            if "a" not in picky.root.inside:
                raise Refused("no", reply="553 no")

        picky.on("rename", refuse, path="part", times=2)
        with pytest.raises(Refused):
            Replacement("part", "a").attempt(picky.open(), 3)
        assert picky.tree() == {"a": b"old", "part": b"new"}

    @pytest.mark.parametrize("error", [Refused("no"), FtpcliError("no")])
    def test_a_directory_in_the_way_stays(self, picky: FakeServer, error: FtpcliError) -> None:
        picky.root.inside["a"] = type(picky.root)()
        picky.on("rename", raising(error))
        with pytest.raises(FtpcliError) as caught:
            Replacement("part", "a").attempt(picky.open(), 3)
        assert caught.value is error
        assert picky.tree() == {"a": {}, "part": b"new"}

    @pytest.mark.parametrize("number", [1, 2, 3])
    @pytest.mark.parametrize("done", [False, True])
    def test_lost_around_each_renaming(
        self, server: FakeServer, source: Path, run: Run, number: int, done: bool
    ) -> None:
        """At no moment are both contents away from the user, and the next try finishes."""
        server.renames_over = False
        server.root.inside["a"] = File(b"old")
        count = 0

        def nth() -> None:
            nonlocal count
            count += 1
            there = [node.data for node in server.root.inside.values() if isinstance(node, File)]
            assert b"old" in there or server.file("a").data == DATA
            if count == number:
                lost()()

        server.on("rename", nth, done=done, times=9)
        run(upload(source))
        assert server.file("a").data == DATA

    # Was: what stepped aside stays for ever, when the connection was lost after that: nobody looks for it again.
    @pytest.mark.parametrize("verb", ["rename", "remove"])
    def test_nothing_stays_aside(self, server: FakeServer, source: Path, run: Run, verb: str) -> None:
        server.renames_over = False
        server.root.inside["a"] = File(b"old")
        server.on(
            verb, lambda: None if "a" in server.root.inside and verb == "rename" else lost()(), done=verb == "rename"
        )
        run(upload(source))
        assert server.tree() == {"a": DATA}

    # Was: `-old` behind a part name is no part name: a mirror would bring it along as a file of the tree, and it is
    # too long a name where the part name was cut to fit.
    @pytest.mark.parametrize("name", ["a", "a" * 240])
    def test_what_steps_aside_is_a_part_file(self, picky: FakeServer, name: str) -> None:
        part = part_name(name, "identity")
        picky.root.inside.update({part: File(b"new"), name: File(b"old")})
        Replacement(part, name).attempt(picky.open(), 3)
        _, _, aside = picky.verbs("rename")[1]
        assert is_part(str(aside))
        assert len(str(aside)) <= 255


def test_a_part_file_that_another_run_writes(server: FakeServer, target: Path, run: Run) -> None:
    transfer = download(server, target)
    other = PartFile(Place.of(str(target)), "fake:21", "a", len(DATA), 5e8, resume=True)
    try:
        with pytest.raises(LocalFileError, match="another process"):
            run(transfer)
    finally:
        other.close()


class TestVerification:
    """What arrived is held against the server's digest before it counts."""

    def test_a_download_by_digest(self, server: FakeServer, target: Path, run: Run) -> None:
        server.digests = "sha256"
        assert run(download(server, target, verify="checksum")).verified == "sha256"
        assert target.read_bytes() == DATA

    def test_without_a_digest_the_size_has_to_do(self, server: FakeServer, target: Path, run: Run) -> None:
        assert run(download(server, target, verify="checksum")).verified == "size"

    def test_a_download_that_differs_leaves_the_old_file(
        self, server: FakeServer, target: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.digests = "sha256"
        target.write_bytes(b"good")
        monkeypatch.setattr("ftpcli.engine.transfer.verify.digest_of", lambda *_: "0" * 64)
        with pytest.raises(VerifyMismatch, match="digests differ"):
            run(download(server, target, verify="checksum"), retries=1)
        assert target.read_bytes() == b"good"
        assert [path.name for path in target.parent.iterdir()] == [target.name]

    def test_an_upload_by_digest(self, server: FakeServer, source: Path, run: Run) -> None:
        server.digests = "sha1"
        assert run(upload(source, verify="checksum")).verified == "sha1"

    def test_an_upload_that_differs_is_sent_again(
        self, server: FakeServer, source: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.digests = "sha256"
        wrong = iter(["0" * 64])
        right = verify.digest_of
        monkeypatch.setattr(
            "ftpcli.engine.transfer.verify.digest_of", lambda *words: next(wrong, None) or right(*words)
        )
        server.root.inside["a"] = File(b"good")
        assert run(upload(source, verify="checksum")).verified == "sha256"
        assert server.tree() == {"a": DATA}

    def test_an_upload_that_differs_for_good_leaves_the_old_file(
        self, server: FakeServer, source: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.digests = "sha256"
        monkeypatch.setattr("ftpcli.engine.transfer.verify.digest_of", lambda *_: "0" * 64)
        server.root.inside["a"] = File(b"good")
        with pytest.raises(VerifyMismatch):
            run(upload(source, verify="checksum"), retries=1)
        assert server.tree() == {"a": b"good"}


class TestImpreciseTimes:
    """A LIST line tells the minute or the day; another version of the file may have been there within it."""

    def transfer(self, server: FakeServer, target: Path, precision: float) -> Download:
        server.root.inside.setdefault("a", File(DATA, 5e8))
        entry = Entry("a", Kind.FILE, size=len(DATA), mtime=5e8, precision=precision)
        return Download(CopyRequest("a", str(target), "a", entry), context())

    @pytest.mark.parametrize("precision", [60.0, 86_400.0])
    def test_a_part_of_an_earlier_version_is_not_continued(
        self, server: FakeServer, target: Path, run: Run, precision: float
    ) -> None:
        server.on("reading", lost(), at=500)
        with pytest.raises(ConnectionLost):
            run(self.transfer(server, target, precision), retries=0)
        server.root.inside["a"] = File(OTHER, 5e8 + 7)
        run(self.transfer(server, target, precision))
        assert target.read_bytes() == OTHER

    def test_what_an_earlier_try_began_goes(self, server: FakeServer, target: Path, run: Run) -> None:
        def swap() -> None:
            server.root.inside["a"] = File(OTHER, 7e8)
            lost()()

        server.on("reading", swap, at=500)
        run(download(server, target))
        assert target.read_bytes() == OTHER
        assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_an_upload_that_the_server_cut_short_is_no_success(server: FakeServer, source: Path, run: Run) -> None:
    """It said 226 and kept less than it was sent."""
    server.root.inside["a"] = File(b"good")

    def cut() -> None:
        for node in server.root.inside.values():
            if isinstance(node, File) and node.data == DATA:
                node.data = DATA[:700]

    server.on("write", cut, done=True)
    server.on("size", cut, times=9)
    with pytest.raises(VerifyMismatch, match="the server has 700"):
        run(upload(source), retries=1)
    assert server.file("a").data == b"good"
