"""One contract for every session: each real FTP server × {plain, explicit, implicit} × {TLS 1.2, 1.3} × data mode, and
each SFTP server."""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpcli.errors import NotFound, Refused
from ftpcli.model import DataSettings, Digest, Endpoint, Kind, Secret, Timing, TlsMode, TlsSettings
from ftpcli.session.contract import HostMemory, Session
from ftpcli.session.open import open_session
from tests.servers.embedded import Embedded, embedded
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.login import sftp_session
from tests.servers.ssh.paramiko_server import ParamikoServer, paramiko_server

# Where TLS 1.3 trouble has been seen: around the record size and around multiples of it.
AWKWARD_SIZES = (0, 1, *range(16383, 16386), *range(32725, 32747, 3), *range(65471, 65493, 3), 5 * 1024 * 1024)
PROGRAMS = ("vsftpd", "proftpd", "pureftpd", "pyftpdlib")
VERSIONS = {"none": ("",), "explicit": ("1.2", "1.3"), "implicit": ("1.2", "1.3"), "ssh": ("",)}
MODES = {"ssh": ("",)}
FTP_MODES = ("epsv", "pasv", "eprt", "port")
# Debian's Pure-FTPd is built without implicit TLS.
SERVERS = [
    *(f"{p}-{t}" for p in PROGRAMS for t in VERSIONS if t != "ssh" and (p, t) != ("pureftpd", "implicit")),
    *(f"{p}-ssh" for p in ("sshd", "proftpd", "paramiko")),
]
# Pure-FTPd never resumes a TLS 1.3 session, and does not ask for it.
NEVER_RESUMES = ("pureftpd", "1.3")

Server = Running | Embedded | ParamikoServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        combinations = [
            (name, version, mode)
            for name, tls in ((name, name.partition("-")[2]) for name in SERVERS)
            for version in VERSIONS[tls]
            for mode in MODES.get(tls, FTP_MODES)
        ]
        metafunc.parametrize(("server", "version", "mode"), combinations, indirect=["server"], scope="module")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    program, tls = request.param.split("-")
    if program == "pyftpdlib":
        with embedded(tls=tls) as running:
            yield running
    elif program == "paramiko":
        with paramiko_server() as running:
            yield running
    else:
        with started(Setup(program, tls=tls)) as running:
            yield running


def endpoint(server: Server, version: str = "", mode: str = "auto", **timing: float) -> Endpoint:
    tls = TlsMode(server.tls)
    return Endpoint(
        {TlsMode.NONE: "ftp", TlsMode.EXPLICIT: "ftpes", TlsMode.IMPLICIT: "ftps"}[tls],
        server.host,
        server.port,
        server.user,
        Secret(server.password),
        tls=tls,
        tls_settings=TlsSettings(
            cafile=str(server.cafile), **({"minimum": version, "maximum": version} if version else {})
        ),
        data=DataSettings(active=mode in ("eprt", "port"), mode=mode),
        timing=Timing(idle=20, final_reply=20, **timing),
    )


def program_of(server: Server) -> str:
    if isinstance(server, ParamikoServer):
        return "paramiko"
    return server.setup.program if isinstance(server, Running) else "pyftpdlib"


def opened(server: Server, version: str, mode: str) -> Session:
    if server.tls == "ssh":
        return sftp_session(server)
    return open_session(endpoint(server, version, mode), HostMemory(), lambda _: None, None)


@dataclass
class Case:
    server: Server
    session: Session
    version: str

    @property
    def root(self) -> Path:
        return self.server.root


@pytest.fixture
def case(server: Server, version: str, mode: str) -> Iterator[Case]:
    session = opened(server, version, mode)
    yield Case(server, session, version)
    facts = session.tls_facts()
    if facts is not None:
        assert facts.version == f"TLSv{version}"
        if (program_of(server), version) != NEVER_RESUMES:
            assert facts.data_resumed == facts.data_connections
    assert session.healthy
    session.close()


class Memory:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: memoryview, /) -> int:
        self.data += data
        return len(data)


