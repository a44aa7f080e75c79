"""Which changes are in doubt once it shows that a server has sent a reply too many.

A reply that comes late is taken for the answer to the next command, and so on for every later one, as long as the codes
fit: the second 250 to one DELE hides the 550 to the next. The sequence ends with one reply more than commands, at QUIT
at the latest. What was called done since the last reply that can only have been the right one may then have been
refused, if there was a refusal at all.
"""

from __future__ import annotations

from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.pairing import can_answer, tells_its_command
from ftpcli.wire.ftp.reply import Reply

_ANSWERED_ALIKE = frozenset({"DELE", "RMD", "MKD", "RNTO"})
_MOST_NAMED = 20


class Doubt:
    """Follows the answers of one control connection. ``changes`` stays empty where all is well."""

    def __init__(self) -> None:
        self.changes: tuple[Command, ...] = ()
        self._done: list[Command] = []
        self._before_refusal = 0  # how many of them came before a refusal, which may be theirs
        self._last = ""

    @property
    def possible(self) -> bool:
        """Whether a reply too many would put anything in doubt."""
        return bool(self._done)

    def answered(self, command: Command, reply: Reply) -> None:
        """``reply`` was taken for the final answer to ``command``."""
        if tells_its_command(reply.code) and not can_answer(reply.code, self._last):
            self._done.clear()
            self._before_refusal = 0
        elif reply.refused:
            self._before_refusal = len(self._done)
        elif command.verb in _ANSWERED_ALIKE and len(self._done) < _MOST_NAMED:
            self._done.append(command)
        self._last = command.verb

    def spare(self, code: int | None = None) -> None:
        """A reply too many is there, with this code, as far as it was read."""
        refused = code is None or code >= 400
        self.changes = tuple(self._done if refused else self._done[: self._before_refusal])
