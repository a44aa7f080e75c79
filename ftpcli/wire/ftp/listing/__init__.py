"""The bytes of a listing → entries. MLSD where the server has it; else LIST, whose dialect is found out from its lines.

Each dialect is one module with one function ``parse(line, page)``; the table of them is in ``dialects``. The one that
knew the last line is asked first. A line that nobody can read becomes a problem of the listing and is never dropped:
what a listing does not show whole must not be deleted on its word.
"""

from __future__ import annotations

from ftpcli.errors import ListingTooLong
from ftpcli.model import MAX_ENTRIES, Entry, Listing
from ftpcli.wire.ftp.listing import facts, unix
from ftpcli.wire.ftp.listing.page import (
    MAX_LINE,
    MAX_LISTING,
    MAX_PROBLEMS,
    Dialect,
    Itself,
    NotAnEntry,
    Page,
    shown,
)

__all__ = ["MAX_LINE", "MAX_LISTING", "MAX_PROBLEMS", "ListingParser", "parse_facts_line"]


def parse_facts_line(line: bytes, encoding: str, *, keep_path: bool = False) -> tuple[Entry | None, str | None]:
    """One line of MLSD → its entry, or None and the problem; (None, None) for ``cdir`` and ``pdir``.

    With ``keep_path`` the line is one of an MLST reply: it may begin with a space, the name may be a path, and
    ``cdir`` and ``pdir`` are directories as others.
    """
    try:
        return facts.parse(line, encoding, keep_path=keep_path), None
    except NotAnEntry as told:
        return None, told.problem or None


class ListingParser:
    """Feed the data connection's bytes; get a Listing.

    Lines end with LF or CR LF. ``now`` is needed for lines that tell no year. ``shows_itself``: there was a line for
    the directory itself. ``unsteady``: reading the directory once more may give a better listing.
    """

    def __init__(self, *, facts: bool, now: float, encoding: str = "utf-8") -> None:
        self._page = Page(now, encoding)
        self._facts = facts
        self._dialect: Dialect = unix.parse
        self._tail = bytearray()
        self._size = 0
        self.shows_itself = False
        self.unsteady = False

    def feed(self, data: bytes | memoryview) -> None:
        """Raises ListingTooLong."""
        block = bytes(data)
        self._size += len(block)
        if self._size > MAX_LISTING:
            raise ListingTooLong(f"the server sent a listing of more than {MAX_LISTING} bytes")
        end = block.rfind(b"\n")
        if end < 0:
            self._keep(block)
            return
        lines = (bytes(self._tail) + block[:end]).split(b"\n")
        self._tail.clear()
        self._keep(block[end + 1 :])
        self._read(lines)

    def finish(self) -> Listing:
        page = self._page
        if self._tail:
            # Cut here, ``f10`` becomes ``f1``. Some servers leave the last line end out; that looks the same.
            self.unsteady = True
            last = bytes(self._tail)
            self._read([last])
            self._tail.clear()
            page.problem(f"its listing ends in the middle of a line and may have been cut: {shown(last)}")
        if page.pending:
            page.problem(f"cannot read line {shown(page.pending)}")
            page.pending = b""
        if page.surplus:
            page.problems.append(f"and {page.surplus} more lines that could not be read")
            page.surplus = 0
        listing = Listing.of(page.entries, page.problems)
        self.unsteady = self.unsteady or len(listing.entries) < len(page.entries)
        return listing

    def _keep(self, start: bytes) -> None:
        """Holds on to a line's start, but to no more of it than shows that it is too long."""
        room = MAX_LINE + 1 - len(self._tail)
        if room > 0:
            self._tail += start[:room]

    def _read(self, lines: list[bytes]) -> None:
        page = self._page
        encoding = page.encoding
        add = page.entries.append
        for line in lines:
            if len(line) > MAX_LINE:
                page.problem(f"line of more than {MAX_LINE} bytes: {shown(line)}")
                continue
            if line.endswith(b"\r"):
                line = line[:-1]
            if not line or line.isspace():
                continue
            try:
                if self._facts:
                    add(facts.parse(line, encoding))
                    continue
                entry = self._dialect(line, page)
                if entry is None:
                    entry = self._ask_all(line)
            except NotAnEntry as told:
                if told.problem:
                    page.problem(told.problem)
                elif isinstance(told, Itself):
                    self.shows_itself = True
            else:
                if entry is not None:
                    add(entry)
        if len(page.entries) > MAX_ENTRIES:
            raise ListingTooLong(f"the server listed more than {MAX_ENTRIES} entries in one directory")

    def _ask_all(self, line: bytes) -> Entry | None:
        """Asks every dialect; the one that knows the line is asked first from now on."""
        from ftpcli.wire.ftp.listing.dialects import (
            DIALECTS,  # late: few servers need more than Unix, and start-up counts
        )

        before = self._dialect
        for dialect in DIALECTS.values():
            if dialect is not before:
                self._dialect = dialect  # even if it raises: then it does know the line
                entry = dialect(line, self._page)
                if entry is not None:
                    return entry
        self._dialect = before
        self._page.problem(f"cannot read line {shown(line)}")
        return None
