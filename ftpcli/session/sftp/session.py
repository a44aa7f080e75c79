"""A login on an SFTP server: which requests, in which order, and what their answers mean."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping
from dataclasses import replace

from ftpcli.errors import BadName, Refused
from ftpcli.model import Capabilities, Digest, Entry, Kind, Listing, Timing, TlsFacts
from ftpcli.net.pump import Sample
from ftpcli.net.wait import StopSignal
from ftpcli.part_names import part_name
from ftpcli.session.contract import TimeSet
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.free_space import Room
from ftpcli.session.sftp.listing import decoded, entry_of, opened, read_directory
from ftpcli.session.sftp.reader import Download
from ftpcli.session.sftp.rename import Move, Renaming
from ftpcli.session.sftp.small_files import PipelinedFiles
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.session.sftp.window import Window
from ftpcli.session.sftp.writer import Upload, buffer_for
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag
from ftpcli.wire.sftp.extensions import Limits, digest_algorithms, parse_digest, parse_free_bytes
from ftpcli.wire.sftp.replies import Attrs, ExtendedReply, Handle, Names, Status
from ftpcli.wire.sftp.requests import Request

_LATEST = 2**32 - 1  # version 3 has 32 bits for a time
# Seconds for which the size that the server told at the end of an upload counts as told now.
_FRESH = 1.0
_STATVFS = "statvfs@openssh.com"


class SftpSession:
    """See ``session.contract.Session``. Made by ``session.sftp.login``."""

    def __init__(
        self,
        conversation: Conversation,
        extensions: Mapping[str, bytes],
        limits: Limits,
        home: str,
        encoding: str,
        timing: Timing,
        stop: StopSignal | None,
    ) -> None:
        self._conversation = conversation
        self._extensions = frozenset(extensions)
        self._limits = limits
        self._home = home
        self._encoding = encoding
        self._timing = timing
        self._stop = stop
        self._reading, self._writing = Window(), Window()
        self._room = Room(self._ask_free_bytes)
        self.pipelined = PipelinedFiles(conversation, limits, self._path, self._extensions, stop, timing.final_reply)
        self._renaming = Renaming(conversation, self._extensions, timing.final_reply, stop)
        self._buffer = bytearray()
        # What the server said at the end of the last upload: path, size, and how much was asked until then.
        self._stored: tuple[bytes, int, int] | None = None
        self.capabilities = Capabilities(
            features=self._extensions,
            digests=digest_algorithms(extensions),
            creates_with_mode=True,
        )

    @property
    def healthy(self) -> bool:
        return self._conversation.healthy

    def tls_facts(self) -> TlsFacts | None:
        """SSH is not TLS."""
        return None

    def _path(self, path: str) -> bytes:
        """Absolute paths only: not every server starts in the login directory."""
        return self._encoded(self.absolute(path))

    def _encoded(self, text: str) -> bytes:
        if "\0" in text:
            raise BadName(f"the name {text!a} holds NUL, which no server takes")
        try:
            return text.encode(self._encoding, "surrogateescape")
        except UnicodeEncodeError:
            raise BadName(f"the name {text!a} cannot be written in {self._encoding}") from None

    # Listings

    def list(self, path: str) -> Listing:
        """One directory. Raises NotFound, Refused."""
        doing = f"list {path or '.'}"
        return read_directory(self._conversation, self._path(path), self._encoding, doing, self._stop)

    def stat(self, path: str) -> Entry:
        """One path; a link itself, not what it leads to. Raises NotFound.

        ProFTPD's LSTAT follows links all the same, so READLINK goes with it.
        """
        where, name = self._path(path), posixpath.basename(path.rstrip("/"))
        look, read = self._conversation.post(requests.lstat(where), requests.read_link(where))
        attributes, text = self._conversation.answer(look), self._conversation.answer(read)
        told = self._conversation.wanted(attributes, Attrs, f"look at {path or '.'}").attributes
        if not isinstance(text, Names) or len(text.names) != 1:
            return entry_of(name, told, self._kind(told, where))
        target = decoded(text.names[0].filename, self._encoding)
        return replace(entry_of(name, told, Kind.LINK), target=target)

    def _kind(self, told: Attributes, where: bytes) -> Kind:
        """What the server told, or else what OPENDIR says."""
        if told.kind is not None:
            return told.kind
        return Kind.DIR if self._open_directory(where).ok else Kind.FILE

    def _open_directory(self, where: bytes) -> Status:
        return opened(self._conversation, self._conversation.post(requests.open_directory(where))[0])

    def is_file(self, path: str) -> bool:
        """Who may not open it does not know whether it is a directory."""
        where = self._path(path)
        reply = self._conversation.ask(requests.lstat(where))
        if not isinstance(reply, Attrs):
            return False
        if reply.attributes.kind is not None:
            return self.stat(path).kind is Kind.FILE
        return self._open_directory(where).code not in (Code.OK, Code.PERMISSION_DENIED)

    def examine(self, path: str) -> Entry:
        return self.stat(path)

    def size(self, path: str) -> int | None:
        """A file's size in bytes, links followed; None where the server does not tell. Raises NotFound, Refused."""
        where = self._path(path)
        stored, self._stored = self._stored, None
        age = time.monotonic() - self._conversation.last_used
        if stored is not None and (stored[0], stored[2]) == (where, self._conversation.asked()) and age < _FRESH:
            return stored[1]
        attributes = self._look(requests.stat(where), path)
        if attributes.kind is Kind.DIR:
            raise Refused(f"{path or '.'} is a directory")
        return attributes.size

    def mtime(self, path: str) -> float | None:
        told = self._look(requests.stat(self._path(path)), path).mtime
        return None if told is None else float(told)

    def _look(self, request: Request, path: str) -> Attributes:
        return self._conversation.expect(request, Attrs, f"look at {path or '.'}").attributes

    # Transfers

    def open_read(self, path: str, offset: int) -> Download:
        where, block = self._path(path), self._limits.read
        return Download(self._conversation, self._reading, block, where, offset, f"download {path}", self._stop)

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        where, block, doing = self._path(path), self._limits.read, f"read some of {path}"
        sample = Sample(length)
        with Download(self._conversation, self._reading, block, where, offset, doing, self._stop, length) as source:
            source.pump_to(sample, lambda _: None)
            source.finish()
        return bytes(sample.data)

    def open_write(self, path: str, offset: int, mode: int | None = None) -> Upload:
        if not self._buffer:
            self._buffer = buffer_for(self._limits.write)
        return Upload(
            self._conversation,
            self._writing,
            self._limits.write,
            self._extensions,
            self._path(path),
            offset,
            f"upload {path}",
            self._stop,
            self._timing.final_reply,
            self._buffer,
            self._remember,
            mode,
        )

    def free_bytes(self, directory: str, wanted: int) -> int | None:
        return self._room.free(directory, wanted) if _STATVFS in self._extensions else None

    def _ask_free_bytes(self, directory: str) -> int | None:
        """None also where the server refuses: a drop box may not be looked at."""
        reply = self._conversation.ask(requests.statvfs(self._path(directory)))
        return parse_free_bytes(reply) if isinstance(reply, ExtendedReply) else None

    def _remember(self, path: bytes, size: int) -> None:
        self._stored = path, size, self._conversation.asked()

    # Single requests

    def mkdir(self, path: str) -> None:
        status = self._conversation.ask(requests.make_directory(self._path(path)))
        if isinstance(status, Status) and status.code == Code.FAILURE:
            # FAILURE is all there is for this; the server's own words rarely say more.
            raise Refused(f"cannot make directory {path}: it is there already, or it cannot be made", reply=str(status))
        if not isinstance(status, Status):
            raise self._conversation.nonsense(f"make directory {path}")
        if not status.ok:
            raise refusal(status, f"make directory {path}")

    def remove(self, path: str) -> None:
        self._conversation.must(requests.remove(self._path(path)), f"delete {path}")

    def rmdir(self, path: str) -> None:
        self._conversation.must(requests.remove_directory(self._path(path)), f"remove directory {path}")

    def rename(self, path: str, target: str) -> None:
        """Give ``path`` the name ``target``, on another file system of the server, too, where it can. What has that
        name is replaced or makes the server refuse: see ``session.sftp.rename``."""
        folder, name = posixpath.split(self.absolute(target))
        part = self._path(posixpath.join(folder, part_name(name, "moved", self.absolute(path))))
        self._renaming.do(Move(self._path(path), self._path(target), part, f"rename {path} to {target}"))

    def set_mtime(self, path: str, seconds: float) -> TimeSet:
        """Not done where the server will not, or where protocol version 3 has no number for that time."""
        if not 0 <= seconds <= _LATEST:
            return TimeSet(False)
        stamp = int(seconds)
        request = requests.set_stat(self._path(path), Attributes(atime=stamp, mtime=stamp))
        reply = self._conversation.ask(request)
        if not isinstance(reply, Status):
            raise self._conversation.nonsense(f"set the time of {path}")
        return TimeSet(reply.ok)

    def set_mode(self, path: str, mode: int) -> bool:
        doing = f"set the permissions of {path}"
        reply = self._conversation.ask(requests.set_stat(self._path(path), Attributes(permissions=mode)))
        if isinstance(reply, Status) and reply.code == Code.OP_UNSUPPORTED:
            return False
        if not isinstance(reply, Status):
            raise self._conversation.nonsense(doing)
        if not reply.ok:
            raise refusal(reply, doing)
        return True

    # Links

    def symlink(self, path: str, target: str) -> None:
        text = self._encoded(target)
        self._conversation.must(requests.symlink(self._path(path), text), f"make the symbolic link {path}")

    def list_links(self, path: str) -> Listing:
        return self.list(path)

    def follow(self, path: str) -> Entry:
        where, name = self._path(path), posixpath.basename(path.rstrip("/"))
        told = self._look(requests.stat(where), path)
        return entry_of(name, told, self._kind(told, where))

    def absolute(self, path: str) -> str:
        return posixpath.join(self._home, path) if path else self._home

    def digest(self, path: str) -> Digest | None:
        """By ``check-file``, which OpenSSH has not."""
        if not self.capabilities.digests:
            return None
        algorithm = self.capabilities.digests[0]
        doing = f"get the digest of {path}"
        handle = self._conversation.expect(requests.open_file(self._path(path), OpenFlag.READ), Handle, doing).handle
        number = self._conversation.post(requests.check_file(handle, algorithm))[0]
        reply = self._conversation.answer(number, patience=self._timing.final_reply)
        self._conversation.forget(requests.close(handle))
        return parse_digest(self._conversation.wanted(reply, ExtendedReply, doing), algorithm)

    # Keepalive and the end

    def ping(self) -> None:
        """REALPATH costs the server next to nothing. Being refused is an answer too."""
        if not isinstance(self._conversation.ask(requests.real_path(b".")), (Names, Status)):
            raise self._conversation.nonsense("ask for a sign of life")

    def idle_seconds(self) -> float:
        """Since the last request. Infinite when the connection has ended."""
        if self._conversation.pending():
            return float("inf")
        return time.monotonic() - self._conversation.last_used

    def close(self) -> None:
        self._conversation.close()

    def cut(self) -> None:
        self._conversation.cut()
