"""One tree in memory that any number of scripted SFTP sessions share, and the quirks that SFTP profiles are made of.

host = SftpHost(); host.write("/home/a.txt", b"1"); pipe = host.connect()
"""

from __future__ import annotations

import posixpath
import stat
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftpcli.wire.sftp.attributes import Attributes, write_attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag, Packet
from ftpcli.wire.sftp.fields import Fields, string, uint32
from tests.servers.scripted.clock import Clock
from tests.servers.scripted.name_rules import EXACT, NameRules
from tests.servers.scripted.sftp import OPENSSH, Asked, ScriptedSftp, framed, status

if TYPE_CHECKING:
    from collections.abc import Mapping

# Given a request before it is carried out: bytes answer it in place of the server, None lets it be.
Quirk = Callable[["HostedSftp", Asked, Fields], bytes | None]

_WITH_PATH = frozenset(
    (Packet.OPEN, Packet.LSTAT, Packet.STAT, Packet.SETSTAT, Packet.OPENDIR, Packet.REMOVE, Packet.MKDIR, Packet.RMDIR)
) | {Packet.RENAME, Packet.READLINK}
_ENDLESS = 20_000  # requests of one session: no test has work for so many
_RENAMES = (b"posix-rename@openssh.com",)


@dataclass
class SftpHost:
    """``typed``: False leaves the type out of the permissions; ``long_names``: whether READDIR has lines as of ``ls``.
    ``repeated``: how often each name is listed. ``empty_page_ends``: in place of EOF. ``taken``: files that a program
    has taken away. ``cut_after``: the session that first reads or writes at that offset is lost. ``runaway``: a session
    asked without end, and was cut."""

    names: NameRules = EXACT
    quirks: tuple[Quirk, ...] = ()
    extensions: Mapping[str, bytes] = field(default_factory=lambda: dict(OPENSSH))
    max_read: int = 261120
    typed: bool = True
    long_names: bool = True
    repeated: int = 1
    clock: Clock = field(default_factory=Clock)
    empty_page_ends: bool = False
    cut_after: int | None = None
    files: dict[str, bytearray] = field(default_factory=dict)
    directories: set[str] = field(default_factory=lambda: {"/", "/home"})
    times: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    taken: dict[str, bytes] = field(default_factory=dict)
    runaway: bool = False

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.written: set[str] = set()  # paths of files that were opened for writing
        self.sessions: list[HostedSftp] = []

    def connect(self) -> HostedSftp:
        pipe = HostedSftp(
            files=self.files,
            directories=self.directories,
            times=self.times,
            modes=self.modes,
            extensions=dict(self.extensions),
            max_read=self.max_read,
            home="/home",
            host=self,
            clock_offset=self.clock.clock_offset,
            time_precision=self.clock.time_precision,
            ignores_times=self.clock.ignores_times,
        )
        self.sessions.append(pipe)
        return pipe

    def write(self, path: str, content: bytes, mtime: float) -> None:
        placed = self.place(path)
        self.make_dir(posixpath.dirname(path))
        self.files[placed] = bytearray(content)
        self.times[placed] = int(mtime)

    def make_dir(self, path: str) -> None:
        placed = self.place(path)
        while placed not in self.directories:
            self.directories.add(placed)
            placed = posixpath.dirname(placed)

    def place(self, path: str) -> str:
        return path if self.names is EXACT else self.names.place_all(path, self.children)

    def children(self, folder: str) -> list[str]:
        below = folder.rstrip("/") + "/"
        inside = (path[len(below) :] for path in (*self.files, *self.directories) if path.startswith(below))
        return sorted({name for name in inside if name and "/" not in name})

    def exists(self, path: str) -> bool:
        return path in self.files or path in self.directories

    def move(self, old: str, new: str) -> None:
        """A file or a tree; what has the name is replaced."""
        there = self.place(new)
        spelled = posixpath.basename(there) if self.exists(there) and self.names.keeps_spelling else None
        new = posixpath.join(self.place(posixpath.dirname(new)), spelled or self.names.stored(posixpath.basename(new)))
        if there in self.files and there != old:
            for facts in (self.files, self.times, self.modes):
                facts.pop(there, None)  # type: ignore[attr-defined]
        for facts in (self.files, self.times, self.modes):
            for path in [path for path in facts if f"{path}/".startswith(f"{old}/")]:
                facts[new + path[len(old) :]] = facts.pop(path)  # type: ignore[index,attr-defined]
        moved = [path for path in self.directories if f"{path}/".startswith(f"{old}/")]
        self.directories.difference_update(moved)
        self.directories.update(new + path[len(old) :] for path in moved)


