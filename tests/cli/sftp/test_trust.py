"""Host keys, logins, and other servers at an SFTP URL."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest

from ftpcli.wire.ssh.known_hosts import fingerprint
from tests.cli.sftp.side import QUICK, base_url
from tests.cli.talker import talker
from tests.servers.packages import openssh_tool
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.paramiko_server import paramiko_server

if TYPE_CHECKING:
    from tests.cli.conftest import Program


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with started(Setup("sshd", tls="ssh")) as running:
        running.write("f", b"1")
        yield running


def shown(server: Running) -> str:
    assert server.known_hosts is not None
    return fingerprint(base64.b64decode(server.known_hosts.read_text().split()[2]))


def test_unknown_host(server: Running, run_ftpcli: Program, tmp_path: Path) -> None:
    command = ("ls", server.url, *QUICK, "--identity", server.identity)
    stored = tmp_path / "home/.ssh/known_hosts"
    result = run_ftpcli(*command)
    assert (result.code, result.stdout) == (4, "")
    assert f"the host key of 127.0.0.1:{server.port} is not known: ED25519 {shown(server)}" in result.stderr
    assert f"--pin {shown(server)} accepts just this key, --accept-new-host-key stores it" in result.stderr
    assert not stored.exists()
    assert run_ftpcli(*command, "--pin", shown(server)).stdout == "f\n"
    assert run_ftpcli(*command, "--pin", "SHA256:" + "A" * 43).code == 4
    assert not stored.exists()
    result = run_ftpcli(*command, "--accept-new-host-key")
    assert (result.code, result.stdout) == (0, "f\n")
    assert f"is stored in {stored}" in result.stderr
    again = run_ftpcli(*command)
    assert (again.code, again.stdout, again.stderr) == (0, "f\n", "")


@pytest.mark.parametrize("option", [(), ("--accept-new-host-key",)])
def test_changed_host_key(server: Running, run_ftpcli: Program, tmp_path: Path, option: tuple[str, ...]) -> None:
    other = paramiko.ECDSAKey.generate()
    known = tmp_path / "known"
    known.write_text(f"# mine\n[127.0.0.1]:{server.port} {other.get_name()} {other.get_base64()}\n")
    command = ("ls", server.url, *QUICK, "--identity", server.identity, "--known-hosts", known, *option)
    before = known.read_bytes()
    result = run_ftpcli(*command)
    assert (result.code, result.stdout) == (4, "")
    assert f"is not the one in {known}:2: it is ED25519 {shown(server)}" in result.stderr
    assert known.read_bytes() == before


@pytest.mark.parametrize("stored", [True, False])
def test_host_key_that_changes_between_two_connections(run_ftpcli: Program, tmp_path: Path, stored: bool) -> None:
    """A man in the middle appears during a run: the run ends, and only the first key is trusted."""
    known = tmp_path / "known"
    with paramiko_server() as server:
        for number in range(200):
            server.write(f"tree/d{number % 10}/f{number}", b"x" * 1000)
        server.host_keys.append(paramiko.ECDSAKey.generate())
        first = server.host_keys[0]
        line = f"[127.0.0.1]:{server.port} {first.get_name()} {first.get_base64()}\n"
        if stored:
            known.write_text(line)
        source = f"{base_url(server)}{server.root}/tree"
        options = (*QUICK, "--known-hosts", known, "--parallel", "4", "--limit-rate", "100k")
        result = run_ftpcli("mirror", source, tmp_path / "copy", *options, "--accept-new-host-key")
    assert result.code == 4, result
    assert f"is not the one in {known}:1" in result.stderr
    assert known.read_text() == line


def test_wrong_password_and_wrong_key(server: Running, run_ftpcli: Program, tmp_path: Path) -> None:
    with paramiko_server() as asking:
        command = ("ls", f"{base_url(asking)}{asking.root}", *QUICK, "--insecure")
        assert run_ftpcli(*command).code == 0  # FTPCLI_PASSWORD
        result = run_ftpcli(*command, env={"FTPCLI_PASSWORD": "wrong-Pw2"})
        assert result.code == 5
        assert "wrong-Pw2" not in result.stderr
        assert "does not let tester in" in result.stderr
    other = make_key(tmp_path / "other")
    result = run_ftpcli("ls", server.url, *QUICK, "--known-hosts", server.known_hosts, "--identity", other)
    assert result.code == 5
    assert f"tried: the key {other}; the server takes publickey" in result.stderr


def make_key(path: Path, passphrase: str = "") -> Path:
    subprocess.run([openssh_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


def test_passphrases_and_unreadable_keys(run_ftpcli: Program, tmp_path: Path) -> None:
    key = make_key(tmp_path / "locked", "right-Pp3")
    public = key.with_name("locked.pub").read_text()
    with started(Setup("sshd", tls="ssh")) as server:
        (server.root.parent / "authorized_keys").write_text(public)
        command = ("ls", server.url, *QUICK, "--known-hosts", server.known_hosts, "--identity", key)
        assert run_ftpcli(*command, env={"FTPCLI_PASSPHRASE": "right-Pp3"}).code == 0
        wrong = run_ftpcli(*command, env={"FTPCLI_PASSPHRASE": "wrong-Pp4"})
        assert wrong.code == 5
        assert "passphrase" in wrong.stderr
        assert str(key) in wrong.stderr
        assert "wrong-Pp4" not in wrong.stderr
        nobody = run_ftpcli(*command)
        assert nobody.code == 5
        assert "passphrase" in nobody.stderr
        unknown = tmp_path / "unknown"
        unknown.write_text("-----BEGIN SOMETHING ELSE-----\nAAAA\n-----END SOMETHING ELSE-----\n")
        odd = run_ftpcli("ls", server.url, *QUICK, "--known-hosts", server.known_hosts, "--identity", unknown)
        assert odd.code in (2, 5)
        assert str(unknown) in odd.stderr


# Not an SFTP server -------------------------------------------------------------------------------------------------


def test_server_without_sftp(run_ftpcli: Program) -> None:
    with paramiko_server(subsystem=None) as server:
        result = run_ftpcli("ls", f"{base_url(server)}/", *QUICK, "--insecure")
    assert result.code == 12
    assert "lets you in, but offers no SFTP" in result.stderr


@pytest.mark.parametrize(
    ("tls", "words"), [("none", "greets like an FTP server; use ftpes://"), ("implicit", "use ftps:// or ftpes://")]
)
def test_ftp_server_at_an_sftp_url(run_ftpcli: Program, tls: str, words: str) -> None:
    with started(Setup("vsftpd", tls=tls)) as server:
        result = run_ftpcli("ls", f"sftp://anna@{server.host}:{server.port}/", *QUICK)
    assert result.code == 12
    assert words in result.stderr


def test_server_that_never_speaks_ssh(run_ftpcli: Program) -> None:
    """Lines may come before SSH's own (RFC 4253 §4.2), so the client waits; the error quotes what came instead."""
    with talker(b"welcome to the router\r\n") as (port, _):
        result = run_ftpcli("ls", f"sftp://anna@127.0.0.1:{port}/", *QUICK, "--timeout", "3", "--retries", "0")
    assert result.code == 3
    assert "did not finish the SSH key exchange within 3 seconds (server: welcome to the router)" in result.stderr
