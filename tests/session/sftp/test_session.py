"""Small verbs, listings, names, and what a server may say at the beginning."""

from __future__ import annotations

import errno
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import (
    BadName,
    Busy,
    ConnectionLost,
    Denied,
    NotFound,
    PeerProtocolError,
    Refused,
    TimedOut,
    Unsupported,
)
from ftpcli.model import Digest, Endpoint, Kind
from ftpcli.session.contract import HostMemory
from ftpcli.session.sftp import login as opening
from ftpcli.session.sftp.session import SftpSession
from ftpcli.session.sftp.window import LARGEST, SMALLEST, Window
from ftpcli.session.ssh import connect as ssh_opening
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code, Packet
from ftpcli.wire.sftp.fields import string, uint32
from tests.servers.scripted.sftp import ScriptedSftp, framed, on, status

from .conftest import open_over

FILE = Attributes(size=5, uid=7, gid=8, permissions=stat.S_IFREG | 0o640, atime=1, mtime=1_700_000_000)
DIR = Attributes(permissions=stat.S_IFDIR | 0o755)


def test_free_bytes() -> None:
    server = ScriptedSftp(free_bytes=5_000_000)
    session = open_over(server)
    assert session.free_bytes("sub", 4_000_000) == 5_000_000
    assert [asked.path for asked in server.asked if asked.name.startswith("statvfs")] == ["/home/sub"]
    server.answers.append(lambda _, asked: status(asked, Code.FAILURE) if asked.name.startswith("statvfs") else None)
    assert session.free_bytes("other", 4_000_000) is None
    assert session.healthy
    assert open_over(ScriptedSftp(extensions={})).free_bytes("sub", 1) is None


def test_listing() -> None:
    names = [
        (b".", DIR),
        (b"..", DIR),
        (b"file", FILE),
        (b"folder", DIR),
        (b"link", Attributes(size=9, permissions=stat.S_IFLNK | 0o777)),
        (b"pipe", Attributes(permissions=stat.S_IFIFO)),
        (b"bare", Attributes()),
        (b"latin-\xe9", FILE),
        (b"../up", FILE),
        (b"nul\0", FILE),
        (b"", FILE),
    ]
    links = {"/home/d/link": b"else\xe9"}
    session = open_over(ScriptedSftp(listed={"/home/d": [names[:4], names[4:]]}, links=links))
    listing = session.list("d")
    found = {entry.name: entry for entry in listing.entries}
    assert list(found) == ["file", "folder", "link", "pipe", "bare", "latin-\udce9"]
    assert [entry.kind for entry in found.values()] == [
        Kind.FILE,
        Kind.DIR,
        Kind.LINK,
        Kind.OTHER,
        Kind.FILE,
        Kind.FILE,
    ]
    entry = found["file"]
    assert (entry.size, entry.mtime, entry.mode, entry.owner, entry.group) == (5, 1_700_000_000, 0o640, "7", "8")
    assert entry.precision == 1
    assert entry.mtime_is_utc
    assert (found["link"].size, found["link"].target) == (None, "else\udce9")
    assert len(listing.problems) == 3
    assert not listing.whole


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 50])
def test_a_large_directory_is_read_ahead_and_whole(batches: int) -> None:
    server = ScriptedSftp(
        listed={"/home/d": [[(b"n%d-%d" % (b, n), FILE) for n in range(100)] for b in range(batches)]}
    )
    session = open_over(server)
    assert len(session.list("d").entries) == batches * 100
    session.ping()
    assert session.healthy
    assert server.open_handles == 0
    assert sum(asked.kind == Packet.READDIR for asked in server.asked) <= batches + 17


def test_a_directory_that_fails_in_the_middle() -> None:
    answers = [on(Packet.READDIR, lambda asked: status(asked, Code.FAILURE, "bad disk"), 1)]
    session = open_over(ScriptedSftp(listed={"/home/d": [[(b"a", FILE)]] * 5}, answers=answers))
    with pytest.raises(Refused, match="bad disk"):
        session.list("d")
    session.ping()
    assert session.healthy
    with pytest.raises(NotFound, match="not found, or not a directory"):  # OpenSSH answers the same to both
        session.list("absent")


