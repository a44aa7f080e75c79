"""What every dialect shares: the page of lines being read, the check on names, and the words for what is wrong.

A dialect is a function ``parse(line, page)``. It returns an ``Entry``, or None where the line is of another dialect.
For a line of its own that is no entry it raises ``NotAnEntry``.
"""

from __future__ import annotations

from collections.abc import Callable

from ftpcli.model import Entry, Kind

MAX_LINE = 64 * 1024
"""Bytes of one line; what is longer is a problem, and is not kept."""

MAX_LISTING = 512 * 1024 * 1024
"""Bytes of one listing: more than a million lines of 500 bytes."""

MAX_PROBLEMS = 1000
"""Problems told one by one; the rest are counted."""

MAX_SIZE = 2**63 - 1
SHOWN = 120


class NotAnEntry(Exception):
    """The line is known, but no entry comes of it. ``problem`` is empty where that is in order (headers, ``.``)."""

    def __init__(self, problem: str = "") -> None:
        super().__init__(problem)
        self.problem = problem


class Itself(NotAnEntry):
    """The line is of the listed directory itself: ``.``, or ``type=cdir`` in MLSD."""


def shown(raw: bytes) -> str:
    """``raw`` quoted for people: shortened, and without anything that a terminal would obey."""
    text = repr(bytes(raw[:SHOWN]).decode("utf-8", "surrogateescape"))
    return text + "…" if len(raw) > SHOWN else text


def decoded(raw: bytes, encoding: str) -> str:
    """``raw`` as text; bytes that ``encoding`` cannot read stand as surrogate escapes."""
    try:
        return raw.decode(encoding, "surrogateescape")
    except UnicodeError:  # stateful encodings can fail on bytes below 128, which no surrogate stands for
        raise NotAnEntry(f"name not readable as {encoding}: {shown(raw)}") from None


def name_of(raw: bytes, kind: Kind, encoding: str) -> str:
    """The one path component that ``raw`` names; anything else is refused, so nothing outside the tree is named."""
    name = decoded(raw, encoding)
    if "/" in name or "\0" in name or "\r" in name or "\n" in name or not name or name == "." or name == "..":
        if kind is Kind.DIR and name in (".", ".."):
            raise Itself if name == "." else NotAnEntry
        raise NotAnEntry(f"refused name {shown(raw)}")
    return name


def path_of(raw: bytes, encoding: str) -> str:
    """``raw`` as a path: a link's target, or the name in an MLST reply. Any number of components, but one line."""
    path = decoded(raw, encoding)
    if "\0" in path or "\r" in path or "\n" in path or not path:
        raise NotAnEntry(f"refused path {shown(raw)}")
    return path


def size_of(digits: bytes) -> int | None:
    """The number of bytes that ASCII ``digits`` say; None where they do not say one that a file can have."""
    if not digits.isdigit() or len(digits) > 19:
        return None
    size = int(digits)
    return size if size <= MAX_SIZE else None


class Page:
    """The listing being read: what the dialects need to know of it, and what they note down on the way."""

    __slots__ = ("columns", "encoding", "entries", "now", "pending", "problems", "surplus", "versions")

    def __init__(self, now: float, encoding: str) -> None:
        bytes(4).decode(encoding)  # an unknown encoding is the caller's mistake, and is told at once
        self.now = now
        self.encoding = encoding
        self.entries: list[Entry] = []
        self.problems: list[str] = []
        self.surplus = 0
        self.columns = ""
        """z/OS: what the header line announced. OpenVMS: set once the header was seen."""
        self.pending = b""
        """OpenVMS: a name whose other columns are still to come."""
        self.versions: dict[tuple[str, Kind], tuple[int, int]] = {}
        """OpenVMS: the newest version of each name met so far, and where its entry stands."""

    def name(self, raw: bytes, kind: Kind) -> str:
        return name_of(raw, kind, self.encoding)

    def problem(self, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)
        else:
            self.surplus += 1


Dialect = Callable[[bytes, Page], Entry | None]
