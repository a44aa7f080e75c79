"""Links named on the command line, and links in what it deletes, against real servers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.events import Deleted, Event
from ftpcli.engine.job import Direction, Job, Root, Rules
from ftpcli.engine.verbs import remove
from ftpcli.engine.workers.retry import Policy
from ftpcli.engine.workers.solo import Solo
from ftpcli.errors import Refused
from ftpcli.model import Endpoint, Secret, Timing
from ftpcli.stop import StopToken
from tests.engine.runs.test_real_servers import carry_out
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started

Server = Running | Embedded


@pytest.fixture(params=["vsftpd", "proftpd", "proftpd-list", "pureftpd", "pyftpdlib"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    program, _, without = request.param.partition("-")
    if program == "pyftpdlib":
        with embedded() as running:
            fill(running)
            yield running
    else:
        with started(Setup(program, mlsd=not without)) as running:
            fill(running)
            running.own()
            yield running


def fill(server: Server) -> None:
    server.write("keep/precious", b"precious").chmod(0o640)
    server.write("victim/sub/file", b"file")
    os.symlink("../keep", server.root / "victim" / "link")
    os.symlink("nowhere", server.root / "victim" / "sub" / "dangling")
    os.symlink("keep", server.root / "named")
    os.symlink("keep/precious", server.root / "file")


def endpoint(server: Server) -> Endpoint:
    timing = Timing(idle=20, final_reply=20)
    return Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=timing)


def rm(server: Server, path: str, stop: StopToken, *, recursive: bool = True, glob: bool = False) -> set[str]:
    events: list[Event] = []
    with Solo(endpoint(server), Policy(1, 0.01), events.append, stop) as solo:
        remove(solo, path, recursive=recursive, glob=glob)
    return {event.path for event in events if isinstance(event, Deleted)}


# Was: pyftpdlib's MLSD shows a link to a directory as that directory, whose content was deleted; ProFTPD's omits
# dangling links, so that their directory could not be deleted.
def test_rm_deletes_links_and_not_what_they_lead_to(server: Server, stop: StopToken) -> None:
    gone = rm(server, "victim", stop)
    assert gone == {"victim", "victim/link", "victim/sub", "victim/sub/file", "victim/sub/dangling"}
    assert not (server.root / "victim").exists()
    assert (server.root / "keep" / "precious").exists()


# Was: on all servers the directory that the link leads to was emptied.
@pytest.mark.parametrize(("path", "glob"), [("named", False), ("named/", False), ("name*", True)])
def test_rm_of_a_link_deletes_the_link(server: Server, stop: StopToken, path: str, glob: bool) -> None:
    assert rm(server, path, stop, glob=glob, recursive=False) == {"named"}
    assert not os.path.lexists(server.root / "named")
    assert (server.root / "keep" / "precious").exists()


def test_rm_of_a_directory_still_needs_recursive(server: Server, stop: StopToken) -> None:
    with pytest.raises(Refused, match="-r"):
        rm(server, "keep", stop, recursive=False)


def get(server: Server, source: str, target: Path, **rules: bool) -> int:
    roots = (Root(source, str(target)),)
    return carry_out(Job(Direction.DOWNLOAD, endpoint(server), roots, Rules(**rules), retries=1))[0].exit_code  # type: ignore[arg-type]


# Was: Pure-FTPd's MLST calls it a link, which was taken for a link to a file.
def test_a_named_link_to_a_directory_is_followed(server: Server, tmp_path: Path) -> None:
    assert get(server, "named", tmp_path / "copy", recursive=True) == 0
    assert (tmp_path / "copy" / "precious").read_bytes() == b"precious"


# Was: vsftpd gives permissions in listings only, and a link's own are 0777 everywhere.
def test_permissions_of_a_named_file(server: Server, tmp_path: Path) -> None:
    assert get(server, "keep/precious", tmp_path / "copy", perms=True) == 0
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o640
    assert get(server, "file", tmp_path / "followed", perms=True) == 0
    assert stat.S_IMODE((tmp_path / "followed").stat().st_mode) & 0o111 == 0
