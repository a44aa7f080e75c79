"""Times that a file cannot be given over FTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.session.contract import HostMemory
from ftpcli.session.open import open_session
from tests.servers.scripted.server import ScriptedServer, scripted

__all__ = ["scripted"]


@pytest.mark.parametrize("seconds", [1e17, -1e17, 253_402_300_800.0])
def test_a_time_that_no_command_can_say(scripted: Callable[..., ScriptedServer], seconds: float) -> None:
    server = scripted(files={"/a": b"x"})
    timing = Timing(idle=5, final_reply=5)
    where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=timing)
    session = open_session(where, HostMemory(), lambda _: None, None)
    assert not session.set_mtime("a", seconds)
    assert session.set_mtime("a", 253_402_300_799.0)
    session.close()
