"""``checksum`` for --compare and --verify where the server has no digests, or has none of some files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Failed, Finished, Warned
from ftpcli.engine.job import Direction
from ftpcli.errors import Refused
from ftpcli.model import SshSettings
from ftpcli.stop import StopToken
from tests.engine.fake import Events, FakeServer, raising
from tests.engine.runs.test_real_servers import carry_out, endpoint, mirror
from tests.engine.runs.test_real_sftp import endpoint as over_ssh
from tests.engine.runs.test_run import BOTH, Side
from tests.servers.real import Setup, started

BY_DIGEST = [{"compare": "checksum"}, {"verify": "checksum"}, {"compare": "checksum", "verify": "checksum"}]


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


@pytest.fixture
def side(direction: Direction, server: FakeServer, tmp_path: Path, stop: StopToken, events: Events) -> Side:
    side = Side(direction, server, tmp_path / "local", stop, events)
    side.put({"a": b"one", "b": b"two", "c": b"new"}, {"a": b"ONE", "b": b"two"})
    return side


@BOTH
@pytest.mark.parametrize("rules", BY_DIGEST, ids=["compare", "verify", "both"])
def test_one_warning(side: Side, rules: dict[str, str]) -> None:
    assert side.mirror(**rules).exit_code == 0
    (told,) = warnings(side.events)
    assert "fake.test:21 offers no digests" in told
    assert ("compared by their times" in told) == ("compare" in rules)
    assert ("verified by their size" in told) == ("verify" in rules)


@BOTH
@pytest.mark.parametrize("rules", BY_DIGEST, ids=["compare", "verify", "both"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_strict_changes_nothing(side: Side, rules: dict[str, str], dry_run: bool) -> None:
    before = side.target
    assert side.mirror(strict_compare=True, delete=True, dry_run=dry_run, **rules).exit_code == 12
    assert side.target == before
    (failed,) = [event for event in side.events if isinstance(event, Failed)]
    assert "--strict-compare demands" in failed.message
    assert warnings(side.events) == []


@BOTH
def test_no_word_where_there_are_digests(side: Side) -> None:
    side.server.digests = "sha256"
    assert side.mirror(compare="checksum", verify="checksum", strict_compare=True).exit_code == 0
    assert side.target == side.source
    assert warnings(side.events) == []
    assert {event.verified for event in side.events if isinstance(event, Finished)} == {"sha256"}


@BOTH
@pytest.mark.parametrize("strict", [False, True])
def test_a_server_that_refuses_it_for_one_file(side: Side, strict: bool) -> None:
    side.server.digests = "sha256"
    side.server.on("digest", raising(Refused("no", reply="550 no")), path="top/a", times=99)
    report = side.mirror(compare="checksum", strict_compare=strict)
    if strict:
        assert report.exit_code == 12
        assert [event.path for event in side.events if isinstance(event, Failed)] == ["a", ""]
        assert side.target["c"] == b"new"
        assert side.target["a"] == b"ONE"
    else:
        assert report.exit_code == 0
        (told,) = warnings(side.events)
        assert "gave no digest of a file (a)" in told


@pytest.mark.parametrize("direction", list(Direction))
def test_a_copy_without_its_digest_does_not_count_if_strict(side: Side) -> None:
    side.server.digests = "sha256"
    side.server.on("digest", raising(Refused("no", reply="550 no")), times=99)
    assert side.mirror(verify="checksum", strict_compare=True).exit_code == 12
    assert "c" not in side.target


@pytest.mark.parametrize("program", ["vsftpd", "pureftpd", "sshd"])
def test_real_servers_without(program: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"1")
    with started(Setup(program)) as server:
        ssh = SshSettings(identities=(str(server.identity),), known_hosts=str(server.known_hosts), agent=False)
        where = replace(over_ssh(server), ssh=ssh) if program == "sshd" else endpoint(server)
        plain = mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "up", parallel=1)
        for strict, code in ((True, 12), (False, 0)):
            job = replace(plain, rules=replace(plain.rules, compare="checksum", strict_compare=strict))
            report, events = carry_out(job)
            assert report.exit_code == code
            assert (server.root / "up").exists() == (not strict)
        assert [bool(re.search("offers no digests", told)) for told in warnings(events)] == [True]
