"""One contract for the two sides of a run: the local disk, a server in memory, and real servers by FTP and SFTP."""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftpcli.engine.job import Root, Side
from ftpcli.engine.trees.local_tree import LocalTree
from ftpcli.engine.trees.remote_tree import RemoteTree
from ftpcli.engine.trees.tree import Tree
from ftpcli.errors import FtpcliError, LocalFileError, Refused
from ftpcli.model import Endpoint, Entry, Kind, Listing, Secret, Timing
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.engine.fake import FakeServer
from tests.servers.embedded import embedded
from tests.servers.real import Setup, started
from tests.servers.ssh.login import sftp_session
from tests.servers.ssh.paramiko_server import paramiko_server

SIDES = ("disk", "memory", "vsftpd", "proftpd", "pureftpd", "pyftpdlib", "sshd", "paramiko")
LINKLESS = ("vsftpd", "pureftpd", "pyftpdlib")  # no command makes a symbolic link there


@dataclass
class On:
    """A tree, and ``root``: its directory as the tree's own paths name it."""

    name: str
    tree: Tree
    root: str

    def path(self, name: str) -> str:
        return self.tree.side.join(self.root, name)

    def names(self, name: str = "") -> list[str]:
        return sorted(entry.name for entry in self.tree.list(self.path(name) if name else self.root).entries)

    def found(self, name: str) -> Entry:
        return next(entry for entry in self.tree.list(self.root).entries if entry.name == name)


def asking(session: Session) -> RemoteTree:
    def ask(question: Callable[[Session], Any], progress: Callable[[], int] = lambda: 0, /) -> Any:  # noqa: ARG001
        return question(session)

    return RemoteTree(ask)


@contextmanager
def session_on(name: str) -> Iterator[tuple[Session, Path]]:
    if name == "pyftpdlib":
        with embedded(tls="none") as server:
            yield ftp_session(server), server.root
    elif name == "paramiko":
        with paramiko_server() as other:
            yield sftp_session(other), other.root
    else:
        with started(Setup(name, tls="ssh" if name == "sshd" else "none")) as running:
            yield sftp_session(running) if name == "sshd" else ftp_session(running), running.root


def ftp_session(server: Any) -> Session:
    timing = Timing(idle=20, final_reply=20)
    endpoint = Endpoint("ftp", server.host, server.port, server.user, Secret(server.password), timing=timing)
    return open_session(endpoint, HostMemory(), lambda _: None, None)


@pytest.fixture(params=SIDES)
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[On]:
    name = request.param
    if name == "disk":
        folder = tmp_path / "top"
        folder.mkdir()
        tree = LocalTree(str(folder))
        yield On(name, tree, str(folder))
        tree.close()
    elif name == "memory":
        yield On(name, asking(FakeServer({"top": {}}).open()), "top")
    else:
        with session_on(name) as (session, _):
            session.mkdir("top")
            yield On(name, asking(session), "top")
            session.close()


def put(on: On, name: str, content: bytes = b"content") -> None:
    """A file, by the side's own means."""
    path = on.path(name)
    if on.tree.side is Side.LOCAL:
        Path(path).write_bytes(content)
        return

    def store(session: Session) -> None:
        with session.open_write(path, 0) as sink:
            sink.pump_from(io.BytesIO(content), lambda _: None)
            sink.finish()

    on.tree._ask(store)  # type: ignore[attr-defined]


def refused(on: On) -> type[FtpcliError]:
    return LocalFileError if on.tree.side is Side.LOCAL else Refused


def test_a_directory_is_made_with_its_parents_once(on: On) -> None:
    assert on.tree.make_directory(on.path("a/b/c"), 0o755)
    assert not on.tree.make_directory(on.path("a/b/c"), 0o755), "it is there"
    assert (on.names(), on.names("a"), on.names("a/b")) == (["a"], ["b"], ["c"])
    assert on.tree.is_directory(on.path("a/b"))


def test_what_is_there(on: On) -> None:
    put(on, "file", b"12345")
    entry = on.tree.look(on.path("file"))
    assert entry is not None
    assert (entry.kind, entry.size) == (Kind.FILE, 5)
    assert on.found("file").size == 5
    assert on.tree.look(on.path("none")) is None
    assert not on.tree.is_directory(on.path("file"))
    assert not on.tree.is_directory(on.path("none"))


def test_listing_a_directory_that_may_not_exist(on: On) -> None:
    put(on, "file")
    assert on.tree.list_if_there(on.path("none"), expected=False) is None
    listing = on.tree.list_if_there(on.root, expected=True)
    assert listing is not None
    assert [entry.name for entry in listing.entries] == ["file"]


