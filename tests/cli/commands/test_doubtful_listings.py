"""Directories that a server does not show whole, or not in order: what depends on them fails by name, and deletes wait.

The real servers cut listings as their administrators configure it; the scripted ones as reports tell of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.real import Running, Setup, started
from tests.servers.scripted.server import FEATURES, Connection, Course, ScriptedServer

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Result

QUICK = ("--timeout", "5", "--retries", "1", "--retry-wait", "0.01", "--parallel", "2")
Start = Callable[..., ScriptedServer]
MANY = [f"file{number:02}" for number in range(60)]
ALL = {"/d/a": b"1", "/d/b": b"2", "/d/c": b"3", "/other/x": b"4"}


def local_copy(folder: Path, names: list[str], more: str = "gone") -> Path:
    folder.mkdir()
    for name in (*names, more):
        (folder / name).write_bytes(b"old")
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Pure-FTPd at its limit


@pytest.fixture(scope="module")
def limited() -> Iterator[Running]:
    with started(Setup("pureftpd", extra=("-L", "48:5"))) as server:
        yield server


@pytest.fixture
def sixty(limited: Running) -> Running:
    for name in MANY:
        limited.write(f"d/{name}", b"content")
    return limited


def run_on(server: Running, run_ftpcli: Program, *args: object) -> Result:
    return run_ftpcli(*args, *QUICK[:6], env={"FTPCLI_PASSWORD": server.password})


def test_mirror_of_a_truncated_listing_deletes_nothing(sixty: Running, run_ftpcli: Program, tmp_path: Path) -> None:
    here = local_copy(tmp_path / "here", MANY)
    result = run_on(sixty, run_ftpcli, "mirror", "--delete", "--max-delete", "99", f"{sixty.url}d", here)
    assert result.code == 1
    assert "Output truncated to 48 matches" in result.stderr
    assert names_in(here) == {*MANY, "gone"}
    assert sum(path.read_bytes() == b"content" for path in here.iterdir()) >= 46


def test_mirror_onto_a_truncated_listing_deletes_nothing(sixty: Running, run_ftpcli: Program, tmp_path: Path) -> None:
    here = local_copy(tmp_path / "here", MANY[:5], "new")
    result = run_on(sixty, run_ftpcli, "mirror", "--delete", "--max-delete", "99", here, f"{sixty.url}d")
    assert result.code == 1
    assert names_in(sixty.root / "d") == {*MANY, "new"}
    (sixty.root / "d" / "new").unlink()


@pytest.mark.parametrize("args", [("get", "-r"), ("get",), ("ls",), ("ls", "-R")], ids=" ".join)
def test_what_reads_a_truncated_listing_says_so(
    sixty: Running, run_ftpcli: Program, tmp_path: Path, args: tuple[str, ...]
) -> None:
    pattern = "d/*" if args == ("get",) else "d"
    more = ("-d", tmp_path / "here") if args[0] == "get" else ()
    result = run_on(sixty, run_ftpcli, *args, f"{sixty.url}{pattern}", *more)
    assert result.code == 1
    assert [line for line in result.stderr.splitlines() if "d: " in line and "Output truncated to 48 matches" in line]
    got = len(list((tmp_path / "here").rglob("file*"))) if args[0] == "get" else result.stdout.count("file")
    assert 46 <= got < 60


def test_rm_by_a_pattern_says_that_more_may_match(sixty: Running, run_ftpcli: Program) -> None:
    result = run_on(sixty, run_ftpcli, "rm", f"{sixty.url}d/file*")
    assert result.code == 1
    assert "Output truncated to 48 matches" in result.stderr
    left = names_in(sixty.root / "d")
    assert 0 < len(left) <= 14
    result = run_on(sixty, run_ftpcli, "rm", f"{sixty.url}d/file*")
    assert (result.code, result.stderr) == (0, "")
    assert not names_in(sixty.root / "d")


def test_rm_of_a_directory_that_is_not_known_whole(sixty: Running, run_ftpcli: Program) -> None:
    result = run_on(sixty, run_ftpcli, "rm", "-r", f"{sixty.url}d")
    assert result.code == 6
    assert "not everything in it is known" in result.stderr
    assert names_in(sixty.root / "d") == set(MANY)


# vsftpd, and a directory that may be entered and not read


@pytest.fixture
def closed() -> Iterator[Running]:
    with started(Setup("vsftpd")) as server:
        for path in ("site/a", "site/shut/b", "site/sub/c"):
            server.write(path, b"content")
        (server.root / "site" / "shut").chmod(0o311)
        yield server
        (server.root / "site" / "shut").chmod(0o755)


def test_mirror_leaves_a_directory_that_cannot_be_read(closed: Running, run_ftpcli: Program, tmp_path: Path) -> None:
    here = local_copy(tmp_path / "here", ["a"])
    local_copy(here / "shut", ["b"])
    local_copy(here / "sub", ["c"])
    result = run_on(closed, run_ftpcli, "mirror", "--delete", "--max-delete", "99", f"{closed.url}site", here)
    assert result.code == 1
    assert "shut: cannot list" in result.stderr
    assert "failed to open directory" in result.stderr
    assert names_in(here / "shut") == {"b", "gone"}
    assert names_in(here / "sub") == {"c"}


@pytest.mark.parametrize("args", [("get", "-r"), ("ls", "-R")], ids=" ".join)
def test_a_directory_that_cannot_be_read_is_named(
    closed: Running, run_ftpcli: Program, tmp_path: Path, args: tuple[str, ...]
) -> None:
    more = ("-d", tmp_path) if args[0] == "get" else ()
    result = run_on(closed, run_ftpcli, *args, f"{closed.url}site", *more)
    assert result.code == 1
    assert "site/shut" in result.stderr
    assert "sub/c" in result.stdout or (tmp_path / "site" / "sub" / "c").exists()


@pytest.mark.parametrize("args", [("ls", "site/shut"), ("rm", "-r", "site/shut"), ("ls", "site/shut/*")], ids=" ".join)
def test_a_directory_that_cannot_be_read_and_was_asked_for(
    closed: Running, run_ftpcli: Program, args: tuple[str, ...]
) -> None:
    result = run_on(closed, run_ftpcli, *args[:-1], f"{closed.url}{args[-1]}")
    assert result.code == 6
    assert "failed to open directory" in result.stderr


# ProFTPD's ListOptions maxfiles, which cuts LIST without a word, and leaves MLSD alone


def test_a_silently_cut_list_takes_no_link_for_a_directory(run_ftpcli: Program) -> None:
    with started(Setup("proftpd", extra=('ListOptions "-a" maxfiles 5',))) as server:
        for number in range(20):
            server.write(f"d/sub{number:02}/kept", b"content")
        result = run_on(server, run_ftpcli, "rm", "-r", f"{server.url}d")
        assert result.code == 6
        assert "may be a symbolic link" in result.stderr
        assert len(list(server.root.rglob("kept"))) == 20


# Scripted: the directory's own line


def with_itself(c: Connection, argument: str) -> None:
    """As servers answer that show the directory itself."""
    verb = c.line[:4].decode("ascii").upper()
    folder = c.path("" if verb == "LIST" else argument)
    tree = c.server.tree
    lines = ["type=cdir;modify=20200101000000; ."] if verb == "MLSD" else ["drwxr-xr-x 2 a b 4096 Jan 01  2020 ."]
    for name in tree.children(folder):
        path = f"{folder.rstrip('/')}/{name}"
        lines.append(tree.facts(path) if verb == "MLSD" else tree.long_line(path))
    if c.course.payload is None:
        c.course = Course(payload="".join(f"{line}\r\n" for line in lines).encode())
    c.default(verb, argument)


def listing_server(scripted: Start, how: str) -> tuple[ScriptedServer, Callable[..., None]]:
    """A server, and a function that makes its listings of /d go as told."""
    features = ("EPSV", "SIZE", "MDTM") if how == "LIST" else ("EPSV", "SIZE", "MDTM", "MLST type*;size*;modify*;")
    server = scripted(files=dict(ALL), features=features)
    server.on(how, with_itself)

    def strike(course: Course, times: int | None = None) -> None:
        left = [times]

        def hook(c: Connection, argument: str) -> None:
            if c.path("" if how == "LIST" else argument) == "/d" and left[0] != 0:
                left[0] = None if left[0] is None else left[0] - 1
                c.course = course
            with_itself(c, argument)

        server.on(how, hook)

    return server, strike


EMPTY = Course(payload=b"")
REAL = {
    "MLSD": b"type=file;size=1;modify=20200101000000; a\r\n",
    "LIST": b"-rw-r--r-- 1 a b 1 Jan 01  2020 a\r\n",
}


@pytest.mark.parametrize("how", ["MLSD", "LIST"])
@pytest.mark.parametrize("args", [("ls",), ("ls", "-R"), ("get", "-r"), ("get", "-g")], ids=" ".join)
def test_a_listing_cut_before_its_first_byte(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, how: str, args: tuple[str, ...]
) -> None:
    server, strike = listing_server(scripted, how)
    strike(EMPTY, 1)
    more = ("-d", tmp_path) if args[0] == "get" else ()
    where = "d/*" if "-g" in args else "d"
    words = [word for word in args if word != "-g"]
    assert run_ftpcli(*words, server.url(where), *more, *QUICK[:6]).code == 0, "the second look showed all"
    strike(EMPTY)
    result = run_ftpcli(*words, server.url(where), *more, *QUICK[:6])
    assert result.code in (1, 6)
    assert "lacks the line for the directory itself" in result.stderr


@pytest.mark.parametrize("how", ["MLSD", "LIST"])
@pytest.mark.parametrize("payload", ["nothing", "no line for itself"])
def test_mirror_keeps_what_a_cut_listing_lacks(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, how: str, payload: str
) -> None:
    server, strike = listing_server(scripted, how)
    here = tmp_path / "here"
    here.mkdir()
    local_copy(here / "d", ["a", "b", "c"])
    local_copy(here / "other", ["x"])
    strike(Course(payload=b"" if payload == "nothing" else REAL[how]))
    result = run_ftpcli("mirror", "--delete", "--max-delete", "99", server.url(), here, *QUICK)
    assert result.code == 1
    assert "d: it lacks the line" in result.stderr
    assert names_in(here / "d") == {"a", "b", "c", "gone"}
    assert names_in(here / "other") == {"x"}


def test_an_empty_directory_is_believed_where_no_listing_shows_itself(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(files=dict(ALL))
    server.tree.made.add("/empty")
    result = run_ftpcli("ls", server.url("empty"), *QUICK[:6])
    assert (result.code, result.said) == (0, "")
    assert [command.argument for command in server.sent("MLSD")] == ["/empty", "/empty", "/"]


def test_a_missing_directory_that_is_listed_as_an_empty_one(scripted: Start, run_ftpcli: Program) -> None:
    """Apache FtpServer."""
    server = scripted(files=dict(ALL))
    server.tree.made.add("/none")  # for MLSD only
    server.on("MLST", "501 Not a valid pathname.", match="/none")
    server.on("CWD", "550 No such directory.", match="/none")
    result = run_ftpcli("mirror", server.url("none"), "here", *QUICK)
    assert result.code == 6
    assert "no such directory" in result.stderr


# Scripted: other doubts

DOUBTS = {
    "unreadable line": (Course(payload=REAL["MLSD"] + b"what is this\r\n"), "no type told in 'what is this'"),
    "refused name": (Course(payload=REAL["MLSD"] + b"type=file;size=1; ../x\r\n"), "refused name '../x'"),
    "no end of the last line": (Course(payload=REAL["MLSD"][:-2]), "ends in the middle of a line"),
    "a name twice": (Course(payload=REAL["MLSD"] * 2), "the name 'a' is listed twice"),
    "as a file and as a directory": (
        Course(payload=REAL["MLSD"] + b"type=dir;modify=20200101000000; a\r\n"),
        "the name 'a' is listed twice",
    ),
    "words": (
        Course(payload=REAL["MLSD"], reply="226 Only the first 1 files were sent."),
        "Only the first 1 files",
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubt_is_told_and_nothing_is_deleted(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, doubt: str
) -> None:
    course, words = DOUBTS[doubt]
    server = scripted(files=dict(ALL))
    server.on("MLSD", course, match="/d")
    here = local_copy(tmp_path / "here", ["a", "b", "c"])
    dry = run_ftpcli("mirror", "-n", "--delete", "--max-delete", "99", server.url("d"), here, *QUICK)
    result = run_ftpcli("mirror", "--delete", "--max-delete", "99", server.url("d"), here, *QUICK)
    assert (dry.code, result.code) == (1, 1)
    assert words in dry.stderr
    assert words in result.stderr
    assert names_in(here) == {"a", "b", "c", "gone"}
    assert (here / "a").read_bytes() == b"1", "what could be read is brought"


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("verb", ["get", "rm", "ls"])
def test_a_pattern_takes_what_could_be_read_and_says_what_could_not(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, verb: str, doubt: str
) -> None:
    course, words = DOUBTS[doubt]
    server = scripted(files=dict(ALL))
    server.on("MLSD", course, match="/d")
    more = ("-d", tmp_path) if verb == "get" else ()
    result = run_ftpcli(verb, server.url("d/*"), *more, *QUICK[:6])
    assert result.code == 1
    (line,) = [line for line in result.stderr.splitlines() if words in line]
    assert "d: " in line or " d " in line
    if verb == "get":
        assert (tmp_path / "a").read_bytes() == b"1"
    elif verb == "rm":
        assert set(server.files) == {"/d/b", "/d/c", "/other/x"}
    else:
        assert result.stdout == "d/a\n"


def test_a_pattern_goes_on_behind_a_directory_that_is_refused(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(files=dict(ALL))
    server.on("MLSD", "553 Not allowed.", match="/d")
    result = run_ftpcli("ls", server.url("*/*"), *QUICK[:6])
    assert result.code == 1
    assert result.stdout == "other/x\n"
    assert "553 Not allowed." in result.stderr


# Deletes that are held back


def test_held_back_deletes_are_no_success(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    """Neither MLSD nor a `LIST -a` that is understood: local names with a leading dot stay."""
    server = scripted(files=dict(ALL), features=("EPSV", "SIZE", "MDTM"))
    here = local_copy(tmp_path / "here", ["a"], ".hidden")
    mirror = ("mirror", "--delete", server.url("d"), here, *QUICK)
    for more in (["-n"], []):
        result = run_ftpcli(*mirror, *more)
        assert result.code == 1
        assert "no name with a leading dot is deleted in .:" in result.stderr
    assert ".hidden" in names_in(here)
    result = run_ftpcli(*mirror, "--exclude", ".*")
    assert (result.code, "leading dot" in result.stderr) == (0, False)


# What a directory that cannot be listed holds back

TREE = {"/w/a": b"1", "/w/sub/x": b"2", "/w/sub/deep/y": b"3", "/w/old": b"4", "/w/gone/p/z": b"5", "/w/gone/q/z": b"6"}
REFUSED = pytest.mark.parametrize(
    ("path", "verb"), [("sub", "MLSD"), ("deep", "MLSD"), ("sub", "LIST"), ("deep", "LIST")]
)


def refusing(scripted: Start, files: dict[str, bytes], path: str, verb: str) -> ScriptedServer:
    server = scripted(files=dict(files), features=("SIZE",) if verb == "LIST" else FEATURES)

    def hook(c: Connection, argument: str) -> None:
        inside = c.path("" if argument.startswith("-") else argument)
        if inside.endswith(f"/{path}"):
            c.reply("550 Permission denied.")
        else:
            c.default(verb, argument)

    server.on(verb, hook)
    return server


@REFUSED
def test_other_directories_lose_what_the_source_has_no_more(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, path: str, verb: str
) -> None:
    server = refusing(scripted, {"/w/a": b"1", "/w/sub/deep/y": b"3"}, path, verb)
    for name in ("vanished", "sub/deep/mine", "else/vanished"):
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_bytes(b"")
    result = run_ftpcli("mirror", "--delete", server.url("w/"), tmp_path / "here", *QUICK)
    assert result.code == 1
    assert "cannot list" in result.stderr
    left = names_in(tmp_path / "here")
    assert left == {"a", "sub"}
    assert (tmp_path / "here/sub/deep/mine").exists()


@REFUSED
def test_other_directories_of_the_server_lose_what_the_source_has_no_more(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, path: str, verb: str
) -> None:
    server = refusing(scripted, TREE, path, verb)
    (tmp_path / "here/sub/deep").mkdir(parents=True)
    for name, content in (("a", b"1"), ("sub/x", b"2"), ("sub/deep/y", b"3")):
        (tmp_path / "here" / name).write_bytes(content)
    result = run_ftpcli("mirror", "--delete", "--compare", "size", tmp_path / "here", server.url("w/"), *QUICK)
    assert result.code != 0
    assert set(server.files) == {"/w/a", "/w/sub/x", "/w/sub/deep/y"}


@pytest.mark.parametrize("dry_run", [False, True])
def test_of_what_only_the_target_has_what_cannot_be_listed_stays(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, dry_run: bool
) -> None:
    server = refusing(scripted, TREE, "p", "MLSD")
    (tmp_path / "here/sub/deep").mkdir(parents=True)
    for name, content in (("a", b"1"), ("sub/x", b"2"), ("sub/deep/y", b"3")):
        (tmp_path / "here" / name).write_bytes(content)
    options = ("--delete", "--compare", "size", *(("--dry-run",) if dry_run else ()))
    result = run_ftpcli("mirror", *options, tmp_path / "here", server.url("w/"), *QUICK)
    assert result.code != 0
    assert "gone/p" in result.stderr
    assert set(server.files) == (set(TREE) if dry_run else {"/w/a", "/w/sub/x", "/w/sub/deep/y", "/w/gone/p/z"})
