"""The harness tested on itself: every server comes up, does what its `Setup` says, and is gone afterwards."""

from __future__ import annotations

import contextlib
import ftplib
import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.servers.certificates import session_certificates
from tests.servers.client import SECONDS, TLS12, TLS13, Client
from tests.servers.packages import require
from tests.servers.real import Setup, started

FTP = ("vsftpd", "proftpd", "pureftpd")
STRICT = ("vsftpd", "proftpd")
HOSTS = ("127.0.0.1", "::1")
TLS = [
    pytest.param(program, tls, version, id=f"{program}-{tls}-{version.name}")
    for program in FTP
    for tls in ("explicit", "implicit")
    for version in (TLS12, TLS13)
    if (program, tls) != ("pureftpd", "implicit")
]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("program", FTP)
def test_plain_server_does_everything(program: str, host: str) -> None:
    with started(Setup(program, host=host)) as server:
        client = Client(server)
        exercise(client)
        client.set_pasv(False)
        assert "kept" in client.lines("NLST")
        client.quit()


@pytest.mark.parametrize(("program", "tls", "version"), TLS)
def test_tls_server_does_everything(program: str, tls: str, version: ssl.TLSVersion) -> None:
    with started(Setup(program, tls=tls)) as server:
        client = Client(server, version)
        exercise(client)
        client.set_pasv(False)
        assert "kept" in client.lines("NLST")
        assert client.sock is not None
        assert client.sock.version() == ("TLSv1.2" if version == TLS12 else "TLSv1.3")  # type: ignore[attr-defined]
        resumes = program in STRICT or version == TLS12  # Pure-FTPd resumes nothing on 1.3
        assert set(client.reused) == {resumes}
        client.quit()


def exercise(client: Client) -> None:
    root = client.server.root
    client.put("a", b"0123456789")
    client.put("a", b"xyz", rest=5)
    assert (root / "a").read_bytes()[:8] == b"01234xyz"
    assert client.fetch("a", rest=3)[:5] == b"34xyz"
    client.server.write("sub/b", b"before")
    client.put("sub/b", b"after!")
    assert client.fetch("sub/b") == b"after!"
    client.sendcmd(f"{'MDTM' if client.server.setup.program == 'vsftpd' else 'MFMT'} 20200102030405 a")
    assert (root / "a").stat().st_mtime == 1577934245
    assert client.sendcmd("MDTM a") == "213 20200102030405"
    client.voidcmd("TYPE I")
    assert client.size("a") == (root / "a").stat().st_size
    client.mkd("new")
    client.rename("a", "new/a")
    assert any("new" in line for line in client.lines("LIST"))
    if client.server.setup.program != "vsftpd":
        assert any("new" in line for line in client.lines("MLSD"))
    client.delete("new/a")
    client.rmd("new")
    client.put("kept", b"")
    assert sorted(path.name for path in root.iterdir()) == ["kept", "sub"]


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=lambda version: version.name)
@pytest.mark.parametrize("program", STRICT)
def test_data_connection_that_does_not_resume_is_refused(program: str, version: ssl.TLSVersion) -> None:
    with started(Setup(program, tls="explicit")) as server:
        client = Client(server, version)
        client.resume = False
        with pytest.raises((ftplib.Error, OSError)):
            client.put("a", b"content")
        assert not (server.root / "a").exists() or (server.root / "a").stat().st_size == 0


@pytest.mark.parametrize("program", STRICT)
def test_reuse_can_be_left_to_the_client(program: str) -> None:
    with started(Setup(program, tls="explicit", require_reuse=False)) as server:
        client = Client(server)
        client.resume = False
        client.put("a", b"content")
        assert client.reused == [False]
        assert (server.root / "a").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("certificate", "reason"), [("expired", "expired"), ("wrong_host", "mismatch"), ("foreign", "local issuer")]
)
@pytest.mark.parametrize("program", FTP)
def test_bad_certificate_is_the_one_asked_for(program: str, certificate: str, reason: str) -> None:
    with (
        started(Setup(program, tls="explicit", certificate=certificate)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
    ):
        Client(server)


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=lambda version: version.name)
@pytest.mark.parametrize("program", STRICT)
def test_client_certificate_is_demanded(program: str, version: ssl.TLSVersion) -> None:
    certificates = session_certificates()
    with started(Setup(program, tls="explicit", client_certificate=True)) as server:
        client = Client(server, version, cert=certificates.client)
        client.put("a", b"content")
        assert (server.root / "a").read_bytes() == b"content"
        for cert in (None, certificates.foreign_client):
            with pytest.raises((ftplib.Error, OSError, EOFError)):
                Client(server, version, cert=cert)


