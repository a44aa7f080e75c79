"""Moves to another file system of the server, and everything that may come in between."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable

import pytest

from ftpcli.errors import ConnectionLost, NotFound, Refused, Stopped, TimedOut
from ftpcli.net.wait import StopSignal
from ftpcli.part_names import is_part
from ftpcli.session.sftp import rename as renaming
from ftpcli.session.sftp.session import SftpSession
from ftpcli.wire.sftp.codes import Code, Packet
from ftpcli.wire.sftp.fields import Fields
from tests.servers.scripted.sftp import OPENSSH, Asked, ScriptedSftp, on, status

from .conftest import open_over

CONTENT = bytearray(b"0123456789")
OLD, NEW = "/home/a", "/big/a"


def two_disks(**settings: object) -> ScriptedSftp:
    server = ScriptedSftp(files={OLD: CONTENT[:]}, mounts={"/big"}, **settings)  # type: ignore[arg-type]
    server.directories |= {"/big", "/big/d"}
    server.times[OLD], server.modes[OLD] = 1_500_000_000, 0o4750
    return server


def untouched(server: ScriptedSftp, **others: bytes) -> bool:
    """The original is as it was, and there is no part file and no open file."""
    files = {OLD: CONTENT, **{path: bytearray(content) for path, content in others.items()}}
    return (server.files, server.times[OLD], server.modes[OLD], server.open_handles) == (
        files,
        1_500_000_000,
        0o4750,
        0,
    )


def on_extension(name: str, answer: Callable[[ScriptedSftp, Asked], bytes | None]) -> object:
    return lambda server, asked: answer(server, asked) if asked.name.startswith(name) else None


def names(server: ScriptedSftp) -> list[str]:
    return [asked.name or Packet(asked.kind).name for asked in server.asked]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "_CHUNK", 4)


@pytest.mark.usefixtures("small_chunks")
def test_what_is_asked() -> None:
    server = two_disks()
    session = open_over(server)
    server.asked.clear()
    session.rename("a", NEW)
    assert names(server) == [
        "posix-rename@openssh.com",
        *("LSTAT", "READLINK", "LSTAT", "STAT"),
        *("REMOVE", "OPEN", "OPEN"),
        *("copy-data", "copy-data", "copy-data"),
        *("FSTAT", "LSTAT", "fsync@openssh.com", "CLOSE"),
        *("CLOSE", "SETSTAT"),
        *("posix-rename@openssh.com", "REMOVE"),
    ]
    copies = [asked for asked in server.asked if asked.name == "copy-data"]
    assert [(asked.offset, asked.length) for asked in copies] == [(0, 4), (4, 4), (8, 2)]
    part = copies[0].target
    assert is_part(posixpath.basename(part))
    assert posixpath.dirname(part) == "/big"
    assert server.files == {NEW: CONTENT}
    assert (server.times, server.modes, server.open_handles) == ({NEW: 1_500_000_000}, {NEW: 0o4750}, 0)


def test_a_copy_is_private_until_it_is_whole() -> None:
    seen = []

    def look(server: ScriptedSftp, asked: Asked) -> None:
        seen.append(server.modes[asked.target])

    open_over(two_disks(answers=[on_extension("copy-data", look)])).rename("a", NEW)
    assert seen == [0o600]


def test_an_empty_file_is_not_copied_to_its_end_by_a_length_of_nothing() -> None:
    server = two_disks()
    server.files[OLD].clear()
    open_over(server).rename("a", NEW)
    assert server.files == {NEW: bytearray()}
    assert "copy-data" not in names(server)


def test_what_an_earlier_try_left_is_in_nobodys_way() -> None:
    server = two_disks(answers=[on(Packet.FSTAT, lambda _asked: b"")])
    session = open_over(server)
    with pytest.raises(TimedOut):
        session.rename("a", NEW)
    assert not session.healthy
    (part,) = set(server.files) - {OLD}
    server.answers.clear()
    open_over(server).rename("a", NEW)
    assert server.files == {NEW: CONTENT}
    assert sum(asked.path == part and asked.kind == Packet.REMOVE for asked in server.asked) == 2


def test_a_file_there_is_replaced_as_by_any_posix_rename() -> None:
    server = two_disks()
    server.files[NEW] = bytearray(b"old")
    open_over(server).rename("a", NEW)
    assert server.files == {NEW: CONTENT}


@pytest.mark.parametrize("named", [True, False])
def test_without_posix_rename_a_file_there_stays(named: bool) -> None:
    extensions = dict(OPENSSH)
    answers = [on_extension("posix-rename", lambda _, asked: status(asked, Code.OP_UNSUPPORTED))] if named else []
    if not named:
        del extensions["posix-rename@openssh.com"]
    server = two_disks(extensions=extensions, answers=answers)
    session = open_over(server)
    server.files[NEW] = bytearray(b"old")
    with pytest.raises(Refused):
        session.rename("a", NEW)
    assert untouched(server, **{NEW: b"old"})
    assert "copy-data" not in names(server)
    del server.files[NEW]
    session.rename("a", NEW)
    assert server.files == {NEW: CONTENT}


def test_one_that_comes_meanwhile_stays_without_posix_rename() -> None:
    extensions = {"copy-data": b"1"}

    def another(server: ScriptedSftp, _asked: Asked) -> None:
        server.files[NEW] = bytearray(b"new")

    server = two_disks(extensions=extensions, answers=[on_extension("copy-data", another)])
    with pytest.raises(Refused):
        open_over(server).rename("a", NEW)
    assert untouched(server, **{NEW: b"new"})


@pytest.mark.parametrize(
    ("source", "target"),
    [("/home/a", "/big/none/a"), ("/home/a", "/big/d"), ("/home/d", "/big/x"), ("/home/link", "/big/x")],
)
def test_what_is_no_matter_of_file_systems(source: str, target: str) -> None:
    """No directory to go to, a directory in its place, a directory, a link."""
    server = two_disks(links={"/home/link": b"a"})
    server.directories.add("/home/d")
    server.files["/home/link"] = CONTENT[:]
    with pytest.raises(Refused, match=f"cannot rename {source} to {target}: the server refused"):
        open_over(server).rename(source, target)
    assert "OPEN" not in names(server)
    assert set(server.files) == {OLD, "/home/link"}


def test_other_refusals_and_servers_without_it() -> None:
    server = two_disks(extensions={"posix-rename@openssh.com": b"1"})
    with pytest.raises(Refused):
        open_over(server).rename("a", NEW)
    assert names(server)[-1] == "posix-rename@openssh.com"
    server = two_disks(answers=[on_extension("posix-rename", lambda _, asked: status(asked, Code.PERMISSION_DENIED))])
    with pytest.raises(Refused):
        open_over(server).rename("a", NEW)
    assert names(server)[-1] == "posix-rename@openssh.com"
    with pytest.raises(NotFound):
        open_over(two_disks()).rename("absent", NEW)


def deny(server: ScriptedSftp, what: str, nth: int = 0, code: Code = Code.FAILURE) -> None:
    """Refuse the nth request of that kind, and do nothing."""
    honest = getattr(server, f"_do_{what}")
    seen = iter(range(10**6))

    def answer(asked: Asked, first: bytes, body: Fields) -> bytes:
        return status(asked, code, "because of this") if next(seen) == nth else honest(asked, first, body)

    setattr(server, f"_do_{what}", answer)


@pytest.mark.parametrize(
    ("what", "nth", "code"),
    [
        ("open", 0, Code.PERMISSION_DENIED),
        ("open", 1, Code.PERMISSION_DENIED),
        ("copy_data", 0, Code.FAILURE),
        ("copy_data", 1, Code.EOF),
        ("fsync", 0, Code.FAILURE),
        ("fstat", 0, Code.FAILURE),
        ("setstat", 0, Code.PERMISSION_DENIED),
        ("posix_rename", 1, Code.FAILURE),
        ("remove", 1, Code.PERMISSION_DENIED),
    ],
)
@pytest.mark.usefixtures("small_chunks")
def test_a_copy_that_fails(what: str, nth: int, code: Code, caplog: pytest.LogCaptureFixture) -> None:
    """The rename's own refusal is told, and nothing has changed."""
    caplog.set_level(logging.INFO, "ftpcli")
    server = two_disks()
    deny(server, what, nth, code)
    session = open_over(server)
    with pytest.raises(Refused, match=r"cannot rename a to /big/a: the server refused \(server: FAILURE\)"):
        session.rename("a", NEW)
    session.ping()
    assert session.healthy
    assert untouched(server)
    assert "the copy came to nothing" in caplog.text
    assert code is Code.EOF or "because of this" in caplog.text


