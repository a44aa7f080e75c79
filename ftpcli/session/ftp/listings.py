"""Directories by MLSD or LIST. A listing is believed only when everything about it is in order.

A data connection in clear that is cut ends like one that is done, and some servers say 226 all the same. What gives a
cut listing away:

- the final reply denies success in words (see ``wire.ftp.listing_replies``);
- the last line has no end;
- there is no line for the directory itself (``.`` of LIST -a, ``cdir`` of MLSD), although this server sends one;
- it is empty.

Whatever is in doubt is looked at a second time. Whether a server shows the directory itself, which it does in its first
lines, is learnt from its listings, and where none has been seen yet, by listing one that is not empty.
"""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ftpcli.errors import NotFound, Refused, TransientRefusal, Unreadable, Unsupported
from ftpcli.model import Entry, Kind, Listing
from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.transfer import Transfer
from ftpcli.session.ftp.working_directory import WorkingDirectory
from ftpcli.wire.ftp.listing import ListingParser
from ftpcli.wire.ftp.listing_replies import Denial, denial, says_empty

# Keys of HostMemory.shows_itself; the latter is an entry of HostMemory.unsupported, too.
_MLSD, _LIST_ALL = "MLSD", "LIST -a"
_CUT = "it lacks the line for the directory itself, which this server shows in others; it may have been cut"
_EMPTY_FIRST = "its first listing was empty, its second one was not"
_LOOKS = 2
_SAID_EMPTY = "the server refuses to list it, saying that there is nothing in it"
_EMPTY = "its listing is empty, as it would be if the directory could not be read"

# Options and patterns for LIST.
_NO_PLAIN_NAME = re.compile(r"^-|[*?\[\]{}~\\]|^\s|\s$")

# Opens a transfer: the command, its argument, and what it is for.
Open = Callable[[str, str | None, str], Transfer]


@dataclass(frozen=True)
class _Read:
    """One answer to MLSD or LIST; see ``ListingParser``."""

    listing: Listing
    shows_itself: bool = False
    unsteady: bool = False

    @property
    def empty(self) -> bool:
        return not self.listing.entries and not self.listing.problems


