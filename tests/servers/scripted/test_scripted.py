"""The scripted server checked with clients that are not ours: ftplib, curl, bare sockets."""

from __future__ import annotations

import ftplib
import io
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.certificates import session_certificates
from tests.servers.scripted.faults import black_hole, endless, silence
from tests.servers.scripted.name_rules import (
    IGNORES_CASE,
    IGNORES_CASE_KEEPS_SPELLING,
    LOWER,
    NFD,
    UPPER,
    WINDOWS,
    NameRules,
)
from tests.servers.scripted.server import Connection, Course, ScriptedServer, can_queue_tickets, scripted

__all__ = ["scripted"]
Start = Callable[..., ScriptedServer]
CONTENT = bytes(range(256)) * 1000


CLIENTS: list[ftplib.FTP] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def connect(server: ScriptedServer, client: ftplib.FTP) -> None:
    CLIENTS.append(client)
    client.connect(server.host, server.port)


def login(server: ScriptedServer) -> ftplib.FTP:
    client = ftplib.FTP(timeout=10)
    connect(server, client)
    client.login(server.user, server.password)
    return client


def fetch(client: ftplib.FTP, path: str, rest: int | None = None) -> bytes:
    came = io.BytesIO()
    client.retrbinary(f"RETR {path}", came.write, rest=rest)
    return came.getvalue()


class ReusingFtps(ftplib.FTP_TLS):
    """What `ftplib.FTP_TLS` never did: data connections resume the control connection's session."""

    lender: ftplib.FTP_TLS | None = None

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        lender = (self.lender or self).sock
        assert isinstance(lender, ssl.SSLSocket)
        return self.context.wrap_socket(plain, server_hostname=self.host, session=lender.session), size


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(session_certificates().ca))
    # Set by some versions of Python: a bare FIN would pass as an orderly end.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def secure_login(server: ScriptedServer, context: ssl.SSLContext | None = None) -> ReusingFtps:
    client = ReusingFtps(timeout=10, context=context or trusting())
    connect(server, client)
    client.login(server.user, server.password)
    client.prot_p()
    return client


def test_plain_session_does_what_an_ordinary_server_does(scripted: Start) -> None:
    server = scripted(files={"/dir/a b.bin": CONTENT, "/top": b"x"})
    client = login(server)
    assert client.pwd() == "/"
    client.cwd("dir")
    assert fetch(client, "a b.bin") == CONTENT
    assert fetch(client, "a b.bin", rest=255_000) == CONTENT[255_000:]
    client.storbinary("STOR new", io.BytesIO(b"0123456789"))
    client.storbinary("APPE new", io.BytesIO(b"ab"))
    client.storbinary("STOR new", io.BytesIO(b"XY"), rest=4)
    assert server.files["/dir/new"] == b"0123XY"
    client.rename("new", "newer")
    client.voidcmd("MFMT 20200102030405 newer")
    assert client.voidcmd("MDTM newer") == "213 20200102030405"
    assert dict(client.mlsd())["newer"]["size"] == "6"
    assert client.nlst() == ["a b.bin", "newer"]
    lines: list[str] = []
    client.dir("-a", lines.append)
    assert [line.split()[-1] for line in lines] == ["b.bin", "newer"]
    assert client.mkd("sub") == "/dir/sub"
    client.rmd("sub")
    client.delete("newer")
    client.cwd("..")
    client.voidcmd("TYPE I")
    assert client.size("top") == 1
    client.quit()
    assert sorted(server.files) == ["/dir/a b.bin", "/top"]
    assert server.connections == 1
    assert server.max_open == 1
    assert server.data_connections == 8
    assert server.sent("PASS")[0].argument == server.password


