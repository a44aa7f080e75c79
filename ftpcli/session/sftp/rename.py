"""New names for what is on the server, on another of its file systems, too.

Servers rename within one file system only; across two, OpenSSH answers a plain FAILURE. Where a server offers
``copy-data``, it copies the file by itself then, and what has the old name is removed last: as mv(1) does, and not a
byte of the content goes over the line.
"""

from __future__ import annotations

import logging
import posixpath
import stat
from dataclasses import dataclass

from ftpcli.errors import FtpcliError, NotFound, Refused, Stopped, Unsupported
from ftpcli.net.wait import StopSignal, check
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.session.sftp.writer import NOT_SYNCED
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code, OpenFlag
from ftpcli.wire.sftp.replies import Attrs, Handle, Names, Reply, Status
from ftpcli.wire.sftp.requests import Request

log = logging.getLogger("ftpcli.session")

_POSIX_RENAME = "posix-rename@openssh.com"
_COPY_DATA = "copy-data"
_FSYNC = "fsync@openssh.com"
# How many bytes one request copies. The server says nothing until all of them are, so that must not take long.
_CHUNK = 64 * 1024 * 1024
# Nobody else reads a copy before it has the permissions of the original.
_PRIVATE = Attributes(permissions=0o600)


@dataclass(frozen=True)
class Move:
    """``part``: the name of a copy that is not yet whole, beside the target. ``doing``: what it is, for messages."""

    path: bytes
    target: bytes
    part: bytes
    doing: str


@dataclass(frozen=True)
class _Original:
    attributes: Attributes
    replaces: bool  # something has the new name


