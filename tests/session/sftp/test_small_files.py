"""Several small files at once: each is whole or is none, whatever becomes of the others."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import BadName, ConnectionLost, PeerProtocolError, Stopped, TimedOut
from ftpcli.session.contract import Fetched, Stored, ToStore
from ftpcli.session.sftp.session import SftpSession
from ftpcli.stop import StopToken
from ftpcli.wire.sftp.codes import Code, Packet
from tests.servers.scripted.sftp import Answer, Asked, ScriptedSftp, data_packet, on, status

from .conftest import open_over

STAMP = 1_500_000_000.0


def holding(**settings: object) -> tuple[ScriptedSftp, dict[str, bytes]]:
    """A server with files of awkward sizes, an empty one among them."""
    server = ScriptedSftp(**settings)  # type: ignore[arg-type]
    sizes = (0, 1, 4095, 32768, 100_000)
    contents = {f"/home/{number}": random.Random(number).randbytes(size) for number, size in enumerate(sizes)}
    for path, content in contents.items():
        server.files[path] = bytearray(content)
        server.times[path] = int(STAMP)
    return server, contents


def wanted(contents: dict[str, bytes]) -> list[tuple[str, int]]:
    return [(path, len(content)) for path, content in contents.items()]


def to_store(contents: dict[str, bytes]) -> list[ToStore]:
    return [ToStore(f"/home/new{path[6:]}", content, STAMP) for path, content in contents.items()]


def carry(session: SftpSession, step: str, contents: dict[str, bytes]) -> list[Fetched | None] | list[Stored | None]:
    files = session.pipelined
    return files.fetch(wanted(contents)) if step == "fetch" else files.store(to_store(contents))


@given(seed=st.integers(0, 1000), piece=st.integers(1, 40_000))
def test_any_order_of_answers_in_any_pieces(seed: int, piece: int) -> None:
    server, contents = holding(reorder=random.Random(seed), piece=piece)
    session = open_over(server)
    fetched = session.pipelined.fetch(wanted(contents))
    assert [file and bytes(file.content) for file in fetched] == list(contents.values())
    assert {file.mtime for file in fetched if file} == {STAMP}
    assert session.pipelined.store(to_store(contents)) == [Stored(STAMP, 0o644)] * len(contents)
    assert [bytes(server.files[file.path]) for file in to_store(contents)] == list(contents.values())
    assert server.open_handles == 0
    assert session.healthy


def test_two_round_trips_for_all_of_them() -> None:
    server, contents = holding()
    session = open_over(server)
    before = server.writes
    session.pipelined.fetch(wanted(contents))
    assert server.writes - before == 2
    session.pipelined.store(to_store(contents))
    assert server.writes - before == 4
    assert session.pipelined.rename([(file.path, f"{file.path}.x") for file in to_store(contents)]) == [True] * 5
    assert server.writes - before == 5


def refused(asked: Asked) -> bytes:
    return status(asked, Code.PERMISSION_DENIED, "no")


@pytest.mark.parametrize(
    ("step", "kind", "nth"),
    [
        ("fetch", Packet.OPEN, 1),
        ("fetch", Packet.READ, 1),
        ("fetch", Packet.FSTAT, 1),
        ("store", Packet.OPEN, 1),
        ("store", Packet.WRITE, 0),  # the empty file has none
        ("store", Packet.CLOSE, 1),
        ("store", Packet.STAT, 1),
    ],
)
def test_one_file_of_several_is_refused(step: str, kind: Packet, nth: int) -> None:
    server, contents = holding(answers=[on(kind, refused, nth)])
    session = open_over(server)
    done = carry(session, step, contents)
    assert [file is None for file in done] == [False, True, False, False, False]
    assert session.healthy


def test_a_file_that_has_changed_since_it_was_listed() -> None:
    """Longer, shorter, and gone."""
    server, contents = holding()
    server.files["/home/1"] += b"x"
    del server.files["/home/2"][-1:]
    del server.files["/home/4"]
    fetched = open_over(server).pipelined.fetch(wanted(contents))
    assert [file is None for file in fetched] == [False, True, True, False, True]


def test_a_server_that_answers_with_less_than_it_was_asked_for() -> None:
    server, contents = holding(max_read=4096)
    session = open_over(server)
    fetched = session.pipelined.fetch(wanted(contents))
    assert [file is None for file in fetched] == [False, False, False, True, True]
    assert session.pipelined.largest == 4096


def test_no_more_than_the_server_takes() -> None:
    server, _ = holding(limits=(8192, 4096))
    assert open_over(server).pipelined.largest == 4096


def test_a_size_that_does_not_agree_is_not_stored() -> None:
    server, contents = holding()
    session = open_over(server)
    server.told_size = 7
    assert session.pipelined.store(to_store(contents)) == [None] * 5


# Was: where the time of the last write was close to the wanted one it passed for that, and the next mirror sent the
# file again. paramiko's server sets times by name only.
def test_a_server_that_sets_no_times_and_syncs_no_files() -> None:
    def never(kind: Packet, code: Code) -> Answer:
        return lambda _, asked: status(asked, code) if asked.kind == kind else None

    server, contents = holding()
    server.answers = [never(Packet.FSETSTAT, Code.PERMISSION_DENIED)]
    server.answers.append(
        lambda _, asked: status(asked, Code.OP_UNSUPPORTED) if asked.name.startswith("fsync") else None
    )
    assert open_over(server).pipelined.store(to_store(contents)) == [Stored(None, 0o644)] * 5


@pytest.mark.parametrize("mtime", [None, -1.0, 2.0**32])
def test_a_time_that_is_not_wanted_or_cannot_be_told(mtime: float | None) -> None:
    server, _ = holding()
    assert open_over(server).pipelined.store([ToStore("/home/new", b"x", mtime)]) == [Stored(0, 0o644)]
    assert Packet.FSETSTAT not in {asked.kind for asked in server.asked}


def test_names_that_are_taken() -> None:
    """As ``SftpSession.rename``: only OpenSSH's extension replaces."""
    pairs = [("/home/0", "/home/1"), ("/home/2", "/home/free")]
    server, contents = holding()
    assert open_over(server).pipelined.rename(pairs) == [True, True]
    assert bytes(server.files["/home/1"]) == contents["/home/0"]
    server, contents = holding(extensions={})
    assert open_over(server).pipelined.rename(pairs) == [False, True]
    assert bytes(server.files["/home/1"]) == contents["/home/1"]


