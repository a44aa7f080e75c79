"""The only retry loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ftpcli.engine.events import Event, Retrying
from ftpcli.engine.progress import A_STEP
from ftpcli.engine.workers.slot import Slot
from ftpcli.errors import ConnectionLost, FtpcliError, PortClosed, Retry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

_LONGEST_WAIT = 60.0
# The count of failures starts again once this much was gained since it began: bytes in all, and bytes for each second.
# A server that lets through less and stalls would keep a run going without end.
_WORTHWHILE = A_STEP
_SLOWEST = 100

Result = TypeVar("Result")
OnRetry = Callable[[FtpcliError, int, float], None]


@dataclass(frozen=True)
class Policy:
    """``retries``: how many in a row without enough progress. ``wait``: seconds before the first of them, doubled each
    time, at most 60; a lost connection is first retried at once."""

    retries: int = 3
    wait: float = 1.0


def no_progress() -> int:
    return 0


def run(
    policy: Policy,
    slot: Slot,
    stop: StopToken,
    attempt: Callable[[Session], Result],
    *,
    progress: Callable[[], int] = no_progress,
    on_retry: OnRetry | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Call ``attempt`` with a session until it returns.

    ``progress``: bytes that need not be moved again; a step that need not be taken again counts as A_STEP. The count of
    failures starts again when enough was gained. Raises the last FtpcliError.
    """
    tries = failures = 0
    gain = _Gain(progress(), clock)
    while True:
        tries += 1
        session = None
        try:
            stop.check()
            session = slot.session()
            return attempt(session)
        except FtpcliError as error:
            if error.retry in (Retry.GIVE_UP, Retry.STOP_RUN) or _is_wrong_address(error, slot):
                raise
            if error.retry is Retry.FRESH_SESSION:
                slot.retire()
            failures = 1 if gain.is_enough(progress()) else failures + 1
            if failures > policy.retries:
                if session is None:
                    slot.give_up(error)
                raise
            # A lost connection is replaced at once; only a further failure has to wait.
            at_once = failures == 1 and isinstance(error, ConnectionLost)
            wait = 0.0 if at_once else min(policy.wait * 2 ** min(failures - 1, 16), _LONGEST_WAIT)
            if on_retry is not None:
                on_retry(error, tries, wait)
            if wait:
                stop.sleep(wait)


class _Gain:
    """What was gained since the count of failures began."""

    def __init__(self, reached: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._before, self._since = reached, clock()

    def is_enough(self, reached: int) -> bool:
        """If it is, what follows is measured from here."""
        now = self._clock()
        if reached - self._before < max(_WORTHWHILE, _SLOWEST * (now - self._since)):
            return False
        self._before, self._since = reached, now
        return True


def _is_wrong_address(error: FtpcliError, slot: Slot) -> bool:
    """A port that is closed before any connection succeeded means a wrong address, not a temporary fault."""
    return isinstance(error, PortClosed) and not slot.proven


class Retrier:
    """Has a slot and a policy, and emits an event for every retry."""

    slot: Slot
    policy: Policy
    stop: StopToken
    tell: Callable[[Event], None]

    def insist(
        self, shown: str, attempt: Callable[[Session], Result], progress: Callable[[], int] = no_progress
    ) -> Result:
        """``run`` with this slot and policy; ``shown`` names the attempt in events. Raises the last FtpcliError."""

        def on_retry(error: FtpcliError, tries: int, wait: float) -> None:
            self.tell(Retrying(shown, type(error).__name__, str(error), tries, wait))

        return run(self.policy, self.slot, self.stop, attempt, progress=progress, on_retry=on_retry)
