"""A directory that is removed is not the current one: some servers refuse that, and others end the session for it."""

from __future__ import annotations

import pytest

from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.servers.profiles.ftp_hooks import rmd_of_here
from tests.servers.real import Running, Setup, started
from tests.servers.scripted.server import ScriptedServer


def opened(server: ScriptedServer | Running) -> Session:
    where = Endpoint(
        "ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(idle=10, final_reply=10)
    )
    return open_session(where, HostMemory(), lambda _: None, None)


def test_pureftpd_goes_on_after_a_directory_that_was_listed_is_removed() -> None:
    with started(Setup("pureftpd")) as server:
        server.write("d/left/x")
        (server.root / "d/e").mkdir()
        server.own()
        session = opened(server)
        session.list_links("d/e")  # by LIST, which works in the current directory
        session.rmdir("d/e")
        assert [entry.name for entry in session.list("d").entries] == ["left"]
        session.close()


@pytest.mark.parametrize(("home", "removed"), [("/", "d/e"), ("/", "d"), ("/d", "e"), ("/d/e", "/d"), ("/d/e", "/d/e")])
def test_the_current_directory_is_left_first(home: str, removed: str) -> None:
    with ScriptedServer(home=home) as server:
        server.tree.made |= {"/d", "/d/e", "/d/d", "/d/d/e", "/d/e/d", "/d/e/d/e"}
        server.on("RMD", rmd_of_here)
        session = opened(server)
        path = session.absolute(removed)
        below = sorted((name for name in server.tree.made if f"{name}/".startswith(f"{path}/")), reverse=True)
        for name in below:
            session.list_links(name)
            session.rmdir(name)
        assert not server.tree.exists(path)
        session.close()
