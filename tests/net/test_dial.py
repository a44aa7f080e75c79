"""Connecting, listening, accepting, waiting."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator

import pytest

from ftpcli.errors import ConnectFailed, ConnectionLost, FtpcliError, HostUnknown, PortClosed, Stopped
from ftpcli.net import dial
from ftpcli.net.wait import Deadline, check, ready
from ftpcli.stop import StopToken


@pytest.fixture
def stop() -> Iterator[StopToken]:
    token = StopToken()
    yield token
    token.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return port_of(sock)


class TestConnect:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_connects_and_never_blocks(self, listener: socket.socket, host: str) -> None:
        with dial.connect(host, port_of(listener), timeout=10, family=4) as sock:
            assert not sock.getblocking()
            assert dial.address_of(sock) == dial.peer_of(sock) == "127.0.0.1"
            dial.keep_alive(sock, 30)
            dial.no_delay(sock)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_every_address_is_tried(self, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", free_port()))
        good = (socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [closed, good])
        dial.connect("two.test", 21, timeout=10).close()

    def test_a_closed_port(self) -> None:
        port = free_port()
        with pytest.raises(PortClosed, match=f"127.0.0.1:{port}: connection refused"):
            dial.connect("127.0.0.1", port, timeout=10)

    @pytest.mark.parametrize(
        ("code", "error"),
        [(socket.EAI_NONAME, HostUnknown), (socket.EAI_AGAIN, ConnectFailed)],
    )
    def test_names_that_do_not_resolve(
        self, monkeypatch: pytest.MonkeyPatch, code: int, error: type[FtpcliError]
    ) -> None:
        def fail(*_: object) -> None:
            raise socket.gaierror(code, "no")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        with pytest.raises(ConnectFailed, match=r"'none\.test'") as caught:
            dial.connect("none.test", 21, timeout=10)
        assert type(caught.value) is error

    @pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test", "a\0b"])
    def test_names_that_cannot_be(self, host: str) -> None:
        with pytest.raises(HostUnknown):
            dial.connect(host, 21, timeout=10)

    # Was: socket.socket() stands outside the `try`: no descriptors left, or a family that the kernel does not have.
    def test_no_socket_to_be_had(self, monkeypatch: pytest.MonkeyPatch, listener: socket.socket) -> None:
        port = port_of(listener)

        def fail(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(dial.socket, "socket", fail)
        with pytest.raises(ConnectFailed):
            dial.connect("127.0.0.1", port, timeout=10)

    def test_nobody_answers(self, full: socket.socket) -> None:
        with pytest.raises(ConnectFailed, match=r"no answer within 0\.1 seconds"):
            dial.connect("127.0.0.1", port_of(full), timeout=0.1)

    def test_stop(self, full: socket.socket, stop: StopToken) -> None:
        stop.request(130)
        with pytest.raises(Stopped):
            dial.connect("127.0.0.1", port_of(full), timeout=60, stop=stop)

    @pytest.fixture
    def full(self) -> Iterator[socket.socket]:
        """A listener whose queue is full: Linux then drops further SYNs."""
        waiting: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0), backlog=0) as sock:
            while True:
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(sock.getsockname())
                waiting.append(client)
                if not ready((), (client.fileno(),), 0.05):
                    break
                assert len(waiting) < 100
            yield sock
            for client in waiting:
                client.close()

    def test_a_peer_that_is_gone_at_once(self, listener: socket.socket) -> None:
        with dial.connect("127.0.0.1", port_of(listener), timeout=10) as sock:
            pass
        with pytest.raises(ConnectionLost):
            dial.peer_of(sock)


class TestListen:
    def test_any_port(self) -> None:
        with dial.listen("127.0.0.1", None) as sock:
            assert port_of(sock) > 0

    def test_a_range_and_its_end(self) -> None:
        with dial.listen("127.0.0.1", None) as first:
            port = port_of(first)
            with pytest.raises(ConnectFailed, match=r"cannot listen on 127\.0\.0\.1 .*in use"):
                dial.listen("127.0.0.1", (port, port))

    def test_the_next_free_port_of_a_range(self) -> None:
        with dial.listen("127.0.0.1", None) as first:
            port = port_of(first)
            with dial.listen("127.0.0.1", (port, min(port + 50, 65535))) as second:
                assert port < port_of(second) <= port + 50

    def test_an_address_that_is_not_ours(self) -> None:
        with pytest.raises(ConnectFailed, match=r"192\.0\.2\.1"):
            dial.listen("192.0.2.1", None)

    def test_accept(self) -> None:
        with dial.listen("127.0.0.1", None) as listener:
            assert dial.accept(listener, "127.0.0.1") is None
            with socket.create_connection(listener.getsockname()):
                assert ready((listener.fileno(),), (), 10)
                sock = dial.accept(listener, "127.0.0.1")
                assert sock is not None
                assert not sock.getblocking()
                sock.close()

    def test_strangers_are_turned_away(self) -> None:
        with dial.listen("127.0.0.1", None) as listener, socket.create_connection(listener.getsockname()) as stranger:
            assert ready((listener.fileno(),), (), 10)
            assert dial.accept(listener, "127.0.0.9") is None
            assert stranger.recv(1) == b""

    @pytest.mark.parametrize(
        ("address", "plain"),
        [("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("::ffff:1", "::ffff:1"), ("::1", "::1")],
    )
    def test_mapped_addresses(self, address: str, plain: str) -> None:
        assert dial.plain_address(address) == plain

    # Was: data connections to a link-local address were invalid arguments.
    def test_an_address_keeps_its_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Socket(socket.socket):
            asked: tuple[object, ...] = ()

            def getpeername(self) -> tuple[str, int, int, int]:
                return ("fe80::1", 21, 0, 7)

            getsockname = getpeername

            def connect_ex(self, address: object) -> int:
                self.asked = (address,)
                return 0

        monkeypatch.setattr(socket, "socket", Socket)
        with Socket(socket.AF_INET6) as sock:
            assert dial.peer_of(sock) == dial.address_of(sock) == "fe80::1%7"
        found, code = dial.begin("fe80::1%7", 2121)
        assert isinstance(found, Socket)
        assert (found.asked, code) == ((("fe80::1", 2121, 0, 7),), 0)
        found.close()


class TestWaiting:
    def test_ready_says_which(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert ready((ours.fileno(),), (), 0) == frozenset()
            assert ready((ours.fileno(),), (ours.fileno(),), 0) == {ours.fileno()}
            assert ready((), (ours.fileno(), theirs.fileno()), 0) == {ours.fileno(), theirs.fileno()}
            theirs.send(b"x")
            assert ready((ours.fileno(), theirs.fileno()), (), 0) == {ours.fileno()}

    def test_the_end_counts_as_ready(self) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            theirs.close()
            assert ready((ours.fileno(),), (), 10) == {ours.fileno()}

    def test_a_deadline_that_passed_does_not_wait_for_ever(self) -> None:
        assert ready((), (), -5) == frozenset()

    def test_a_stop_from_another_thread(self, stop: StopToken) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            check(stop)
            asked = threading.Timer(0.05, stop.request, (143,))
            asked.start()
            with pytest.raises(Stopped) as caught:
                ready((ours.fileno(),), (), 60, stop)
            asked.join()
        assert caught.value.exit_code == 143
        with pytest.raises(Stopped):
            check(stop)

    def test_deadline(self) -> None:
        deadline = Deadline(60)
        assert 59 < deadline.left <= 60
        assert not deadline.passed
        assert Deadline(0).passed
        before = deadline.at
        deadline.renew()
        assert deadline.at >= before
