"""ListingParser around the dialects: lines, limits, names, encodings."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import ftpcli.wire.ftp.listing as package
from ftpcli.errors import ListingTooLong
from ftpcli.model import MAX_ENTRIES, Kind, Listing
from ftpcli.wire.ftp.listing import MAX_LINE, MAX_LISTING, MAX_PROBLEMS, ListingParser, parse_facts_line

NOW = 1795176000.0  # 2026-11-20 12:00


def read(raw: bytes, *, facts: bool = False, encoding: str = "utf-8") -> Listing:
    parser = ListingParser(facts=facts, now=NOW, encoding=encoding)
    parser.feed(raw)
    return parser.finish()


def test_nothing_is_an_empty_whole_listing() -> None:
    assert read(b"") == Listing(())
    assert read(b"\r\n\n\r\r\n   \r\n") == Listing(())
    assert read(b"total 0\r\n").whole


def test_an_over_long_line_is_a_problem_and_not_kept() -> None:
    parser = ListingParser(facts=True, now=NOW)
    for _ in range(100):
        parser.feed(b"x" * 10000)
    assert len(parser._tail) <= MAX_LINE + 1
    parser.feed(b"\ntype=file;size=1; good\r\n")
    listing = parser.finish()
    assert [entry.name for entry in listing.entries] == ["good"]
    assert len(listing.problems) == 1
    assert listing.problems[0].startswith(f"line of more than {MAX_LINE} bytes: 'xxx")
    assert len(listing.problems[0]) < 200


def test_the_longest_line_is_read() -> None:
    head = b"type=file;size=1; "
    name = b"n" * (MAX_LINE - len(head))
    assert read(head + name + b"\n", facts=True).entries[0].name == name.decode()
    assert not read(head + name + b"n\n", facts=True).whole


def test_problems_beyond_the_limit_are_counted() -> None:
    listing = read(b"garbage\n" * (MAX_PROBLEMS + 7))
    assert len(listing.problems) == MAX_PROBLEMS + 1
    assert listing.problems[-1] == "and 7 more lines that could not be read"


def test_problems_show_nothing_that_a_terminal_obeys() -> None:
    (problem,) = read(b"\x1b[2J\x9b31m\xff\xe2\x80\xae garbage\n").problems
    assert problem.isprintable()
    assert "garbage" in problem


@pytest.mark.parametrize(
    "name", [b"../x", b"a/b", b"/", b"/etc/passwd", b"..", b"", b"a\0b", b"a\rb", b"a\r", b"foo/", b"./x", b"\0"]
)
def test_refused_names(name: bytes) -> None:
    facts = read(b"type=file;size=1; " + name + b"\r\n", facts=True)
    unix = read(b"-rw-r--r-- 1 a b 5 Nov 20 10:00 " + name + b"\r\n")
    dos = read(b"11-20-26  10:11AM                    5 " + name + b"\r\n")
    eplf = read(b"+r,s5,\t" + name + b"\r\n")
    for listing in (facts, unix, dos, eplf):
        assert listing.entries == ()
        assert len(listing.problems) == 1
        assert listing.problems[0].startswith("refused name ")


def test_names_are_checked_after_decoding() -> None:
    assert read(b"type=file;size=1; ..+AC8-x\r\n", facts=True, encoding="utf-7").entries == ()
    assert read(b"type=file;size=1; +AC4ALg-\r\n", facts=True, encoding="utf-7").entries == ()


def test_other_encodings() -> None:
    line = "-rw-r--r-- 1 a b 5 Nov 20 10:00 Grüße\r\n"
    assert read(line.encode("cp1252"), encoding="cp1252").entries[0].name == "Grüße"
    line = "-rw-r--r-- 1 a b 5 Nov 20 10:00 表示\r\n"  # the second byte of 表 is a backslash
    assert read(line.encode("shift_jis"), encoding="shift_jis").entries[0].name == "表示"
    assert read(line.encode("iso2022_jp"), encoding="iso2022_jp").entries[0].name == "表示"


def test_a_name_that_no_surrogate_can_stand_for_is_a_problem() -> None:
    listing = read(b"type=file;size=1; \x1b$B\x20\x20\r\n", facts=True, encoding="iso2022_jp")
    assert listing.entries == ()
    assert "not readable as iso2022_jp" in listing.problems[0]


def test_an_unknown_encoding_is_told_at_once() -> None:
    with pytest.raises(LookupError):
        ListingParser(facts=True, now=NOW, encoding="klingon")


def test_the_dialect_may_change_within_a_listing() -> None:
    listing = read(
        b"-rw-r--r-- 1 a b 5 Nov 20 10:00 unix\n"
        b"11-20-26  10:11AM                    5 dos\n"
        b"+r,s5,\teplf\n"
        b"A.TXT;1  1  20-NOV-2026 10:00\n"
        b"-rw-r--r-- 1 a b 5 Nov 20 10:00 unix again\n"
    )
    assert listing.whole
    assert [entry.name for entry in listing.entries] == ["unix", "dos", "eplf", "A.TXT", "unix again"]


def test_a_vms_name_whose_columns_never_come() -> None:
    listing = read(b"A.TXT;1\n-rw-r--r-- 1 a b 5 Nov 20 10:00 unix\nB.TXT;1\n")
    assert [entry.name for entry in listing.entries] == ["unix"]
    assert listing.problems == ("cannot read line 'A.TXT;1'", "cannot read line 'B.TXT;1'")


def test_a_second_vms_directory_is_a_problem() -> None:
    listing = read(
        b"Directory A:[B]\n\nA.TXT;1 1 20-NOV-2026 10:00\n\nDirectory A:[B.C]\n\nB.TXT;1 1 20-NOV-2026 10:00\n"
    )
    assert not listing.whole


def test_facts_lines_in_a_list_and_the_reverse_are_problems() -> None:
    assert not read(b"type=file;size=1; x\r\n").whole
    assert not read(b"-rw-r--r-- 1 a b 5 Nov 20 10:00 x\r\n", facts=True).whole
    assert not read(b"total 5\r\n", facts=True).whole


def test_mlsd_line_by_itself() -> None:
    entry, problem = parse_facts_line(b"type=file;size=5; x", "utf-8")
    assert entry
    assert (entry.name, entry.kind, entry.size, problem) == ("x", Kind.FILE, 5, None)
    assert parse_facts_line(b"type=cdir; /home", "utf-8") == (None, None)
    assert parse_facts_line(b"Type=pdir; ..", "utf-8") == (None, None)
    assert parse_facts_line(b"type=file; /home/x", "utf-8") == (None, "refused name '/home/x'")


def test_mlst_reply_keeps_the_path() -> None:
    entry, _ = parse_facts_line(b" type=dir;modify=20261120120000; /home/anna/a b", "utf-8", keep_path=True)
    assert entry
    assert (entry.name, entry.kind, entry.mtime) == ("/home/anna/a b", Kind.DIR, NOW)
    entry, _ = parse_facts_line(b"type=cdir; /", "utf-8", keep_path=True)
    assert entry
    assert (entry.name, entry.kind) == ("/", Kind.DIR)
    entry, problem = parse_facts_line(b" type=file; /a\0b", "utf-8", keep_path=True)
    assert entry is None
    assert problem


HOSTILE = [
    b"-rw-r--r-- " + b"1 " * 30000,
    b"-rw-r--r-- " + b"1" * 60000,
    b"-rw-r--r-- 1" + b" " * 60000,
    b"-rw-r--r-- 1 a b 5 " + b"Nov 20 " * 9000,
    b"lrwxrwxrwx 1 a b 5 Nov 20 10:00 " + b" ->" * 20000,
    b" " * 60000 + b"x",
    b"1" * 60000,
    b"1 " * 30000,
    b"A;1" + b" " * 60000 + b"x",
    b"A.A;1 " + b"privilege " * 6000,
    b"VOL001 3390 2026/11/20 " + b"1 " * 30000,
    b"QSYS" + b" " * 60000,
    b"11-20-26  10:11AM " + b" " * 60000,
    b"11-20-26  10:11AM " + b"1,111" * 12000,
    b"- [RWCE] " + b"5 Nov 20 " * 7000,
    b"+" + b"s1," * 20000,
    b"Directory " + b"[" * 60000,
    b"total " + b"1" * 60000 + b"x",
    b"type=" * 12000,
    b"type=file;" + b"unix.owner=" * 5000 + b" ; ",
    b"type=file;modify=" + b"1" * 60000 + b"; x",
    b"type=file;size=" + b"1" * 60000 + b"; x",
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:24]))
def test_no_line_takes_long(line: bytes) -> None:
    start = time.thread_time()  # of the processor: others may be using it, too
    read(line + b"\n")
    read(line + b"\n", facts=True)
    assert time.thread_time() - start < 0.5


def test_no_io_no_clock_and_small_files() -> None:
    for path in Path(package.__file__).parent.glob("*.py"):
        text = path.read_text("utf-8")
        assert text.count("\n") < 150, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                allowed = name.startswith(("ftpcli.wire.ftp.listing", "ftpcli.model", "ftpcli.errors"))
                assert allowed or name in {"__future__", "collections.abc", "datetime", "functools", "re"}, path.name


@pytest.mark.parametrize("facts", [True, False])
def test_a_listing_without_end(facts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_ENTRIES", 1000)
    line = b"type=file;size=1; n%d\r\n" if facts else b"-rw-r--r-- 1 a b 5 Nov 20 10:00 n%d\r\n"
    parser = ListingParser(facts=facts, now=NOW)
    parser.feed(b"".join(line % number for number in range(1000)))
    with pytest.raises(ListingTooLong, match="more than 1000 entries"):
        parser.feed(line % 1000)


@pytest.mark.parametrize("block", [b"\r\n" * 500, b"x" * 1000, b"garbage\r\n" * 100, b"type=cdir; .\r\n" * 50])
def test_bytes_without_end(block: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_LISTING", 50_000)
    parser = ListingParser(facts=True, now=NOW)
    for _ in range(50_000 // len(block)):
        parser.feed(block)
    with pytest.raises(ListingTooLong, match="more than 50000 bytes"):
        parser.feed(block)


def test_a_million_honest_entries_are_within_the_bounds() -> None:
    longest = len("type=file;size=18446744073709551615;modify=20261120120000.000;perm=adfrw;unique=" + "x" * 40 + "; ")
    assert MAX_ENTRIES > 1_000_000
    assert 1_000_000 * (longest + 255 + 2) < MAX_LISTING


@pytest.mark.parametrize(
    ("raw", "facts", "shows"),
    [
        (b"type=cdir;modify=20261120120000; .\r\n", True, True),
        (b"Type=cdir; /home/anna\r\n", True, True),
        (b"type=dir; .\r\n", True, True),
        (b"type=pdir; ..\r\n", True, False),
        (b"type=dir; a.\r\n", True, False),
        (b"drwxr-xr-x 2 a b 4096 Nov 20 10:00 .\r\n", False, True),
        (b"drwxr-xr-x 2 a b 4096 Nov 20 10:00 ..\r\n", False, False),
        (b"drwxr-xr-x 2 a b 4096 Nov 20 10:00 x .\r\n", False, False),
        (b"11-20-26  10:11AM       <DIR>          .\r\n", False, True),
    ],
)
def test_the_line_for_the_directory_itself(raw: bytes, facts: bool, shows: bool) -> None:
    parser = ListingParser(facts=facts, now=NOW)
    for byte in raw:
        parser.feed(bytes([byte]))
    parser.finish()
    assert parser.shows_itself is shows


@pytest.mark.parametrize("second", [b"type=file;size=1; a", b"type=file;size=2; a", b"type=dir; a"])
def test_a_name_that_is_listed_twice(second: bytes) -> None:
    listing = read(b"type=file;size=1; a\r\ntype=file;size=3; b\r\n" + second + b"\r\n" + second + b"\r\n", facts=True)
    assert [(entry.name, entry.kind, entry.size) for entry in listing.entries] == [
        ("a", Kind.FILE, 1),
        ("b", Kind.FILE, 3),
    ]
    assert listing.problems == ("the name 'a' is listed twice",)