@pytest.mark.parametrize(
    ("names", "other", "after"),
    [
        (IGNORES_CASE, "dIR/LOGO.png", "LOGO.png"),
        (IGNORES_CASE_KEEPS_SPELLING, "dir/LOGO.png", "Logo.png"),
        (LOWER, "DIR/LOGO.png", "logo.png"),
        (UPPER, "Dir/logo.PNG", "LOGO.PNG"),
        (WINDOWS, "Dir./logo.png. ", "logo.png"),
        (NFD, "Dir/Logo.png", "Logo.png"),
    ],
)
def test_names_that_are_one_file(scripted: Start, names: NameRules, other: str, after: str) -> None:
    server = scripted(names=names)
    client = login(server)
    client.mkd("Dir")
    client.storbinary("STOR Dir/Logo.png", io.BytesIO(b"first"))
    client.storbinary(f"STOR {other}", io.BytesIO(b"second"))
    (stored,) = server.files
    assert stored == names.stored("/Dir").rstrip(".") + "/" + names.stored("Logo.png")
    assert fetch(client, other) == b"second"
    client.storbinary("STOR Dir/part", io.BytesIO(b"third"))
    client.rename("Dir/part", other)
    assert [name for name, _ in client.mlsd("Dir")] == [after]
    assert fetch(client, "Dir/Logo.png") == b"third"
    client.rename("Dir/Logo.png", other)
    client.delete("Dir/Logo.png")
    client.rmd(other.partition("/")[0])
    assert server.files == {}


def test_type_is_ascii_until_told_and_rest_counts_once(scripted: Start) -> None:
    server = scripted(files={"/f": b"0123456789"})
    client = login(server)
    client.storlines("STOR text", io.BytesIO(b"a\nb\n"))
    assert server.files["/text"] == b"a\nb\n"
    with pytest.raises(ftplib.error_perm):
        client.voidcmd("SIZE f")
    client.voidcmd("TYPE I")
    client.sendcmd("REST 4")
    assert fetch(client, "f") == b"0123456789"  # ftplib said EPSV in between


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
def test_active_and_both_families(scripted: Start, family: str) -> None:
    server = scripted(files={"/f": CONTENT}, host=family)
    client = login(server)
    assert fetch(client, "f") == CONTENT
    client.set_pasv(False)
    assert fetch(client, "f") == CONTENT
    assert server.verbs().count("EPRT" if ":" in family else "PORT") == 1
    client.quit()


def test_hooks_count_match_and_fall_back(scripted: Start) -> None:
    server = scripted(files={"/a": b"a", "/b": b"b"})
    server.on("RETR", "451 not now", times=1, match="b")
    server.on("NOOP", lambda c, _: c.send_slowly(b"200-split\r\n123 inner\r\n200 end\r\n", chunk=5))
    client = login(server)
    assert fetch(client, "a") == b"a"
    with pytest.raises(ftplib.error_temp):
        fetch(client, "b")
    assert fetch(client, "b") == b"b"
    assert client.voidcmd("NOOP") == "200-split\n123 inner\n200 end"
    assert [command.argument for command in server.sent("RETR")] == ["a", "b", "b"]


def test_courses_of_a_plain_download(scripted: Start) -> None:
    server = scripted(files={"/f": CONTENT})
    server.on("RETR", Course(only=1000, ending="rst", reply="426 broken"), times=1)
    server.on("RETR", Course(only=500, reply="226 fine\r\n226 twice"), times=1)
    client = login(server)
    assert len(fetch(client, "f")) == 500
    assert client.getresp() == "226 twice"
    came = bytearray()
    data = client.transfercmd("RETR f")
    with pytest.raises(ConnectionResetError):  # noqa: PT012
        while block := data.recv(300):
            came += block
    assert bytes(came) == CONTENT[:1000]  # a reset comes behind the bytes, not in place of them
    data.close()
    assert client.getmultiline() == "426 broken"


def test_course_without_reply_and_with_a_dropped_control_connection(scripted: Start) -> None:
    server = scripted(files={"/f": b"abc"})
    server.on("RETR", Course(drop="rst"))
    client = login(server)
    with pytest.raises((ConnectionResetError, EOFError)):
        fetch(client, "f")


