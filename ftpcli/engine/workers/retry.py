"""The only retry loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ftpcli.engine.events import Event, Retrying
from ftpcli.engine.workers.slot import Slot
from ftpcli.errors import ConnectionLost, FtpcliError, PortClosed, Retry
from ftpcli.session.contract import Session
from ftpcli.stop import StopToken

_LONGEST_WAIT = 60.0

Result = TypeVar("Result")
OnRetry = Callable[[FtpcliError, int, float], None]


@dataclass(frozen=True)
class Policy:
    """``retries``: how many in a row without progress. ``wait``: seconds before the first of them, doubled each time,
    at most 60; a lost connection is first retried at once."""

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
) -> Result:
    """Call ``attempt`` with a session until it returns.

    The count of failures starts again whenever ``progress()`` has grown during a try. Raises the last FtpcliError.
    """
    tries = failures = 0
    while True:
        tries += 1
        before = progress()
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
            failures = 1 if progress() > before else failures + 1
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