def test_names_are_bytes(server: ScriptedSftp, session: SftpSession) -> None:
    server.files["/home/\udce9"] = bytearray(b"x")
    assert session.size("\udce9") == 1
    with pytest.raises(BadName):
        session.stat("nul\0")
    with pytest.raises(BadName):
        session.stat("\ud800")
    assert session.healthy


def test_paths_are_relative_to_the_login_directory_or_absolute(server: ScriptedSftp, session: SftpSession) -> None:
    server.files |= {"/home/a": bytearray(1), "/a": bytearray(2)}
    assert session.size("a") == 1
    assert session.size("/a") == 2
    assert session.stat("").kind is Kind.DIR


def test_stat_and_size(server: ScriptedSftp, session: SftpSession) -> None:
    server.files["/home/f"] = bytearray(3)
    server.times["/home/f"] = 1_600_000_000
    found = session.stat("f")
    assert (found.name, found.kind, found.size, found.mtime) == ("f", Kind.FILE, 3, 1_600_000_000)
    with pytest.raises(NotFound):
        session.stat("absent")
    with pytest.raises(NotFound):
        session.size("absent")
    with pytest.raises(Refused, match="directory"):
        session.size("/home")


def test_rename_replaces_at_once_where_the_server_can(server: ScriptedSftp, session: SftpSession) -> None:
    server.files |= {"/home/a": bytearray(b"a"), "/home/b": bytearray(b"b")}
    session.rename("a", "b")
    assert server.files == {"/home/b": bytearray(b"a")}


def test_rename_without_the_extension() -> None:
    server = ScriptedSftp(files={"/home/a": bytearray(b"a"), "/home/b": bytearray(b"b")}, extensions={})
    session = open_over(server)
    with pytest.raises(Refused):
        session.rename("a", "b")
    session.rename("a", "c")
    assert set(server.files) == {"/home/b", "/home/c"}


def test_rename_by_an_extension_that_is_named_and_does_not_work() -> None:
    server = ScriptedSftp(files={"/home/a": bytearray(b"a")})
    server._do_posix_rename = lambda asked, *_: status(asked, Code.OP_UNSUPPORTED)  # type: ignore[method-assign]
    session = open_over(server)
    session.rename("a", "b")
    session.rename("b", "c")
    assert set(server.files) == {"/home/c"}
    assert sum(asked.name.startswith("posix-rename") for asked in server.asked) == 1


def test_times(server: ScriptedSftp, session: SftpSession) -> None:
    server.files["/home/f"] = bytearray()
    assert session.set_mtime("f", 1_234_567_890.9)
    assert server.times["/home/f"] == 1_234_567_890
    asked = len(server.asked)
    assert not session.set_mtime("f", -1)
    assert not session.set_mtime("f", 2**32)
    assert len(server.asked) == asked
    server.answers.append(on(Packet.SETSTAT, lambda asked: status(asked, Code.PERMISSION_DENIED)))
    assert not session.set_mtime("f", 1)


def test_small_verbs(server: ScriptedSftp, session: SftpSession) -> None:
    session.mkdir("d")
    with pytest.raises(Refused, match="there already"):
        session.mkdir("d")
    server.answers.append(on(Packet.MKDIR, lambda asked: status(asked, Code.PERMISSION_DENIED)))
    with pytest.raises(Denied):
        session.mkdir("e")
    server.files["/home/f"] = bytearray()
    session.remove("f")
    with pytest.raises(NotFound):
        session.remove("f")
    assert session.tls_facts() is None
    assert session.digest("f") is None
    assert session.idle_seconds() < 60


def test_digest() -> None:
    server = ScriptedSftp(files={"/home/f": bytearray(b"x")}, extensions={"check-file": b"md5,sha1"})

    def answer(_server: ScriptedSftp, asked: object) -> bytes | None:
        name = getattr(asked, "name", "")
        if name == "check-file-handle":
            head = uint32(asked.id) + string(b"check-file") + string(b"sha1")  # type: ignore[attr-defined]
            return framed(Packet.EXTENDED_REPLY, head + b"\x01" * 20)
        return None

    server._do_check_file_handle = lambda *_: b""  # type: ignore[attr-defined]
    server.answers.append(answer)
    session = open_over(server)
    assert session.capabilities.digests == ("sha1", "md5")
    assert session.digest("f") == Digest("sha1", "01" * 20)
    session.ping()
    assert server.open_handles == 0


