"""How a data connection ends. The rules that decide whether a transfer is whole live in the one table below.

Theory of operation. A TCP connection has two directions and TLS adds an ending of its own, close_notify, to each.
One side may end its direction while the other goes on (half-close), so "closed" is not one moment:

* Who sends must say close_notify, then FIN (``shutdown(SHUT_WR)``), and then *read on* until the peer ended its own
  direction. Session tickets of TLS 1.3 lie unread in the receive buffer of an uploading client; ``close()`` with
  unread bytes sends RST, and the server throws away what it had not yet read (vsftpd: "426 Failure reading network
  stream"; 4 to 5 of 8 MB arrived). The wait is bounded: IIS never answers a close_notify.
* Who receives may believe an end only when it is proven: close_notify under TLS, FIN on plain FTP. FIN without
  close_notify is what an attacker, a crash or a cut produces: truncated.
* While we send, the peer may end *its* direction at once, it has nothing to say. That is no reason to stop.
* 4yz or 5yz on the control connection ends the transfer, whatever the data connection looks like.

The machine takes events and returns actions; it owns no socket. ``verdict`` is set when it is done. Byte counts and
the final reply are judged by the caller, who needs all three to agree before anything is committed.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    SENDING = "sending"
    LINGERING = "lingering"
    RECEIVING = "receiving"
    DRAINING = "draining after a refusal"
    DONE = "done"


class Event(Enum):
    LOCAL_END = "our file ended"
    PEER_END = "orderly end: close_notify under TLS, FIN on plain"
    RAW_END = "FIN under TLS without close_notify"
    BYTES = "bytes came where none are expected"
    REPLY_OK = "2yz on the control connection"
    REPLY_REFUSED = "4yz or 5yz on the control connection"
    DEADLINE = "the time for this state is over"
    BROKEN = "reset or another error on the data connection"
    STOP = "the user or an error of ours"


class Action(Enum):
    CLOSE_NOTIFY = "send close_notify (nothing on plain)"
    SHUT_WR = "send FIN"
    GRACE = "wait only a short time from now on"
    CLOSE = "close the socket"
    ABORT = "close the socket without close_notify or FIN"


class Verdict(Enum):
    CLEAN = "clean"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    BROKEN = "broken"
    ABORTED = "aborted"


_S, _E, _A, _V = State, Event, Action, Verdict
_ORDERLY_CLOSE = (_A.CLOSE_NOTIFY, _A.SHUT_WR, _A.CLOSE)

# (state, event) → (actions, next state, verdict). What is not here is not possible there, but for _ANYWHERE.
_TABLE: dict[tuple[State, Event], tuple[tuple[Action, ...], State, Verdict | None]] = {
    (_S.SENDING, _E.LOCAL_END): ((_A.CLOSE_NOTIFY, _A.SHUT_WR), _S.LINGERING, None),
    (_S.SENDING, _E.REPLY_REFUSED): (_ORDERLY_CLOSE, _S.DONE, _V.REFUSED),
    # A server that says 2yz before it has all of the file will not get the rest: the byte count tells.
    (_S.SENDING, _E.REPLY_OK): (_ORDERLY_CLOSE, _S.DONE, _V.REFUSED),
    # Half-close: the peer's direction is over, ours is not.
    (_S.SENDING, _E.PEER_END): ((), _S.SENDING, None),
    (_S.SENDING, _E.RAW_END): ((), _S.SENDING, None),
    (_S.SENDING, _E.BYTES): ((), _S.SENDING, None),
    (_S.SENDING, _E.DEADLINE): ((_A.ABORT,), _S.DONE, _V.BROKEN),
    (_S.LINGERING, _E.BYTES): ((), _S.LINGERING, None),
    (_S.LINGERING, _E.PEER_END): ((_A.CLOSE,), _S.DONE, _V.CLEAN),
    # After our own close_notify and FIN a bare FIN loses nothing: we expected no data (vsftpd answers so).
    (_S.LINGERING, _E.RAW_END): ((_A.CLOSE,), _S.DONE, _V.CLEAN),
    (_S.LINGERING, _E.REPLY_OK): ((_A.GRACE,), _S.LINGERING, None),
    (_S.LINGERING, _E.REPLY_REFUSED): ((_A.CLOSE,), _S.DONE, _V.REFUSED),
    (_S.LINGERING, _E.DEADLINE): ((_A.CLOSE,), _S.DONE, _V.UNCONFIRMED),
    # The reset says nothing of whether all was read before it; the final reply will.
    (_S.LINGERING, _E.BROKEN): ((_A.CLOSE,), _S.DONE, _V.UNCONFIRMED),
    (_S.RECEIVING, _E.PEER_END): (_ORDERLY_CLOSE, _S.DONE, _V.CLEAN),
    (_S.RECEIVING, _E.RAW_END): ((_A.CLOSE,), _S.DONE, _V.TRUNCATED),
    # 226 may overtake the last bytes; only the data connection says when they are over.
    (_S.RECEIVING, _E.REPLY_OK): ((), _S.RECEIVING, None),
    (_S.RECEIVING, _E.REPLY_REFUSED): ((_A.GRACE,), _S.DRAINING, None),
    (_S.RECEIVING, _E.DEADLINE): ((_A.ABORT,), _S.DONE, _V.BROKEN),
    (_S.DRAINING, _E.PEER_END): (_ORDERLY_CLOSE, _S.DONE, _V.REFUSED),
    (_S.DRAINING, _E.RAW_END): ((_A.CLOSE,), _S.DONE, _V.REFUSED),
    (_S.DRAINING, _E.BROKEN): ((_A.ABORT,), _S.DONE, _V.REFUSED),
    (_S.DRAINING, _E.DEADLINE): ((_A.ABORT,), _S.DONE, _V.REFUSED),
}
_ANYWHERE: dict[Event, tuple[tuple[Action, ...], State, Verdict | None]] = {
    _E.BROKEN: ((_A.ABORT,), _S.DONE, _V.BROKEN),
    _E.STOP: ((_A.CLOSE_NOTIFY, _A.ABORT), _S.DONE, _V.ABORTED),
}


class Closing:
    """The closing of one data connection."""

    def __init__(self, *, sending: bool) -> None:
        self.state = State.SENDING if sending else State.RECEIVING
        self.verdict: Verdict | None = None

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    def on(self, event: Event) -> tuple[Action, ...]:
        """Take an event, return what is to be done, in this order."""
        if self.state is State.DONE:
            return ()
        row = _TABLE.get((self.state, event)) or _ANYWHERE.get(event)
        if row is None:
            raise AssertionError(f"{event} cannot happen while {self.state.value}")
        actions, self.state, self.verdict = row
        return actions
