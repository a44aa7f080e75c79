"""Whatever bytes come: no exception, no lost line, no name outside the tree; and what was rendered is read back."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ftpcli.model import Entry, Kind, Listing
from ftpcli.wire.ftp.listing import ListingParser, parse_facts_line
from ftpcli.wire.ftp.listing.dialects import DIALECTS
from ftpcli.wire.ftp.listing.page import NotAnEntry, Page

NOW = 1795176000.0

# Scraps of all dialects, so that random lines come close to real ones.
SCRAPS = [
    b"-rw-r--r--", b"drwxr-xr-x+", b"lrwxrwxrwx", b"crw-rw----", b" 1 ", b" anna ", b" staff ", b" 1234 ", b" 8, 0 ",
    b"Nov 20 12:34 ", b"20. M\xc3\xa4r 2020 ", b"Feb 30 2020 ", b"2026-11-20 12:34 ", b" -> ", b"name", b"..", b".",
    b"/", b"total 12", b"\r", b"\n", b"\r\n", b"11-20-26  10:11AM ", b"<DIR>          ", b"<JUNCTION>     ",
    b"1,234 ", b"+i8.4,", b"r,s12,", b"/,", b"\t", b"- [RWCEAFMS] ", b"A.TXT;1", b"A.DIR;2", b" 1/3 ",
    b"20-NOV-2026 12:34:56.78 ", b"[A,B] ", b"(RWED,,,)", b"Directory A:[B]", b"Total of 3 files, 1 block.",
    b" Volume Unit Referred Dsname", b" Name VV.MM Created", b" Name Size TTR Alias-of",
    b"VOL001 3390 2026/11/20 1 2 FB 80 80 PO ", b"Migrated ", b"A.B.C", b"*STMF      ", b"*DIR ",
    b"11/20/26 12:34:56 ", b" 101 ", b'244, 10 "nnnn"', b"Nov-20-2026  12:34:56 ", b"type=file;", b"Type=DIR;",
    b"type=OS.unix=slink:/a b;", b"size=5;", b"modify=20261120123456;", b"modify=20261120123456.5;", b"modify=;",
    b"UNIX.mode=0644;", b"UNIX.owner=x;", b" ", b"  ", b"\0", b"\xff", b"99999999999999999999 ",
    b"Nov-31-2026 99:99:99 ",
]  # fmt: skip
scraps = st.lists(st.sampled_from(SCRAPS) | st.binary(max_size=6), max_size=30).map(b"".join)
garbage = st.binary(max_size=400) | scraps
encodings = st.sampled_from(
    ["utf-8", "latin-1", "cp1252", "shift_jis", "iso2022_jp", "utf-16-le", "utf-7", "ascii", "gb18030"]
)


def read(pieces: list[bytes], *, facts: bool, encoding: str = "utf-8") -> Listing:
    parser = ListingParser(facts=facts, now=NOW, encoding=encoding)
    for piece in pieces:
        parser.feed(piece)
    return parser.finish()


@given(raw=garbage, facts=st.booleans(), encoding=encodings)
def test_garbage_never_raises_and_names_stay_inside(raw: bytes, facts: bool, encoding: str) -> None:
    listing = read([raw], facts=facts, encoding=encoding)
    for entry in listing.entries:
        assert entry.name not in ("", ".", "..")
        assert not set(entry.name) & set("/\0\r\n")
        assert entry.size is None or 0 <= entry.size < 2**63
        assert entry.precision > 0
    assert all(problem.isprintable() for problem in listing.problems)


@given(raw=garbage, facts=st.booleans(), cuts=st.lists(st.integers(0, 400), max_size=10))
def test_pieces_do_not_matter(raw: bytes, facts: bool, cuts: list[int]) -> None:
    whole = read([raw], facts=facts)
    assert read([raw[at : at + 1] for at in range(len(raw))], facts=facts) == whole
    places = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    assert read([raw[a:b] for a, b in pairwise(places)], facts=facts) == whole


@given(raw=garbage)
def test_every_dialect_stands_every_line(raw: bytes) -> None:
    for parse in DIALECTS.values():
        page = Page(NOW, "utf-8")
        for columns in ("", "data sets", "members", "load modules"):
            page.columns = columns
            for line in raw.split(b"\n"):
                try:
                    parse(line, page)
                except NotAnEntry:
                    continue


@given(raw=garbage, keep_path=st.booleans(), encoding=encodings)
def test_facts_line_stands_every_line(raw: bytes, keep_path: bool, encoding: str) -> None:
    entry, problem = parse_facts_line(raw, encoding, keep_path=keep_path)
    assert entry is None or problem is None


@given(lines=st.lists(st.text("abc xyz:", min_size=1, max_size=20).filter(lambda text: not text.isspace()), max_size=8))
def test_every_unreadable_line_is_counted(lines: list[str]) -> None:
    for facts in (True, False):
        listing = read(["".join(f"{line}\n" for line in lines).encode()], facts=facts)
        assert len(listing.problems) == len(lines)


def is_name(raw: bytes) -> bool:
    return raw not in (b".", b"..") and not raw.isspace()


names = (
    st.binary(min_size=1, max_size=40).map(lambda raw: raw.translate(None, b"/\0\r\n")).filter(bool)
    | st.text(st.characters(exclude_characters="/\0\r\n", exclude_categories=["Cs"]), min_size=1).map(str.encode)
    | st.sampled_from([b" a", b"a ", b"a -> b", b"a; b", b"-rw", b"...", b"..a", b"a\tb", b"*", b"20 Nov 12:34 x"])
).filter(is_name)
words = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_.$", min_size=1, max_size=12)
sizes = st.integers(0, 2**63 - 1)
modes = st.integers(0, 0o7777)
stamps = st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(microsecond=0))


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def seconds(at: datetime) -> float:
    return at.replace(tzinfo=timezone.utc).timestamp()


@given(
    raw=names,
    kind=st.sampled_from([Kind.FILE, Kind.DIR, Kind.LINK]),
    size=sizes,
    at=stamps,
    fraction=st.none() | st.integers(0, 999),
    mode=modes,
    owner=words,
    group=words,
    upper=st.booleans(),
)
def test_facts_round_trip(
    raw: bytes,
    kind: Kind,
    size: int,
    at: datetime,
    fraction: int | None,
    mode: int,
    owner: str,
    group: str,
    upper: bool,
) -> None:
    told = {Kind.FILE: "file", Kind.DIR: "dir", Kind.LINK: "OS.unix=slink:/the/target"}[kind]
    modify = f"{at:%Y%m%d%H%M%S}" + ("" if fraction is None else f".{fraction:03}")
    facts = f"type={told};size={size};modify={modify};UNIX.mode={mode:04o};"
    if upper:
        for word in ("type=", "size=", "modify=", "=file", "=dir", "UNIX.mode="):
            facts = facts.replace(word, word.swapcase())
    facts += f"UNIX.owner={owner};UNIX.group={group};"
    expected = Entry(
        text(raw),
        kind,
        size,
        seconds(at) + (0 if fraction is None else fraction / 1000),
        1.0 if fraction is None else 0.001,
        mode=mode,
        owner=owner,
        group=group,
        target="/the/target" if kind is Kind.LINK else None,
    )
    assert read([facts.encode() + b" " + raw + b"\r\n"], facts=True) == Listing((expected,))


def permissions(mode: int) -> str:
    out = ["rwxrwxrwx"[place] if mode & (0o400 >> place) else "-" for place in range(9)]
    for place, bit, letter in ((2, 0o4000, "s"), (5, 0o2000, "s"), (8, 0o1000, "t")):
        if mode & bit:
            out[place] = letter if out[place] == "x" else letter.upper()
    return "".join(out)


@given(
    raw=names,
    kind=st.sampled_from([Kind.FILE, Kind.DIR, Kind.LINK]),
    size=sizes,
    days=st.floats(-363.5, 0.9),
    old=stamps,
    has_year=st.booleans(),
    mode=modes,
    owner=words.filter(lambda word: not word.isdigit()),
    group=words,
    target=names,
    mark=st.sampled_from(["", "+", ".", "@"]),
)
def test_unix_round_trip(
    raw: bytes,
    kind: Kind,
    size: int,
    days: float,
    old: datetime,
    has_year: bool,
    mode: int,
    owner: str,
    group: str,
    target: bytes,
    mark: str,
) -> None:
    if has_year:
        at = old.replace(hour=0, minute=0, second=0)
        date = f"{at:%b} {at.day:2}  {at:%Y}"
    else:
        at = datetime.fromtimestamp(NOW + days * 86400, timezone.utc).replace(second=0, microsecond=0)
        date = f"{at:%b} {at.day:2} {at:%H:%M}"
    letter = {Kind.FILE: "-", Kind.DIR: "d", Kind.LINK: "l"}[kind]
    if kind is Kind.LINK:
        size = len(target)
    line = f"{letter}{permissions(mode)}{mark} {3:3} {owner:8} {group:8} {size:8} {date} ".encode() + raw
    expected = Entry(
        text(raw),
        kind,
        None if kind is Kind.LINK else size,
        seconds(at),
        86400.0 if has_year else 60.0,
        False,
        mode,
        owner,
        group,
        text(target) if kind is Kind.LINK else None,
    )
    if kind is Kind.LINK:
        line += b" -> " + target
    assert read([line + b"\r\n"], facts=False) == Listing((expected,))
