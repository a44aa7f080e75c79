"""TLS over sockets that never block: in memory, where OpenSSL turns bytes into bytes and the socket stays in our hands,
and directly on the socket, where bulk data comes in.

Theory of operation. One TlsIdentity belongs to one control connection and is born and dies with it: its own
``SSL.Context`` and through it its own sessions. Strict servers (vsftpd, ProFTPD, FileZilla Server) accept a data
connection only when it resumes *the session of its own control connection*; anything shared between two control
connections breaks that as soon as two files move.

The session is taken from the control connection anew for every data connection, after the reply that precedes it:
TLS 1.3 tickets come after the handshake, FileZilla Server sends one with each EPSV reply. A data connection that is
freed without having sent close_notify makes OpenSSL mark the shared session as not resumable, for every later file;
``TlsStream.close`` therefore always tells OpenSSL that the end was said, also where it could not be sent.

Data that is *received* goes directly from the socket into OpenSSL: two copies less of every byte. All else goes through
memory, because OpenSSL must not see certain ends: a FIN without close_notify is fatal to it and takes the session with
it, and that is how vsftpd ends every upload.

Whether a session was resumed shows in the verify callback: OpenSSL calls it in full handshakes only.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, replace

from OpenSSL import SSL, crypto

from ftpcli.errors import CertificateRejected, ConnectionLost, FtpcliError, NotTls, TlsFailed, UsageError, cause_of
from ftpcli.model import TlsFacts, TlsSettings
from ftpcli.net.stream import BLOCKED, ORDERLY_END, RAW_END, SocketStream
from ftpcli.net.trust import Trust, fingerprint, readable

_RECORD = 16 * 1024
_CHUNK = 256 * 1024
_PARTIAL_WRITE = 0x1  # SSL_MODE_ENABLE_PARTIAL_WRITE: into memory, a write is always whole
_HEARD = 512
_EOF = -1  # what pyOpenSSL has for errno where the socket ended without close_notify
_HANDSHAKE_OR_ALERT = (21, 22)  # record types that a server's first bytes may begin with, RFC 8446 §5.1
# OpenSSL's own choice, but AES-128 first as browsers have it: no weaker in practice, and less work for both sides.
_CIPHERS = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_SENT_AND_RECEIVED = SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN


@dataclass
class _Handshake:
    """What the verify callback saw of one connection."""

    full: bool = False
    error: int = 0
    leaf: str = ""


class TlsIdentity:
    """The TLS side of one control connection and of the data connections under it.

    Raises UsageError where certificate, key or CA file cannot be used.
    """

    def __init__(self, settings: TlsSettings, host: str) -> None:
        self._host = host
        self._trust = Trust(settings)
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_min_proto_version(_VERSIONS[settings.minimum])
        self._context.set_max_proto_version(_VERSIONS[settings.maximum])
        self._context.set_tls13_ciphersuites(_CIPHERS)
        self._context.clear_mode(_PARTIAL_WRITE)
        self._context.set_verify(SSL.VERIFY_PEER, self._on_certificate)
        self._trust.prepare(self._context)
        self._load_client_certificate(settings)
        self._control: TlsStream | None = None
        # Bytes on their way into OpenSSL; one thread uses all streams of an identity, so one buffer serves them.
        self.incoming = memoryview(bytearray(_CHUNK))
        self._facts: TlsFacts | None = None
        self.data_connections = 0
        self.data_resumed = 0
        self.data_resumed_last: bool | None = None

    def _load_client_certificate(self, settings: TlsSettings) -> None:
        if settings.cert is None:
            return
        for path in (settings.cert, settings.key or settings.cert):
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise UsageError(f"cannot read {path}: {cause_of(error)}") from error
        try:
            self._context.use_certificate_chain_file(settings.cert)
            self._context.use_privatekey_file(settings.key or settings.cert)
            self._context.check_privatekey()
        except (SSL.Error, crypto.Error) as error:
            raise UsageError(f"{settings.cert} and its key cannot be used: {_reason(error)}") from error

    def _on_certificate(
        self, connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        handshake = connection.get_app_data()
        handshake.full = True
        if not ok and self._trust.asks_chain:
            handshake.error = handshake.error or code
        if depth == 0:
            handshake.leaf = fingerprint(certificate)
        # OpenSSL comes to the server's own certificate last: by then it is known which one to name, and it still ends
        # there before anything of ours was said.
        return not handshake.error or depth > 0

    def wrap_control(self, sock: socket.socket, peer: str) -> TlsStream:
        """The control connection's stream; its session is what every data connection resumes."""
        self._control = TlsStream(self._connection(), sock, peer, self)
        return self._control

    def wrap_data(self, sock: socket.socket, peer: str, *, sending: bool) -> TlsStream:
        """A data connection's stream, set up to resume the control connection's present session."""
        assert self._control is not None
        connection = self._connection(None if sending else sock)
        session = self._control.session
        if session is not None:
            connection.set_session(session)
        kind = TlsStream if sending else DirectTlsStream
        return kind(connection, sock, peer, self)

    def _connection(self, sock: socket.socket | None = None) -> SSL.Connection:
        connection = SSL.Connection(self._context, sock)
        connection.set_app_data(_Handshake())
        connection.set_connect_state()
        if not self._host.replace(".", "").isdigit() and ":" not in self._host:
            with contextlib.suppress(UnicodeError):
                connection.set_tlsext_host_name(self._host.encode("idna"))
        return connection

    def settled(self, stream: TlsStream, connection: SSL.Connection, *, full: bool) -> None:
        """A handshake is over. Raises CertificateRejected."""
        if full:
            handshake = connection.get_app_data()
            if handshake.error:
                raise self.rejected(handshake)
            self._trust.check(connection, self._host)
        if stream is not self._control:
            self.data_connections += 1
            self.data_resumed += not full
            self.data_resumed_last = not full

    def rejected(self, handshake: _Handshake) -> CertificateRejected:
        return self._trust.chain_rejected(self._host, handshake.error, handshake.leaf)

    def facts(self) -> TlsFacts | None:
        """What TLS settled on, at any time; None before the first handshake."""
        if self._facts is None:
            self._facts = self._control.facts() if self._control is not None else None
        if self._facts is None:
            return None
        return replace(
            self._facts,
            data_connections=self.data_connections,
            data_resumed=self.data_resumed,
            data_resumed_last=self.data_resumed_last,
        )


