"""TLS against OpenSSL as Python has it: trust, resumption, endings, and many bytes."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import random
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from ftpcli.errors import CertificateRejected, ConnectionLost, NotTls, TlsFailed, UsageError
from ftpcli.model import TlsSettings
from ftpcli.net import dial
from ftpcli.net.stream import BLOCKED, ORDERLY_END, RAW_END
from ftpcli.net.tls import TlsIdentity, TlsStream
from ftpcli.net.wait import ready
from tests.net.tls_server import PATIENCE, TlsServer, tls_server
from tests.servers.certificates import Certificates, session_certificates

SENDING = pytest.mark.parametrize("sending", [True, False])
KINDS = pytest.mark.parametrize("kind", ["in_memory", "direct"])
SIZES = [0, 1, 16383, 16384, 16385, 32725, 32746, 65471, 65492, 1024 * 1024]
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
Wrap = Callable[[socket.socket, str], TlsStream]
Kind = Callable[[TlsIdentity, TlsServer], AbstractContextManager[TlsStream]]


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return session_certificates()


@pytest.fixture
def trusting(certificates: Certificates) -> TlsSettings:
    return TlsSettings(cafile=str(certificates.ca))


def only(settings: TlsSettings, version: str) -> TlsSettings:
    return replace(settings, minimum=version, maximum=version)


def data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def shake(stream: TlsStream) -> TlsStream:
    while not stream.handshake():
        assert ready((stream.fileno(),), (), PATIENCE), "the handshake hangs"
    return stream


@contextmanager
def connected(wrap: Wrap, server: TlsServer, *, handshake: bool = True) -> Iterator[TlsStream]:
    sock = dial.connect("127.0.0.1", server.port, timeout=PATIENCE)
    stream = wrap(sock, "the server")
    try:
        yield shake(stream) if handshake else stream
    finally:
        stream.close()


@contextmanager
def in_memory(identity: TlsIdentity, server: TlsServer) -> Iterator[TlsStream]:
    with connected(identity.wrap_control, server) as stream:
        yield stream


@contextmanager
def direct(identity: TlsIdentity, server: TlsServer) -> Iterator[TlsStream]:
    """A data connection that is received from."""
    with (
        connected(identity.wrap_control, server),
        connected(partial(identity.wrap_data, sending=False), server) as stream,
    ):
        yield stream


KIND: dict[str, Kind] = {"in_memory": in_memory, "direct": direct}


def read_all(stream: TlsStream, room: int = 256 * 1024) -> tuple[bytes, int]:
    """Everything to the end, and how it ended."""
    buffer, found = memoryview(bytearray(room)), bytearray()
    while True:
        count = stream.receive_into(buffer)
        if count > 0:
            found += buffer[:count]
        elif count == BLOCKED:
            assert ready((stream.fileno(),), (), PATIENCE), "nothing comes"
        else:
            return bytes(found), count


def write_all(stream: TlsStream, payload: bytes) -> None:
    left = memoryview(payload)
    while left:
        count = stream.send(left)
        if count == BLOCKED:
            assert ready((), (stream.fileno(),), PATIENCE), "nothing is taken"
        else:
            left = left[count:]
    flush(stream)


def flush(stream: TlsStream) -> None:
    while not stream.flush():
        assert ready((), (stream.fileno(),), PATIENCE), "nothing is taken"


# What servers do


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def say(payload: bytes) -> Callable[[ssl.SSLSocket], object]:
    """Send all, end in order, and wait for the client's end."""

    def serve(tls: ssl.SSLSocket) -> object:
        tls.sendall(payload)
        with contextlib.suppress(OSError):
            tls.unwrap()
        return None

    return serve


def listen_to_the_end(tls: ssl.SSLSocket) -> bytes:
    """Raises SSLEOFError where the client ends without close_notify."""
    found = b""
    while piece := tls.recv(65536):
        found += piece
    with contextlib.suppress(OSError):
        tls.unwrap()
    return found


def reset(tls: ssl.SSLSocket) -> None:
    tls.recv(1)
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(tls.detach())


def fin_without_close_notify(tls: ssl.SSLSocket) -> None:
    tls.sendall(b"half")
    tls.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        tls.recv(1)