def test_no_files_no_requests() -> None:
    server, _ = holding()
    session = open_over(server)
    before = server.writes
    assert (session.pipelined.fetch([]), session.pipelined.store([]), session.pipelined.rename([])) == ([], [], [])
    assert server.writes == before


def test_a_name_that_cannot_be_sent_leaves_the_session_usable() -> None:
    server, contents = holding()
    session = open_over(server)
    with pytest.raises(BadName):
        session.pipelined.fetch([*wanted(contents), ("/home/\0", 3)])
    assert session.healthy
    assert session.pipelined.fetch(wanted(contents))[0] == Fetched(b"", STAMP)


def ends(server: ScriptedSftp) -> None:
    server.end_after = server._given + 30


def is_cut(server: ScriptedSftp) -> None:
    server.was_cut = True


def is_silent(server: ScriptedSftp) -> None:
    server.answers.append(lambda _server, _asked: b"")


def sends_too_much(server: ScriptedSftp) -> None:
    server.answers.append(on(Packet.READ, lambda asked: data_packet(asked, bytes(200_000))))


def answers_twice(server: ScriptedSftp) -> None:
    server.answers.append(on(Packet.CLOSE, lambda asked: status(asked, Code.OK) * 2))


@pytest.mark.parametrize(
    ("step", "spoil", "error"),
    [
        ("fetch", ends, ConnectionLost),
        ("store", ends, ConnectionLost),
        ("fetch", is_cut, ConnectionLost),
        ("store", is_cut, ConnectionLost),
        ("fetch", is_silent, TimedOut),
        ("store", is_silent, TimedOut),
        ("fetch", sends_too_much, PeerProtocolError),
        ("fetch", answers_twice, PeerProtocolError),
        ("store", answers_twice, PeerProtocolError),
    ],
)
def test_what_ends_the_session(step: str, spoil: Callable[[ScriptedSftp], None], error: type[Exception]) -> None:
    server, contents = holding()
    session = open_over(server)
    spoil(server)
    with pytest.raises(error):
        carry(session, step, contents)
    assert not session.healthy


def test_stopped() -> None:
    server, contents = holding()
    stop = StopToken()
    session = open_over(server, stop)
    stop.request(130)
    with pytest.raises(Stopped):
        session.pipelined.fetch(wanted(contents))
    assert not session.healthy
    stop.close()