def test_limits_of_the_server() -> None:
    for told, used in (((0, 0), 32768), ((10**9, 10**9), 261120), ((65536, 65536), 65536)):
        server = ScriptedSftp(limits=told, files={"/home/f": bytearray(300_000)})
        session = open_over(server)
        with session.open_read("f", 0) as source:
            source.pump_to(_Nowhere(), lambda _: None)
            source.finish()
        assert max(asked.length for asked in server.asked if asked.kind == Packet.READ) == used


class _Nowhere:
    def write(self, data: memoryview, /) -> int:
        return len(data)


def test_another_version() -> None:
    with pytest.raises(Unsupported, match="version 2"):
        open_over(ScriptedSftp(version=2))


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        (b"Welcome to this server!\r\n", PeerProtocolError, "start-up file"),
        (b"\xff\xff\xff\xff", PeerProtocolError, "cannot be"),
        (framed(Packet.STATUS, bytes(8)), PeerProtocolError, "version"),
        (framed(Packet.VERSION, bytes(3)), PeerProtocolError, "cannot be"),
        (b"\0\0", TimedOut, "sent nothing"),
    ],
)
def test_a_strange_greeting(greeting: bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        open_over(ScriptedSftp(greeting=greeting))


def test_a_cut_ends_it(server: ScriptedSftp, session: SftpSession) -> None:
    session.cut()
    with pytest.raises(ConnectionLost):
        session.ping()
    assert not session.healthy
    assert session.idle_seconds() == float("inf")
    session.close()
    assert server.closed


def test_an_answer_that_nobody_asked_for(server: ScriptedSftp, session: SftpSession) -> None:
    server.answers.append(on(Packet.REALPATH, lambda asked: framed(Packet.HANDLE, uint32(asked.id) + string(b"h"))))
    with pytest.raises(PeerProtocolError):
        session.ping()
    assert not session.healthy


class _Line:
    """A line of so many bytes a second and so many seconds there and back; what a window makes of it."""

    def __init__(self, rate: float, round_trip: float) -> None:
        self.rate, self.round_trip = rate, round_trip
        self.window = Window()

    def run(self, total: int, block: int = 261120) -> float:
        """Seconds for ``total`` bytes."""
        sent = got = in_flight = 0
        now = free_at = 0.0
        coming: list[tuple[float, float]] = []
        while got < total:
            while sent < total and in_flight + block <= self.window.size:
                free_at = max(free_at, now + self.round_trip) + block / self.rate
                coming.append((free_at, now))
                sent += block
                in_flight += block
            arrives, asked_at = coming.pop(0)
            now = arrives
            got += block
            in_flight -= block
            self.window.answered(block, asked_at, now)
        return now


@given(rate=st.floats(1e5, 2e9), round_trip=st.floats(1e-4, 0.3))
def test_the_window_finds_the_size_that_the_line_needs(rate: float, round_trip: float) -> None:
    line = _Line(rate, round_trip)
    line.run(400_000_000)
    product = rate * round_trip
    assert SMALLEST <= line.window.size <= LARGEST
    assert line.window.size >= min(product, LARGEST / 1.2)
    assert line.window.size <= 8 * max(product, 2 * SMALLEST)


def test_growing_costs_little_of_a_long_transfer() -> None:
    """100 MB/s and 50 ms: within 90 % of what the line allows."""
    line = _Line(1e8, 0.05)
    assert line.run(1_000_000_000) < 10 / 0.9


# Was: an internal error ended the run. Each connection takes several descriptors.
@pytest.mark.parametrize("place", [(ssh_opening, "open_transport"), (opening, "open_sftp_over")])
def test_too_few_descriptors_for_another_connection(monkeypatch: pytest.MonkeyPatch, place: tuple[object, str]) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(ssh_opening, "open_transport", lambda *_: None)
    monkeypatch.setattr(*place, none_left)
    with pytest.raises(Busy, match="this machine lets no further connection to server:22 be made: too many open files"):
        opening.open_sftp(Endpoint("sftp", "server", 22, "anna"), HostMemory(), lambda _: None, None)
