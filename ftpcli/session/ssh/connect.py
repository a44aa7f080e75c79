"""From an endpoint to a transport that is trusted, logged in and kept alive. Nothing stays open when that fails."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from ftpcli.errors import ConnectionLost, FtpcliError, NotSsh, Stopped, UsageError
from ftpcli.model import Ask, Endpoint
from ftpcli.net import dial
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.ssh.agent import Agent
from ftpcli.session.ssh.host_keys import Trust
from ftpcli.session.ssh.host_settings import Hop, hop_of, jump_of
from ftpcli.session.ssh.identities import Identities
from ftpcli.session.ssh.login import Login
from ftpcli.session.ssh.route import Direct, ProxyCommand, Route, connect_directly, connect_through
from ftpcli.session.ssh.transport import Socket, SshTransport
from ftpcli.session.ssh.userauth import UserAuth

log = logging.getLogger("ftpcli.ssh")

_MOST_HOPS = 10


class SshConnection:
    """An authenticated ``transport``, and what carries it: a socket, a command, or another connection.

    ``place`` is ``host:port`` of the server itself, as ssh_config has it; ``banner`` what it says before a login.
    """

    def __init__(self, transport: SshTransport, route: Route, banner: str) -> None:
        self.transport = transport
        self.place = transport.place
        self.banner = banner
        self._route = route

    def failure(self) -> FtpcliError:
        """Why the transport is not active any more."""
        return self.transport.failure()

    def trouble(self) -> str | None:
        return None if self.transport.active else self.failure().message

    def cut(self) -> None:
        """End every wait on this connection at once; may be called from another thread."""
        self.transport.cut()

    def close(self) -> None:
        """Close this connection and those that it runs through. Never raises."""
        with contextlib.suppress(FtpcliError):
            self.transport.shut()
        self._route.close()


def open_transport(endpoint: Endpoint, memory: HostMemory, notify: Notify, stop: StopSignal | None) -> SshConnection:
    """A connection of its own, nothing shared with others.

    ``notify``: warnings for the user. Raises UsageError, LocalFileError, ConnectFailed, NotSsh, Busy, HostKeyRejected,
    LoginRejected, ConnectionLost, TimedOut, PeerProtocolError, Unsupported, Stopped.
    """
    connection = _Opening(endpoint, memory, notify, stop).open(hop_of(endpoint), 1)
    memory.logged_in = True
    return connection


class _Opening:
    """What all hops on the way to one endpoint have in common."""

    def __init__(self, endpoint: Endpoint, memory: HostMemory, notify: Notify, stop: StopSignal | None) -> None:
        self._endpoint = endpoint
        self._memory = memory
        self._notify = notify
        self._stop = stop
        self._timeout = endpoint.timing.idle
        self._ask: Ask | None = endpoint.ssh.ask

    def open(self, hop: Hop, depth: int) -> SshConnection:
        """Connect, trust, log in; the servers before it first."""
        if depth > _MOST_HOPS:
            raise UsageError(f"ProxyJump leads through more than {_MOST_HOPS} hosts, or in a circle")
        trust = Trust(hop, self._ask, self._notify)
        sock, route = self._reach(hop, depth)
        try:
            return self._set_up(hop, trust, sock, route)
        except BaseException:
            route.close()
            raise

    def _reach(self, hop: Hop, depth: int) -> tuple[Socket, Route]:
        if hop.jumps:
            *before, last = hop.jumps
            connection = self.open(jump_of(self._endpoint, last, tuple(before)), depth + 1)
            try:
                return connect_through(connection.transport, hop, self._timeout), connection
            except BaseException:
                connection.close()
                raise
        if hop.command is not None:
            log.debug("%s: through a ProxyCommand", hop.place)  # which may hold a password
            command = ProxyCommand(hop.command)
            return command.socket, command
        sock = connect_directly(hop, self._endpoint, self._stop)
        if depth == 1:
            peer = dial.peer_of(sock)
            self._memory.here = dial.address_of(sock) == peer or dial.is_loopback(peer)
        return sock, Direct()

    def _set_up(self, hop: Hop, trust: Trust, sock: Socket, route: Route) -> SshConnection:
        transport = SshTransport(sock, hop.place, trust.host_key_types())
        try:
            self._explained(route, lambda: transport.establish(self._timeout, self._stop))
            trust.check(transport)
            banner = self._log_in(hop, transport)
            transport.keep_alive(hop.keepalive, self._timeout)
        except BaseException:
            transport.shut()
            raise
        return SshConnection(transport, route, banner)

    def _explained(self, route: Route, establish: Callable[[], None]) -> None:
        """What carries the connection may know better why it broke."""
        try:
            establish()
        except NotSsh:
            raise
        except ConnectionLost as error:
            trouble = route.trouble()
            if trouble is not None:
                raise type(error)(f"{error.message}: {trouble}", reply=error.reply) from error
            raise

    def _log_in(self, hop: Hop, transport: SshTransport) -> str:
        auth = UserAuth(transport, hop.user, self._timeout, self._stop)
        agent = self._agent(hop)
        try:
            identities = Identities(hop, agent, self._memory, self._endpoint.ssh)
            Login(hop, transport, auth, identities, self._memory, self._ask).run()
        finally:
            if agent is not None:
                agent.close()
            if auth.banner:
                log.info("%s says: %s", hop.place, auth.banner.strip())
        return auth.banner

    def _agent(self, hop: Hop) -> Agent | None:
        """No agent is no trouble: there may be none, or one that is gone."""
        if hop.agent is None:
            return None
        try:
            return Agent(hop.agent, self._timeout, self._stop)
        except Stopped:
            raise
        except ConnectionLost as error:
            log.debug("%s", error.message)
            return None