def test_upload_refused_in_the_middle(scripted: Start) -> None:
    server = scripted()
    server.on("STOR", Course(only=70_000, reply="452 full"))
    with pytest.raises((ftplib.error_temp, OSError)):
        login(server).storbinary("STOR f", io.BytesIO(bytes(20_000_000)))
    server.wait_for(lambda: "/f" in server.files)
    assert len(server.files["/f"]) == 70_000
    assert server.transfers[0].ended == "refused"


def test_slow_reader_gets_everything_over_tls(scripted: Start) -> None:
    server = scripted(tls="explicit", receive_buffer=4096)
    server.on("STOR", Course(chunk=8192, pause=0.002))
    client = secure_login(server)
    data = client.transfercmd("STOR f")
    assert isinstance(data, ssl.SSLSocket)
    data.sendall(CONTENT * 2)
    data.unwrap().close()
    assert client.voidresp().startswith("226")
    assert server.files["/f"] == CONTENT * 2
    assert server.transfers[0].ended == "close_notify"


def test_server_that_waits_for_fin_never_sends_close_notify(scripted: Start) -> None:
    server = scripted(tls="explicit")
    server.on("STOR", Course(ending="fin"))
    client = secure_login(server)
    data = client.transfercmd("STOR f")
    assert isinstance(data, ssl.SSLSocket)
    data.sendall(b"abc")
    data.settimeout(0.3)
    with pytest.raises(TimeoutError):
        data.unwrap()
    data.close()
    assert client.voidresp().startswith("226")


def test_upload_without_close_notify_is_noticed(scripted: Start) -> None:
    server = scripted(tls="explicit", require_close_notify=True)
    client = secure_login(server)
    data = client.transfercmd("STOR f")
    data.sendall(b"abc")
    data.shutdown(socket.SHUT_WR)
    with pytest.raises(ftplib.error_temp):
        client.voidresp()
    assert server.transfers[0].ended == "fin"
    data.close()


def test_download_without_close_notify(scripted: Start) -> None:
    server = scripted(tls="explicit", files={"/f": CONTENT})
    server.on("RETR", Course(only=20_000, ending="fin"))
    client = secure_login(server)
    data = client.transfercmd("RETR f")
    assert isinstance(data, ssl.SSLSocket)
    data.suppress_ragged_eofs = False  # type: ignore[attr-defined]
    came = 0
    with pytest.raises(ssl.SSLError, match=r"(?i)EOF"):  # noqa: PT012
        while piece := data.recv(4096):
            came += len(piece)
    assert came == 20_000
    data.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumption_must_be_of_the_same_control_connection(scripted: Start, version: str) -> None:
    server = scripted(tls="explicit", files={"/f": CONTENT}, require_resumption=True, tls_min=version, tls_max=version)
    context = trusting()
    client, other = secure_login(server, context), secure_login(server, context)
    assert fetch(client, "f") == CONTENT
    assert fetch(other, "f") == CONTENT
    assert server.resumed == server.data_connections == 2
    other.lender = client
    with pytest.raises(ftplib.error_temp, match="not resumed"):
        fetch(other, "f")
    assert server.resumed == 2
    assert server.control_resumed == 0


@pytest.mark.skipif(not can_queue_tickets(), reason="OpenSSL is out of reach of ctypes here")
def test_one_ticket_with_each_reply(scripted: Start) -> None:
    server = scripted(tls="explicit", files={"/f": CONTENT}, require_resumption=True, ticket_per_reply=True)
    client = secure_login(server)
    assert isinstance(client.sock, ssl.SSLSocket)
    client.voidcmd("NOOP")
    assert client.sock.session is None or not client.sock.session.has_ticket
    for _ in range(3):
        assert fetch(client, "f") == CONTENT
    assert server.resumed == 3


def test_bytes_behind_the_234_travel_in_clear(scripted: Start) -> None:
    server = scripted(tls="explicit", behind_234=b"331 injected\r\n")
    with socket.create_connection((server.host, server.port), 5) as sock:
        sock.recv(100)
        sock.sendall(b"AUTH TLS\r\n")
        assert sock.recv(100) == b"234 Go on.\r\n331 injected\r\n"