@dataclass
class HostedSftp(ScriptedSftp):
    """One session on a host."""

    host: SftpHost = field(default_factory=SftpHost)
    lost: bool = False  # what is still sent is never read

    def _packet(self, packet: bytes) -> None:
        with self.host.lock:
            if self.lost:
                return
            if len(self.asked) > _ENDLESS:
                self.host.runaway = self.was_cut = True
                return
            if packet[0] == Packet.INIT:
                super()._packet(packet)
                return
            packet = self._placed(packet)
            body = Fields(packet[1:])
            asked = Asked(packet[0], body.uint32())
            first = body.string()
            if packet[0] == Packet.EXTENDED:
                asked.name = first.decode()
                first = body.string() if body.more else b""
            asked.path = self._handles.get(first) or first.decode("utf-8", "surrogateescape")
            rest = body.rest()
            if self._is_cut(asked.kind, rest):
                return
            for quirk in self.host.quirks:
                answer = quirk(self, asked, Fields(rest))
                if answer is not None:
                    self.asked.append(asked)
                    self._answers.append(answer)
                    return
            super()._packet(packet)

    def _is_cut(self, kind: int, rest: bytes) -> bool:
        limit = self.host.cut_after
        if limit is None or kind not in (Packet.READ, Packet.WRITE) or Fields(rest).uint64() < limit:
            return False
        self.host.cut_after = None
        self.end_after = self._given
        self.lost = True
        return True

    def _placed(self, packet: bytes) -> bytes:
        """The same request with its path as the tree has it."""
        body = Fields(packet[5:])
        head = packet[:5]
        if packet[0] == Packet.EXTENDED:
            name = body.string()
            if name not in _RENAMES:
                return packet
            head += string(name)
        elif packet[0] not in _WITH_PATH:
            return packet
        path = body.string().decode("utf-8", "surrogateescape")
        placed = self.host.place(posixpath.normpath(path))
        return head + string(placed.encode("utf-8", "surrogateescape")) + body.rest()

    def _do_open(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        opened = super()._do_open(asked, first, body)
        if asked.flags & OpenFlag.WRITE and asked.path in self.files:
            self.host.written.add(asked.path)
        return opened

    def _do_opendir(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        if asked.path in self.directories:
            names = [".", "..", *self.host.children(asked.path)] * self.host.repeated
            page = [
                (name.encode("utf-8", "surrogateescape"), self._told(self._join(asked.path, name))) for name in names
            ]
            self.listed[asked.path] = [page]
        else:
            self.listed.pop(asked.path, None)
        return super()._do_opendir(asked, first, body)

    def _do_readdir(self, asked: Asked, first: bytes, _body: Fields) -> bytes:
        batches = self._batches.get(first, deque())
        if not batches:
            if self.host.empty_page_ends:
                return framed(Packet.NAME, uint32(asked.id) + uint32(0))
            return status(asked, Code.EOF)
        names = batches.popleft()
        packed = b"".join(
            string(name) + string(self._long_name(asked.path, name, told)) + write_attributes(told)
            for name, told in names
        )
        return framed(Packet.NAME, uint32(asked.id) + uint32(len(names)) + packed)

    def _long_name(self, folder: str, name: bytes, told: Attributes) -> bytes:
        if not self.host.long_names:
            return b""
        kind = b"d" if self._join(folder, name.decode("utf-8", "surrogateescape")) in self.directories else b"-"
        return b"%srwxr-xr-x    1 anna     staff    %8d Jan  1 00:00 %s" % (kind, told.size or 0, name)

    @staticmethod
    def _join(folder: str, name: str) -> str:
        return posixpath.normpath(posixpath.join(folder, name))

    def _told(self, path: str) -> Attributes:
        mtime = self.times.get(path, 0)
        if path in self.directories:
            kind, size = stat.S_IFDIR | 0o755, 4096
        else:
            kind, size = stat.S_IFREG | self.modes.get(path, 0o644), len(self.files[path])
        mode = kind if self.host.typed else stat.S_IMODE(kind)
        return Attributes(size=size, uid=1000, gid=1000, permissions=mode, atime=mtime, mtime=mtime)

    def _attributes(self, asked: Asked) -> bytes:
        if not self.host.exists(asked.path):
            return status(asked, Code.NO_SUCH_FILE)
        return framed(Packet.ATTRS, uint32(asked.id) + write_attributes(self._told(asked.path)))

    _do_stat = _do_lstat = _do_fstat = lambda self, asked, _first, _body: self._attributes(asked)

    def _do_mkdir(self, asked: Asked, first: bytes, body: Fields) -> bytes:
        if asked.path in self.files:
            return status(asked, Code.FAILURE)
        if posixpath.dirname(asked.path) not in self.directories:
            return status(asked, Code.NO_SUCH_FILE)
        return super()._do_mkdir(asked, first, body)

    def _do_rmdir(self, asked: Asked, _first: bytes, _body: Fields) -> bytes:
        if asked.path not in self.directories or self.host.children(asked.path):
            return status(asked, Code.FAILURE if asked.path in self.directories else Code.NO_SUCH_FILE)
        self.directories.discard(asked.path)
        return status(asked, Code.OK)

    def _do_rename(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        asked.target = body.string().decode("utf-8", "surrogateescape")
        there = self.host.place(asked.target)
        if self.host.exists(there) and there != asked.path:
            return status(asked, Code.FAILURE)
        return self._give_name(asked)

    def _do_posix_rename(self, asked: Asked, _first: bytes, body: Fields) -> bytes:
        asked.target = body.string().decode("utf-8", "surrogateescape")
        return self._give_name(asked)

    def _give_name(self, asked: Asked) -> bytes:
        if not self.host.exists(asked.path) or posixpath.dirname(self.host.place(asked.target)) not in self.directories:
            return status(asked, Code.NO_SUCH_FILE)
        if self.host.place(asked.target) in self.directories and self.host.place(asked.target) != asked.path:
            return status(asked, Code.FAILURE)
        self.host.move(asked.path, asked.target)
        return status(asked, Code.OK)
