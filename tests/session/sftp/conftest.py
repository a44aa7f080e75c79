"""Sessions over a scripted server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ftpcli.model import Endpoint, Timing
from ftpcli.net.wait import StopSignal
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.login import set_up
from ftpcli.session.sftp.session import SftpSession
from tests.servers.scripted.sftp import ScriptedSftp

Open = Callable[..., SftpSession]


def open_over(server: ScriptedSftp, stop: StopSignal | None = None) -> SftpSession:
    where = Endpoint("sftp", "server", 22, "anna", timing=Timing(idle=1, final_reply=2))
    return set_up(Conversation(server, where.place, 1), where, stop)


@pytest.fixture
def server() -> ScriptedSftp:
    return ScriptedSftp()


@pytest.fixture
def session(server: ScriptedSftp) -> SftpSession:
    return open_over(server)
