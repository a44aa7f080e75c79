"""A server in memory, whose sessions fail on demand."""

from __future__ import annotations

import hashlib
import posixpath
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from types import TracebackType
from typing import Any, TypeVar

import pytest

from ftpcli.engine.events import Event
from ftpcli.errors import Busy, ConnectionLost, FtpcliError, LoginRejected, NotFound, Refused, Stopped, Unsupported
from ftpcli.model import Capabilities, Digest, Endpoint, Entry, Kind, Listing, TlsFacts
from ftpcli.net.pump import Reader, Writer
from ftpcli.net.wait import StopSignal, check
from ftpcli.session.contract import Fetched, HostMemory, Moved, Notify, OnMoved, Stored, TimeSet, ToStore
from tests.servers.scripted.name_rules import EXACT

ENDPOINT = Endpoint("ftp", "fake.test", 21)
CHUNK = 100
FATAL = (ConnectionLost,)

Act = Callable[[], object]
Result = TypeVar("Result")


@dataclass
class File:
    data: bytes = b""
    mtime: float = 1_000_000.0
    mode: int | None = None


@dataclass
class Link:
    target: str = "elsewhere"


@dataclass
class Folder:
    inside: dict[str, Node] = field(default_factory=dict)
    mode: int | None = None


Node = File | Link | Folder
# What tests write and compare: names → bytes, links, or further names.
Tree = dict[str, Any]


@dataclass
class Fault:
    """``act`` runs at ``verb``, before or after it takes effect; in transfers after ``at`` bytes."""

    verb: str
    act: Act
    path: str | None
    done: bool
    at: int
    times: int


def raising(error: BaseException) -> Act:
    def act() -> None:
        raise error

    return act


def lost() -> Act:
    return raising(ConnectionLost("the fake connection was lost"))


class FakeServer:
    """One tree for all its sessions. ``calls`` holds every operation in order, as ``(verb, path, ...)``.

    ``alter`` gets each listing with its path, and returns what is sent instead.
    """

    def __init__(self, tree: Tree | None = None) -> None:
        self.root = _folder(tree or {})
        self.lock = threading.RLock()
        self.calls: list[tuple[object, ...]] = []
        self.faults: list[Fault] = []
        self.problems: dict[str, tuple[str, ...]] = {}
        self.names = EXACT
        self.admits: int | None = None
        self.takes_password = True
        self.hides_dot_files = False
        self.doubt = ""
        self.alter: Callable[[str, Listing], Listing] | None = None
        self.alter_links: Callable[[str, Listing], Listing] | None = None
        self.renames_over = True
        self.restarts = True
        self.survives_samples = True
        self.sets_times = True
        self.clock: Callable[[], float] = lambda: 1_000_000.0
        self.tells_times = False
        self.times_step = 1
        self.sets_modes = True
        self.makes_links = True
        self.tells_links = True
        self.masks_links = False
        self.digests: str | None = None
        self.free: int | None = None
        self.knows_sizes = True
        self.confirms = True
        self.pipelines = False
        self.logins = 0
        self.live = 0

    def on(
        self, verb: str, act: Act, *, path: str | None = None, done: bool = False, at: int = 0, times: int = 1
    ) -> None:
        self.faults.append(Fault(verb, act, path, done, at, times))

    def hit(self, verb: str, path: str, *, done: bool = False, at: int = 0) -> None:
        with self.lock:
            fault = next(
                (
                    fault
                    for fault in self.faults
                    if (fault.verb, fault.done) == (verb, done) and fault.at <= at and fault.path in (None, path)
                ),
                None,
            )
            if fault is None:
                return
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
        fault.act()

    def open(
        self,
        endpoint: Endpoint = ENDPOINT,
        memory: HostMemory | None = None,  # noqa: ARG002  (the interface of session.opening)
        notify: Notify | None = None,  # noqa: ARG002
        stop: StopSignal | None = None,
    ) -> FakeSession:
        self.hit("open", endpoint.host)
        with self.lock:
            self.logins += 1
            if not self.takes_password:
                raise LoginRejected("the password is wrong", reply="530 no")
            if self.admits is not None and self.live >= self.admits:
                raise Busy("no more", reply="421 too many")
            self.live += 1
        self.hit("open", endpoint.host, done=True)
        return FakeSession(self, stop)

    def verbs(self, verb: str) -> list[tuple[object, ...]]:
        return [call for call in self.calls if call[0] == verb]

    def tree(self) -> Tree:
        return _tree(self.root)

    def find(self, path: str, *, follow: bool = False, depth: int = 0) -> Node:
        """Links above are followed, the last one only with ``follow``. Every path begins at the root."""
        node: Node = self.root
        parts = _parts(path)
        for position, name in enumerate(parts):
            name = self.names.place(name, node.inside) if isinstance(node, Folder) else name
            if not isinstance(node, Folder) or name not in node.inside or depth > 40:
                raise NotFound(f"{path} is not there", reply="550 not found")
            node = node.inside[name]
            if isinstance(node, Link) and (follow or position < len(parts) - 1):
                leads = posixpath.normpath(posixpath.join("/", *parts[:position], node.target))
                node = self.find(leads, follow=True, depth=depth + 1)
        return node

    def file(self, path: str) -> File:
        node = self.find(path, follow=True)
        assert isinstance(node, File)
        return node

    def parent(self, path: str) -> tuple[Folder, str]:
        *above, name = _parts(path)
        node = self.find("/".join(above))
        if not isinstance(node, Folder):
            raise NotFound(f"{path} is below a file", reply="550 not a directory")
        return node, self.names.place(name, node.inside)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _folder(tree: Tree) -> Folder:
    nodes: dict[str, Node] = {}
    for name, value in tree.items():
        nodes[name] = _folder(value) if isinstance(value, dict) else File(value) if isinstance(value, bytes) else value
    return Folder(nodes)


