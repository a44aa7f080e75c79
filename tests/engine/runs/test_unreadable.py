"""A directory that the server may not read is not taken for an empty one, whatever the server says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Warned
from ftpcli.engine.job import Direction
from tests.engine.runs.test_real_servers import carry_out, contents, endpoint, mirror
from tests.servers.real import Setup, started


# Was: vsftpd answers 226 after an empty listing, and --delete emptied the directory's counterpart.
@pytest.mark.parametrize("program", ["vsftpd", "proftpd", "pureftpd"])
def test_nothing_is_deleted_in_its_counterpart(program: str, tmp_path: Path) -> None:
    target = tmp_path / "t"
    for name in ("closed/precious", "open/old"):
        (target / name).parent.mkdir(parents=True)
        (target / name).write_bytes(b"x")
    with started(Setup(program)) as server:
        server.write("tree/closed/precious", b"x")
        server.write("tree/open/new", b"y")
        server.own()
        closed = server.root / "tree/closed"
        closed.chmod(0o311)
        try:
            job = mirror(Direction.DOWNLOAD, endpoint(server), "tree", str(target))
            report, events = carry_out(replace(job, rules=replace(job.rules, delete=True, max_delete_percent=100.0)))
        finally:
            closed.chmod(0o755)
    assert contents(target).keys() - {"open/old"} == {"closed/precious", "open/new"}
    assert report.exit_code or any("nothing is deleted in closed" in text for text in warnings(events))


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


def test_an_empty_directory_that_lists_itself_counts_as_empty(tmp_path: Path) -> None:
    target = tmp_path / "t"
    (target / "emptied").mkdir(parents=True)
    (target / "emptied/old").write_bytes(b"x")
    with started(Setup("vsftpd")) as server:
        server.write("tree/file", b"y")
        (server.root / "tree/emptied").mkdir()
        server.own()
        job = mirror(Direction.DOWNLOAD, endpoint(server), "tree", str(target))
        report, _ = carry_out(replace(job, rules=replace(job.rules, delete=True)))
    assert (report.exit_code, report.deleted) == (0, 1)
    assert contents(target).keys() == {"file"}
