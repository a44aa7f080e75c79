"""Servers whose login directory is no Unix-like path: every path stays relative to it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from ftpcli.errors import Refused, Unsupported
from ftpcli.model import Endpoint, Kind, Secret, Timing
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.servers.scripted.server import Connection, ScriptedServer

HOME = "USER.ROOT"
FILES = {"/d/x": b"right", "/d/d/x": b"wrong"}


def change(c: Connection, directory: str) -> None:
    """The scripted server's own root, by the name that this server has for it."""
    c.cwd = "/" if directory == HOME else c.path(directory)
    c.reply("250 Changed." if c.server.tree.is_dir(c.cwd) else "550 No such directory.")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(files=dict(FILES), features=("SIZE",)) as server:
        server.on("PWD", f'257 "{HOME}" is the current directory.')
        server.on("CWD", change)
        yield server


def opened(server: ScriptedServer) -> Session:
    where = Endpoint(
        "ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(idle=5, final_reply=5)
    )
    return open_session(where, HostMemory(), lambda _: None, None)


def read(session: Session, path: str) -> bytes:
    out = io.BytesIO()
    with session.open_read(path, 0) as source:
        source.pump_to(out, lambda _: None)
        source.finish()
    return out.getvalue()


@pytest.mark.parametrize("path", ["d", ""])
def test_a_look_at_a_directory_leaves_the_current_one(server: ScriptedServer, path: str) -> None:
    session = opened(server)
    assert session.stat(path).kind is Kind.DIR
    assert read(session, "d/x") == b"right"
    session.close()


def test_no_way_back_ends_the_session(server: ScriptedServer) -> None:
    session = opened(server)
    server.on("CWD", "550 Not that one.", match=HOME)
    with pytest.raises(Refused, match="go back"):
        session.stat("d")
    assert not session.healthy
    session.close()


def test_nobody_leaves_a_directory_without_a_name(server: ScriptedServer) -> None:
    server.on("PWD", "502 Not known.")
    session = opened(server)
    with pytest.raises(Unsupported, match="way back"):
        session.stat("d")
    assert read(session, "d/x") == b"right"
    session.close()