def _tree(folder: Folder) -> Tree:
    tree: Tree = {}
    for name, node in folder.inside.items():
        tree[name] = _tree(node) if isinstance(node, Folder) else node.data if isinstance(node, File) else node
    return tree


class FakeSession:
    """``session.contract.Session``; ``healthy`` until the first lost connection."""

    @property
    def capabilities(self) -> Capabilities:
        digests = (self.server.digests,) if self.server.digests else ()
        return Capabilities(lists_facts=True, digests=digests)

    def __init__(self, server: FakeServer, stop: StopSignal | None) -> None:
        self.server = server
        self.stop = stop
        self.healthy = True
        self.closed = False
        self.idle = 0.0
        self.was_cut = threading.Event()

    @contextmanager
    def call(self, verb: str, path: str, *more: object) -> Iterator[None]:
        assert not self.closed, f"{verb} {path} on a closed session"
        check(self.stop)
        if not self.healthy:
            raise ConnectionLost("this fake connection is gone")
        try:
            self.server.hit(verb, path)
            with self.server.lock:
                self.server.calls.append((verb, path, *more))
                yield
            self.server.hit(verb, path, done=True)
        except FATAL:
            self.healthy = False
            raise

    def entry(self, name: str, node: Node) -> Entry:
        if isinstance(node, File):
            size = len(node.data) if self.server.knows_sizes else None
            return Entry(name, Kind.FILE, size=size, mtime=node.mtime, mode=node.mode)
        if isinstance(node, Link):
            return Entry(name, Kind.LINK, size=len(node.target))  # as in MLSD: the size of the link itself
        return Entry(name, Kind.DIR, mode=node.mode)

    @property
    def pipelined(self) -> FakePipelined | None:
        return FakePipelined(self) if self.server.pipelines else None

    def tls_facts(self) -> TlsFacts | None:
        return None

    def list(self, path: str) -> Listing:
        with self.call("list", path):
            server = self.server
            node = self.folder(path)
            entries = []
            for name, inner in node.inside.items():
                if server.masks_links and isinstance(inner, Link):
                    inner = server.find(f"{path}/{name}", follow=True)
                entries.append(self.entry(name, inner))
            listing = Listing(tuple(entries), server.problems.get(path, ()), server.doubt, server.hides_dot_files)
            return server.alter(path, listing) if server.alter is not None else listing

    def folder(self, path: str) -> Folder:
        node = self.server.find(path, follow=True)
        if not isinstance(node, Folder):
            raise NotFound(f"{path} is no directory", reply="550 not a directory")
        return node

    def list_links(self, path: str) -> Listing:
        with self.call("list_links", path):
            entries = []
            for name, node in self.folder(path).inside.items():
                entry = self.entry(name, node)
                if isinstance(node, Link) and self.server.tells_links:
                    entry = replace(entry, target=node.target)
                entries.append(entry)
            listing = Listing(tuple(entries), hides_dot_files=self.server.hides_dot_files)
            return self.server.alter_links(path, listing) if self.server.alter_links is not None else listing

    def is_file(self, path: str) -> bool:
        try:
            return self.stat(path).kind is Kind.FILE
        except Refused:
            return False

    def follow(self, path: str) -> Entry:
        with self.call("follow", path):
            return self.entry(_parts(path)[-1], self.server.find(path, follow=True))

    def absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"/{path}"

    def symlink(self, path: str, target: str) -> None:
        with self.call("symlink", path, target):
            folder, name = self.server.parent(path)
            if not self.server.makes_links:
                raise Unsupported("no SITE SYMLINK here", reply="500 what?")
            if name in folder.inside:
                raise NotFound(f"{path} is there already", reply="550 exists")
            folder.inside[name] = Link(target)

    def set_mode(self, path: str, mode: int) -> bool:
        with self.call("set_mode", path, mode):
            node = self.server.find(path, follow=True)
            assert not isinstance(node, Link)
            if self.server.sets_modes:
                node.mode = mode
            return self.server.sets_modes

    def mtime(self, path: str) -> float | None:
        with self.call("mtime", path):
            return self.server.file(path).mtime

    def size(self, path: str) -> int | None:
        with self.call("size", path):
            node = self.server.find(path)
            if isinstance(node, Link):
                raise Refused("it leads out of the tree", reply="550 no")
            return self.entry("", node).size

    def stat(self, path: str) -> Entry:
        with self.call("stat", path):
            return self.entry(_parts(path)[-1] if _parts(path) else "", self.server.find(path))

    def examine(self, path: str) -> Entry:
        return self.stat(path)

    def open_read(self, path: str, offset: int) -> FakeSource:
        with self.call("read", path, offset):
            if offset and not self.server.restarts:
                raise Unsupported("no REST here", reply="502 no")
            return FakeSource(self, path, self.server.file(path).data[offset:], offset)

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        with self.call("read_range", path, offset, length):
            self.healthy = self.server.survives_samples
            return self.server.file(path).data[offset : offset + length]

    def open_write(self, path: str, offset: int, mode: int | None = None) -> FakeSink:  # noqa: ARG002
        with self.call("write", path, offset):
            if offset and not self.server.restarts:
                raise Unsupported("no REST here", reply="502 no")
            folder, name = self.server.parent(path)
            old = folder.inside.get(name)
            file = File((old.data if isinstance(old, File) else b"")[:offset], self.server.clock())
            folder.inside[name] = file
            return FakeSink(self, path, file)

    def mkdir(self, path: str) -> None:
        with self.call("mkdir", path):
            folder, name = self.server.parent(path)
            if name in folder.inside:
                raise NotFound(f"{path} is there already", reply="550 exists")
            folder.inside[name] = Folder()

    def remove(self, path: str) -> None:
        with self.call("remove", path):
            if isinstance(self.server.find(path), Folder):
                raise NotFound(f"{path} is a directory", reply="550 is a directory")
            folder, name = self.server.parent(path)
            del folder.inside[name]

    def rmdir(self, path: str) -> None:
        with self.call("rmdir", path):
            node = self.server.find(path)
            if not isinstance(node, Folder) or node.inside:
                raise NotFound(f"{path} is not empty", reply="550 not empty")
            folder, name = self.server.parent(path)
            del folder.inside[name]

    def rename(self, path: str, target: str) -> None:
        with self.call("rename", path, target):
            node = self.server.find(path)
            folder, name = self.server.parent(target)
            there = folder.inside.get(name, node)
            if there is not node and (isinstance(there, Folder) or not self.server.renames_over):
                raise Refused(f"{target} exists", reply="553 exists")
            origin, old = self.server.parent(path)
            del origin.inside[old]
            if there is node or not self.server.names.keeps_spelling:
                folder.inside.pop(name, None)
                name = self.server.names.stored(_parts(target)[-1])
            folder.inside[name] = node

    def set_mtime(self, path: str, seconds: float) -> TimeSet:
        with self.call("set_mtime", path, seconds):
            if not self.server.sets_times:
                return TimeSet(False)
            file, step = self.server.file(path), self.server.times_step
            file.mtime = seconds // step * step
            return TimeSet(True, file.mtime if self.server.tells_times else None)

    def digest(self, path: str) -> Digest | None:
        with self.call("digest", path):
            data, algorithm = self.server.file(path).data, self.server.digests
            return Digest(algorithm, hashlib.new(algorithm, data).hexdigest()) if algorithm else None

    def free_bytes(self, directory: str, wanted: int) -> int | None:
        with self.call("free_bytes", directory, wanted):
            return self.server.free

    def ping(self) -> None:
        with self.call("ping", ""):
            pass

    def idle_seconds(self) -> float:
        return self.idle

    def close(self) -> None:
        assert not self.closed
        self.closed = True
        with self.server.lock:
            self.server.live -= 1

    def cut(self) -> None:
        self.was_cut.set()