class TlsStream(SocketStream):
    """A socket with TLS over it, through memory."""

    tls = True

    def __init__(self, connection: SSL.Connection, sock: socket.socket, peer: str, identity: TlsIdentity) -> None:
        super().__init__(sock, peer)
        self._connection = connection
        self._identity = identity
        self._outgoing = memoryview(b"")
        self._drained = True
        self.established = False
        self._broken = False
        self.resumed = False

    @property
    def session(self) -> SSL.Session | None:
        return self._connection.get_session()

    def facts(self) -> TlsFacts | None:
        certificate = self._connection.get_peer_certificate() if self.established else None
        if certificate is None:
            return None
        found = readable(certificate)
        return TlsFacts(
            version=self._connection.get_protocol_version_name(),
            cipher=self._connection.get_cipher_name() or "",
            certificate_sha256=fingerprint(certificate),
            subject="" if found is None else found.subject.rfc4514_string(),
        )

    def handshake(self) -> bool:
        while not self.established:
            self._drained = False
            try:
                self._connection.do_handshake()
            except SSL.WantReadError:
                if not self.flush():
                    return False
                count = self._fill()
                if count == BLOCKED:
                    return False
                if count == RAW_END:
                    raise self._not_tls() or self._hung_up() from None
            except SSL.Error as error:
                raise self._handshake_failed(error) from error
            else:
                self.established = True
                full = self._connection.get_app_data().full
                self.resumed = not full
                try:
                    self._identity.settled(self, self._connection, full=full)
                except CertificateRejected:
                    self._broken = True
                    raise
        return self.flush()

    def _hung_up(self) -> ConnectionLost:
        return ConnectionLost(f"{self.peer} closed the connection during the TLS handshake")

    def _handshake_failed(self, error: SSL.Error) -> FtpcliError:
        self._broken = True
        with contextlib.suppress(ConnectionLost):
            self.flush()  # the alert tells the server why
        handshake = self._connection.get_app_data()
        if handshake.error:
            return self._identity.rejected(handshake)
        return self._not_tls() or TlsFailed(f"the TLS handshake with {self.peer} failed: {_reason(error)}")

    def _not_tls(self) -> NotTls | None:
        if not self.heard or self.heard[0] in _HANDSHAKE_OR_ALERT:
            return None
        return NotTls(f"{self.peer} does not speak TLS here", heard=self.heard)

    def receive_into(self, buffer: memoryview) -> int:
        filled, size = 0, len(buffer)
        while True:
            try:
                while filled < size:
                    filled += self._connection.recv_into(buffer[filled : filled + _RECORD])
                return filled
            except SSL.WantReadError:
                if filled:
                    return filled
                count = self._fill()
                if count < 0:
                    return count
                self._drained = False  # a key update is answered with the next flush
            except SSL.ZeroReturnError:
                return filled or ORDERLY_END
            except SSL.Error as error:
                raise self._protocol_broke(error) from error

    def _protocol_broke(self, error: SSL.Error) -> ConnectionLost:
        self._broken = True
        return ConnectionLost(f"TLS with {self.peer} broke: {_reason(error)}")

    def _fill(self) -> int:
        count = self._receive(self._identity.incoming)
        if count > 0:
            if not self.established and not self.heard:
                self.heard = bytes(self._identity.incoming[: min(count, _HEARD)])
            self._connection.bio_write(self._identity.incoming[:count])
        return count

    def send(self, data: memoryview) -> int:
        if self._outgoing and not self.flush():
            return BLOCKED
        self._drained = False
        try:
            count = self._connection.send(data[:_CHUNK])
        except SSL.Error as error:
            raise self._protocol_broke(error) from error
        self._flush(count + _RECORD)
        return count

    def flush(self) -> bool:
        return self._flush(_RECORD)

    def _flush(self, room: int) -> bool:
        """``room`` is what OpenSSL may hold at most: pyOpenSSL allocates that much for every read."""
        while True:
            if not self._outgoing:
                if self._drained:
                    return True
                try:
                    self._outgoing = memoryview(self._connection.bio_read(room))
                except SSL.WantReadError:
                    self._drained = True
                    return True
                self._drained = len(self._outgoing) < room
            count = self._send(self._outgoing)
            if count == BLOCKED:
                return False
            self._outgoing = self._outgoing[count:]

    def close_notify(self) -> None:
        if self.established and not self._broken:
            self._drained = False
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()

    def close(self) -> None:
        # Freeing a connection that did not say close_notify would take the shared session from all later ones.
        self._connection.set_shutdown(_SENT_AND_RECEIVED)
        super().close()


