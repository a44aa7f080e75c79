"""A scripted FTP and FTPS server, in this process, for exact bytes, closes and resets.

    with ScriptedServer(files={"/a.txt": b"hello"}, tls="explicit") as server:
        server.on("EPSV", "500 never heard of it")                     # a reply
        server.on("RETR", Course(only=3, ending="fin"), times=1)        # how one transfer goes
        server.on("SIZE", lambda c, argument: c.drop(rst=True))         # anything: c is a `Connection`
        run_client(server.url("a.txt"))
        assert server.verbs().count("RETR") == 2

Without hooks it is a strict, ordinary server over a tree in memory (`server.files`). Hooks run in the thread of their
control connection; the latest one added wins. The pseudo verb CONNECT stands for the greeting. Leaving the `with`
block closes everything, and raises what a hook raised or any thread that stayed.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.servers.certificates import session_certificates
from tests.servers.scripted.channel import can_queue_tickets, server_context
from tests.servers.scripted.clock import Clock
from tests.servers.scripted.connection import SETUP, Connection, Dropped
from tests.servers.scripted.data import Course, Transfer
from tests.servers.scripted.name_rules import EXACT, NameRules
from tests.servers.scripted.tree import Tree

__all__ = ["SETUP", "Command", "Connection", "Course", "ScriptedServer", "Transfer", "can_queue_tickets", "scripted"]

Hook = str | Course | Callable[[Connection, str], None]
FEATURES = ("UTF8", "SIZE", "MDTM", "MFMT", "REST STREAM", "EPSV", "EPRT", "TVFS", "MLST type*;size*;modify*;perm*;")
SCHEMES = {"none": "ftp", "explicit": "ftpes", "implicit": "ftps"}


@dataclass(frozen=True)
class Command:
    """One command as it came. ``connection`` counts from 1."""

    connection: int
    time: float
    verb: str
    argument: str
    secure: bool


@dataclass
class _Rule:
    verb: str
    hook: Hook
    times: int | None
    match: str | None


@dataclass
class ScriptedServer:
    """The settings, then the state. All settings may also be changed while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)  # after the start: the live contents
    host: str = "127.0.0.1"
    at_port: int = 0  # any free one
    tls: Literal["none", "explicit", "implicit"] = "none"
    certificate: Path | None = None  # key and certificate in one PEM; default: the good one for loopback
    tls_min: str = "1.2"
    tls_max: str = "1.3"
    user: str = "tester"
    password: str = "secret-Pw1"
    greeting: str = "220 Scripted server ready."
    features: tuple[str, ...] = FEATURES
    home: str = "/"
    rename_replaces: bool = True
    clock_offset: float = 0.0  # this and the next three: see `Clock`; while it runs, change `server.tree.clock`
    time_precision: int = 1
    ignores_times: bool = False
    time_shift: float = 0.0
    names: NameRules = EXACT  # which names are one and the same here; see `name_rules`
    patience: float = 20.0  # the longest wait for anything
    # TLS
    require_tls: bool = True  # explicit: USER in clear is refused
    require_prot: bool = True  # TLS: data connections without PROT P are refused
    require_resumption: bool = False  # data connections must resume a session of their own control connection
    resumption_refusal: str = "425 TLS session of data connection not resumed."
    require_close_notify: bool = False  # an upload that ends in a bare FIN gets 426
    tickets: int | None = None  # TLS 1.3 tickets after each handshake; None: OpenSSL's default of 2
    ticket_per_reply: bool = False  # FileZilla: needs can_queue_tickets()
    behind_234: bytes = b""  # injected in clear, in one segment with the 234
    # Limits
    limit: int | None = None  # connections
    limit_at: Literal["connect", "login"] = "connect"
    limit_answer: str = "421 Too many connections."  # at login, a 530 leaves the connection open
    drop_every: int | None = None  # the connection is dropped after every Nth command that counts, once answered
    drop_ignores: frozenset[str] = SETUP  # after login, these do not count
    drop_with: Literal["fin", "rst"] = "fin"
    # Data connections
    pasv_address: str | None = None  # what the 227 says in place of the truth
    receive_buffer: int | None = None  # SO_RCVBUF of uploads
    active_source: str | None = None  # the address that active data connections come from
    intruder: str | None = None  # active: a stranger connects from this address first

    def __post_init__(self) -> None:
        clock = Clock(self.clock_offset, self.time_precision, self.ignores_times, self.time_shift)
        self.tree = Tree(self.files, self.names, clock)
        self.files = self.tree.files
        self.commands: list[Command] = []
        self.transfers: list[Transfer] = []
        self.connections = 0
        self.control_resumed = 0
        self.max_open = 0
        self.stopping = threading.Event()
        self._lock = threading.RLock()
        self._rules: list[_Rule] = []
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._open: set[Connection] = set()
        self._errors: list[str] = []
        if self.ticket_per_reply:
            self.tickets = 0

    # What tests use -------------------------------------------------------------------------------------------------

    def on(self, verb: str, hook: Hook, *, times: int | None = None, match: str | None = None) -> None:
        """`hook` answers `verb`: `times` times, then no more; only where `match` occurs in the argument."""
        with self._lock:
            self._rules.insert(0, _Rule(verb.upper(), hook, times, match))

    def url(self, path: str = "", *, user: bool = True) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{self.user}@" if user else ""
        return f"{SCHEMES[self.tls]}://{login}{host}:{self.port}/{path}"

    def verbs(self, connection: int | None = None) -> list[str]:
        return [command.verb for command in self.sent() if connection in (None, command.connection)]

    def sent(self, verb: str | None = None) -> list[Command]:
        """The commands that came, or those with this verb."""
        with self._lock:
            return [command for command in self.commands if verb in (None, command.verb)]

    @property
    def data_connections(self) -> int:
        return len(self.transfers)

    @property
    def resumed(self) -> int:
        """Data connections that resumed the TLS session of their own control connection."""
        return sum(bool(transfer.resumed) for transfer in self.transfers)

    @property
    def open(self) -> int:
        """Control connections that are open now."""
        with self._lock:
            return len(self._open)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Waits until something has come about in the server."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"did not happen in {seconds} s; commands so far: {self.verbs()}")
            time.sleep(0.01)

    def start(self) -> ScriptedServer:
        self._listener = socket.create_server(
            (self.host, self.at_port), family=self.family, backlog=64, dualstack_ipv6=False
        )
        self.track(self._listener)
        self._spawn(self._accept)
        return self

    def stop(self) -> None:
        """Ends every connection and thread; raises what went wrong in hooks, and when a thread stays."""
        self.stopping.set()
        for sock in self._drain_sockets():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(20)
        for sock in self._drain_sockets(forget=True):
            sock.close()
        stayed = [thread.name for thread in self._threads if thread.is_alive()]
        if stayed or self._errors:
            raise AssertionError("\n".join([f"threads that stayed: {stayed}" if stayed else "", *self._errors]))

    def __enter__(self) -> ScriptedServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What connections use -------------------------------------------------------------------------------------------

    def hook_for(self, verb: str, argument: str) -> Hook | None:
        with self._lock:
            for rule in self._rules:
                if rule.verb == verb and rule.times != 0 and (rule.match is None or rule.match in argument):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.hook
        return None

    def new_context(self) -> ssl.SSLContext:
        """One for each control connection and its data connections, so that no session crosses over."""
        pem = self.certificate or session_certificates().server
        return server_context(pem, self.tls_min, self.tls_max, self.tickets)

    def over_limit(self) -> bool:
        """Whether the connection that asks is one too many: of all open ones, or at login of those logged in."""
        if self.limit is None:
            return False
        with self._lock:
            if self.limit_at == "connect":
                return len(self._open) > self.limit
            return sum(connection.logged_in for connection in self._open) >= self.limit

    def log(self, connection: Connection, verb: str, argument: str) -> None:
        with self._lock:
            command = Command(connection.number, time.monotonic(), verb, argument, connection.secure)
            self.commands.append(command)

    def remember(self, transfer: Transfer) -> None:
        with self._lock:
            self.transfers.append(transfer)

    def remember_control(self, resumed: bool) -> None:
        with self._lock:
            self.control_resumed += resumed

    def track(self, sock: socket.socket) -> None:
        """`stop` will close it."""
        with self._lock:
            self._sockets = {known for known in self._sockets if known.fileno() >= 0} | {sock}

    def forget(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)
        sock.close()

    def _drain_sockets(self, *, forget: bool = False) -> list[socket.socket]:
        with self._lock:
            sockets = [sock for sock in self._sockets if sock.fileno() >= 0]
            if forget:
                self._sockets.clear()
        return sockets

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"scripted-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.track(sock)
            with self._lock:
                self.connections += 1
                connection = Connection(self, sock, self.connections)
                self._open.add(connection)
                self.max_open = max(self.max_open, len(self._open))
            self._spawn(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        except (OSError, ssl.SSLError, Dropped):
            pass
        except Exception:
            self._errors.append(traceback.format_exc())
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers and stops them after the test. Import it into a conftest or test module to use it."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(ScriptedServer(**settings))
