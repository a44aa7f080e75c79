"""Opening an FTP control connection, from the socket to a session that is ready to work.

The first connection of a run and every reconnect go through here: new socket, new TLS identity, login, features,
protection, type and directory. Nothing is carried over from a connection that was lost, so nothing can be missing.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from ftpcli.errors import Busy, LoginRejected, PeerProtocolError, ServiceClosing, TimedOut, TlsFailed
from ftpcli.model import Capabilities, Endpoint, TlsMode
from ftpcli.net import dial
from ftpcli.net.pump import CHUNK
from ftpcli.net.stream import PlainStream, Stream
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.data_connection import Dialer
from ftpcli.session.ftp.digests import Digests
from ftpcli.session.ftp.reply_errors import unexpected
from ftpcli.session.ftp.session import FtpSession
from ftpcli.session.ftp.transfer import TransferContext
from ftpcli.session.ftp.working_directory import WorkingDirectory
from ftpcli.wire.ftp.answers import parse_features, parse_quoted_path
from ftpcli.wire.ftp.digests import Offer, parse_offers
from ftpcli.wire.ftp.reply import Reply

if TYPE_CHECKING:
    from ftpcli.net.tls import TlsIdentity

log = logging.getLogger("ftpcli.session")


def open_ftp(endpoint: Endpoint, memory: HostMemory, notify: Notify, stop: StopSignal | None) -> FtpSession:
    """A fresh session. Raises ConnectFailed, Busy, TlsFailed, LoginRejected, ConnectionLost, PeerProtocolError."""
    timing = endpoint.timing
    sock = dial.connect(endpoint.host, endpoint.port, timeout=timing.idle, family=endpoint.family, stop=stop)
    stream = PlainStream(sock, endpoint.place)
    control = ControlConnection(stream, endpoint.place, endpoint.encoding, timing.idle, stop)
    try:
        dial.no_delay(sock)
        if timing.keepalive and timing.keepalive_in_transfer != "off":
            dial.keep_alive(sock, timing.keepalive)
        local, peer = dial.address_of(sock), dial.peer_of(sock)
        memory.here = local == peer or dial.is_loopback(peer)
        patience = timing.idle
        dialer = Dialer(control, endpoint.data, memory, notify, local=local, peer=peer, patience=patience)
        return _Login(control, endpoint, memory, dialer, stop).run()
    except ServiceClosing as error:
        control.close()
        raise Busy(f"{endpoint.place} admits no further connection now", reply=error.reply) from error
    except BaseException:
        control.close()
        raise


class _Login:
    """The steps from a socket to a session, in order."""

    def __init__(
        self,
        control: ControlConnection,
        endpoint: Endpoint,
        memory: HostMemory,
        dialer: Dialer,
        stop: StopSignal | None,
    ) -> None:
        self._control = control
        self._endpoint = endpoint
        self._memory = memory
        self._dialer = dialer
        self._stop = stop
        self._identity: TlsIdentity | None = None
        self._offers: tuple[Offer, ...] = ()

    def run(self) -> FtpSession:
        endpoint = self._endpoint
        if endpoint.tls is TlsMode.IMPLICIT:
            self._start_tls()
        greeting = self._greet()
        if endpoint.tls is TlsMode.EXPLICIT:
            reply = self._control.ask("AUTH", "TLS")
            if reply.code != 234:
                raise TlsFailed(
                    f"{endpoint.place} does not take AUTH TLS, so nothing was sent; "
                    "ftps:// is for implicit TLS, ftp:// for none",
                    reply=reply.text,
                )
            self._start_tls()
        self._log_in()
        capabilities = self._capabilities()
        self._protect()
        self._must("TYPE", "I", "switch to binary transfers")
        digests = Digests(self._control, self._memory, self._offers, endpoint.timing.final_reply)
        session = self._kind_of_session()(
            self._transfer_context(),
            self._identity,
            self._memory,
            capabilities,
            digests,
            WorkingDirectory(self._control, self._login_directory()),
            endpoint.encoding,
        )
        self._describe(session, greeting)
        return session

    def _kind_of_session(self) -> type[FtpSession]:
        if not self._endpoint.data.ascii:
            return FtpSession
        from ftpcli.session.ftp.text import TextSession

        self._memory.resumes_uploads = self._memory.resumes_downloads = False
        return TextSession

    def _start_tls(self) -> None:
        from ftpcli.net.tls import TlsIdentity  # plain FTP starts without OpenSSL

        self._identity = TlsIdentity(self._endpoint.tls_settings, self._endpoint.host)
        self._control.start_tls(self._identity)

    def _greet(self) -> Reply:
        try:
            reply = self._control.greeting()
        except TimedOut as error:
            if self._identity is None:
                error.message += "; a port for implicit TLS (ftps://) waits like that"
            raise
        if reply.code == 421 or reply.code == 530:
            raise Busy(f"{self._endpoint.place} admits no further connection now", reply=reply.text)
        if not reply.completed:
            raise PeerProtocolError(f"{self._endpoint.place} does not want to talk", reply=reply.text)
        return reply

    def _log_in(self) -> None:
        endpoint = self._endpoint
        reply = self._control.ask("USER", endpoint.user)
        if reply.code == 331:
            password = endpoint.password.reveal() if endpoint.password is not None else ""
            reply = self._control.ask("PASS", password, secret=True)
        if reply.completed:
            self._memory.logged_in = True
            return
        if reply.code == 332:
            raise LoginRejected(f"{endpoint.place} wants an account (ACCT) besides user and password", reply=reply.text)
        if self._identity is None and reply.code in (522, 534, 550):
            raise TlsFailed(f"{endpoint.place} takes no login without TLS; try ftpes://", reply=reply.text)
        if (reply.transient and reply.code != 430) or (reply.refused and self._memory.logged_in):
            # These very credentials worked on another connection: it is the number of logins that is refused.
            raise Busy(f"{endpoint.place} admits no further login now", reply=reply.text)
        if reply.refused:
            raise LoginRejected(f"{endpoint.place} does not accept the login of {endpoint.user!r}", reply=reply.text)
        raise PeerProtocolError(f"{endpoint.place} answers the login with something else", reply=reply.text)

    def _capabilities(self) -> Capabilities:
        reply = self._control.ask("FEAT")
        features = parse_features(reply) if reply.code == 211 else {}
        names = frozenset(features)
        self._offers = parse_offers(features)
        self._ask_for_modes(features.get("MLST", ""))
        if "UTF8" in names and self._endpoint.encoding.lower().replace("-", "") == "utf8":
            self._control.ask("OPTS", "UTF8 ON")  # IIS requires it; others refuse it and use UTF-8 all the same
        return Capabilities(
            features=names,
            lists_facts="MLST" in names or "MLSD" in names,
            digests=tuple(dict.fromkeys(offer.algorithm for offer in self._offers)),
        )

    def _ask_for_modes(self, facts: str) -> None:
        """Have permission bits in listings where they are shown on request only (RFC 3659 §7.9; pyftpdlib)."""
        known = [fact.strip() for fact in facts.split(";") if fact.strip()]
        if any(fact.lower() == "unix.mode" for fact in known):
            wanted = [fact.rstrip("*") for fact in known if fact.endswith("*") or fact.lower() == "unix.mode"]
            self._control.ask("OPTS", f"MLST {';'.join(wanted)};")

    def _protect(self) -> None:
        if self._identity is None:
            return
        self._control.ask("PBSZ", "0")  # RFC 4217 §9 requires it; some servers do not know it
        reply = self._control.ask("PROT", "P")
        if not reply.completed:
            raise TlsFailed(
                f"{self._endpoint.place} does not encrypt data connections (PROT P), so nothing is transferred",
                reply=reply.text,
            )

    def _must(self, verb: str, argument: str, doing: str) -> Reply:
        reply = self._control.ask(verb, argument)
        if not reply.completed:
            raise unexpected(reply, doing)
        return reply

    def _login_directory(self) -> str | None:
        reply = self._control.ask("PWD")
        return parse_quoted_path(reply) if reply.code == 257 else None

    def _transfer_context(self) -> TransferContext:
        return TransferContext(
            control=self._control,
            dialer=self._dialer,
            wrap=self._wrap_data,
            timing=self._endpoint.timing,
            stop=self._stop,
            buffer=memoryview(bytearray(CHUNK)),
        )

    def _wrap_data(self, sock: socket.socket, sending: bool) -> Stream:
        peer = self._endpoint.place
        if self._identity is None:
            return PlainStream(sock, peer)
        return self._identity.wrap_data(sock, peer, sending=sending)

    def _describe(self, session: FtpSession, greeting: Reply) -> None:
        facts = session.tls_facts()
        log.info("connected to %s as %s: %s", self._endpoint.place, self._endpoint.user, greeting.text)
        if facts is not None:
            log.info(
                "control connection: %s %s, certificate %s, sha256:%s",
                facts.version,
                facts.cipher,
                facts.subject or "without a subject",
                facts.certificate_sha256,
            )
