"""Standard input over an existing file: what holds for a file that is uploaded holds here, too."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.servers.real import Running, Setup, started

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Result


def put(server: Running, run_ftpcli: Program, name: str, *options: object) -> Result:
    login: tuple[object, ...] = ()
    if server.tls == "ssh":
        login = ("--ssh-config", "none", "--no-agent", "--known-hosts", server.known_hosts)
        login += ("--identity", server.identity)
    env = {"FTPCLI_PASSWORD": server.password} if server.tls != "ssh" else {}
    return run_ftpcli("put", "-", f"{server.url}{name}", *login, *options, env=env, input=b"new")


@pytest.mark.parametrize("program", ["proftpd", "pureftpd", "sshd"])
def test_the_permissions_of_the_old_file_are_kept(program: str, run_ftpcli: Program) -> None:
    with started(Setup(program)) as server:
        for mode in (0o600, 0o640, 0o755, 0o444):
            server.write("f", b"old").chmod(mode)
            result = put(server, run_ftpcli, "f")
            assert (result.code, result.stderr) == (0, "")
            found = server.root / "f"
            assert (found.read_bytes(), stat.S_IMODE(found.stat().st_mode)) == (b"new", mode)


def test_what_is_private_stays_so_where_no_permissions_can_be_set(run_ftpcli: Program) -> None:
    with started(Setup("vsftpd")) as server:
        server.write("f", b"old").chmod(0o600)
        result = put(server, run_ftpcli, "f")
        assert result.code == 6
        assert "--in-place" in result.stderr
        assert [(path.name, path.read_bytes()) for path in server.root.iterdir()] == [("f", b"old")]
        assert put(server, run_ftpcli, "f", "--in-place").code == 0
        assert (server.root / "f").read_bytes() == b"new"
        assert stat.S_IMODE((server.root / "f").stat().st_mode) == 0o600


@pytest.mark.parametrize("program", ["vsftpd", "proftpd", "pureftpd", "sshd"])
def test_a_symbolic_link_is_not_replaced(program: str, run_ftpcli: Program) -> None:
    with started(Setup(program)) as server:
        server.write("f", b"old")
        (server.root / "link").symlink_to("f")
        result = put(server, run_ftpcli, "link")
        assert result.code == 6
        assert "symbolic link" in result.stderr
        assert (server.root / "link").is_symlink()
        assert (server.root / "f").read_bytes() == b"old"
