"""One file between the server and a stream that cannot be rewound."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpcli.engine.events import Report, Retrying
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.transfer.stream import RemoteFile, fetch, send
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import (
    ConnectionLost,
    FtpcliError,
    Incomplete,
    LocalFileError,
    NoSpace,
    NotFound,
    Refused,
    SourceChanged,
    Stopped,
    TransientRefusal,
    Unsupported,
    VerifyMismatch,
)
from ftpcli.stop import StopToken
from tests.engine.fake import ENDPOINT, Events, FakeServer, FakeSession, File, lost, raising

DATA = bytes(range(256)) * 4
Fetch = Callable[..., tuple[bytes, Report]]
Send = Callable[..., Report]


class Out(io.BytesIO):
    """Stands for stdout; fails behind ``room`` bytes."""

    room = 1 << 30

    def write(self, data: object, /) -> int:
        if self.tell() >= self.room:
            raise LocalFileError("cannot write: broken pipe")
        return super().write(data)  # type: ignore[arg-type]


@pytest.fixture
def fetched(server: FakeServer, stop: StopToken, events: Events) -> Fetch:
    server.root.inside["a"] = File(DATA)

    def go(path: str = "a", retries: int = 3, room: int = 1 << 30) -> tuple[bytes, Report]:
        out = Out()
        out.room = room
        try:
            with Solo(ENDPOINT, Policy(retries, 0.0), events.append, stop) as solo:
                report = fetch(RemoteFile(solo, path, RunProgress(1)), out)
        finally:
            assert server.live == 0
        return out.getvalue(), report

    return go


@pytest.fixture
def sent(server: FakeServer, stop: StopToken, events: Events, tmp_path: Path) -> Send:
    source = tmp_path / "stdin"
    source.write_bytes(DATA)

    def go(path: str = "a", retries: int = 3, *, make_parents: bool = False, in_place: bool = False) -> Report:
        with open(source, "rb", buffering=0) as file:
            try:
                with Solo(ENDPOINT, Policy(retries, 0.0), events.append, stop) as solo:
                    return send(
                        RemoteFile(solo, path, RunProgress(1)), file, make_parents=make_parents, in_place=in_place
                    )
            finally:
                assert server.live == 0

    return go


class TestFetch:
    def test_whole(self, fetched: Fetch) -> None:
        data, report = fetched()
        assert data == DATA
        assert (report.bytes, report.transferred, report.connections, report.reconnects) == (len(DATA), 1, 1, 0)

    @pytest.mark.parametrize("at", [1, 500, 1000])
    def test_no_byte_is_written_twice(self, server: FakeServer, fetched: Fetch, at: int) -> None:
        server.on("reading", lost(), at=at)
        data, report = fetched()
        assert data == DATA
        assert report.reconnects == 1

    @pytest.fixture(autouse=True)
    def _short_seam(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ftpcli.engine.transfer.stream.SEAM", 50)

    @pytest.mark.parametrize("content", [DATA, bytes(1024)])
    def test_rest_that_is_ignored_repeats_nothing(
        self, server: FakeServer, fetched: Fetch, content: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """350 to REST, and the file from its start. Was: the first bytes twice, and exit code 0."""
        server.root.inside["a"] = File(content)
        honest = FakeSession.open_read
        monkeypatch.setattr(FakeSession, "open_read", lambda self, path, _offset: honest(self, path, 0))
        server.on("reading", lost(), at=500)
        with pytest.raises(VerifyMismatch, match="cannot be taken back"):
            fetched()
        assert len(server.verbs("read")) == 2

    def test_lost_many_times_with_progress(
        self, server: FakeServer, fetched: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retry, "_WORTHWHILE", 1)
        server.on("reading", lost(), times=10)
        assert fetched(retries=1)[0] == DATA

    def test_lost_without_progress(self, server: FakeServer, fetched: Fetch, events: Events) -> None:
        server.on("read", lost(), times=9)
        with pytest.raises(ConnectionLost):
            fetched(retries=2)
        assert len(events.of(Retrying)) == 2

    def test_fewer_bytes_than_the_size(self, server: FakeServer, fetched: Fetch) -> None:
        server.on("stat", lambda: None, times=1)
        server.on("read", lambda: setattr(server.file("a"), "data", DATA[:700]))
        server.on("read end", lambda: setattr(server.file("a"), "data", DATA))
        data, _ = fetched()
        assert data == DATA, "the rest comes with the next try"

    def test_always_fewer(self, server: FakeServer, fetched: Fetch) -> None:
        server.on("read", lambda: setattr(server.file("a"), "data", DATA[:700]), times=9)
        server.on("read end", lambda: setattr(server.file("a"), "data", DATA), times=9)
        with pytest.raises(Incomplete, match="700 of 1024"):
            fetched()

    # Was: the output went on with the new file's bytes behind the old one's, and that was called a success.
    @pytest.mark.parametrize(
        "other",
        [File(b"x" * 2048), File(b"x" * 1024, mtime=2_000_000.0), File(b"x" * 500)],
        ids=["longer", "as long", "as long as what came"],
    )
    def test_another_file_has_come_in_its_place(self, server: FakeServer, fetched: Fetch, other: File) -> None:
        def replace() -> None:
            server.root.inside["a"] = other
            raise ConnectionLost("gone")

        server.on("reading", replace, at=500)
        with pytest.raises(SourceChanged, match="changed"):
            fetched()
        assert server.logins == 2

    def test_a_log_that_grows_meanwhile(self, server: FakeServer, fetched: Fetch) -> None:
        server.on("read", lambda: setattr(server.root.inside["a"], "data", DATA + b"more"))
        data, report = fetched(retries=0)
        assert data == DATA + b"more"
        assert report.bytes == len(data)

    def test_a_directory(self, server: FakeServer, fetched: Fetch) -> None:
        server.open().mkdir("folder")
        server.live = 0
        with pytest.raises(Refused, match="directory"):
            fetched("folder")

    def test_not_there(self, fetched: Fetch) -> None:
        with pytest.raises(NotFound):
            fetched("none")

    def test_server_without_sizes(self, server: FakeServer, fetched: Fetch) -> None:
        server.on("stat", raising(Unsupported("no SIZE")), times=9)
        assert fetched()[0] == DATA

    def test_a_reader_that_went_away(self, fetched: Fetch) -> None:
        with pytest.raises(LocalFileError):
            fetched(room=500)

    def test_stop(self, server: FakeServer, fetched: Fetch, stop: StopToken) -> None:
        server.on("reading", lambda: stop.request(143), at=500)
        with pytest.raises(Stopped) as caught:
            fetched()
        assert caught.value.exit_code == 143


class TestSend:
    def test_whole(self, server: FakeServer, sent: Send) -> None:
        report = sent()
        assert server.tree() == {"a": DATA}
        assert (report.bytes, report.transferred) == (len(DATA), 1)
        assert len(server.verbs("rename")) == 1

    def test_in_place(self, server: FakeServer, sent: Send) -> None:
        sent(in_place=True)
        assert server.tree() == {"a": DATA}
        assert server.verbs("rename") == []

    def test_parents(self, server: FakeServer, sent: Send) -> None:
        sent("x/y/a", make_parents=True)
        assert server.tree() == {"x": {"y": {"a": DATA}}}

    def test_a_first_byte_that_was_not_read_can_be_tried_again(self, server: FakeServer, sent: Send) -> None:
        server.on("write", lost(), times=2)
        sent()
        assert server.tree() == {"a": DATA}

    # Was: nothing had been counted as sent, so it was tried again, and went on behind the block that was read: a file
    # without its beginning, and a success. A server that grows tired of waiting for a slow pipe is enough.
    def test_bytes_that_were_read_and_not_sent_are_gone(self, server: FakeServer, sent: Send) -> None:
        server.on("sending", lost())
        with pytest.raises(ConnectionLost, match="cannot be sent again"):
            sent()
        assert len(server.verbs("write")) == 1
        assert server.tree() == {}, "the part file went by another connection"
        assert "a" not in server.tree()

    @pytest.mark.parametrize("done", [False, True])
    def test_lost_around_the_renaming(self, server: FakeServer, sent: Send, done: bool) -> None:
        # With done=True: the renaming took place, only its reply was lost; the second try finds no part file.
        server.on("rename", lost(), done=done)
        sent()
        assert server.tree() == {"a": DATA}

    def test_the_old_file_stays_when_the_new_one_fails(self, server: FakeServer, sent: Send) -> None:
        server.root.inside["a"] = File(b"old")
        server.on("writing", lost(), at=500)
        with pytest.raises(FtpcliError):
            sent()
        assert server.file("a").data == b"old"

    # Was: the error is retried though that cannot help, and the second try's "the connection was lost" (exit code 1)
    # takes the place of the real reason and its exit code.
    @pytest.mark.parametrize(
        "error", [ConnectionLost("gone"), TransientRefusal("not now", reply="450 busy"), Incomplete("less")]
    )
    def test_the_real_reason_is_told(self, server: FakeServer, sent: Send, error: FtpcliError) -> None:
        server.on("writing", raising(error), at=500)
        with pytest.raises(type(error), match="cannot be sent again") as caught:
            sent()
        assert caught.value.exit_code == error.exit_code
        assert len(server.verbs("write")) == 1
        assert server.tree() == {}

    def test_a_part_file_that_stays_is_named(self, server: FakeServer, sent: Send) -> None:
        server.on("writing", raising(NoSpace("full", reply="552 quota")), at=500)
        server.on("remove", raising(Refused("no", reply="550 no")))
        with pytest.raises(NoSpace, match=r"part file \.a\..*\.ftpcli-part stays"):
            sent()

    def test_stop(self, server: FakeServer, sent: Send, stop: StopToken) -> None:
        server.on("writing", lambda: stop.request(130), at=500)
        with pytest.raises(Stopped) as caught:
            sent()
        assert caught.value.exit_code == 130

    @pytest.mark.parametrize("there", [len(DATA), 10])
    def test_unconfirmed_is_looked_at(self, server: FakeServer, sent: Send, there: int) -> None:
        server.confirms = False

        def cut() -> None:
            (node,) = server.root.inside.values()
            assert isinstance(node, File)
            node.data = DATA[:there]

        server.on("write end", cut)
        if there == len(DATA):
            assert sent(retries=0).bytes == len(DATA)
        else:
            with pytest.raises(Incomplete):
                sent(retries=0)

    def test_a_pipe(self, server: FakeServer, stop: StopToken, events: Events) -> None:
        read, write = os.pipe()
        os.write(write, b"through a pipe")
        os.close(write)
        with open(read, "rb", buffering=0) as file, Solo(ENDPOINT, Policy(0, 0.0), events.append, stop) as solo:
            send(RemoteFile(solo, "a", RunProgress(1)), file, make_parents=False, in_place=False)
        assert server.tree() == {"a": b"through a pipe"}
