"""A login on an FTP server: which commands, in which order, and what their answers mean."""

from __future__ import annotations

import contextlib
import posixpath
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ftpcli.errors import FtpcliError, PeerProtocolError, Refused, Unsupported
from ftpcli.model import Capabilities, Digest, Entry, Kind, Listing, TlsFacts
from ftpcli.net.pump import Enough, Sample
from ftpcli.session.contract import HostMemory, Sink, Source, TimeSet
from ftpcli.session.ftp import telnet
from ftpcli.session.ftp import time_zone as zone
from ftpcli.session.ftp.digests import Digests
from ftpcli.session.ftp.listings import Listings
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.session.ftp.site_commands import FileAttributes
from ftpcli.session.ftp.transfer import Transfer, TransferContext
from ftpcli.session.ftp.working_directory import WorkingDirectory
from ftpcli.wire.ftp.answers import parse_size, parse_time
from ftpcli.wire.ftp.command import Command
from ftpcli.wire.ftp.listing import parse_facts_line
from ftpcli.wire.ftp.reply import Reply

if TYPE_CHECKING:
    from ftpcli.net.tls import TlsIdentity

_MDTM = "MDTM"  # an entry of HostMemory.unsupported


class FtpSession:
    """See ``session.contract.Session``. Made by ``session.ftp.login``, which leaves it logged in and set up."""

    def __init__(
        self,
        context: TransferContext,
        identity: TlsIdentity | None,
        memory: HostMemory,
        capabilities: Capabilities,
        digests: Digests,
        directory: WorkingDirectory,
        encoding: str,
    ) -> None:
        self.capabilities = capabilities
        self._control = context.control
        self._context = context
        self._identity = identity
        self._memory = memory
        self._digests = digests
        self._attributes = FileAttributes(context.control, memory, capabilities.features)
        self._directory = directory
        self._encoding = encoding
        self._listings = Listings(
            context.control,
            memory,
            directory,
            lambda verb, argument, doing: self._start(verb, argument, 0, sending=False, doing=doing),
            encoding,
            has_mlst="MLST" in capabilities.features,
        )
        self._transfer: Transfer | None = None
        self._written: str | None = None

    @property
    def healthy(self) -> bool:
        return self._control.healthy

    @property
    def pipelined(self) -> None:
        """A file needs a data connection of its own."""

    def tls_facts(self) -> TlsFacts | None:
        return self._identity.facts() if self._identity is not None else None

    def _path(self, path: str) -> str:
        """What to send for a path."""
        path = self.absolute(path)
        telnet.prepare(self._control, self._memory, path, self._encoding)
        return path

    def absolute(self, path: str) -> str:
        return self._directory.absolute(path)

    # Listings

    def list(self, path: str) -> Listing:
        """One directory. Raises NotFound, Refused, and what a transfer raises."""
        target = self._path(path)
        if self.capabilities.lists_facts:
            return self._listings.by_facts(target)
        return self._in_utc(self._listings.by_lines(target), target)

    def _in_utc(self, listing: Listing, target: str) -> Listing:
        """With times in UTC, as far as the server's zone can be found out."""
        if self._memory.zone_ahead is None and self._has_mdtm:
            entry = zone.witness(listing)
            if entry is not None and entry.mtime is not None:
                exact = self._mdtm(posixpath.join(target, entry.name))
                self._memory.zone_ahead = None if exact is None else zone.offset(entry.mtime, exact)
        return listing if self._memory.zone_ahead is None else zone.to_utc(listing, self._memory.zone_ahead)

    def stat(self, path: str) -> Entry:
        """One path. Raises NotFound where it is not there, or the server does not tell."""
        target = self._path(path)
        name = posixpath.basename(target.rstrip("/"))
        if "MLST" in self.capabilities.features:
            reply = self._control.ask("MLST", target or None)
            if not reply.completed:
                raise refusal(reply, f"look at {target or '.'}")
            return self._facts_of(reply, name)
        return self._probe(target, name)

    def examine(self, path: str) -> Entry:
        """What MLST leaves out, or shows as ProFTPD shows a link (a file that everybody may write), LIST may tell."""
        entry = self.stat(path)
        if entry.kind is not Kind.FILE or entry.mode not in (None, 0o777):
            return entry
        listed = self._listings.by_line(self._path(path))
        if listed is None or listed.kind not in (Kind.FILE, Kind.LINK):
            return entry
        return replace(entry, kind=listed.kind, mode=listed.mode, target=listed.target)

    def size(self, path: str) -> int | None:
        """A file's size in bytes; None where the server does not tell. Raises NotFound."""
        reply = self._ask_size(self._path(path))
        if reply.completed:
            return parse_size(reply)
        error = refusal(reply, f"look at {path}")
        if isinstance(error, Unsupported):
            return None
        raise error

    def _ask_size(self, target: str) -> Reply:
        return self._control.ask("SIZE", target)

    def mtime(self, path: str) -> float | None:
        return self._mdtm(self._path(path))

    def _facts_of(self, reply: Reply, name: str) -> Entry:
        for line in reply.lines[1:-1]:
            entry, _ = parse_facts_line(line.encode(self._encoding, "surrogateescape"), self._encoding, keep_path=True)
            if entry is not None:
                return replace(entry, name=name)
        raise PeerProtocolError("the server's answer to MLST cannot be read", reply=reply.text)

    def _probe(self, target: str, name: str) -> Entry:
        """Without MLST: what can be entered is a directory, and what has a SIZE is a file (vsftpd), but for servers
        that have one for directories."""
        reply = self._ask_size(target)
        if reply.completed and not (self._sizes_directories(target) and self._can_enter(target)):
            return Entry(name, Kind.FILE, size=parse_size(reply), mtime=self._mdtm(target))
        if reply.completed:
            return Entry(name, Kind.DIR)
        entered = self._directory.try_to_enter(target)
        if not entered.completed:
            raise refusal(reply if reply.code == 550 else entered, f"look at {target}")
        return Entry(name, Kind.DIR)

    def _sizes_directories(self, target: str) -> bool:
        """Whether the server answers SIZE for a directory as embedded ones do that ask the file system no more than
        the size. Asked of one once: of that which holds ``target``, since the root may be none on the server's disk."""
        if self._memory.sizes_directories is None:
            holder = posixpath.dirname(target.rstrip("/")) or self.absolute("") or "."
            self._memory.sizes_directories = self._ask_size(holder).completed
        return self._memory.sizes_directories

    def _can_enter(self, target: str) -> bool:
        return self._directory.try_to_enter(target).completed

    def is_file(self, path: str) -> bool:
        """MLST tells. SIZE proves nothing (see above), and where paths are not Unix-like nor does CWD: z/OS enters any
        name."""
        try:
            if self.stat(path).kind is not Kind.FILE:
                return False
        except (Refused, Unsupported):
            return False
        return (
            "MLST" in self.capabilities.features or not self._directory.tells or not self._can_enter(self._path(path))
        )

    @property
    def _has_mdtm(self) -> bool:
        """Announced; or, where FEAT told nothing at all (RFC 2389 is younger than many servers), not refused so far."""
        features = self.capabilities.features
        return "MDTM" in features or (not features and _MDTM not in self._memory.unsupported)

    def _mdtm(self, target: str) -> float | None:
        if not self._has_mdtm:
            return None
        reply = self._control.ask("MDTM", target)
        if reply.code in (500, 502):
            self._memory.unsupported.add(_MDTM)
        return parse_time(reply.lines[-1]) if reply.code == 213 else None

    # Transfers

    def open_read(self, path: str, offset: int) -> Source:
        return self._retrieve(path, offset)

    def open_write(self, path: str, offset: int, mode: int | None = None) -> Sink:  # noqa: ARG002  (no command says)
        return self._store(path, offset)

    def _retrieve(self, path: str, offset: int) -> Transfer:
        return self._start("RETR", self._path(path), offset, sending=False, doing="download")

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        sample = Sample(length)
        # Servers disagree on what follows a download that is broken off: that session is not used any more.
        with contextlib.suppress(Enough), self._retrieve(path, offset) as transfer:
            transfer.pump_to(sample, lambda _: None)
            transfer.finish()
        return bytes(sample.data)

    def _store(self, path: str, offset: int) -> Transfer:
        self._written = self._path(path)
        return self._start("STOR", self._written, offset, sending=True, doing="upload")

    def _start(self, verb: str, argument: str | None, offset: int, *, sending: bool, doing: str) -> Transfer:
        self._transfer = Transfer(self._context, Command(verb, argument), offset, sending=sending, doing=doing)
        return self._transfer

    # Single commands

    def _do(self, verb: str, path: str, doing: str) -> None:
        reply = self._control.ask(verb, self._path(path))
        if not reply.completed:
            raise unexpected(reply, f"{doing} {path}")

    def mkdir(self, path: str) -> None:
        reply = self._control.ask("MKD", self._path(path))
        if reply.code == 550:
            # The code is the same for all three; the server's own words tell which it was.
            raise Refused(
                f"cannot make directory {path or '.'}: "
                "it is there already, what is above it is not, or it is not allowed",
                reply=reply.text,
            )
        if not reply.completed:
            raise unexpected(reply, f"make directory {path}")

    def remove(self, path: str) -> None:
        self._do("DELE", path, "delete")

    def rmdir(self, path: str) -> None:
        self._directory.leave(self._path(path))
        self._do("RMD", path, "remove directory")

    def rename(self, path: str, target: str) -> None:
        """Give ``path`` the name ``target``; most servers replace what has that name."""
        doing = f"rename {path} to {target}"
        reply = self._control.ask("RNFR", self._path(path))
        if not reply.intermediate:
            raise unexpected(reply, doing)
        reply = self._control.ask("RNTO", self._path(target))
        if not reply.completed:
            raise unexpected(reply, doing)

    def set_mtime(self, path: str, seconds: float) -> TimeSet:
        target = self._path(path)
        return self._attributes.set_mtime(target, seconds, is_ours=target == self._written)

    def set_mode(self, path: str, mode: int) -> bool:
        return self._attributes.set_mode(self._path(path), mode)

    # Symbolic links

    def symlink(self, path: str, target: str) -> None:
        folder, name = posixpath.split(self._path(path))
        telnet.prepare(self._control, self._memory, target, self._encoding)
        if not self._directory.enter(folder):
            raise Unsupported(f"cannot make the symbolic link {path}: the server's current directory is not known")
        self._attributes.symlink(name, target)

    def list_links(self, path: str) -> Listing:
        """By LIST: MLSD of ProFTPD, Pure-FTPd and FileZilla Server does not tell what links say, pyftpdlib's hides even
        the links."""
        return self._listings.by_lines(self._path(path))

    def follow(self, path: str) -> Entry:
        """SIZE, MDTM and CWD follow links; MLST does so on some servers, and on ProFTPD by half."""
        return self._probe(self._path(path), posixpath.basename(path))

    def digest(self, path: str) -> Digest | None:
        return self._digests.of(self._path(path))

    def free_bytes(self, directory: str, wanted: int) -> int | None:  # noqa: ARG002
        """FTP has no command for it that servers know."""
        return None

    # Keepalive and the end

    def ping(self) -> None:
        """NOOP. A 500 shows too that the server is there."""
        self._control.ask("NOOP")

    def idle_seconds(self) -> float:
        """Since the last command. Infinite when something came that nobody asked for: most likely a 421."""
        if self._control.outstanding == 0 and self._control.pending():
            return float("inf")
        return time.monotonic() - self._control.last_used

    def close(self) -> None:
        if self._control.healthy:
            with contextlib.suppress(FtpcliError):
                self._control.quit(timeout=2.0)
        self._memory.in_doubt += map(str, self._control.in_doubt())
        self._control.close()

    def cut(self) -> None:
        if self._transfer is not None:
            self._transfer.cut()
        self._control.stream.cut()