def test_a_copy_that_the_server_cannot_store_in_the_end() -> None:
    server = two_disks(answers=[on(Packet.CLOSE, lambda asked: status(asked, Code.QUOTA_EXCEEDED))])
    with pytest.raises(Refused, match="the server refused"):
        open_over(server).rename("a", NEW)
    assert untouched(server)


def test_a_server_that_cannot_do_what_it_names_is_not_asked_again() -> None:
    server = two_disks(answers=[on_extension("copy-data", lambda _, asked: status(asked, Code.OP_UNSUPPORTED))])
    session = open_over(server)
    for _ in range(2):
        with pytest.raises(Refused, match="the server refused"):
            session.rename("a", NEW)
    assert names(server).count("copy-data") == 1
    assert untouched(server)


@pytest.mark.parametrize("code", [Code.OP_UNSUPPORTED, Code.BAD_MESSAGE])
def test_a_file_system_that_cannot_sync(code: Code) -> None:
    server = two_disks(answers=[on_extension("fsync", lambda _, asked: status(asked, code))])
    open_over(server).rename("a", NEW)
    assert server.files == {NEW: CONTENT}


def test_a_file_that_grows_while_it_is_copied() -> None:
    def grow(server: ScriptedSftp, _asked: Asked) -> None:
        server.files[OLD] += b"more"

    server = two_disks(answers=[on_extension("copy-data", grow)])
    with pytest.raises(Refused):
        open_over(server).rename("a", NEW)
    assert server.files == {OLD: CONTENT + b"more"}