class Renaming:
    """``extensions``: what the server offers. ``patience``: seconds that the answer to one request may take."""

    def __init__(
        self, conversation: Conversation, extensions: frozenset[str], patience: float, stop: StopSignal | None
    ) -> None:
        self._conversation = conversation
        self._extensions = extensions
        self._patience = patience
        self._stop = stop

    def do(self, move: Move) -> None:
        """With OpenSSH's extension this replaces what has the new name, at once; without it the server refuses where
        there is something. Raises Refused, Unsupported, Stopped."""
        refused = self._at_once(move.path, move)
        if refused is None:
            return
        if refused.code == Code.FAILURE and _COPY_DATA in self._extensions:
            original = self._look(move)
            if original is not None:
                self._across(move, original, refused)
                return
        raise refusal(refused, move.doing)

    def _at_once(self, path: bytes, move: Move) -> Status | None:
        """Give ``path`` the new name; what the server has against it."""
        if _POSIX_RENAME in self._extensions:
            status = self._conversation.status(requests.posix_rename(path, move.target), move.doing)
            if status.code != Code.OP_UNSUPPORTED:
                return None if status.ok else status
            self._extensions -= {_POSIX_RENAME}
        status = self._conversation.status(requests.rename(path, move.target), move.doing)
        return None if status.ok else status

    def _look(self, move: Move) -> _Original | None:
        """A FAILURE has many causes. None where one can be seen that is no matter of file systems: it is no regular
        file, there is no directory for it, or something has the new name that must not be replaced."""
        found, text, taken, folder = self._answers(
            requests.lstat(move.path),
            requests.read_link(move.path),  # there are LSTATs that follow links
            requests.lstat(move.target),
            requests.stat(posixpath.dirname(move.target)),
        )
        if not isinstance(found, Attrs) or found.attributes.size is None or isinstance(text, Names):
            return None
        free = isinstance(taken, Status) and taken.code == Code.NO_SUCH_FILE
        replaces = isinstance(taken, Attrs) and not stat.S_ISDIR(_mode(taken)) and _POSIX_RENAME in self._extensions
        fits = (free or replaces) and stat.S_ISREG(_mode(found)) and stat.S_ISDIR(_mode(folder))
        return _Original(found.attributes, replaces) if fits else None

    def _across(self, move: Move, original: _Original, refused: Status) -> None:
        """By a copy. Until that has the new name nothing has changed, and a failure is the refusal that it was."""
        log.info("cannot %s at once (server: %s); the server copies it", move.doing, refused)
        made = move.part
        try:
            self._copy(move, original.attributes)
            if original.replaces:
                self._refuse_itself(move)
            if (status := self._at_once(move.part, move)) is not None:
                raise refusal(status, move.doing)
            made = move.target
            self._remove_original(move)
        except FtpcliError as error:
            if not self._conversation.healthy:
                raise
            if made == move.target and (original.replaces or not self._is_there(move.path)):
                error.message += "; there is a copy under the new name now"  # which may be all there is
                raise
            self._conversation.ask(requests.remove(made))
            if isinstance(error, Stopped):
                raise
            if isinstance(error, Unsupported):
                self._extensions -= {_COPY_DATA}
            log.info("the copy came to nothing: %s", error)
            raise refusal(refused, move.doing) from error

    def _refuse_itself(self, move: Move) -> None:
        """One directory that is mounted in two places: between them the kernel does not rename either, and the copy
        would replace the original, and be removed in its place."""
        if self._is_there(posixpath.join(posixpath.dirname(move.path), posixpath.basename(move.part))):
            raise Refused(f"cannot {move.doing}: both are in one directory")

    def _is_there(self, path: bytes) -> bool:
        return isinstance(self._conversation.ask(requests.lstat(path)), Attrs)

    def _remove_original(self, move: Move) -> None:
        try:
            self._conversation.must(requests.remove(move.path), move.doing)
        except NotFound:
            log.info("somebody else removed the original: %s", move.doing)

    def _copy(self, move: Move, original: Attributes) -> None:
        """The whole file, safe on the disk, with the attributes of the original. Raises FtpcliError, and leaves then
        what there is of it."""
        flags = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE  # never through a link that somebody put there
        _, *opened = self._answers(
            requests.remove(move.part),  # of an earlier try
            requests.open_file(move.path, OpenFlag.READ),
            requests.open_file(move.part, flags, _PRIVATE),
        )
        handles = [reply.handle for reply in opened if isinstance(reply, Handle)]
        try:
            reading, writing = (self._conversation.wanted(reply, Handle, move.doing).handle for reply in opened)
            self._fill(reading, writing, original.size or 0, move.doing)
            handles.remove(writing)
            copied = self._finish(writing, move, original)
        finally:
            if self._conversation.healthy:
                for handle in handles:
                    self._conversation.forget(requests.close(handle))
        self._dress(move, copied, original)

    def _fill(self, reading: bytes, writing: bytes, size: int, doing: str) -> None:
        for offset in range(0, size, _CHUNK):
            check(self._stop)
            request = requests.copy_data(reading, offset, min(_CHUNK, size - offset), writing, offset)
            self._conversation.must(request, doing, self._patience)

    def _finish(self, writing: bytes, move: Move, original: Attributes) -> Attributes:
        """Close the copy, and see that it is what the original was, and is. The attributes of the copy."""
        syncs = [requests.fsync(writing)] if _FSYNC in self._extensions else []
        look, other = requests.fstat(writing), requests.lstat(move.path)
        whole, now, *synced, closed = self._answers(look, other, *syncs, requests.close(writing))
        for reply, harmless in (*((reply, NOT_SYNCED) for reply in synced), (closed, ())):
            status = self._conversation.wanted(reply, Status, move.doing)
            if not status.ok and status.code not in harmless:
                raise refusal(status, move.doing)
        copy = self._conversation.wanted(whole, Attrs, move.doing).attributes
        latest = self._conversation.wanted(now, Attrs, move.doing).attributes
        if copy.size != original.size or (latest.size, latest.mtime) != (original.size, original.mtime):
            raise Refused(f"cannot {move.doing}: the file changed while the server copied it")
        return copy

    def _dress(self, move: Move, copy: Attributes, original: Attributes) -> None:
        """Owner, permissions and times. Only root can give files away; without its owner a file must not go on to lend
        its owner's rights (set-user-ID and its like)."""
        bits = 0o7777
        if (copy.uid, copy.gid) != (original.uid, original.gid):
            owners = requests.set_stat(move.part, Attributes(uid=original.uid, gid=original.gid))
            if not self._conversation.status(owners, move.doing).ok:
                bits = 0o777
        mode = (original.permissions or 0) & bits
        rest = Attributes(permissions=mode, atime=original.atime, mtime=original.mtime)
        self._conversation.must(requests.set_stat(move.part, rest), move.doing)

    def _answers(self, *several: Request) -> list[Reply]:
        numbers = self._conversation.post(*several)
        return [self._conversation.answer(number, patience=self._patience) for number in numbers]


def _mode(reply: Reply) -> int:
    return (reply.attributes.permissions or 0) if isinstance(reply, Attrs) else 0