class Listings:
    """For one session."""

    def __init__(
        self,
        control: ControlConnection,
        memory: HostMemory,
        directory: WorkingDirectory,
        start: Open,
        encoding: str,
        *,
        has_mlst: bool,
    ) -> None:
        self._control = control
        self._memory = memory
        self._directory = directory
        self._start = start
        self._encoding = encoding
        self._has_mlst = has_mlst

    def by_facts(self, target: str) -> Listing:
        """By MLSD. Raises NotFound, Refused, and what a transfer raises."""

        def read(where: str) -> _Read:
            return self._read("MLSD", where or None, where, facts=True)

        found = self._steady(_MLSD, target, read)
        if not found.entries and not found.problems and not self._memory.shows_itself.get(_MLSD):
            self._require_directory(target)
        self._settled(_MLSD, target)
        return found

    def by_lines(self, target: str) -> Listing:
        """By LIST. Raises NotFound, Refused, and what a transfer raises."""
        argument = None if self._directory.enter(target) else target
        if argument is None and self._may_show_all:
            found = self._all_lines(target)
            if found is not None:
                return found
        try:
            first = read = self._read("LIST", argument, target, facts=False)
        except (NotFound, TransientRefusal) as error:
            if argument is not None or not says_empty(error.reply or ""):
                raise
            # CWD has shown that the directory is there.
            return Listing((), doubt=_SAID_EMPTY, hides_dot_files=True)
        if argument is None:
            self._memory.unsupported.add(_LIST_ALL)  # refused, while this was not
        if read.unsteady or (read.empty and not read.shows_itself):
            read = _better(first, self._read("LIST", argument, target, facts=False))
        doubt = _EMPTY if read.empty and not read.shows_itself else _EMPTY_FIRST if first.empty > read.empty else ""
        return replace(read.listing, doubt=doubt, hides_dot_files=not read.shows_itself)

    @property
    def _may_show_all(self) -> bool:
        return bool(self._memory.shows_itself.get(_LIST_ALL)) or _LIST_ALL not in self._memory.unsupported

    def by_line(self, target: str) -> Entry | None:
        """One file, or a link itself, as LIST shows it; None where it does not, or might take the name for another."""
        folder, name = posixpath.split(target)
        if not name or _NO_PLAIN_NAME.search(name) or not self._directory.enter(folder):
            return None
        entries = self._matching(name, target)
        if not entries:
            # vsftpd goes by what a link leads to: it shows links to this name, and this one if it is none.
            return next((entry for entry in self._matching(None, target) if entry.name == name), None)
        found = [entry for entry in entries if entry.name == name]
        others = [entry for entry in entries if entry.name != name and entry.kind is not Kind.LINK]
        return found[0] if len(found) == 1 and not others else None

    def _matching(self, pattern: str | None, target: str) -> tuple[Entry, ...]:
        """What LIST shows of the current directory, all of it without a pattern; nothing where it is refused."""
        try:
            return self._read("LIST", pattern, target, facts=False).listing.entries
        except (Refused, Unsupported):
            return ()

    def _all_lines(self, target: str) -> Listing | None:
        """With names that begin with a dot. None where ``-a`` is not understood: some servers refuse it or ignore it,
        and where it is taken for a file name, the listing is empty."""

        def read(where: str) -> _Read:
            self._directory.enter(where)
            return self._read("LIST", "-a", where, facts=False)

        for once_more in (True, False):
            try:
                found = self._steady(_LIST_ALL, target, read)
                break
            except Unreadable:
                raise
            except (Unsupported, Refused) as error:
                if self._memory.shows_itself.get(_LIST_ALL):
                    raise
                # aioftp's server takes -a for a name, and answers 451, as others do that are busy.
                for_now = isinstance(error, TransientRefusal) and not says_empty(error.reply or "")
                if not (for_now and once_more):
                    return None
        self._settled(_LIST_ALL, target)
        self._directory.enter(target)  # another one may have been looked at meanwhile
        if self._memory.shows_itself.get(_LIST_ALL):
            return found
        self._memory.unsupported.add(_LIST_ALL)
        return None

    def _steady(self, command: str, target: str, read: Callable[[str], _Read]) -> Listing:
        """The listing, looked at a second time where it is in doubt.

        How often a directory was seen empty is remembered until ``_settled``: over a server that drops the connection
        after every few commands all looks together would never come to an end.
        """
        looks = self._memory.empty_looks
        first = _Read(Listing(())) if (command, target) in looks else read(target)
        if (command, target) not in looks and self._in_order(command, first):
            return first.listing
        found = first
        if not first.empty or looks.setdefault((command, target), 1) < _LOOKS:
            found = _better(first, read(target))
        if self._in_order(command, found):
            return replace(found.listing, doubt=_EMPTY_FIRST if first.empty > found.empty else "")
        if found.empty:
            looks[command, target] = _LOOKS
            if command not in self._memory.shows_itself:
                self._look_elsewhere(command, target, read)
        if not found.shows_itself and self._memory.shows_itself.get(command):
            return replace(found.listing, problems=(*found.listing.problems, _CUT))
        return found.listing

    def _settled(self, command: str, target: str) -> None:
        self._memory.empty_looks.pop((command, target), None)

    def _in_order(self, command: str, read: _Read) -> bool:
        if read.shows_itself:
            self._memory.shows_itself[command] = True
        elif read.empty or self._memory.shows_itself.get(command):
            return False
        return not read.unsteady

    def _look_elsewhere(self, command: str, target: str, read: Callable[[str], _Read]) -> None:
        """Find out whether the server shows a directory itself in its listing: by that of the login directory, or of
        the root, which are rarely empty."""
        home = self._directory.absolute("")
        for place in dict.fromkeys((home, "/" if home else "")):
            if place == target:
                continue
            try:
                other = read(place)
            except (Refused, Unsupported):
                continue
            if other.shows_itself or not other.empty:
                self._memory.shows_itself.setdefault(command, other.shows_itself)
                return

    def _read(self, verb: str, argument: str | None, target: str, *, facts: bool) -> _Read:
        parser = ListingParser(facts=facts, now=time.time(), encoding=self._encoding)
        doing = f"list {target or self._directory.current or '.'}"
        with self._start(verb, argument, doing) as transfer:
            transfer.pump_to(_Sink(parser), lambda _: None)
            transfer.finish()
        listing = parser.finish()
        reply = transfer.final_reply
        denied = denial(reply, target) if reply is not None else None
        if reply is not None and denied is Denial.UNREADABLE and not listing.entries:
            raise Unreadable(f"cannot {doing}: the server says that it could not read it", reply=reply.text)
        if reply is not None and denied is not None:
            why = f"the server says that its listing is not complete: {reply.text}"
            listing = replace(listing, problems=(*listing.problems, why))
        return _Read(listing, parser.shows_itself, parser.unsteady)

    def _require_directory(self, target: str) -> None:
        """Apache FtpServer lists what is not there as an empty directory, with 226."""
        if not self._has_mlst or not target.strip("/"):
            return
        reply = self._control.ask("MLST", target)
        if reply.completed or reply.code in (500, 502):
            return
        try:
            entered = self._directory.try_to_enter(target)
        except Unsupported:
            return
        if not entered.completed:
            raise NotFound(f"cannot list {target}: no such directory", reply=entered.text)


def _better(first: _Read, second: _Read) -> _Read:
    """The listing to go on with, of two of one directory of which the first was in doubt."""
    told_more = len(second.listing.entries) >= len(first.listing.entries)
    return second if second.shows_itself or (told_more and not first.shows_itself) else first


class _Sink:
    """``net.pump.Writer`` into a parser."""

    def __init__(self, parser: ListingParser) -> None:
        self._parser = parser

    def write(self, data: memoryview, /) -> int:
        self._parser.feed(data)
        return len(data)