def test_limits_at_connect_and_at_login(scripted: Start) -> None:
    server = scripted(limit=1)
    first = login(server)
    with pytest.raises(ftplib.error_temp, match="421"):
        login(server)
    CLIENTS.pop().close()
    server.wait_for(lambda: not server.over_limit() and server.open == 1)
    server.limit_at, server.limit_answer = "login", "530 Too many for you."
    second = ftplib.FTP(timeout=5)
    connect(server, second)
    with pytest.raises(ftplib.error_perm, match="530 Too many"):
        second.login(server.user, server.password)
    assert second.voidcmd("NOOP")  # still open
    first.quit()
    server.wait_for(lambda: not server.over_limit())
    second.login(server.user, server.password)
    assert server.max_open == 2


def test_drop_after_every_third_command_that_counts(scripted: Start) -> None:
    server = scripted(files={"/f": b"x"}, drop_every=3)
    client = login(server)
    assert fetch(client, "f") == b"x"  # TYPE does not count, EPSV and RETR do
    client.pwd()
    assert client.size("f") == 1
    with pytest.raises((EOFError, ConnectionError)):
        client.pwd()


def test_greeting_that_never_ends(scripted: Start) -> None:
    server = scripted()
    server.on("CONNECT", endless(b"x"))
    with socket.create_connection((server.host, server.port), 5) as sock:
        assert len(sock.recv(1 << 20)) > 1000


def test_black_hole_hangs(scripted: Start) -> None:
    server = scripted()
    server.on("EPSV", black_hole)
    client = login(server)
    port = int(client.sendcmd("EPSV").split("|||")[1].split("|")[0])
    with pytest.raises(TimeoutError):
        socket.create_connection((server.host, port), 0.5)


def test_intruder_comes_first_in_active_mode(scripted: Start) -> None:
    server = scripted(files={"/f": b"abc"}, intruder="127.0.0.2")
    client = login(server)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        client.sendeprt("127.0.0.1", listener.getsockname()[1])
        client.putcmd("RETR f")
        peers = [listener.accept() for _ in range(2)]
    assert [address[0] for _, address in peers] == ["127.0.0.2", "127.0.0.1"]
    assert peers[1][0].recv(100) == b"abc"
    for sock, _ in peers:
        sock.close()


def test_nothing_stays_behind() -> None:
    before = threading.active_count()
    with ScriptedServer(files={"/f": CONTENT}, patience=3600) as server:
        server.on("NOOP", silence)
        client = login(server)
        client.putcmd("NOOP")
        client.sendcmd("EPSV")
        client.putcmd("RETR f")  # waits for a data connection
    assert threading.active_count() == before
    client.close()


def test_mistakes_in_hooks_come_to_light() -> None:
    def broken(_: Connection, __: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(AssertionError, match="ZeroDivisionError"), ScriptedServer() as server:  # noqa: PT012
        server.on("NOOP", broken)
        client = login(server)
        with pytest.raises(EOFError):
            client.voidcmd("NOOP")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("tls", ["explicit", "implicit"])
def test_curl_over_tls(scripted: Start, tmp_path: Path, tls: str) -> None:
    server = scripted(tls=tls, files={"/dir/f": CONTENT}, require_resumption=True)
    scheme = "ftps" if tls == "implicit" else "ftp"
    base = f"{scheme}://127.0.0.1:{server.port}/dir"
    curl = ["curl", "-sS", "--ssl-reqd", "--cacert", str(session_certificates().ca), "--max-time", "20"]
    curl += ["--user", f"{server.user}:{server.password}"]
    down = tmp_path / "down"
    subprocess.run([*curl, f"{base}/f", "-o", str(down), f"{base}/"], check=True, capture_output=True)
    assert down.read_bytes() == CONTENT
    curl.extend(["--tls-max", "1.2"])  # its uploads over 1.3 end in a reset where tickets lie unread (curl #11383)
    subprocess.run([*curl, "-T", str(down), f"{base}/up"], check=True, capture_output=True)
    assert server.files["/dir/up"] == CONTENT
    assert server.resumed == server.data_connections == 3
