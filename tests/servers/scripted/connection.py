"""One control connection of the scripted server: what a hook gets to work with."""

from __future__ import annotations

import posixpath
import ssl
from typing import TYPE_CHECKING, NoReturn

from tests.servers.scripted import answers
from tests.servers.scripted.channel import Channel
from tests.servers.scripted.data import GOOD, Course, DataPort

if TYPE_CHECKING:
    import socket

    from tests.servers.scripted.server import Hook, ScriptedServer

# Commands that set a session up or move in it: not counted towards `drop_every`.
SETUP = frozenset(("USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "FEAT", "OPTS", "SYST", "CLNT", "HELP", "TYPE")) | {
    *("MODE", "STRU", "PWD", "CWD", "CDUP", "NOOP", "QUIT")
}


class Dropped(Exception):
    """The control connection is over; unwinds its thread."""


class Connection:
    """State and tools of one control connection. Everything runs in its own thread."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.number = number
        self.channel = Channel(sock, server.patience)
        self.context: ssl.SSLContext = server.new_context() if server.tls != "none" else None  # type: ignore[assignment]
        self.port = DataPort(self)
        self.cwd = server.home
        self.user = ""
        self.logged_in = False
        self.secure = False
        self.protected = False
        self.ascii = True
        self.restart = 0
        self.renaming: str | None = None
        self.prepared = False  # set by REST and RNFR: they count for the very next command only
        self.counted = 0
        self.course: Course = GOOD
        self.line = b""  # the command line as it came, without its end
        self._buffer = b""

    # What hooks use -------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Raw bytes (inside TLS where TLS is on)."""
        self.channel.send(data)

    def send_slowly(self, data: bytes, chunk: int = 1, pause: float = 0.01) -> None:
        for start in range(0, len(data), chunk):
            self.send(data[start : start + chunk])
            self.sleep(pause)

    def reply(self, text: str | None) -> None:
        """`text` and CRLF; several lines are sent as they stand. None: no reply at all."""
        if text is not None:
            self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def lines(self, code: int, first: str, inner: list[str], last: str = "End") -> None:
        """A multi-line reply with indented inner lines."""
        self.reply("\r\n".join([f"{code}-{first}", *(f" {line}" for line in inner), f"{code} {last}"]))

    def drop(self, *, rst: bool = False) -> NoReturn:
        """Ends the control connection: FIN without close_notify, or RST."""
        self.channel.close("rst" if rst else "fin", linger=0.2)
        raise Dropped

    def goodbye(self, text: str) -> NoReturn:
        """Says `text` (a 421, say) and closes in order."""
        self.reply(text)
        self.channel.close(linger=0.2)
        raise Dropped

    def sleep(self, seconds: float) -> None:
        """Ends early, and with it the connection, when the server is stopped."""
        if seconds and self.server.stopping.wait(seconds):
            raise Dropped

    def default(self, verb: str, argument: str) -> None:
        """What the server would have done without the hook."""
        answer = answers.ANSWERS.get(verb)
        if answer is None:
            self.reply("502 Command not implemented.")
        elif not self.logged_in and verb not in answers.BEFORE_LOGIN:
            self.reply("530 Please log in with USER and PASS.")
        else:
            answer(self, argument)

    def path(self, argument: str) -> str:
        """Absolute, normalised, and spelled as it is in the tree."""
        return self.server.tree.place(self.typed_path(argument))

    def typed_path(self, argument: str) -> str:
        """Absolute and normalised."""
        joined = posixpath.normpath(posixpath.join(self.cwd, argument))
        return "/" + joined.lstrip("/")

    def read_line(self) -> bytes | None:
        """The next command line without its end; None at the end of the connection."""
        while b"\n" not in self._buffer:
            data = self.channel.recv()
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def await_command(self) -> None:
        """Until the next command is there, or the end of the connection."""
        if not self._buffer:
            self._buffer += self.channel.recv()

    def start_tls(self) -> None:
        """TLS on the control connection, from now on."""
        early, self._buffer = self._buffer, b""
        self.server.remember_control(self.channel.start_tls(self.context, early))
        self.secure = True

    @property
    def pending(self) -> bytes:
        """Bytes that came behind the current command."""
        return self._buffer

    # The machine ----------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        if self.server.tls == "implicit":
            self.start_tls()
            self.protected = True
        self._run("CONNECT", "")
        while (line := self.read_line()) is not None:
            self.line = line
            text = line.decode("utf-8", "surrogateescape")
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            self.server.log(self, verb, argument)
            self.prepared = False
            self._run(verb, argument)
            if not self.prepared:
                self.restart, self.renaming = 0, None
            self._count(verb)

    def close(self) -> None:
        self.port.close()
        self.channel.sock.close()

    def from_wire(self, data: bytes) -> bytes:
        return data.replace(b"\r\n", b"\n") if self.ascii else data

    def to_wire(self, data: bytes) -> bytes:
        return data.replace(b"\n", b"\r\n") if self.ascii else data

    def _run(self, verb: str, argument: str) -> None:
        hook: Hook | None = self.server.hook_for(verb, argument)
        self.course = GOOD
        if isinstance(hook, Course):
            self.course = hook
        if hook is None or isinstance(hook, Course):
            self.default(verb, argument)
        elif isinstance(hook, str):
            self.reply(hook)
        else:
            hook(self, argument)

    def _count(self, verb: str) -> None:
        if self.server.drop_every and self.logged_in and verb not in self.server.drop_ignores:
            self.counted += 1
            if self.counted % self.server.drop_every == 0:
                self.drop(rst=self.server.drop_with == "rst")
