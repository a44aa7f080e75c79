"""A file that cannot fit is not begun."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftpcli.engine.transfer.free_space import require_room
from ftpcli.errors import NoSpace
from ftpcli.session.sftp.free_space import Room
from tests.engine.fake import FakeServer, FakeSession, File, Folder

LARGE = 4_000_000
PART = "d/part"


@pytest.fixture
def session(server: FakeServer) -> Iterator[FakeSession]:
    server.root.inside["d"] = Folder()
    session = FakeSession(server, None)
    yield session
    session.close()


def test_no_room(session: FakeSession) -> None:
    session.server.free = LARGE - 1
    with pytest.raises(NoSpace, match="4000000 bytes are needed, and 3999999 are free"):
        require_room(session, PART, LARGE, 0)
    assert session.server.verbs("free_bytes") == [("free_bytes", "d", LARGE)]


@pytest.mark.parametrize("free", [LARGE, None])
def test_room_or_no_word_of_it(session: FakeSession, free: int | None) -> None:
    session.server.free = free
    require_room(session, PART, LARGE, 0)


def test_small_files_are_not_asked_for(session: FakeSession) -> None:
    session.server.free = 0
    require_room(session, PART, 1_000_000, 0)
    require_room(session, PART, LARGE, LARGE - 1000)
    assert session.server.verbs("free_bytes") == []


@pytest.mark.parametrize("offset", [0, 1_900_000])
def test_what_is_written_over_counts_as_room(session: FakeSession, offset: int) -> None:
    folder = session.server.find("d")
    folder.inside["part"] = File(b"x" * 2_000_000)  # type: ignore[union-attr]
    session.server.free = 2_000_000
    require_room(session, PART, LARGE, offset)
    session.server.free = 1_999_999
    with pytest.raises(NoSpace, match="2000000 bytes are needed, and 1999999 are free"):
        require_room(session, PART, LARGE, offset)


class TestRoom:
    """What a session remembers."""

    def test_plenty_serves_again_for_a_while(self) -> None:
        asked: list[str] = []
        now = 0.0

        def ask(directory: str) -> int:
            asked.append(directory)
            return 100 * LARGE

        room = Room(ask, lambda: now)
        for _ in range(5):
            assert room.free("a", LARGE) == 100 * LARGE
        assert asked == ["a"]
        room.free("b", LARGE)
        room.free("b", 50 * LARGE)
        assert asked == ["a", "b", "b"]
        now = 60.0
        room.free("b", LARGE)
        assert asked == ["a", "b", "b", "b"]

    def test_want_is_always_fresh(self) -> None:
        answers = [1000, 10**12]
        room = Room(lambda _: answers.pop(0), lambda: 0.0)
        assert room.free("a", LARGE) == 1000
        assert room.free("a", LARGE) == 10**12

    def test_a_server_that_does_not_tell_is_left_alone(self) -> None:
        asked: list[str] = []
        room = Room(asked.append, lambda: 0.0)
        assert room.free("a", LARGE) is room.free("a", LARGE) is None
        assert asked == ["a"]
