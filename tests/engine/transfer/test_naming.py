"""Servers that do not want our part files: another name, or none, where that destroys nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpcli.engine.events import Event, Failed, Warned
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.progress import RunProgress
from ftpcli.engine.run import run
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.stop import StopToken
from tests.servers.scripted.server import Connection, Course, ScriptedServer

SUFFIX = ".ftpcli-part"
Answer = Callable[[Connection, str], None]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
        os.utime(path, (6e8, 6e8))
    return paths


def put(server: ScriptedServer, *paths: Path, folder: str = "in", **rules: object) -> tuple[int, list[Event]]:
    where = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=Timing(20, 20))
    roots = tuple(Root(str(path), f"{folder}/{path.name}") for path in paths)
    settled = Rules(compare="always", **rules)  # type: ignore[arg-type]
    job = Job(Direction.UPLOAD, where, roots, settled, parallel=1, retries=1, retry_wait=0.0)
    events: list[Event] = []
    stop = StopToken()
    try:
        return run(job, events.append, stop, RunProgress(1)).exit_code, events
    finally:
        stop.close()


def refusing(verb: str, reply: str, where: Callable[[str], bool]) -> Answer:
    return lambda c, argument: c.reply(reply) if where(argument) else c.default(verb, argument)


def dotted(argument: str) -> bool:
    return argument.rpartition("/")[2].startswith(".")


def ours(argument: str) -> bool:
    return argument.endswith(SUFFIX)


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned) and "clear" not in event.message]


def failure(events: list[Event]) -> str:
    (failed,) = (event for event in events if isinstance(event, Failed))
    return failed.message


def stored(files: list[Path]) -> dict[str, bytes]:
    return {f"/in/{path.name}": path.read_bytes() for path in files}


def server_with(**old: bytes) -> ScriptedServer:
    server = ScriptedServer(files={f"/in/{name}.txt": content for name, content in old.items()})
    server.tree.made.add("/in")
    return server


# Was: "not found, or no permission (is there a directory in? --mkdir makes it)", for every file.
@pytest.mark.parametrize("reply", ["550 Permission denied", "553 Prohibited file name", "501 bad name", "504 no"])
@pytest.mark.parametrize("old", [{}, {"a": b"old"}])
def test_names_with_a_leading_dot_are_refused(files: list[Path], reply: str, old: dict[str, bytes]) -> None:
    with server_with(**old) as server:
        server.on("STOR", refusing("STOR", reply, dotted))
        code, events = put(server, *files)
        assert code == 0
        assert server.files == stored(files)
        assert len(server.sent("STOR")) == 4, "found out once"
        (warning,) = warnings(events)
        assert "leading dot" in warning


def test_names_with_a_leading_dot_are_hidden(files: list[Path]) -> None:
    with server_with(a=b"old") as server:
        for verb in ("SIZE", "MLST", "RNFR", "DELE", "MFMT", "MDTM"):
            server.on(verb, refusing(verb, "550 No such file", dotted))
        code, events = put(server, *files)
        assert code == 0
        assert {path: data for path, data in server.files.items() if not dotted(path)} == stored(files)
        assert len(server.sent("STOR")) == 4
        assert len(warnings(events)) == 1


# Was: a warning for each name tried, of a part file that "stays" and never was. Pure-FTPd, for names with a backslash.
@pytest.mark.parametrize("reply", ["553 Prohibited file name", "550 Not here"])
@pytest.mark.parametrize("old", [{}, {"a": b"old"}])
def test_a_name_that_no_command_may_hold(files: list[Path], reply: str, old: dict[str, bytes]) -> None:
    with server_with(**old) as server:
        for verb in ("STOR", "DELE"):
            server.on(verb, refusing(verb, reply, lambda argument: "a.txt" in argument))
        code, events = put(server, *files)
        assert code == 1
        assert server.files == stored(files[1:]) | {f"/in/{name}.txt": content for name, content in old.items()}
        assert reply[4:] in str([event.reply for event in events if isinstance(event, Failed)])
        assert not [event for event in events if isinstance(event, Warned)]


@pytest.mark.parametrize("reply", ["550 Only images", "553 Prohibited file name"])
def test_no_part_file_is_taken(files: list[Path], reply: str) -> None:
    with server_with(b=b"old") as server:
        server.on("STOR", refusing("STOR", reply, ours))
        code, events = put(server, *files)
        assert code == 1
        assert server.files == stored(files) | {"/in/b.txt": b"old"}
        assert "--in-place" in failure(events)
        assert "--mkdir" not in failure(events)
        assert put(server, *files, in_place=True)[0] == 0
        assert server.files == stored(files)


@pytest.mark.parametrize("verb", ["RNFR", "RNTO"])
@pytest.mark.parametrize("reply", ["550 Permission denied", "553 no", "502 not implemented", "500 what?"])
def test_nothing_is_renamed(files: list[Path], verb: str, reply: str) -> None:
    with server_with(c=b"old") as server:
        server.on(verb, reply)
        code, events = put(server, *files)
        assert code == 1
        assert server.files == stored(files) | {"/in/c.txt": b"old"}
        assert "--in-place" in failure(events)
        assert len(server.sent("STOR")) == 4, "a twice, then b, then c"
        assert len(warnings(events)) == 1


def test_a_part_file_that_cannot_be_deleted_is_named(files: list[Path]) -> None:
    with server_with() as server:
        server.on("RNFR", "550 Permission denied")
        server.on("DELE", "550 Permission denied")
        code, events = put(server, files[0])
        assert code == 0
        assert server.files["/in/a.txt"] == files[0].read_bytes()
        assert any("stays" in text and SUFFIX in text for text in warnings(events))


@pytest.mark.parametrize("old", [{}, {"a": b"old"}])
def test_a_drop_box_that_lets_nobody_look(files: list[Path], old: dict[str, bytes]) -> None:
    """Nothing shows that the final name is free, so nothing is written there."""
    with server_with(**old) as server:
        for verb in ("SIZE", "MLSD", "LIST", "NLST", "RNFR", "DELE", "MFMT", "MDTM", "RETR"):
            server.on(verb, "550 Permission denied")
        server.on("MLST", refusing("MLST", "550 Permission denied", lambda path: path != "/in"))
        code, events = put(server, files[0])
        assert code == 6
        assert server.files.get("/in/a.txt") == old.get("a")
        assert "--in-place" in failure(events)
        assert put(server, files[0], in_place=True)[0] == 0
        assert server.files["/in/a.txt"] == files[0].read_bytes()


def test_a_receiver_that_takes_what_arrives(files: list[Path]) -> None:
    taken: list[str] = []

    def take(c: Connection, argument: str) -> None:
        c.default("STOR", argument)
        taken.append(c.path(argument))
        c.server.files.pop(taken[-1])

    with server_with() as server:
        server.on("STOR", take)
        code, events = put(server, files[0], files[1])
        assert code == 6
        told = [event.message for event in events if isinstance(event, Failed)]
        assert all("--in-place" in text and "mirror --verify none" in text for text in told)
        assert len(taken) == 3, "the second file is not handed over twice"
        taken.clear()
        assert put(server, files[0], in_place=True)[0] == 8
        assert taken == ["/in/a.txt"]
        assert put(server, files[0], in_place=True, verify="none")[0] == 0


def test_a_missing_directory_is_not_taken_for_a_refused_name(files: list[Path]) -> None:
    with ScriptedServer() as server:
        code, events = put(server, files[0])
        assert code == 6
        assert "--mkdir" in failure(events)
        assert "--in-place" not in failure(events)
        assert len(server.sent("STOR")) == 1


def test_a_directory_where_nothing_may_be_written(files: list[Path]) -> None:
    with server_with() as server:
        server.on("STOR", "553 Could not create file.")
        code, events = put(server, files[0])
        assert code == 6
        assert server.files == {}
        assert warnings(events) == []


@pytest.mark.parametrize(("verb", "reply"), [("RNTO", "553 no"), ("RNTO", "550 no"), ("RNFR", "502 not implemented")])
def test_what_cannot_be_replaced_is_not_sent_again_and_again(files: list[Path], verb: str, reply: str) -> None:
    with server_with(b=b"old", c=b"old") as server:
        server.on(verb, reply)
        code, events = put(server, *files)
        assert code == 1
        assert server.files == {"/in/a.txt": files[0].read_bytes(), "/in/b.txt": b"old", "/in/c.txt": b"old"}
        assert len(server.sent("STOR")) == 3, "a.txt twice, b.txt or c.txt once"
        messages = [event.message for event in events if isinstance(event, Failed)]
        assert len(messages) == 2
        assert all("--in-place" in message for message in messages)
        assert "nothing was sent" in messages[-1]


def test_one_file_that_cannot_be_replaced_says_nothing_of_the_others(files: list[Path]) -> None:
    """A file that is open on Windows, say."""
    with server_with(a=b"old", b=b"old", c=b"old") as server:
        for verb in ("RNTO", "RNFR"):
            server.on(verb, refusing(verb, "550 In use", lambda argument: argument.endswith("/a.txt")))
        code, events = put(server, *files)
        assert code == 1
        assert server.files == stored(files) | {"/in/a.txt": b"old"}
        assert "In use" in str([event.reply for event in events if isinstance(event, Failed)])


@pytest.mark.parametrize("reply", ["451 disk error", "450 busy"])
def test_of_a_small_file_nothing_stays_that_no_run_would_resume(files: list[Path], reply: str) -> None:
    with server_with(a=b"old") as server:
        server.on("STOR", Course(only=500, reply=reply))
        code, _ = put(server, files[0])
        assert code
        assert server.files == {"/in/a.txt": b"old"}