class FakePipelined:
    """``session.contract.Pipelined``, built on the session's own steps, so that their faults strike here as well."""

    largest = 10 * CHUNK

    def __init__(self, session: FakeSession) -> None:
        self.session = session

    def fetch(self, files: Sequence[tuple[str, int]]) -> list[Fetched | None]:
        return [self.tried(partial(self.fetch_one, path, size)) for path, size in files]

    def fetch_one(self, path: str, size: int) -> Fetched | None:
        content = BytesIO()
        with self.session.open_read(path, 0) as source:
            source.pump_to(content, lambda _: None)
            source.finish()
        data = content.getvalue()
        return Fetched(data, self.session.server.file(path).mtime) if len(data) == size else None

    def store(self, files: Sequence[ToStore]) -> list[Stored | None]:
        return [self.tried(partial(self.store_one, file)) for file in files]

    def store_one(self, file: ToStore) -> Stored:
        with self.session.open_write(file.path, 0) as sink:
            sink.pump_from(BytesIO(file.content), lambda _: None)
            sink.finish()
        if file.mtime is not None:
            self.session.set_mtime(file.path, file.mtime)
        return Stored(self.session.server.file(file.path).mtime)

    def rename(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        return [self.tried(partial(self.rename_one, path, target)) or False for path, target in pairs]

    def rename_one(self, path: str, target: str) -> bool:
        self.session.rename(path, target)
        return True

    def tried(self, step: Callable[[], Result]) -> Result | None:
        try:
            return step()
        except FtpcliError as error:
            if isinstance(error, (*FATAL, Stopped)):
                raise
            self.session.healthy = True
            return None


class Moving:
    """The common part of reading and writing."""

    def __init__(self, session: FakeSession, path: str, verb: str) -> None:
        self.session = session
        self.path = path
        self.verb = verb
        self.moved = 0
        self.finished = False

    def step(self, count: int, on_moved: OnMoved) -> None:
        self.moved += count
        on_moved(count)
        check(self.session.stop)
        self.hit({"read": "reading", "write": "writing"}[self.verb])

    def hit(self, verb: str) -> None:
        try:
            self.session.server.hit(verb, self.path, at=self.moved)
        except FATAL:
            self.session.healthy = False
            raise

    def finish(self) -> Moved:
        self.finished = True
        self.hit(f"{self.verb} end")
        return Moved(self.moved, self.session.server.confirms)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.finished:
            assert kind is not None, "left without finish()"
            self.session.healthy = False


class FakeSource(Moving):
    def __init__(self, session: FakeSession, path: str, data: bytes, offset: int) -> None:
        super().__init__(session, path, "read")
        self.data = data
        self.offset = offset

    def __enter__(self) -> FakeSource:
        return self

    def pump_to(self, file: Writer, on_moved: OnMoved) -> None:
        for start in range(0, len(self.data), CHUNK):
            piece = memoryview(self.data)[start : start + CHUNK]
            file.write(piece)
            self.step(len(piece), on_moved)


class FakeSink(Moving):
    def __init__(self, session: FakeSession, path: str, file: File) -> None:
        super().__init__(session, path, "write")
        self.file = file

    def __enter__(self) -> FakeSink:
        return self

    def pump_from(self, file: Reader, on_moved: OnMoved) -> None:
        buffer = memoryview(bytearray(CHUNK))
        while count := file.readinto(buffer):
            self.hit("sending")
            self.file.data += bytes(buffer[:count])
            self.step(count, on_moved)


class Events(list[Event]):
    """Collects events: ``events.of(Failed)``."""

    def of(self, *kinds: type) -> list[Event]:
        return [event for event in self if isinstance(event, kinds)]


def use(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every session that the engine opens a session on this server."""
    for place in ("run", "workers.solo"):
        monkeypatch.setattr(f"ftpcli.engine.{place}.open_session", server.open)
