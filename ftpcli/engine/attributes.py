"""What belongs to a tree besides the bytes of its files: permission bits, and the symbolic links in it.

Directories get their bits last of all and the deepest first, because one that may not be written to takes no files.
Links on the server come after all files: ProFTPD makes none that leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftpcli import local
from ftpcli.engine import links
from ftpcli.engine.plan import PERMISSIONS, other_mode
from ftpcli.engine.spool import Spool
from ftpcli.engine.tasks import Bench
from ftpcli.engine.transfer import mode_problem
from ftpcli.errors import LocalFileError
from ftpcli.model import Entry

# Without these the owner cannot do all that is to be done in a directory.
_OWNERS = 0o700


@dataclass(frozen=True)
class SetMode:
    """Give a file or directory its permission bits. ``told``: that is news, and not a part of making the copy."""

    path: str
    shown: str
    mode: int
    remote: bool
    told: bool

    def run(self, bench: Bench) -> ModeSet:
        if self.remote:
            problem = bench.insist(self.shown, lambda session: mode_problem(session, self.path, self.mode))
            return ModeSet(self, problem, bench.number)
        try:
            local.set_mode(self.path, self.mode)
        except LocalFileError as error:
            return ModeSet(self, error.message, bench.number)
        return ModeSet(self, "", bench.number)


@dataclass(frozen=True)
class ModeSet:
    """``problem`` says why it could not be done."""

    task: SetMode
    problem: str
    worker: int


@dataclass(frozen=True)
class MakeLink:
    """Make a symbolic link that says ``text``. ``replaces``: another link is in its place."""

    path: str
    shown: str
    text: str
    remote: bool
    replaces: bool

    def run(self, bench: Bench) -> LinkMade:
        if self.remote:
            link = links.RemoteLink(self.path, self.text, replaces=self.replaces)
            bench.insist(self.shown, link.attempt)
        else:
            links.copy_local(self.path, self.text)
        return LinkMade(self, bench.number)


@dataclass(frozen=True)
class LinkMade:
    task: MakeLink
    worker: int


class Modes:
    """What is to be done about permissions, and what could not be."""

    def __init__(self, *, remote: bool) -> None:
        self._remote = remote
        self._directories = Spool()
        self._problems = 0
        self._first = ""

    def directory(self, path: str, shown: str, mode: int, *, told: bool) -> None:
        self._directories.append(path, shown, str(mode & PERMISSIONS), "told" if told else "")

    def opens(self, source: Entry, target: Entry | None) -> int | None:
        """The bits that a directory which is there needs until its content is in it; None where it has them."""
        if source.mode is None or target is None or target.mode is None or target.mode & _OWNERS == _OWNERS:
            return None
        return target.mode & PERMISSIONS | _OWNERS

    def is_due(self, source: Entry, target: Entry | None) -> bool:
        """Whether a directory that is there gets its bits at the end."""
        return self.opens(source, target) is not None or bool(other_mode(source, target))

    def directories(self) -> Iterator[SetMode]:
        """The deepest first."""
        for path, shown, mode, told in reversed(self._directories):
            yield SetMode(path, shown, int(mode), self._remote, bool(told))

    def problem(self, shown: str, why: str) -> None:
        self._problems += 1
        self._first = self._first or f"{shown}: {why}"

    def warning(self) -> str:
        """One sentence for the whole run; empty where all went well."""
        if not self._problems:
            return ""
        count = "1 file or directory" if self._problems == 1 else f"{self._problems} files and directories"
        return f"the permissions of {count} could not be set; {self._first}"

    def close(self) -> None:
        self._directories.close()


def shuts(task: SetMode) -> bool:
    """True where what is below can no longer be reached afterwards."""
    return task.mode & _OWNERS != _OWNERS


class LateLinks:
    """Links to be made on the server once all files are there."""

    def __init__(self) -> None:
        self._spool = Spool()

    def add(self, task: MakeLink) -> None:
        self._spool.append(task.path, task.shown, task.text, "replaces" if task.replaces else "")

    def __iter__(self) -> Iterator[MakeLink]:
        for path, shown, text, replaces in reversed(self._spool):
            yield MakeLink(path, shown, text, remote=True, replaces=bool(replaces))

    def close(self) -> None:
        self._spool.close()
