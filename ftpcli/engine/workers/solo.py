"""One session without a pool: a slot and the retry loop in the caller's thread."""

from __future__ import annotations

from ftpcli.engine.events import OnEvent, Warned
from ftpcli.engine.workers import retry
from ftpcli.engine.workers.slot import Slot
from ftpcli.model import Endpoint
from ftpcli.session.contract import HostMemory
from ftpcli.session.open import open_session
from ftpcli.stop import StopToken


class Solo(retry.Retrier):
    """A context manager that closes the session on exit. The first ``insist`` opens it."""

    def __init__(self, endpoint: Endpoint, policy: retry.Policy, on_event: OnEvent, stop: StopToken) -> None:
        self._memory = memory = HostMemory()
        self.place = endpoint.place
        self.slot = Slot(lambda: open_session(endpoint, memory, lambda text: on_event(Warned(text)), stop))
        self.policy = policy
        self.tell = on_event
        self.stop = stop
        stop.on_cut(self.slot.cut)

    def __enter__(self) -> Solo:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Raises PeerProtocolError where what was called done may have been refused."""
        self.slot.retire()
        doubt = self._memory.doubt(self.place)
        if doubt is not None:
            if kind is None:
                raise doubt
            self.tell(Warned(str(doubt)))
