"""Work for one session and no crew: a slot and the retry loop, in the caller's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ftpcli.engine import retry
from ftpcli.engine.events import OnEvent, Warned
from ftpcli.engine.slot import Slot
from ftpcli.engine.stop import StopToken
from ftpcli.model import Endpoint
from ftpcli.session.opening import open_session
from ftpcli.session.protocol import HostMemory, Session

Result = TypeVar("Result")


class Solo:
    """A context manager: the session is closed at its end. Nothing is asked of the server before the first ``do``."""

    def __init__(self, endpoint: Endpoint, policy: retry.Policy, on_event: OnEvent, stop: StopToken) -> None:
        memory = HostMemory()
        self.slot = Slot(lambda: open_session(endpoint, memory, lambda text: on_event(Warned(text)), stop))
        self._policy = policy
        self.tell = on_event
        self.stop = stop
        stop.on_cut(self.slot.cut)

    def do(
        self,
        shown: str,
        attempt: Callable[[Session], Result],
        progress: Callable[[], int] = retry.no_progress,
    ) -> Result:
        """Call ``attempt`` until it returns, as often as the policy has it. Raises the last FtpcliError."""
        on_retry = retry.telling(shown, self.tell)
        return retry.run(self._policy, self.slot, self.stop, attempt, progress=progress, on_retry=on_retry)

    def __enter__(self) -> Solo:
        return self

    def __exit__(self, *_: object) -> None:
        self.slot.retire()
