"""The closing rules: each row, and random walks that must never end well without a proven end."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.wire.ftp.closing import Action, Closing, Event, State, Verdict

S, E, A, V = State, Event, Action, Verdict
FAREWELL = (A.CLOSE_NOTIFY, A.SHUT_WR, A.CLOSE)

# How to get into a state: (sending, events).
WAYS: dict[State, tuple[bool, tuple[Event, ...]]] = {
    S.SENDING: (True, ()),
    S.LINGERING: (True, (E.LOCAL_END,)),
    S.RECEIVING: (False, ()),
    S.DRAINING: (False, (E.REPLY_REFUSED,)),
}
# state, event, actions, next state, verdict
ROWS: list[tuple[State, Event, tuple[Action, ...], State, Verdict | None]] = [
    (S.SENDING, E.LOCAL_END, (A.CLOSE_NOTIFY, A.SHUT_WR), S.LINGERING, None),
    (S.SENDING, E.REPLY_REFUSED, FAREWELL, S.DONE, V.REFUSED),
    (S.SENDING, E.REPLY_OK, FAREWELL, S.DONE, V.REFUSED),
    (S.SENDING, E.PEER_END, (), S.SENDING, None),
    (S.SENDING, E.RAW_END, (), S.SENDING, None),
    (S.SENDING, E.BYTES, (), S.SENDING, None),
    (S.SENDING, E.DEADLINE, (A.ABORT,), S.DONE, V.BROKEN),
    (S.SENDING, E.BROKEN, (A.ABORT,), S.DONE, V.BROKEN),
    (S.LINGERING, E.BYTES, (), S.LINGERING, None),
    (S.LINGERING, E.PEER_END, (A.CLOSE,), S.DONE, V.CLEAN),
    (S.LINGERING, E.RAW_END, (A.CLOSE,), S.DONE, V.CLEAN),
    (S.LINGERING, E.REPLY_OK, (A.GRACE,), S.LINGERING, None),
    (S.LINGERING, E.REPLY_REFUSED, (A.CLOSE,), S.DONE, V.REFUSED),
    (S.LINGERING, E.DEADLINE, (A.CLOSE,), S.DONE, V.UNCONFIRMED),
    (S.LINGERING, E.BROKEN, (A.CLOSE,), S.DONE, V.UNCONFIRMED),
    (S.RECEIVING, E.PEER_END, FAREWELL, S.DONE, V.CLEAN),
    (S.RECEIVING, E.RAW_END, (A.CLOSE,), S.DONE, V.TRUNCATED),
    (S.RECEIVING, E.REPLY_OK, (), S.RECEIVING, None),
    (S.RECEIVING, E.REPLY_REFUSED, (A.GRACE,), S.DRAINING, None),
    (S.RECEIVING, E.DEADLINE, (A.ABORT,), S.DONE, V.BROKEN),
    (S.RECEIVING, E.BROKEN, (A.ABORT,), S.DONE, V.BROKEN),
    (S.DRAINING, E.PEER_END, FAREWELL, S.DONE, V.REFUSED),
    (S.DRAINING, E.RAW_END, (A.CLOSE,), S.DONE, V.REFUSED),
    (S.DRAINING, E.BROKEN, (A.ABORT,), S.DONE, V.REFUSED),
    (S.DRAINING, E.DEADLINE, (A.ABORT,), S.DONE, V.REFUSED),
    *((state, E.STOP, (A.CLOSE_NOTIFY, A.ABORT), S.DONE, V.ABORTED) for state in WAYS),
]
IMPOSSIBLE = [(state, event) for state in WAYS for event in Event if (state, event) not in {row[:2] for row in ROWS}]


def arrived_at(state: State) -> Closing:
    sending, events = WAYS[state]
    closing = Closing(sending=sending)
    for event in events:
        closing.on(event)
    assert closing.state is state
    return closing


@pytest.mark.parametrize(("state", "event", "actions", "after", "verdict"), ROWS)
def test_row(state: State, event: Event, actions: tuple[Action, ...], after: State, verdict: Verdict | None) -> None:
    closing = arrived_at(state)
    assert closing.on(event) == actions
    assert (closing.state, closing.verdict, closing.done) == (after, verdict, after is S.DONE)


@pytest.mark.parametrize(("state", "event"), IMPOSSIBLE)
def test_what_cannot_happen_is_our_own_mistake(state: State, event: Event) -> None:
    with pytest.raises(AssertionError):
        arrived_at(state).on(event)


def test_only_events_of_our_own_or_told_bytes_are_impossible() -> None:
    """What the peer can do at any time is answered in every state."""
    peer = {E.PEER_END, E.RAW_END, E.REPLY_OK, E.REPLY_REFUSED, E.DEADLINE, E.BROKEN, E.STOP}
    final_reply_is_there = {(S.DRAINING, E.REPLY_OK), (S.DRAINING, E.REPLY_REFUSED)}
    assert {row for row in IMPOSSIBLE if row[1] in peer} == final_reply_is_there


@pytest.mark.parametrize("end", [E.PEER_END, E.RAW_END])
def test_the_peer_ends_first_and_the_upload_goes_on(end: Event) -> None:
    closing = Closing(sending=True)
    assert closing.on(end) == ()
    assert closing.on(E.LOCAL_END) == (A.CLOSE_NOTIFY, A.SHUT_WR)
    assert closing.on(end) == (A.CLOSE,), "a stream tells its end again whenever it is asked"
    assert closing.verdict is V.CLEAN


def test_the_upload_ends_first_and_tickets_are_read() -> None:
    closing = Closing(sending=True)
    for event in (E.LOCAL_END, E.BYTES, E.REPLY_OK, E.BYTES, E.PEER_END):
        closing.on(event)
    assert closing.verdict is V.CLEAN


def test_226_may_overtake_the_data() -> None:
    closing = Closing(sending=False)
    closing.on(E.REPLY_OK)
    assert not closing.done
    closing.on(E.RAW_END)
    assert closing.verdict is V.TRUNCATED


@given(sending=st.booleans(), events=st.lists(st.sampled_from(Event), max_size=15))
def test_random_walk(sending: bool, events: list[Event]) -> None:
    closing = Closing(sending=sending)
    taken: list[Event] = []
    for event in events:
        before = closing.state
        if (before, event) in IMPOSSIBLE:
            with contextlib.suppress(AssertionError):
                closing.on(event)
            assert closing.state is before, "what is impossible changes nothing"
            continue
        was_done = closing.done
        actions = closing.on(event)
        assert not (was_done and actions), "nothing is done twice"
        taken += [] if was_done else [event]
        assert closing.done == (closing.verdict is not None)
        assert closing.done == (not was_done and bool({A.CLOSE, A.ABORT} & set(actions))) or was_done
    proven = {E.PEER_END, E.RAW_END} if sending else {E.PEER_END}
    if closing.verdict is V.CLEAN:
        assert taken[-1] in proven
        assert not sending or E.LOCAL_END in taken
        assert E.REPLY_REFUSED not in taken
    if E.REPLY_REFUSED in taken:
        assert closing.verdict in (V.REFUSED, V.ABORTED, None)
