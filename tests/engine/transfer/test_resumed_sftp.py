"""Uploads resumed on SFTP servers that do not write at an offset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftpcli.engine.job import Rules
from ftpcli.engine.progress import WorkerProgress
from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.outcome import Done
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.transfer.upload import Upload
from ftpcli.model import Endpoint, Entry, Kind, Timing
from ftpcli.part_names import part_name
from ftpcli.session.contract import HostMemory
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.login import set_up
from ftpcli.stop import StopToken
from ftpcli.wire.sftp.codes import Code, OpenFlag, Packet
from tests.servers.scripted.sftp import Asked, ScriptedSftp, on, status

CONTENT = os.urandom(3_000_000)
THERE = 2_000_000  # bytes of it that an earlier run left on the server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    os.utime(path, (6e8, 6e8))
    return path


@pytest.fixture
def server(source: Path) -> ScriptedSftp:
    part = part_name("a", str(source), len(CONTENT), source.stat().st_mtime_ns)
    return ScriptedSftp(files={f"/home/{part}": bytearray(CONTENT[:THERE])})


def put(server: ScriptedSftp, source: Path, memory: HostMemory | None = None, **rules: object) -> Done:
    where = Endpoint("sftp", "server", 22, "anna", timing=Timing(idle=1, final_reply=2))
    progress = WorkerProgress()
    stop = StopToken()
    context = CopyContext(progress, progress.add, stop, Rules(**rules), "server:22", host=memory or HostMemory())  # type: ignore[arg-type]
    try:
        transfer = Upload(CopyRequest(str(source), "a", "a", Entry("a", Kind.FILE)), context)
        return transfer.attempt(set_up(Conversation(server, where.place, 1), where, stop))
    finally:
        stop.close()


def writes(server: ScriptedSftp) -> int:
    return sum(asked.length for asked in server.asked if asked.kind == Packet.WRITE)


def test_a_server_that_can(server: ScriptedSftp, source: Path) -> None:
    assert put(server, source).resumed_from > 1_900_000
    assert server.files == {"/home/a": CONTENT}
    assert writes(server) < 1_100_000


@pytest.mark.parametrize("honest", [True, False])
def test_a_server_that_truncates_what_it_opens(server: ScriptedSftp, source: Path, honest: bool) -> None:
    """With and without telling so when it is asked for the size of what it has opened."""
    sizes: list[int] = []

    def truncate(asked: Asked) -> None:
        if asked.path in server.files:
            sizes.append(len(server.files[asked.path]))
            server.files[asked.path].clear()

    def open_for_writing(asked: Asked) -> bytes | None:
        return truncate(asked) if asked.flags & OpenFlag.WRITE else None

    server.answers.append(on(Packet.OPEN, open_for_writing))
    if not honest:
        server.answers.append(on(Packet.FSTAT, lambda asked: status(asked, Code.OP_UNSUPPORTED)))
    memory = HostMemory()
    assert put(server, source, memory, verify="none").resumed_from == 0
    assert server.files == {"/home/a": CONTENT}
    assert not memory.resumes_uploads
    if honest:
        assert writes(server) == len(CONTENT), "nothing was sent in vain"


@pytest.mark.parametrize("kind", [Packet.OPEN, Packet.WRITE])
@pytest.mark.parametrize(
    "code", [Code.OP_UNSUPPORTED, Code.FAILURE, Code.BAD_MESSAGE, Code.PERMISSION_DENIED, Code.NO_SUCH_FILE, 99]
)
def test_an_offset_that_is_refused(server: ScriptedSftp, source: Path, kind: Packet, code: int) -> None:
    def refuse(asked: Asked) -> bytes | None:
        at_offset = asked.flags & OpenFlag.WRITE and not asked.flags & OpenFlag.TRUNCATE
        if at_offset if kind is Packet.OPEN else asked.offset > 1_000_000 and refused < 3:
            count()
            return status(asked, code, "Illegal seek")
        return None

    refused = 0

    def count() -> None:
        nonlocal refused
        refused += 1

    server.answers.append(on(kind, refuse))
    assert put(server, source).resumed_from == 0
    assert server.files == {"/home/a": CONTENT}