class TestTrust:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
    @VERSIONS
    def test_name_or_address_is_in_the_certificate(
        self, certificates: Certificates, trusting: TlsSettings, host: str, version: str
    ) -> None:
        identity = TlsIdentity(only(trusting, version), host)
        assert identity.facts() is None
        with tls_server(certificates.server, say(b"")) as server, connected(identity.wrap_control, server) as stream:
            facts = identity.facts()
            assert facts is not None
            assert facts.version == f"TLSv{version}"
            assert facts.cipher
            assert facts.subject == "CN=localhost"
            assert (stream.established, stream.resumed) == (True, False)

    @pytest.mark.parametrize(
        ("which", "host", "words"),
        [
            ("expired", "localhost", "expired"),
            ("foreign", "localhost", "not among the trusted ones|self-signed"),
            (
                "wrong_host",
                "localhost",
                "not for localhost, but for other.invalid; use such a name, or --pin sha256:[0-9a-f]{64} accepts",
            ),
            ("wrong_host", "127.0.0.1", "not for 127.0.0.1"),
            ("server", "127.0.0.2", "not for 127.0.0.2, but for localhost, 127.0.0.1"),
            ("server", "sub.localhost", "not for sub.localhost"),
            ("client", "tester", "not meant for a server"),
        ],
    )
    @VERSIONS
    def test_rejected(
        self, certificates: Certificates, trusting: TlsSettings, which: str, host: str, words: str, version: str
    ) -> None:
        identity = TlsIdentity(only(trusting, version), host)
        with (
            tls_server(getattr(certificates, which), say(b"secret")) as server,
            pytest.raises(CertificateRejected, match=words),
            connected(identity.wrap_control, server),
        ):
            pass

    @pytest.mark.parametrize(("which", "helps"), [("foreign", True), ("expired", False)])
    def test_another_ca_is_named_only_where_it_would_help(
        self, certificates: Certificates, trusting: TlsSettings, which: str, helps: bool
    ) -> None:
        with (
            tls_server(getattr(certificates, which), say(b"secret")) as server,
            pytest.raises(CertificateRejected) as caught,
            connected(TlsIdentity(trusting, "localhost").wrap_control, server),
        ):
            pass
        assert ("--cafile" in caught.value.message) is helps
        assert f"--pin sha256:{digest(getattr(certificates, which), 'certificate')}" in caught.value.message

    # Was: an internal error.
    @pytest.mark.parametrize("pinned", [False, True])
    def test_a_certificate_that_only_openssl_can_read(self, tmp_path: Path, pinned: bool) -> None:
        file = tmp_path / "odd.pem"
        sha256 = unreadable(file)
        settings = TlsSettings(pins=(f"sha256:{sha256}",)) if pinned else TlsSettings(insecure=True)
        identity = TlsIdentity(settings, "localhost")
        with tls_server(file, say(b"x")) as server, connected(identity.wrap_control, server) as stream:
            assert read_all(stream)[0] == b"x"
            facts = identity.facts()
            assert facts is not None
            assert (facts.subject, facts.certificate_sha256) == ("", sha256)

    def test_names_that_only_openssl_can_read(self, tmp_path: Path) -> None:
        file = tmp_path / "odd.pem"
        unreadable(file)
        with (
            tls_server(file, say(b"x")) as server,
            pytest.raises(CertificateRejected, match="the names in the certificate of localhost cannot be read"),
            connected(TlsIdentity(TlsSettings(cafile=str(file)), "localhost").wrap_control, server),
        ):
            pass

    def test_the_systems_authorities_do_not_know_ours(self, certificates: Certificates) -> None:
        with (
            tls_server(certificates.server, say(b"")) as server,
            pytest.raises(CertificateRejected, match="--cafile"),
            connected(TlsIdentity(TlsSettings(), "localhost").wrap_control, server),
        ):
            pass

    @pytest.mark.parametrize("which", ["expired", "foreign", "wrong_host"])
    def test_insecure_takes_all(self, certificates: Certificates, which: str) -> None:
        identity = TlsIdentity(TlsSettings(insecure=True), "localhost")
        with (
            tls_server(getattr(certificates, which), say(b"x")) as server,
            connected(identity.wrap_control, server) as stream,
        ):
            assert read_all(stream)[0] == b"x"

    @pytest.mark.parametrize("what", ["certificate", "key"])
    @pytest.mark.parametrize(
        "style", [str.lower, str.upper, lambda digest: ":".join(digest[at : at + 2] for at in range(0, 64, 2))]
    )
    def test_a_pin_takes_the_place_of_everything(
        self, certificates: Certificates, what: str, style: Callable[[str], str]
    ) -> None:
        pin = "sha256:" + style(digest(certificates.expired, what))
        identity = TlsIdentity(TlsSettings(pins=("sha256:" + "0" * 64, pin)), "other.test")
        with tls_server(certificates.expired, say(b"x")) as server, connected(identity.wrap_control, server) as stream:
            assert read_all(stream)[0] == b"x"
            facts = identity.facts()
            assert facts is not None
            assert facts.certificate_sha256 == digest(certificates.expired, "certificate")

    def test_a_pin_that_does_not_fit(self, certificates: Certificates) -> None:
        """Also where the certificate is good otherwise; the message names the digest to pin."""
        settings = TlsSettings(cafile=str(certificates.ca), pins=("sha256:" + "0" * 64,))
        with (
            tls_server(certificates.server, say(b"")) as server,
            pytest.raises(CertificateRejected, match=digest(certificates.server, "certificate")),
            connected(TlsIdentity(settings, "localhost").wrap_control, server),
        ):
            pass

    @SENDING
    def test_data_connections_are_checked_too(
        self, certificates: Certificates, trusting: TlsSettings, sending: bool
    ) -> None:
        """Somebody else answers on the data port."""
        identity = TlsIdentity(trusting, "localhost")
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            tls_server(certificates.foreign, listen_to_the_end) as other,
            connected(identity.wrap_control, server),
            pytest.raises(CertificateRejected),
            connected(partial(identity.wrap_data, sending=sending), other),
        ):
            pass

    @VERSIONS
    def test_client_certificate(self, certificates: Certificates, trusting: TlsSettings, version: str) -> None:
        settings = only(replace(trusting, cert=str(certificates.client)), version)
        with (
            tls_server(certificates.server, lambda tls: tls.getpeercert(), ca=certificates.ca) as server,
            connected(TlsIdentity(settings, "localhost").wrap_control, server) as stream,
        ):
            read_all(stream)
        assert "tester" in str(server.served)

    @pytest.mark.parametrize("which", [None, "foreign_client"])
    @VERSIONS
    def test_client_certificate_that_is_not_accepted(
        self, certificates: Certificates, trusting: TlsSettings, which: str | None, version: str
    ) -> None:
        """On TLS 1.3 the alert comes after our side of the handshake is over."""
        cert = str(getattr(certificates, which)) if which else None
        identity = TlsIdentity(only(replace(trusting, cert=cert), version), "localhost")
        with (
            tls_server(certificates.server, say(b""), ca=certificates.ca) as server,
            pytest.raises((TlsFailed, ConnectionLost)),
            connected(identity.wrap_control, server) as stream,
        ):
            read_all(stream)

    @pytest.mark.parametrize(
        "settings",
        [{"cafile": "/nowhere/ca"}, {"cafile": "/dev/null"}, {"cert": "/nowhere/cert"}, {"cert": "/dev/null"}],
    )  # fmt: skip
    def test_files_that_cannot_be_used(self, settings: dict[str, str]) -> None:
        with pytest.raises(UsageError, match=next(iter(settings.values()))):
            TlsIdentity(TlsSettings(**settings), "localhost")

    def test_a_key_that_belongs_to_another_certificate(self, certificates: Certificates) -> None:
        with pytest.raises(UsageError):
            TlsIdentity(TlsSettings(cert=str(certificates.client), key=str(certificates.foreign_client)), "localhost")