def test_what_is_named(on: On) -> None:
    put(on, "file", b"123")
    on.tree.make_directory(on.path("folder"), None)
    (file,) = on.tree.named(Root(on.path("file"), "x"), modes=False).named
    (folder,) = on.tree.named(Root(on.path("folder"), "x", tree=True), modes=False).named
    assert (file.path, file.entry.kind, file.entry.size) == (on.path("file"), Kind.FILE, 3)
    assert folder.entry.kind is Kind.DIR
    assert on.tree.own_name(f"{on.path('folder')}/") == "folder"
    with pytest.raises(refused(on)):
        on.tree.named(Root(on.path("none"), "x"), modes=False)


def test_a_file_is_renamed_and_nothing_is_replaced(on: On) -> None:
    put(on, "one", b"1")
    put(on, "two", b"22")
    with pytest.raises(refused(on)):
        on.tree.rename(on.path("one"), on.path("two"), on.found("one"))
    assert on.found("two").size == 2
    on.tree.rename(on.path("one"), on.path("new"), on.found("one"))
    assert on.names() == ["new", "two"]


def test_files_and_empty_directories_are_removed(on: On) -> None:
    on.tree.make_directory(on.path("folder"), None)
    put(on, "folder/file")
    with pytest.raises(refused(on)):
        on.tree.remove(on.path("folder"), Kind.DIR)
    on.tree.remove(on.path("folder/file"), Kind.FILE)
    on.tree.remove(on.path("folder"), Kind.DIR)
    assert on.names() == []
    with pytest.raises(refused(on)):
        on.tree.remove(on.path("none"), Kind.FILE)


def test_permission_bits(on: On) -> None:
    put(on, "file")
    problem = on.tree.set_mode(on.path("file"), 0o640)
    if on.name in ("vsftpd", "pyftpdlib") and problem:
        return  # not allowed to anonymous users
    assert problem == ""
    assert on.found("file").mode in (0o640, None)


def test_the_permission_bits_of_what_is_not_there(on: On) -> None:
    if on.name != "memory":
        assert on.tree.set_mode(on.path("none"), 0o640)


def test_symbolic_links(on: On) -> None:
    if on.name in LINKLESS:
        with pytest.raises(FtpcliError):
            on.tree.make_link(on.path("link"), "file", replaces=False, kept=None)
        return
    put(on, "file")
    put(on, "other")  # ProFTPD makes no dangling link
    on.tree.make_link(on.path("link"), "file", replaces=False, kept=None)
    on.tree.make_link(on.path("link"), "other", replaces=True, kept=None)
    listing = on.tree.with_link_texts(on.root, on.tree.list(on.root))
    (link,) = [entry for entry in listing.entries if entry.kind is Kind.LINK]
    assert link.name == "link"
    assert str(link.target).rpartition("/")[2] == "other"  # ProFTPD makes the path absolute
    source = Listing((Entry("link", Kind.LINK, target="other"),))
    like = on.tree.with_texts_like(source, on.root, on.tree.list(on.root))
    assert [entry.target for entry in like.entries if entry.name == "link"] == ["other"]


def test_links_are_followed(on: On) -> None:
    if on.name in LINKLESS:
        pytest.skip("no symbolic links on this server")
    on.tree.make_directory(on.path("folder"), None)
    on.tree.make_link(on.path("link"), "folder", replaces=False, kept=None)
    followed = on.tree.followed(on.root, on.tree.list(on.root), None)
    assert {entry.name: entry.kind for entry in followed.listing.entries} == {"folder": Kind.DIR, "link": Kind.DIR}
    assert set(followed.trails) == {"folder", "link"}
    assert not followed.trouble
    assert not followed.outside


def test_a_part_file_is_swept_and_a_missing_one_is_no_error(on: On) -> None:
    put(on, ".a.part")
    on.tree.sweep(on.path(".a.part"))
    assert on.names() == []
    on.tree.sweep(on.path(".a.part"))


def test_each_side_joins_paths_its_own_way(on: On) -> None:
    join = os.path.join if on.tree.side is Side.LOCAL else posixpath.join
    assert on.path("a") == join(on.root, "a")
    assert on.tree.side.join("", "a") == "a"


@pytest.mark.parametrize("leads", ["elsewhere", "nowhere"])
def test_a_link_in_the_place_of_a_new_local_directory_is_refused(tmp_path: Path, leads: str) -> None:
    """Somebody put it there after the target was listed: what it leads to is not the run's to write to."""
    (tmp_path / "top").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "top" / "new").symlink_to(tmp_path / leads)
    with pytest.raises(LocalFileError, match="symbolic link is in the place"):
        LocalTree(str(tmp_path / "top")).make_directory(str(tmp_path / "top" / "new"), None)
    assert not (tmp_path / "nowhere").exists()