def read(session: Session, path: str, offset: int = 0) -> bytes:
    memory = Memory()
    with session.open_read(path, offset) as source:
        source.pump_to(memory, lambda _: None)
        moved = source.finish()
    assert moved.bytes == len(memory.data)
    return bytes(memory.data)


def write(session: Session, path: str, data: bytes, scratch: Path, offset: int = 0) -> None:
    scratch.write_bytes(data)
    with open(scratch, "rb", buffering=0) as file:
        file.seek(offset)
        with session.open_write(path, offset) as sink:
            sink.pump_from(file, lambda _: None)
            assert sink.finish().bytes == len(data) - offset


def test_awkward_sizes_both_ways(case: Case, tmp_path: Path) -> None:
    for size in AWKWARD_SIZES:
        data = os.urandom(size)
        name = f"size-{size}"
        write(case.session, name, data, tmp_path / "scratch")
        assert (case.root / name).read_bytes() == data
        assert read(case.session, name) == data
        case.session.remove(name)


def test_resume_both_ways(case: Case, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    case.server.write("whole.bin", data)
    assert read(case.session, "whole.bin", 299_999) == data[299_999:]
    assert read(case.session, "whole.bin", 100_000) == data[100_000:]
    write(case.session, "grown.bin", data[:100_000], tmp_path / "scratch")
    write(case.session, "grown.bin", data, tmp_path / "scratch", offset=100_000)
    assert (case.root / "grown.bin").read_bytes() == data
    for name in ("whole.bin", "grown.bin"):
        case.session.remove(name)


def test_a_range_of_a_file(case: Case) -> None:
    data = os.urandom(3_000_000)
    case.server.write("whole.bin", data)
    try:
        for offset, length in ((2_999_000, 1000), (2_999_999, 5), (2_500_000, 500_000)):
            assert case.session.read_range("whole.bin", offset, length) == data[offset : offset + length]
    finally:
        case.session.remove("whole.bin")


def test_listing_and_stat(case: Case, tmp_path: Path) -> None:
    session = case.session
    session.mkdir("listed")
    session.mkdir("listed/inner")
    names = ["plain", "with space", "[brackets]", "-leading", "percent%41", "star*", "umlaut-ä", ".hidden"]
    for name in names:
        write(session, f"listed/{name}", name.encode(), tmp_path / "scratch")
    listing = session.list("listed")
    assert listing.whole
    found = {entry.name: entry for entry in listing.entries}
    assert set(found) == {*names, "inner"}
    assert found["inner"].kind is Kind.DIR
    assert all(found[name].size == len(name.encode()) for name in names)
    assert session.stat("listed/plain").size == 5
    assert session.stat("listed/inner").kind is Kind.DIR
    assert session.list("listed/inner").entries == ()
    with pytest.raises(NotFound):
        session.stat("listed/absent")
    with pytest.raises(NotFound):
        session.list("absent")
    for name in names:
        session.remove(f"listed/{name}")
    session.rmdir("listed/inner")
    session.rmdir("listed")
    with pytest.raises(NotFound):
        session.list("listed")


def test_small_verbs_and_times(case: Case, tmp_path: Path) -> None:
    session = case.session
    write(session, "old name", b"content", tmp_path / "scratch")
    answer = session.set_mtime("old name", 1_000_000_000)
    assert answer
    tells = case.server.tls != "ssh" and program_of(case.server) in ("proftpd", "pyftpdlib")
    assert answer.told == (1_000_000_000 if tells else None)
    assert int((case.root / "old name").stat().st_mtime) == 1_000_000_000
    write(session, "new name", b"in the way", tmp_path / "scratch")
    session.rename("old name", "new name")
    assert (case.root / "new name").read_bytes() == b"content"
    assert session.stat("new name").mtime == 1_000_000_000
    session.remove("new name")
    with pytest.raises(Refused):
        session.remove("new name")
    session.ping()


def test_one_path_and_what_is_behind_it(case: Case) -> None:
    session = case.session
    file = case.server.write("there/file", b"content")
    file.chmod(0o640)
    os.utime(file, (1e9, 1e9))
    (case.root / "there/link").symlink_to("file")
    try:
        assert [session.is_file(f"there/{name}") for name in ("file", "", "absent")] == [True, False, False]
        assert session.mtime("there/file") == 1e9
        examined = session.examine("there/file")
        assert (examined.kind, examined.size, examined.mode) == (Kind.FILE, 7, 0o640)
        hides_links = program_of(case.server) == "pyftpdlib"  # its MLST tells all of what a link leads to
        assert session.examine("there/link").kind is (Kind.FILE if hides_links else Kind.LINK)
        followed = session.follow("there/link")
        assert (followed.kind, followed.size) == (Kind.FILE, 7)
        assert session.stat(session.absolute("there/file")).size == 7
        links = {entry.name: entry.target for entry in session.list_links("there").entries if entry.kind is Kind.LINK}
        assert [(name, posixpath.basename(text or "")) for name, text in links.items()] == [("link", "file")]
        for question in (session.size, session.examine, session.follow):
            with pytest.raises(NotFound):
                question("there/absent")
        with pytest.raises(NotFound):
            session.read_range("there/absent", 0, 1)
    finally:
        shutil.rmtree(case.root / "there")


def test_digests(case: Case) -> None:
    """ProFTPD's mod_digest selects SHA-1 by itself and has SHA-256; the others offer none."""
    session = case.session
    contents = {name: name.encode() for name in ("plain", "two  spaces ", 'q" uote', "umlaut-ä", "-o", "a" * 64)}
    contents |= {"empty": b"", "large": bytes(20_000_000)}
    for name, content in contents.items():
        case.server.write(name, content)
    offers = program_of(case.server) == "proftpd" and case.server.tls != "ssh"
    assert session.capabilities.digests == (("sha256", "sha512", "sha1", "md5", "crc32") if offers else ())
    for name, content in contents.items():
        expected = Digest("sha256", hashlib.sha256(content).hexdigest())
        assert session.digest(name) == (expected if offers else None)
        session.remove(name)
    if offers:
        with pytest.raises(NotFound):
            session.digest("absent")
        with pytest.raises(Refused):
            session.digest("")  # a directory


def test_free_space(case: Case) -> None:
    free = case.session.free_bytes("", 1_000_000)
    if case.server.tls != "ssh" or program_of(case.server) == "paramiko":
        assert free is None
        return
    there = os.statvfs(case.root)
    assert free is not None
    assert abs(free - there.f_bavail * there.f_frsize) < 0.1 * there.f_blocks * there.f_frsize
    assert case.session.free_bytes("no/such/directory", 1_000_000) is None


def test_a_refusal_leaves_the_session_usable(case: Case) -> None:
    with pytest.raises(NotFound):
        read(case.session, "absent")
    with pytest.raises(Refused), case.session.open_write("no-such-directory/file", 0) as sink:
        sink.finish()
    assert case.session.healthy
    case.server.write("present", b"here")
    assert read(case.session, "present") == b"here"
    case.session.remove("present")


X_COMMANDS = {"XSHA256": "sha256", "XSHA512": "sha512", "XSHA1": "sha1", "XSHA": "sha1", "XMD5": "md5", "XCRC": "crc32"}


@pytest.mark.parametrize("command", [*(f"HASH {name}" for name in ("SHA-512", "SHA-1", "MD5", "CRC32")), *X_COMMANDS])
def test_every_digest_of_proftpd(command: str) -> None:
    """What is remembered decides which one is asked for. The X commands refuse empty files: 501."""
    algorithm = X_COMMANDS.get(command) or command[5:].lower().replace("-", "")
    # The CRC of b"62" begins with two zeros.
    contents = {"plain": b"1", "zeros": b"62", "two  spaces ": b"2", 'q" uo\\te': b"3"}
    with started(Setup("proftpd")) as server:
        session = open_session(endpoint(server), HostMemory(digest_command=command), lambda _: None, None)
        for name, content in contents.items():
            server.write(name, content)
            crc = f"{zlib.crc32(content):08x}"
            value = crc if algorithm == "crc32" else hashlib.new(algorithm, content).hexdigest()
            assert session.digest(name) == Digest(algorithm, value)
        server.write("empty")
        assert (session.digest("empty") is None) == (command in X_COMMANDS)
        session.close()