def digest(path: Path, what: str) -> str:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if what == "certificate":
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def unreadable(path: Path) -> str:
    """A key and its certificate, which OpenSSL reads and others do not: a PrintableString that is none. Its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "XX")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    readable = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    der = readable.replace(b"\x13\x02XX", b"\x13\x02X\xff")
    assert der != readable
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_text(private.decode() + ssl.DER_cert_to_PEM_cert(der))
    return hashlib.sha256(der).hexdigest()


class TestHandshake:
    @pytest.mark.parametrize(("ours", "theirs"), [("1.2", "1.3"), ("1.3", "1.2")])
    def test_no_version_in_common(
        self, certificates: Certificates, trusting: TlsSettings, ours: str, theirs: str
    ) -> None:
        with (
            tls_server(certificates.server, say(b""), versions=(theirs, theirs)) as server,
            pytest.raises(TlsFailed, match=r"handshake with the server failed: .*version"),
            connected(TlsIdentity(only(trusting, ours), "localhost").wrap_control, server),
        ):
            pass

    @pytest.mark.parametrize(
        "words",
        [b"220 Welcome to plain FTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 30],
    )
    def test_a_server_that_does_not_speak_tls(self, trusting: TlsSettings, words: bytes) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = TlsIdentity(trusting, "localhost").wrap_control(ours, "the server")
            theirs.sendall(words)
            with pytest.raises(TlsFailed, match="the server does not speak TLS"):
                shake(stream)
            stream.close()

    @pytest.mark.parametrize("sent", [b"", b"\x16\x03\x03\x00"])
    def test_a_server_that_goes_away(self, trusting: TlsSettings, sent: bytes) -> None:
        ours, theirs = socket.socketpair()
        stream = TlsIdentity(trusting, "localhost").wrap_control(ours, "the server")
        assert not stream.handshake()
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionLost, match="during the TLS handshake"):
            shake(stream)
        theirs.close()
        stream.close()

    @pytest.mark.parametrize(
        ("act", "error", "words"),
        [
            (lambda sock: sock.shutdown(socket.SHUT_WR), ConnectionLost, "closed the connection during the TLS"),
            (lambda sock: _reset(sock), ConnectionLost, "reset the connection"),
            (lambda sock: sock.sendall(b"550 no such file\r\n"), NotTls, "does not speak TLS"),
            (lambda sock: (sock.sendall(b"5"), sock.shutdown(socket.SHUT_WR)), NotTls, "does not speak TLS"),
            (lambda sock: sock.sendall(b"\x15\x03\x01\x00\x02\x02\x28"), TlsFailed, "handshake with the server failed"),
        ],
    )
    def test_a_data_connection_that_goes_wrong_at_once(
        self,
        certificates: Certificates,
        trusting: TlsSettings,
        act: Callable[[socket.socket], object],
        error: type[Exception],
        words: str,
    ) -> None:
        identity = TlsIdentity(trusting, "localhost")
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            connected(identity.wrap_control, server),
            socket.create_server(("127.0.0.1", 0)) as listener,
        ):
            ours = dial.connect("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE)
            theirs, _ = listener.accept()
            with theirs:
                stream = identity.wrap_data(ours, "the server", sending=False)
                assert not stream.handshake()
                act(theirs)
                with pytest.raises(error, match=words):
                    shake(stream)
                stream.close()

    def test_a_silent_server_blocks_nobody(self, trusting: TlsSettings) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = TlsIdentity(trusting, "localhost").wrap_control(ours, "the server")
            assert not stream.handshake()
            assert not stream.handshake()
            assert stream.facts() is None
            stream.close_notify()
            stream.close()

    def test_it_goes_on_byte_by_byte(self, certificates: Certificates, trusting: TlsSettings) -> None:
        """Everything the server sends comes in single bytes."""
        (ours, middle), (other, theirs) = socket.socketpair(), socket.socketpair()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server)
        peer = context.wrap_bio(incoming, outgoing, server_side=True)
        stream = TlsIdentity(trusting, "localhost").wrap_control(ours, "the server")
        done = False
        while not done:
            done = stream.handshake()
            with contextlib.suppress(BlockingIOError):
                incoming.write(middle.recv(65536, socket.MSG_DONTWAIT))
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.do_handshake()
            for byte in outgoing.read():
                middle.send(bytes([byte]))
                done = stream.handshake()
        incoming.write(middle.recv(65536, socket.MSG_DONTWAIT) if ready((middle.fileno(),), (), 0) else b"")
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        peer.write(b"hello")
        buffer, found = memoryview(bytearray(100)), b""
        for byte in outgoing.read():
            middle.send(bytes([byte]))
            if (count := stream.receive_into(buffer)) > 0:
                found += bytes(buffer[:count])
        assert found == b"hello"
        for sock in (middle, other, theirs):
            sock.close()
        stream.close()


class TestResumption:
    @VERSIONS
    @SENDING
    @pytest.mark.parametrize("orderly", [True, False])
    def test_many_data_connections(
        self, certificates: Certificates, trusting: TlsSettings, version: str, orderly: bool, sending: bool
    ) -> None:
        """All but none resume, also behind one that was closed without ceremony."""
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, serve_either) as server,
            connected(identity.wrap_control, server) as control,
        ):
            write_all(control, b"c")
            wait_for_tickets(control)
            for number in range(10):
                with connected(partial(identity.wrap_data, sending=sending), server) as stream:
                    assert stream.resumed, f"number {number}"
                    write_all(stream, b"d")
                    if orderly or number % 2:
                        assert read_all(stream) == (b"answer", ORDERLY_END)
                        stream.close_notify()
                        flush(stream)
            facts = identity.facts()
            assert facts is not None
            assert (facts.data_connections, facts.data_resumed, facts.data_resumed_last) == (10, 10, True)
            control.close_notify()
            flush(control)
        assert server.resumed == [False] + [True] * 10

    @VERSIONS
    @SENDING
    def test_a_server_that_does_not_resume(
        self, certificates: Certificates, trusting: TlsSettings, version: str, sending: bool
    ) -> None:
        """Another server process knows nothing of the session: a full handshake, and it shows."""
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, serve_either) as server,
            tls_server(certificates.server, serve_either) as forgetful,
            connected(identity.wrap_control, server) as control,
        ):
            write_all(control, b"c")
            wait_for_tickets(control)
            with connected(partial(identity.wrap_data, sending=sending), forgetful) as stream:
                assert not stream.resumed
            facts = identity.facts()
            assert facts is not None
            assert (facts.data_connections, facts.data_resumed, facts.data_resumed_last) == (1, 0, False)
            control.close_notify()
            flush(control)

    def test_identities_share_nothing(self, certificates: Certificates, trusting: TlsSettings) -> None:
        with tls_server(certificates.server, serve_either) as server:
            for _ in range(3):
                identity = TlsIdentity(trusting, "localhost")
                with connected(identity.wrap_control, server) as control:
                    write_all(control, b"c")
                    wait_for_tickets(control)
                    assert not control.resumed
                    control.close_notify()
                    flush(control)
        assert server.resumed == [False] * 3


def serve_either(tls: ssl.SSLSocket) -> str:
    """A control connection ("c"): stay until it ends. A data connection ("d"): answer and end in order."""
    kind = tls.recv(1)
    if kind == b"c":
        tls.sendall(b"ok")
        listen_to_the_end(tls)
    elif kind == b"d":
        tls.sendall(b"answer")
        with contextlib.suppress(OSError):
            tls.unwrap()
    return kind.decode()


def wait_for_tickets(control: TlsStream) -> None:
    """The tickets of TLS 1.3 come before the answer."""
    buffer = memoryview(bytearray(100))
    while control.receive_into(buffer) == BLOCKED:
        assert ready((control.fileno(),), (), PATIENCE)


class TestEndings:
    @KINDS
    @VERSIONS
    def test_close_notify_is_an_orderly_end(
        self, certificates: Certificates, trusting: TlsSettings, version: str, kind: str
    ) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, say(b"all")) as server,
            KIND[kind](identity, server) as stream,
        ):
            assert read_all(stream) == (b"all", ORDERLY_END)
            assert stream.receive_into(memoryview(bytearray(9))) == ORDERLY_END, "and stays so"
            stream.close_notify()
            flush(stream)

    @KINDS
    @VERSIONS
    def test_fin_alone_is_not(self, certificates: Certificates, trusting: TlsSettings, version: str, kind: str) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, fin_without_close_notify) as server,
            KIND[kind](identity, server) as stream,
        ):
            assert read_all(stream) == (b"half", RAW_END)
            assert stream.receive_into(memoryview(bytearray(9))) == RAW_END, "and stays so"

    @KINDS
    @VERSIONS
    def test_reset(self, certificates: Certificates, trusting: TlsSettings, version: str, kind: str) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, reset) as server,
            KIND[kind](identity, server) as stream,
        ):
            write_all(stream, b"x")
            with pytest.raises(ConnectionLost, match="the server reset the connection"):
                read_all(stream)

    @VERSIONS
    def test_ours_arrives_as_an_orderly_end(
        self, certificates: Certificates, trusting: TlsSettings, version: str
    ) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            connected(identity.wrap_control, server) as stream,
        ):
            write_all(stream, b"upload")
            stream.close_notify()
            flush(stream)
            stream.shut_write()
            assert read_all(stream) == (b"", ORDERLY_END)
        assert server.served == [b"upload"]

    @VERSIONS
    def test_close_alone_is_a_truncation_to_the_server(
        self, certificates: Certificates, trusting: TlsSettings, version: str
    ) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            connected(identity.wrap_control, server) as stream,
        ):
            write_all(stream, b"upload")
        assert isinstance(server.served[0], OSError)

    @VERSIONS
    def test_half_close(self, certificates: Certificates, trusting: TlsSettings, version: str) -> None:
        """The peer ended its direction with close_notify; ours goes on and nothing is lost."""
        ours, theirs = socket.socketpair()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server)
        peer = context.wrap_bio(incoming, outgoing, server_side=True)
        stream = TlsIdentity(only(trusting, version), "localhost").wrap_control(ours, "the server")

        def carry() -> None:
            with contextlib.suppress(BlockingIOError):
                incoming.write(theirs.recv(1 << 20, socket.MSG_DONTWAIT))
            theirs.sendall(outgoing.read())

        shaken = False
        while not shaken:
            shaken = stream.handshake()
            carry()
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.do_handshake()
            theirs.sendall(outgoing.read())
        carry()
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        peer.write(b"last words")
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.unwrap()
        theirs.sendall(outgoing.read())
        assert read_all(stream) == (b"last words", ORDERLY_END)
        payload = data(50_000)
        write_all(stream, payload)
        stream.close_notify()
        flush(stream)
        carry()
        found = b""
        with contextlib.suppress(ssl.SSLError):
            while piece := peer.read(65536):
                found += piece
        theirs.close()
        stream.close()
        assert found == payload


class TestBytes:
    @KINDS
    @VERSIONS
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("room", [1000, 256 * 1024])
    def test_down(
        self, certificates: Certificates, trusting: TlsSettings, version: str, kind: str, size: int, room: int
    ) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, say(data(size))) as server,
            KIND[kind](identity, server) as stream,
        ):
            assert read_all(stream, room) == (data(size), ORDERLY_END)
            stream.close_notify()
            flush(stream)

    @VERSIONS
    @pytest.mark.parametrize("size", SIZES)
    def test_up(self, certificates: Certificates, trusting: TlsSettings, version: str, size: int) -> None:
        identity = TlsIdentity(only(trusting, version), "localhost")
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            connected(identity.wrap_control, server) as stream,
        ):
            write_all(stream, data(size))
            stream.close_notify()
            flush(stream)
            stream.shut_write()
            read_all(stream)
        assert server.served == [data(size)]

    def test_a_peer_that_does_not_read(self, certificates: Certificates, trusting: TlsSettings) -> None:
        """What was taken is bounded, waits inside, and goes out once the peer reads."""
        go_on = socket.socketpair()

        def serve(tls: ssl.SSLSocket) -> bytes:
            go_on[1].recv(1)
            return listen_to_the_end(tls)

        chunk = data(256 * 1024)
        sent = bytearray()
        with (
            tls_server(certificates.server, serve) as server,
            connected(TlsIdentity(trusting, "localhost").wrap_control, server) as stream,
        ):
            for _ in range(1000):
                count = stream.send(memoryview(chunk))
                if count == BLOCKED:
                    break
                sent += chunk[:count]
            assert count == BLOCKED
            assert not stream.flush()
            assert stream.send(memoryview(chunk)) == BLOCKED
            go_on[0].send(b"x")
            flush(stream)
            write_all(stream, b"the end")
            stream.close_notify()
            flush(stream)
            stream.shut_write()
            read_all(stream)
        assert server.served == [bytes(sent) + b"the end"]
        for sock in go_on:
            sock.close()

    def test_cut_ends_a_wait(self, certificates: Certificates, trusting: TlsSettings) -> None:
        with (
            tls_server(certificates.server, listen_to_the_end) as server,
            connected(TlsIdentity(trusting, "localhost").wrap_control, server) as stream,
        ):
            stream.cut()
            assert ready((stream.fileno(),), (), PATIENCE)
            with contextlib.suppress(ConnectionLost):  # where tickets come after the cut, the kernel answers by RST
                assert read_all(stream) == (b"", RAW_END)
