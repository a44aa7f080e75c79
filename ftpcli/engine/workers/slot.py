"""A place for at most one live session: open it, lend it, retire it, open a new one."""

from __future__ import annotations

from collections.abc import Callable

from ftpcli.errors import Busy, FtpcliError, Retry
from ftpcli.exit_codes import NO_CONNECTION
from ftpcli.model import TlsFacts
from ftpcli.session.contract import Session

# Seconds after which an idle session is pinged before it is used again.
_PROBE_AFTER = 5.0


class NotAdmitted(FtpcliError):
    """No further connection can be opened, and other workers have one and can do the work."""

    exit_code = NO_CONNECTION

    @property
    def by_limit(self) -> bool:
        """Whether the server said that it accepts no more connections; otherwise it may be down."""
        return isinstance(self.__cause__, Busy)


class Slot:
    """One worker's session. A session is reused or closed, never repaired."""

    def __init__(
        self,
        opener: Callable[[], Session],
        others: Callable[[], bool] = lambda: False,
        proven: Callable[[], bool] = lambda: False,
    ) -> None:
        """``others``: whether any other worker has a session now; ``proven``: whether any ever had."""
        self._opener = opener
        self._others = others
        self._proven = proven
        self._session: Session | None = None
        self.opened = 0
        self.pipelines = False
        self.facts: TlsFacts | None = None
        self._data_connections = 0
        self._data_resumed = 0

    @property
    def live(self) -> bool:
        return self._session is not None

    @property
    def proven(self) -> bool:
        """Whether any worker has ever had a session."""
        return bool(self.opened) or self._proven()

    def session(self) -> Session:
        """The live session, or a new one. Raises NotAdmitted, and whatever opening raises."""
        session = self._session
        if session is not None and (not session.healthy or not self._answers(session)):
            self.retire()
            session = None
        return session or self._open()

    def at_hand(self) -> Session | None:
        """The session, if it can be used without opening or pinging it; else None."""
        session = self._session
        if session is None or not session.healthy or session.idle_seconds() >= _PROBE_AFTER:
            return None
        return session

    def _open(self) -> Session:
        try:
            self._session = self._opener()
        except Busy as error:
            if not self.opened and self._others():
                raise NotAdmitted(error.message, reply=error.reply) from error
            raise
        self.opened += 1
        self.pipelines = self._session.pipelined is not None
        return self._session

    def give_up(self, error: FtpcliError) -> None:
        """No session could be opened after all retries: other workers continue; without others the run ends.

        Raises NotAdmitted if there are others.
        """
        if self._others():
            raise NotAdmitted(error.message, reply=error.reply) from error
        error.retry = Retry.STOP_RUN

    def _answers(self, session: Session) -> bool:
        if session.idle_seconds() < _PROBE_AFTER:
            return True
        try:
            session.ping()
        except FtpcliError:
            return False
        return True

    def keep_alive(self) -> None:
        """Ping an idle session; if it does not answer, it is retired, and a new one is opened when there is work."""
        if self._session is not None:
            try:
                self._session.ping()
            except FtpcliError:
                self.retire()

    def tls_facts(self) -> TlsFacts | None:
        """The TLS facts of the live session, or else of the last one."""
        if self._session is not None:
            self.facts = self._session.tls_facts() or self.facts
        return self.facts

    def data_connections(self) -> tuple[int, int]:
        """The number of TLS data connections of all sessions of this slot, and how many resumed a TLS session."""
        facts = self._session.tls_facts() if self._session is not None else None
        if facts is None:
            return self._data_connections, self._data_resumed
        return self._data_connections + facts.data_connections, self._data_resumed + facts.data_resumed

    def retire(self) -> None:
        """Close the session, whatever its state."""
        if self._session is not None:
            self.tls_facts()
            self._data_connections, self._data_resumed = self.data_connections()
            session, self._session = self._session, None
            session.close()

    def cut(self) -> None:
        session = self._session
        if session is not None:
            session.cut()
