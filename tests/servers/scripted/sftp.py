"""An SFTP server in memory, which answers honestly until a test tells it otherwise. No sockets, no threads, no waiting:
what the client sends is answered at once, and what it reads when nothing is there is silence."""

from __future__ import annotations

import random
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ftpcli.errors import ConnectionLost
from ftpcli.net.wait import StopGrace, StopSignal, check
from ftpcli.wire.sftp.attributes import Attributes, parse_attributes, write_attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag, Packet
from ftpcli.wire.sftp.fields import Fields, string, uint32, uint64
from tests.servers.scripted.clock import Clock

OPENSSH = {
    "posix-rename@openssh.com": b"1",
    "statvfs@openssh.com": b"2",
    "fsync@openssh.com": b"1",
    "copy-data": b"1",
    "limits@openssh.com": b"1",
}


@dataclass
class Asked:
    """One request that came. ``path`` and ``target`` where it has such, ``offset`` and ``length`` of READ, WRITE and
    copy-data, ``flags`` of OPEN."""

    kind: int
    id: int
    path: str = ""
    target: str = ""
    offset: int = 0
    length: int = 0
    name: str = ""
    flags: int = 0


Answer = Callable[["ScriptedSftp", Asked], bytes | None]


@dataclass
class ScriptedSftp:
    """A ``session.sftp.conversation.Pipe``.

    ``files``: path → content; ``listed``: path → names with attributes;
    ``mounts``: directories that are file systems of their own; ``modes`` and ``owners``: of files, by path.
    ``links``: path → what READLINK tells. ``max_read``: reads are answered with no more
    than that. ``reorder``: answers that wait are shuffled. ``told_size``: what STAT says, whatever is there.
    ``answers``: called after the honest answer; bytes take its place, b"" leaves it out, None lets it be.
    ``end_after``: bytes of answers after which the channel ends. ``piece``: answers come in blocks of that many bytes.
    ``clock_offset``, ``time_precision``, ``ignores_times``, ``time_shift``: see ``Clock``; without the first one no
    time passes, and what is written is of 1970.
    """

    files: dict[str, bytearray] = field(default_factory=dict)
    directories: set[str] = field(default_factory=lambda: {"/", "/home"})
    listed: dict[str, list[list[tuple[bytes, Attributes]]]] = field(default_factory=dict)
    links: dict[str, bytes] = field(default_factory=dict)
    extensions: dict[str, bytes] = field(default_factory=lambda: dict(OPENSSH))
    version: int = 3
    home: str = "/home"
    max_read: int = 261120
    limits: tuple[int, int] = (261120, 261120)
    free_bytes: int = 10**12
    reorder: random.Random | None = None
    told_size: int | None = None
    answers: list[Answer] = field(default_factory=list)
    end_after: int | None = None
    piece: int = 32768
    asked: list[Asked] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    owners: dict[str, tuple[int, int]] = field(default_factory=dict)
    clock_offset: float | None = None
    time_precision: int = 1
    ignores_times: bool = False
    time_shift: float = 0.0
    mounts: set[str] = field(default_factory=set)
    greeting: bytes | None = None
    closed: bool = False
    was_cut: bool = False
    takes_nothing: bool = False  # its window is closed

    def __post_init__(self) -> None:
        self._incoming = bytearray()
        self._answers: list[bytes] = []
        self._blocks: deque[bytes] = deque()
        self._handles: dict[bytes, str] = {}
        self._batches: dict[bytes, deque[list[tuple[bytes, Attributes]]]] = {}
        self._given = 0
        self.most_in_flight = 0
        self.writes = 0  # how often the client wrote to the channel

    # The client's side

    def send(self, data: bytes | memoryview, grace: StopGrace) -> None:
        while self.takes_nothing:
            time.sleep(0.01)
            grace.check()
        grace.check()
        if self.closed or self.was_cut:
            raise ConnectionLost("the connection is gone")
        self.writes += 1
        self._incoming += data
        while len(self._incoming) >= 4:
            length = int.from_bytes(self._incoming[:4], "big")
            if len(self._incoming) < 4 + length:
                break
            packet = bytes(self._incoming[4 : 4 + length])
            del self._incoming[: 4 + length]
            self._packet(packet)

    def receive(self, patience: float, stop: StopSignal | None = None) -> list[bytes]:
        check(stop)
        if self.was_cut:
            raise ConnectionLost("the connection was cut")
        self._release()
        if self.end_after is not None and self._given >= self.end_after and patience > 0:
            raise ConnectionLost("the channel ended")
        blocks = []
        while self._blocks and len(blocks) < 3:
            blocks.append(self._blocks.popleft())
            self._given += len(blocks[-1])
        return blocks

    def _release(self) -> None:
        if self._blocks or not self._answers:
            return
        self.most_in_flight = max(self.most_in_flight, len(self._answers))
        if self.reorder is not None:
            self.reorder.shuffle(self._answers)
        stream = b"".join(self._answers)
        self._answers.clear()
        if self.end_after is not None:
            stream = stream[: max(0, self.end_after - self._given)]
        self._blocks.extend(stream[at : at + self.piece] for at in range(0, len(stream), self.piece))

    def pending(self) -> bool:
        return bool(self._blocks or self._answers or self.was_cut)

    def cut(self) -> None:
        self.was_cut = True

    def close(self) -> None:
        self.closed = True

    @property
    def open_handles(self) -> int:
        return len(self._handles)

    # The server's side

    def _packet(self, packet: bytes) -> None:
        kind, body = packet[0], Fields(packet[1:])
        if kind == Packet.INIT:
            extensions = b"".join(string(name.encode()) + string(data) for name, data in self.extensions.items())
            hello = framed(Packet.VERSION, uint32(self.version) + extensions)
            self._answers.append(hello if self.greeting is None else self.greeting)
            return
        asked = Asked(kind, body.uint32())
        answer = self._honest(asked, body)
        self.asked.append(asked)
        for other in self.answers:
            changed = other(self, asked)
            if changed is not None:
                answer = changed
                break
        if answer:
            self._answers.append(answer)

    def _honest(self, asked: Asked, body: Fields) -> bytes:
        name = Packet(asked.kind).name.lower()
        first = body.string()
        if asked.kind == Packet.EXTENDED:
            asked.name = first.decode()
            name = asked.name.partition("@")[0].replace("-", "_")
            first = body.string() if body.more else b""
        asked.path = self._handles.get(first) or first.decode("utf-8", "surrogateescape")
        method: Callable[[Asked, bytes, Fields], bytes] = getattr(self, f"_do_{name}")
        return method(asked, first, body)

    def _do_open(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        flags = asked.flags = body.uint32()
        if flags & OpenFlag.EXCLUSIVE and asked.path in self.files:
            return status(asked, Code.FAILURE)
        if asked.path in self.directories or asked.path.rpartition("/")[0] not in {*self.directories, ""}:
            return status(asked, Code.FAILURE if asked.path in self.directories else Code.NO_SUCH_FILE)
        if flags & OpenFlag.CREATE:
            if asked.path not in self.files:
                self._arrived(asked.path)
                self._set(asked.path, parse_attributes(body))
            self.files.setdefault(asked.path, bytearray())
        if asked.path not in self.files:
            return status(asked, Code.NO_SUCH_FILE)
        if flags & OpenFlag.TRUNCATE:
            self.files[asked.path].clear()
            self._arrived(asked.path)
        return self._new_handle(asked)

    def _new_handle(self, asked: Asked) -> bytes:
        handle = b"handle %d" % asked.id
        self._handles[handle] = asked.path
        return framed(Packet.HANDLE, uint32(asked.id) + string(handle))

    def _do_close(self, asked: Asked, first: bytes, _body: Fields) -> bytes:
        self._batches.pop(first, None)
        return status(asked, Code.OK if self._handles.pop(first, None) else Code.FAILURE)

    def _do_read(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        asked.offset, asked.length = body.uint64(), body.uint32()
        if first not in self._handles:
            return status(asked, Code.FAILURE)
        content = self.files[self._handles[first]]
        data = bytes(content[asked.offset : asked.offset + min(asked.length, self.max_read)])
        return data_packet(asked, data) if data else status(asked, Code.EOF)

    def _do_write(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        asked.offset = body.uint64()
        data = body.string()
        asked.length = len(data)
        if first not in self._handles:
            return status(asked, Code.FAILURE)
        content = self.files[self._handles[first]]
        content.extend(bytes(max(0, asked.offset - len(content))))
        content[asked.offset : asked.offset + len(data)] = data
        self._arrived(self._handles[first])
        return status(asked, Code.OK)

    @property
    def _clock(self) -> Clock:
        return Clock(self.clock_offset or 0.0, self.time_precision, self.ignores_times, self.time_shift)

    def _arrived(self, path: str) -> None:
        if self.clock_offset is not None:
            self.times[path] = int(self._clock.arrival())

    def _do_fsync(self, asked: Asked, first: bytes, _body: Fields) -> bytes:
        return status(asked, Code.OK if first in self._handles else Code.FAILURE)

    def _do_fstat(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        return self._attributes(asked)

    _do_stat = _do_lstat = _do_fstat

    def _attributes(self, asked: Asked) -> bytes:
        if asked.path in self.directories:
            return framed(
                Packet.ATTRS, uint32(asked.id) + write_attributes(Attributes(permissions=stat.S_IFDIR | 0o755))
            )
        if asked.path not in self.files:
            return status(asked, Code.NO_SUCH_FILE)
        size = len(self.files[asked.path]) if self.told_size is None else self.told_size
        time = self.times.get(asked.path, 0)
        uid, gid = self.owners.get(asked.path, (1000, 1000))
        mode = stat.S_IFREG | self.modes.get(asked.path, 0o644)
        found = Attributes(size=size, uid=uid, gid=gid, permissions=mode, atime=time, mtime=time)
        return framed(Packet.ATTRS, uint32(asked.id) + write_attributes(found))

    def _do_setstat(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        self._set(asked.path, parse_attributes(body))
        return status(asked, Code.OK)

    def _set(self, path: str, told: Attributes) -> None:
        if told.mtime is not None and (kept := self._clock.kept(told.mtime)) is not None:
            self.times[path] = int(kept)
        if told.permissions is not None:
            self.modes[path] = told.permissions
        if told.uid is not None and told.gid is not None:
            self.owners[path] = told.uid, told.gid

    _do_fsetstat = _do_setstat

    def _do_opendir(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        if asked.path not in self.listed:
            return status(asked, Code.NO_SUCH_FILE)
        reply = self._new_handle(asked)
        self._batches[b"handle %d" % asked.id] = deque(self.listed[asked.path])
        return reply

    def _do_readdir(self, asked: Asked, first: bytes, _body: Fields) -> bytes:
        batches = self._batches[first]
        if not batches:
            return status(asked, Code.EOF)
        names = batches.popleft()
        packed = (string(name) + string(b"") + write_attributes(attributes) for name, attributes in names)
        return framed(Packet.NAME, uint32(asked.id) + uint32(len(names)) + b"".join(packed))

    def _do_realpath(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        name = string(self.home.encode()) + string(b"") + write_attributes(Attributes())
        return framed(Packet.NAME, uint32(asked.id) + uint32(1) + name)

    def _do_readlink(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        if asked.path not in self.links:
            return status(asked, Code.NO_SUCH_FILE)
        name = string(self.links[asked.path]) + string(b"") + write_attributes(Attributes())
        return framed(Packet.NAME, uint32(asked.id) + uint32(1) + name)

    def _do_remove(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        if self.files.pop(asked.path, None) is None:
            return status(asked, Code.NO_SUCH_FILE)
        for facts in (self.times, self.modes, self.owners):
            facts.pop(asked.path, None)
        return status(asked, Code.OK)

    def _do_mkdir(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        if asked.path in self.directories:
            return status(asked, Code.FAILURE)
        self.directories.add(asked.path)
        return status(asked, Code.OK)

    def _do_rename(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        asked.target = body.string().decode()
        if asked.target in self.files:
            return status(asked, Code.FAILURE)
        return self._give_name(asked)

    def _do_posix_rename(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        asked.target = body.string().decode()
        return self._give_name(asked)

    def _give_name(self, asked: Asked) -> bytes:
        if asked.path not in self.files:
            return status(asked, Code.FAILURE if asked.path in self.directories else Code.NO_SUCH_FILE)
        if self._mount(asked.path) != self._mount(asked.target) or asked.target in self.directories:
            return status(asked, Code.FAILURE)
        for facts in (self.files, self.times, self.modes, self.owners):
            facts.pop(asked.target, None)
            if asked.path in facts:
                facts[asked.target] = facts.pop(asked.path)
        return status(asked, Code.OK)

    def _mount(self, path: str) -> str:
        return next((mount for mount in self.mounts if path.startswith(f"{mount}/")), "")

    def _do_copy_data(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        asked.offset, asked.length = body.uint64(), body.uint64()
        writing, at = body.string(), body.uint64()
        asked.target = self._handles[writing]
        data = self.files[self._handles[first]][asked.offset :][: asked.length or None]
        self.files[asked.target][at : at + len(data)] = data
        return status(asked, Code.EOF if len(data) < asked.length else Code.OK)

    def _do_limits(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        numbers = (262144, *self.limits, 0)
        return framed(Packet.EXTENDED_REPLY, uint32(asked.id) + b"".join(map(uint64, numbers)))

    def _do_statvfs(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        numbers = (4096, 1, 10**12, self.free_bytes, self.free_bytes, 9, 9, 9, 0, 0, 255)
        return framed(Packet.EXTENDED_REPLY, uint32(asked.id) + b"".join(map(uint64, numbers)))


def framed(kind: int, body: bytes) -> bytes:
    return uint32(1 + len(body)) + bytes((kind,)) + body


def status(asked: Asked, code: int, message: str = "") -> bytes:
    return framed(Packet.STATUS, uint32(asked.id) + uint32(code) + string(message.encode()) + string(b""))


def data_packet(asked: Asked, data: bytes) -> bytes:
    return framed(Packet.DATA, uint32(asked.id) + string(data))


def on(kind: Packet, answer: Callable[[Asked], bytes | None], nth: int = 0) -> Answer:
    """Answer the nth request of a kind like that, and the others honestly."""
    seen = -1

    def changed(_server: ScriptedSftp, asked: Asked) -> bytes | None:
        nonlocal seen
        if asked.kind != kind:
            return None
        seen += 1
        return answer(asked) if seen == nth else None

    return changed