@pytest.mark.parametrize(("allowed", "mode"), [(True, 0o4750), (False, 0o750)])
def test_owners_and_what_hangs_on_them(allowed: bool, mode: int) -> None:
    server = two_disks()
    if not allowed:
        deny(server, "setstat", 0, Code.PERMISSION_DENIED)
    server.owners[OLD] = (5, 6)
    open_over(server).rename("a", NEW)
    assert server.modes == {NEW: mode}
    asked = [asked.kind for asked in server.asked]
    assert asked.count(Packet.SETSTAT) == 2
    assert not allowed or server.owners == {NEW: (5, 6)}


def test_an_original_that_stays_where_something_was_replaced() -> None:
    server = two_disks()
    deny(server, "remove", 1, Code.PERMISSION_DENIED)
    server.files[NEW] = bytearray(b"old")
    with pytest.raises(Refused, match="there is a copy under the new name now"):
        open_over(server).rename("a", NEW)
    assert server.files == {OLD: CONTENT, NEW: CONTENT}


def test_the_only_copy_is_never_removed() -> None:
    """A server that says no, and has done it."""
    server = two_disks(answers=[on(Packet.REMOVE, lambda asked: status(asked, Code.FAILURE), 1)])
    with pytest.raises(Refused, match="there is a copy under the new name now"):
        open_over(server).rename("a", NEW)
    assert server.files == {NEW: CONTENT}


def test_an_original_that_somebody_else_removes() -> None:
    server = two_disks()
    deny(server, "remove", 1, Code.NO_SUCH_FILE)
    open_over(server).rename("a", NEW)
    assert server.files[NEW] == CONTENT


class Stopping:
    """Asked for in the middle of a copy."""

    requested = False
    exit_code = 130

    def fileno(self) -> int:
        raise AssertionError("nobody waits")


@pytest.mark.usefixtures("small_chunks")
def test_a_stop() -> None:
    stop = Stopping()

    def press(_server: ScriptedSftp, _asked: Asked) -> None:
        stop.requested = True

    server = two_disks(answers=[on_extension("copy-data", press)])
    session = open_over(server, stop)
    with pytest.raises(Stopped):
        session.rename("a", NEW)
    assert names(server).count("copy-data") == 1
    session.ping()
    assert untouched(server)


def test_a_connection_that_ends_in_a_copy() -> None:
    def cut(server: ScriptedSftp, _asked: Asked) -> bytes:
        server.cut()
        return b""

    server = two_disks(answers=[on_extension("copy-data", cut)])
    session = open_over(server)
    with pytest.raises(ConnectionLost):
        session.rename("a", NEW)
    assert not session.healthy
    assert server.files[OLD] == CONTENT


def test_an_answer_may_take_as_long_as_a_final_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    server = two_disks()
    session: SftpSession = open_over(server)
    receive = server.receive

    def timed(patience: float, stop: StopSignal | None = None) -> list[bytes]:
        if server.asked[-1].name == "copy-data" and patience:
            waits.append(patience)
        return receive(patience, stop)

    monkeypatch.setattr(server, "receive", timed)
    session.rename("a", NEW)
    assert set(waits) == {2}  # Timing.final_reply of these sessions; idle is 1


def test_nothing_of_it_where_the_server_renames(server: ScriptedSftp, session: SftpSession) -> None:
    server.files[OLD] = CONTENT[:]
    server.asked.clear()
    session.rename("a", "b")
    assert names(server) == ["posix-rename@openssh.com"]
