"""Permissions and links over SFTP, on each server that speaks it. What FTP servers can do of it is tested elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpcli.errors import NotFound, Refused
from ftpcli.model import Kind
from tests.servers.real import Setup, started
from tests.servers.ssh.login import sftp_session
from tests.servers.ssh.paramiko_server import paramiko_server
from tests.session.test_contract import Case, Server, program_of


@pytest.fixture(scope="module", params=["sshd", "proftpd", "paramiko"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with paramiko_server() if request.param == "paramiko" else started(Setup(request.param, tls="ssh")) as running:
        yield running


@pytest.fixture
def case(server: Server) -> Iterator[Case]:
    session = sftp_session(server)
    yield Case(server, session, "")
    assert session.healthy
    session.close()


def test_permissions(case: Case) -> None:
    with case.session.open_write("moded", 0) as sink:
        sink.finish()
    assert case.session.set_mode("moded", 0o640)
    assert case.session.stat("moded").mode == 0o640
    assert (case.root / "moded").stat().st_mode & 0o777 == 0o640
    with pytest.raises(NotFound):
        case.session.set_mode("nothing there", 0o640)
    case.session.remove("moded")


def test_links(case: Case) -> None:
    session = case.session
    session.mkdir("linked")
    with session.open_write("linked/file", 0) as sink:
        sink.finish()
    texts = {"to file": "file", "to nothing": "no/such", "up": "..", "spaced": " a b "}
    for name, text in texts.items():
        session.symlink(f"linked/{name}", text)
    assert {name: os.readlink(case.root / "linked" / name) for name in texts} == texts
    if program_of(case.server) == "proftpd":  # tells where a link leads, from the root on
        folder = f"{case.root}/linked"
        told = {name: os.path.normpath(f"{folder}/{text}") for name, text in texts.items()}
    else:
        told = texts
    assert {entry.name: entry.target for entry in session.list_links("linked").entries if entry.target} == told
    listed = {entry.name: (entry.kind, entry.target) for entry in session.list("linked").entries}
    assert listed == {"file": (Kind.FILE, None), **{name: (Kind.LINK, text) for name, text in told.items()}}
    assert session.stat("linked/to file").kind is Kind.LINK
    assert session.follow("linked/up").kind is Kind.DIR
    assert (session.follow("linked/to file").kind, session.follow("linked/to file").size) == (Kind.FILE, 0)
    with pytest.raises(NotFound):
        session.follow("linked/to nothing")
    with pytest.raises(Refused):
        session.symlink("linked/file", "elsewhere")
    for name in (*texts, "file"):
        session.remove(f"linked/{name}")
    session.rmdir("linked")


def test_absolute(case: Case) -> None:
    assert case.session.absolute("/x/y") == "/x/y"
    assert case.session.absolute("x").endswith("/x")