@pytest.mark.parametrize("program", FTP)
@pytest.mark.parametrize("limit", ["max_clients", "max_per_ip"])
def test_limits(program: str, limit: str) -> None:
    with started(Setup(program, max_clients=2) if limit == "max_clients" else Setup(program, max_per_ip=2)) as server:
        held = [Client(server), Client(server)]
        with pytest.raises(ftplib.Error, match=r"^(421|530)"):
            Client(server)
        for client in held:
            client.voidcmd("NOOP")
            client.close()


@pytest.mark.parametrize("program", STRICT)
def test_idle_client_is_sent_away(program: str) -> None:
    with started(Setup(program, idle_timeout=1)) as server:
        client = Client(server)
        assert client.sock is not None
        with contextlib.suppress(ConnectionResetError):
            while client.sock.recv(1000):
                pass
        with pytest.raises((ftplib.Error, EOFError, OSError)):
            client.voidcmd("NOOP")


@pytest.mark.parametrize("program", STRICT)  # Pure-FTPd waits 3 s, then 7, and has no switch for it
def test_wrong_login_is_refused_at_once(program: str) -> None:
    with started(Setup(program)) as server, ftplib.FTP(timeout=SECONDS) as client:
        client.connect(server.host, server.port)
        with pytest.raises(ftplib.error_perm, match="530"):
            client.login("stranger", "wrong")


def test_proftpd_without_mlsd() -> None:
    with started(Setup("proftpd", mlsd=False)) as server:
        client = Client(server)
        assert "MLST" not in client.sendcmd("FEAT")
        with pytest.raises(ftplib.error_perm):
            client.lines("MLSD")


def test_proftpd_computes_digests() -> None:
    with started(Setup("proftpd")) as server:
        server.write("a", b"abc")
        client = Client(server)
        client.sendcmd("OPTS HASH SHA-256")
        assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in client.sendcmd("HASH a")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("setup", [("sshd", "none"), ("proftpd", "ssh")], ids=["sshd", "mod_sftp"])
def test_sftp(setup: tuple[str, str], host: str) -> None:
    paramiko = pytest.importorskip("paramiko")
    with started(Setup(setup[0], tls=setup[1], host=host)) as server, paramiko.SSHClient() as client:
        client.load_host_keys(str(server.known_hosts))
        options = {"key_filename": str(server.identity), "look_for_keys": False, "allow_agent": False}
        client.connect(server.host, server.port, server.user, timeout=SECONDS, **options)
        sftp = client.open_sftp()
        assert sftp.normalize(".") == str(server.root)
        sftp.putfo(io.BytesIO(b"content"), "a")
        sftp.rename("a", "b")
        sftp.utime("b", (1577934245, 1577934245))
        assert (server.root / "b").read_bytes() == b"content"
        assert (server.root / "b").stat().st_mtime == 1577934245


@pytest.mark.parametrize("program", ["sshd", *FTP])
def test_stop_ends_the_server_and_its_sessions(program: str) -> None:
    with started(Setup(program)) as server:
        with socket.create_connection((server.host, server.port), SECONDS) as session:
            assert session.recv(100)
            server.stop()
            session.settimeout(SECONDS)
            with contextlib.suppress(ConnectionResetError):
                while session.recv(1000):
                    pass
        assert not answers(server.port)
        folder = server.root.parent
    assert not folder.exists()


def test_killed_test_run_leaves_no_server() -> None:
    code = (
        "import time; from tests.servers.real import *\n"
        "with started(Setup('vsftpd')) as server: print(server.port, flush=True); time.sleep(60)"
    )
    require("vsftpd")
    with tempfile.TemporaryDirectory() as folder:  # where the killed run's own files stay behind
        Path(folder).chmod(0o755)
        env = os.environ | {"TMPDIR": folder}
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY, env=env, text=True) as run:
            assert run.stdout is not None
            port = int(run.stdout.readline())
            os.kill(run.pid, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while answers(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not answers(port)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
