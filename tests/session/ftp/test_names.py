"""Names survive a round trip byte for byte: made, listed, read, changed and deleted on each real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.errors import BadName, NotFound
from ftpcli.model import Endpoint, Kind, Secret, Timing
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started
from tests.session.test_contract import read, write

Server = Running | Embedded

ODD = [
    " leading", "trailing ", "  two  spaces  ", "[a-c]", "st*r", "wh?t", "-a", "-la x", "100%41", "%2F", "back\\slash",
    "\\", "it's", 'q"uote', '"quoted"', "semi;colon", "a; b", "a -> b", "tab\there", "~", "~root", "$HOME", "#x",
    "a" * 255, "ä" * 127,
]  # fmt: skip
BYTES = [
    b"\xff", b"a\xffb", b"\xff\xff", b"x\xff\xff\xff", b"\xff\xf2z", b"\xff\xfbz", b"end\xff\xfd",
    b"\xe4\xf6", b"\xd2\xbb",
]  # fmt: skip
# Pure-FTPd refuses backslashes, and makes an underscore of a tab and of a space at the end. ProFTPD refuses one MKD.
NOT_TAKEN = {"pureftpd": {"trailing ", "  two  spaces  ", "back\\slash", "\\", "tab\there"}}
NO_DIRECTORY = {"proftpd": {"st*r"}}
# pyftpdlib decodes what it hears as UTF-8, and what it cannot read is lost.
TRANSPARENT = ("vsftpd", "proftpd", "pureftpd")
ENCODED = {"utf-8": "Grüße-文件-я", "latin-1": "Gr\xfc\xdfe-\xff", "gbk": "文件-中文", "cp1251": "Россия-я"}


@pytest.fixture(scope="module", params=[*TRANSPARENT, "pyftpdlib"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "pyftpdlib":
        with embedded() as running:
            yield running
    else:
        # ProFTPD would translate names between its locale and UTF-8.
        extra = ("UseEncoding off",) if request.param == "proftpd" else ()
        with started(Setup(request.param, extra=extra)) as running:
            yield running


def opened(server: Server, encoding: str = "utf-8", memory: HostMemory | None = None) -> Session:
    where = Endpoint(
        "ftp", server.host, server.port, server.user, Secret(server.password),
        timing=Timing(idle=20, final_reply=20), encoding=encoding,
    )  # fmt: skip
    return open_session(where, memory or HostMemory(), lambda _: None, None)


def program_of(server: Server) -> str:
    return server.setup.program if isinstance(server, Running) else "pyftpdlib"


def is_transparent(server: Server) -> bool:
    return program_of(server) in TRANSPARENT


def round_trip(server: Server, session: Session, name: str, raw: bytes, scratch: Path) -> None:
    there = os.fsencode(server.root)
    write(session, name, raw, scratch)
    assert os.listdir(there) == [raw]
    assert [(entry.name, entry.kind, entry.size) for entry in session.list("").entries] == [(name, Kind.FILE, len(raw))]
    assert read(session, name) == raw
    assert session.stat(name).size == session.size(name) == len(raw)
    assert session.set_mtime(name, 1_000_000_000)
    assert os.stat(there + b"/" + raw).st_mtime == 1_000_000_000
    session.rename(name, "other")
    session.rename("other", name)
    session.remove(name)
    assert os.listdir(there) == []
    if name in NO_DIRECTORY.get(program_of(server), ()):
        return
    session.mkdir(name)
    write(session, f"{name}/{name}", raw, scratch)
    assert [entry.name for entry in session.list(name).entries] == [name]
    session.remove(f"{name}/{name}")
    session.rmdir(name)
    assert os.listdir(there) == []
    with pytest.raises(NotFound):
        session.stat(name)


def test_odd_names(server: Server, tmp_path: Path) -> None:
    session = opened(server)
    for name in sorted({*ODD} - NOT_TAKEN.get(program_of(server), set())):
        round_trip(server, session, name, name.encode(), tmp_path / "scratch")
    session.close()


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings(server: Server, encoding: str, tmp_path: Path) -> None:
    if encoding != "utf-8" and not is_transparent(server):
        pytest.skip("this server takes UTF-8 only")
    session = opened(server, encoding)
    round_trip(server, session, ENCODED[encoding], ENCODED[encoding].encode(encoding), tmp_path / "scratch")
    session.close()


# Was: ProFTPD reads 0xFF as Telnet's IAC: b"x\xff\xff" became b"x\xff", b"\xff\xfbz" waited for ever.
@pytest.mark.parametrize("raw", BYTES)
def test_bytes_that_are_no_text(server: Server, raw: bytes, tmp_path: Path) -> None:
    if not is_transparent(server):
        pytest.skip("this server takes UTF-8 only")
    session = opened(server)
    round_trip(server, session, raw.decode("utf-8", "surrogateescape"), raw, tmp_path / "scratch")
    session.close()


def test_whether_to_double_is_asked_once(server: Server, tmp_path: Path) -> None:
    memory = HostMemory()
    first = opened(server, memory=memory)
    with pytest.raises(NotFound):
        first.size("plain ä")
    assert memory.reads_telnet is None, "nobody asks before it matters"
    with pytest.raises(NotFound):
        first.size("a\udcff")
    assert memory.reads_telnet is (program_of(server) == "proftpd")
    first.close()
    if is_transparent(server):
        second = opened(server, memory=memory)
        round_trip(server, second, "z\udcff", b"z\xff", tmp_path / "scratch")
        second.close()


@pytest.mark.parametrize("name", ["a\nDELE b", "a\r", "nul\0"])
def test_names_that_ftp_cannot_carry(server: Server, name: str) -> None:
    session = opened(server)
    for use in (session.size, session.remove, session.mkdir, session.list, session.follow):
        with pytest.raises(BadName):
            use(name)
    with pytest.raises(BadName):
        session.set_mode(name, 0o644)
    session.close()


def test_a_name_that_the_encoding_does_not_have(server: Server) -> None:
    session = opened(server, "latin-1")
    with pytest.raises(BadName, match="cannot be written in latin-1"):
        session.size("€")
    session.close()
