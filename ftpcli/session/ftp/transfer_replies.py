"""The control connection while a data connection is open: the replies to the transfer command, and NOOPs."""

from __future__ import annotations

import time

from ftpcli.errors import FtpcliError
from ftpcli.model import Timing
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.reply import Reply

_MOST_NOOPS = 3  # unanswered ones, besides the transfer command


class TransferReplies:
    """The replies to one transfer command.

    ``started``: a preliminary reply came. ``final``: the final reply, once it is there. ``lost``: the control
    connection broke, so that no reply will come.
    """

    def __init__(self, control: ControlConnection, command: Command, timing: Timing) -> None:
        self.started = False
        self.final: Reply | None = None
        self.lost = False
        self._control = control
        self._command = command
        self._keepalive = timing.keepalive if timing.keepalive_in_transfer == "on" else 0.0
        self._next_noop = time.monotonic() + self._keepalive

    @property
    def refused(self) -> bool:
        return self.final is not None and self.final.refused

    @property
    def awaited(self) -> tuple[int, ...]:
        """The control connection's descriptor while the final reply may still come; empty after that."""
        return () if self.final is not None or self.lost else (self._control.fileno(),)

    def read(self) -> bool:
        """Take the replies that are there, without waiting; True once the final one is.

        Raises ConnectionLost, PeerProtocolError.
        """
        while self.final is None:
            reply = self._control.arrived(self._command)
            if reply is None:
                return False
            if reply.preliminary:
                self.started = True
            else:
                self.final = reply
        return True

    def wait_for_final(self, patience: float) -> FtpcliError | None:
        """Wait up to ``patience`` seconds for the final reply; returns why it did not come."""
        if self.final is None and not self.lost:
            try:
                self.final = self._control.final_reply(self._command, patience)
            except FtpcliError as error:
                return error
        return None

    def keep_alive(self) -> None:
        """Send a NOOP where one is due: a firewall may drop a control connection that is silent for long."""
        if not self._keepalive or not self.awaited:
            return
        now = time.monotonic()
        if now >= self._next_noop and self._control.outstanding <= _MOST_NOOPS:
            self._next_noop = now + self._keepalive
            self._control.post(Command("NOOP"))