class DirectTlsStream(TlsStream):
    """TLS directly on the socket, for a data connection that is received from."""

    _end = BLOCKED

    def handshake(self) -> bool:
        if not self.heard:
            try:
                self.heard = self._socket.recv(_HEARD, socket.MSG_PEEK)  # OpenSSL tells nobody what it has read
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self._broken = True
                raise self._lost(error) from error
        return super().handshake()

    def _handshake_failed(self, error: SSL.Error) -> FtpcliError:
        if not isinstance(error, SSL.SysCallError):
            return super()._handshake_failed(error)
        self._broken = True
        lost = self._hung_up() if error.args[0] == _EOF else self._lost(OSError(*error.args))
        return self._not_tls() or lost

    def receive_into(self, buffer: memoryview) -> int:
        filled, size = 0, len(buffer)
        receive = self._connection.recv_into
        while filled < size and self._end == BLOCKED:
            try:
                filled += receive(buffer[filled : filled + _RECORD])
            except SSL.WantReadError:
                return filled or BLOCKED
            except SSL.ZeroReturnError:
                self._end = ORDERLY_END
            except SSL.SysCallError as error:
                if error.args[0] != _EOF:
                    raise self._lost(OSError(*error.args)) from error
                self._end = RAW_END
            except SSL.Error as error:
                raise self._protocol_broke(error) from error
        return filled or self._end

    def _fill(self) -> int:
        return BLOCKED  # OpenSSL has read what there was

    def _flush(self, room: int) -> bool:  # noqa: ARG002
        return True  # and has sent what there was


def _reason(error: Exception) -> str:
    """OpenSSL's words for its first error, without its file and function names."""
    stack = error.args[0] if error.args else ()
    if isinstance(stack, (list, tuple)) and stack and isinstance(stack[0], tuple):
        return str(stack[0][-1]) or "unknown reason"
    return str(error) or type(error).__name__
