"""A slot holds at most one session, which is reused or closed, never repaired."""

from __future__ import annotations

import pytest

from ftpcli.engine.workers.slot import NotAdmitted, Slot
from ftpcli.errors import Busy, ConnectionLost
from tests.engine.fake import FakeServer, FakeSession, lost


def session_of(slot: Slot) -> FakeSession:
    session = slot.session()
    assert isinstance(session, FakeSession)
    return session


def test_a_session_is_opened_when_needed_and_reused() -> None:
    server = FakeServer()
    slot = Slot(server.open)
    assert not slot.live
    assert server.logins == 0
    assert slot.session() is slot.session()
    assert (slot.opened, slot.live, server.live) == (1, True, 1)


def test_an_unhealthy_session_is_replaced_and_closed() -> None:
    server = FakeServer()
    slot = Slot(server.open)
    first = session_of(slot)
    first.healthy = False
    second = session_of(slot)
    assert second is not first
    assert first.closed
    assert (slot.opened, server.live) == (2, 1)


def test_retire_closes_once() -> None:
    server = FakeServer()
    slot = Slot(server.open)
    slot.retire()
    slot.session()
    slot.retire()
    slot.retire()
    assert (slot.live, server.live) == (False, 0)


def test_an_idle_session_is_pinged_before_use() -> None:
    server = FakeServer()
    slot = Slot(server.open)
    first = session_of(slot)
    assert session_of(slot) is first
    assert not server.verbs("ping")
    first.idle = 3600.0
    assert session_of(slot) is first
    assert len(server.verbs("ping")) == 1
    server.on("ping", lost())
    assert session_of(slot) is not first
    assert first.closed


def test_keep_alive() -> None:
    server = FakeServer()
    slot = Slot(server.open)
    slot.keep_alive()
    slot.session()
    slot.keep_alive()
    assert slot.live
    server.on("ping", lost())
    slot.keep_alive()
    assert (slot.live, server.live) == (False, 0)


@pytest.mark.parametrize(
    ("others", "opened", "error"), [(True, 0, NotAdmitted), (False, 0, Busy), (True, 1, Busy), (False, 1, Busy)]
)
def test_not_admitted_is_raised_only_if_others_have_a_session(
    others: bool, opened: int, error: type[Exception]
) -> None:
    server = FakeServer()
    slot = Slot(server.open, lambda: others)
    for _ in range(opened):
        slot.session()
        slot.retire()
    server.admits = 0
    with pytest.raises(error) as caught:
        slot.session()
    assert type(caught.value) is error
    assert not slot.live


def test_a_failed_opening_leaves_nothing() -> None:
    server = FakeServer()
    server.on("open", lost())
    slot = Slot(server.open)
    with pytest.raises(ConnectionLost):
        slot.session()
    assert (slot.opened, slot.live) == (0, False)


def test_cut_goes_to_the_live_session() -> None:
    slot = Slot(FakeServer().open)
    slot.cut()
    session = session_of(slot)
    slot.cut()
    assert session.was_cut.is_set()
