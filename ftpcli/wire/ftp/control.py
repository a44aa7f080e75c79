"""The control connection as a machine: commands out, replies in, and which reply belongs to which command.

Commands that were sent stand in a queue until their final reply came (RFC 959 §5.4: each command has exactly one,
after any number of 1yz). A reply that answers no command, or cannot answer the one that waits, means the two sides no
longer agree on where they are; the machine says so once and takes part in nothing afterwards, because every later
answer would be taken for that to the wrong command. Only a greeting or the end of a login said twice is skipped: some
servers do that every time, so that another connection would be no better.

    state      event                            next
    GREETING   220                              READY
    GREETING   120                              GREETING
    GREETING   anything else                    CLOSED (a refusal, passed on)
    READY      command sent                     READY, one expected reply more
    READY      1yz and a reply is expected      READY, the command stays at the head
    READY      final reply, one is expected     READY, the command is done
    READY      421                              CLOSED, the command at the head gets it
    READY      220 or 230 once more             READY, skipped
    READY      a reply that answers nothing     CLOSED, PeerProtocolError
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from ftpcli.errors import ConnectionLost, PeerProtocolError
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.doubt import Doubt
from ftpcli.wire.ftp.pairing import LOGIN, TRANSFERS, can_answer, tells_its_command
from ftpcli.wire.ftp.reply import Reply, ReplyParser

# One 1yz goes before a transfer, a few before a slow login; nobody means thousands.
MOST_PRELIMINARIES = 1000
_MOST_SKIPPED = 10


class State(Enum):
    GREETING = "waits for the greeting"
    READY = "ready"
    CLOSED = "closed"


class ControlMachine:
    """One control connection's side of the conversation. It never blocks and never reads."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.state = State.GREETING
        self.encoding = encoding
        self.doubles_iac = False
        self._parser = ReplyParser(encoding)
        self.doubt = Doubt()
        self._expected: deque[Command] = deque()
        self._preliminaries = 0
        self._may_repeat: int | None = None  # the code of a greeting or login that was the last thing to be answered
        self._skipped = 0
        self._last: int | None = None  # the code of the last final reply

    @property
    def outstanding(self) -> int:
        """How many commands wait for their final reply."""
        return len(self._expected)

    @property
    def quiet(self) -> bool:
        """True when no reply is awaited and no byte of one is held."""
        return not self._expected and self._parser.clean

    def could_pass_for_answer(self, verb: str) -> bool:
        """Whether the last reply, sent once more, could be taken for the answer to ``verb``."""
        return self._last is None or not tells_its_command(self._last) or can_answer(self._last, verb)

    def send(self, command: Command) -> bytes:
        """The bytes for the wire; the command joins the queue of those that expect a reply."""
        if self.state is not State.READY:
            raise ConnectionLost(f"the control connection is closed, {command.verb} cannot be sent")
        data = command.encode(self.encoding)
        if self.doubles_iac:
            data = data.replace(b"\xff", b"\xff\xff")
        if command.secret and command.argument:
            self._parser.hide(command.argument)
        self._expected.append(command)
        return data

    def receive(self, data: bytes | memoryview) -> None:
        self._parser.feed(data)

    def next_reply(self) -> tuple[Command | None, Reply] | None:
        """The next reply with its command (None: the greeting), or None when more bytes are needed.

        Raises PeerProtocolError for garbage and for a reply that answers no command.
        """
        if self.state is State.CLOSED:
            return None
        try:
            while (reply := self._parser.next()) is not None:
                self._preliminaries = self._preliminaries + 1 if reply.preliminary else 0
                if self._preliminaries > MOST_PRELIMINARIES:
                    raise PeerProtocolError("the server sends preliminary replies without end", reply=reply.text)
                if not self._repeats(reply):
                    return self._place(reply)
        except PeerProtocolError:
            self.state = State.CLOSED
            raise
        return None

    def _repeats(self, reply: Reply) -> bool:
        """Whether it is a greeting or the end of a login once more."""
        if reply.code != self._may_repeat or (self._expected and can_answer(reply.code, self._expected[0].verb)):
            return False
        self._skipped += 1
        return self._skipped <= _MOST_SKIPPED

    def _place(self, reply: Reply) -> tuple[Command | None, Reply]:
        if self.state is State.GREETING:
            if not reply.preliminary:
                self.state = State.READY if reply.completed else State.CLOSED
                self._may_repeat = reply.code
            return None, reply
        if reply.code == 421:
            self.state = State.CLOSED
            command = self._expected[0] if self._expected else None
            self._expected.clear()
            return command, reply
        if not self._expected:
            self.doubt.spare(reply.code)
            raise PeerProtocolError("the server sent a reply to a command that was never sent", reply=reply.text)
        command = self._expected[0]
        noop = self._noop_during_transfer(reply, command)
        if noop is not None:
            self._expected.remove(noop)
            return noop, reply
        if not can_answer(reply.code, command.verb):
            self.doubt.spare(reply.code)
            raise PeerProtocolError(
                f"the server answered {command.verb} with the reply to another command", reply=reply.text
            )
        if not reply.preliminary:
            self._expected.popleft()
            self.doubt.answered(command, reply)
            self._last = reply.code
            self._may_repeat = reply.code if command.verb in LOGIN and reply.completed else None
        return command, reply

    def _noop_during_transfer(self, reply: Reply, head: Command) -> Command | None:
        """A NOOP that the server answered at once, while the transfer before it goes on.

        vsftpd answers it after the transfer, others in the middle. 200 is no possible end of a transfer (226 and 250
        are), so a 200 can only be meant for the NOOP.
        """
        if reply.code != 200 or head.verb not in TRANSFERS:
            return None
        return next((command for command in self._expected if command.verb == "NOOP"), None)

    def close(self) -> None:
        self.state = State.CLOSED
        self._expected.clear()
