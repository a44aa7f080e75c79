"""The whole program against servers that fail in every known way: exit codes, names of part files, and never a false
success."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from ftpcli.engine.transfer.outcome import SEAM
from tests.cli.talker import talker
from tests.servers.certificates import session_certificates
from tests.servers.scripted.faults import afterwards, beforehand, black_hole, silence
from tests.servers.scripted.server import Connection, Course, ScriptedServer, can_queue_tickets

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Start = Callable[..., ScriptedServer]
ANY_TLS = pytest.mark.parametrize("tls", ["none", "explicit", "implicit"])
WITH_AND_WITHOUT_TLS = pytest.mark.parametrize("tls", ["none", "explicit"])
BIG = bytes(range(251)) * 12_600  # 3.2 MB
SMALL = BIG[:300_000]
LONG = ("--timeout", "100", "--final-reply-timeout", "100")  # for what must not run into a timeout
LIMIT = 60  # seconds for such a run
QUICK = ("--timeout", "5", "--final-reply-timeout", "5", "--retries", "1", "--retry-wait", "0.1")


def options(*more: object) -> tuple[object, ...]:
    return (*QUICK, "--cafile", session_certificates().ca, *more)


def parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"\..*\.[0-9a-f]{8}\.ftpcli-part", path.name))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def many(count: int, folder: str = "") -> dict[str, bytes]:
    """Files of different sizes and contents, so that no two can be mistaken for one another."""
    return {f"{folder}/f{i:02}.bin": f"{i}:".encode() * (1 + 37 * i) for i in range(count)}


def local_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def relative(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.lstrip("/"): content for name, content in files.items()}


@pytest.fixture
def down(tmp_path: Path) -> Path:
    """The folder that downloads go to."""
    folder = tmp_path / "down"
    folder.mkdir()
    return folder


# Downloads that end too early ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["226 Transfer complete.", "426 Broken.", "451 Local error."])
def test_tls_download_that_ends_without_close_notify_is_an_error(
    scripted: Start, run_ftpcli: Program, down: Path, reply: str
) -> None:
    server = scripted(tls="explicit", files={"/f.bin": SMALL})
    server.on("RETR", Course(only=0, ending="fin", reply=reply))
    server.on("RETR", Course(only=100_000, ending="fin", reply=reply), times=1)
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options())
    assert result.code not in (0, 1, 130)
    assert not (down / "f.bin").exists()
    assert [path.read_bytes() for path in parts(down)] == [SMALL[:100_000]]


def test_download_truncated_once_is_resumed(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(tls="explicit", files={"/f.bin": SMALL})
    server.on("RETR", Course(only=100_000, ending="fin"), times=1)
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options())
    assert result.code == 0, result.stderr
    assert files_below(down) == {"f.bin": SMALL}


@pytest.mark.parametrize("mlsd", [True, False])
def test_226_for_fewer_bytes_than_the_size_is_an_error(
    scripted: Start, run_ftpcli: Program, down: Path, mlsd: bool
) -> None:
    server = scripted(files={"/f.bin": SMALL})
    server.on("RETR", Course(only=0))
    server.on("RETR", Course(only=1000), times=1)
    if not mlsd:
        server.features = ("SIZE", "MDTM", "REST STREAM", "EPSV")
        server.on("MLSD", "500 unknown")
        server.on("MLST", "500 unknown")
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options())
    assert result.code not in (0, 1, 130)
    assert not (down / "f.bin").exists()
    assert [path.read_bytes() for path in parts(down)] == [SMALL[:1000]]


@WITH_AND_WITHOUT_TLS
@pytest.mark.parametrize("reply", ["426 Broken.", "226 Fine.", "drop"])
def test_reset_in_the_middle_of_a_download_is_resumed(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str, reply: str
) -> None:
    server = scripted(tls=tls, files={"/f.bin": BIG})
    drop = "rst" if reply == "drop" else None
    server.on("RETR", Course(only=2_000_000, ending="rst", reply=None if drop else reply, drop=drop), times=1)
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options())
    assert result.code == 0, result.stderr
    assert files_below(down) == {"f.bin": BIG}
    offsets = [int(command.argument) for command in server.sent("REST") if command.argument != "0"]
    assert len(offsets) == 1
    assert 0 < offsets[0] <= 2_000_000


@WITH_AND_WITHOUT_TLS
def test_interrupted_download_keeps_its_part_file_and_is_resumed(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str
) -> None:
    server = scripted(tls=tls, files={"/f.bin": BIG})
    server.on("RETR", Course(chunk=20_000, pause=0.02), times=1)
    arguments = ("get", server.url("f.bin"), "-d", down, *options())
    process = run_ftpcli.start(*arguments)
    server.wait_for(lambda: any(part.stat().st_size > 100_000 for part in parts(down)))
    process.send_signal(signal.SIGINT)
    assert run_ftpcli.finish(process).code == 130
    assert not (down / "f.bin").exists()
    (part,) = parts(down)
    kept = part.stat().st_size
    assert kept > 0
    assert part.read_bytes() == BIG[:kept]
    result = run_ftpcli(*arguments)
    assert result.code == 0, result.stderr
    assert files_below(down) == {"f.bin": BIG}
    assert [int(command.argument) for command in server.sent("REST") if command.argument != "0"] == [kept - SEAM]


@pytest.mark.parametrize("tls", ["none", "explicit"])
@pytest.mark.parametrize("verb", ["SIZE", "CWD", "FEAT", "MDTM", "EPSV"])
def test_a_deadline_ends_the_wait_for_an_answer(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str, verb: str
) -> None:
    server = scripted(tls=tls, files={"/d/f.bin": SMALL}, features=("SIZE", "MDTM", "EPSV"))
    server.on(verb, silence)
    result = run_ftpcli("get", server.url("d/*"), "-d", down, "--deadline", "1", *options(*LONG), timeout=LIMIT)
    assert result.code == 11, result.stderr
    assert files_below(down) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_an_answer(scripted: Start, run_ftpcli: Program, number: signal.Signals) -> None:
    """A second one is not needed, not even in the middle of deleting a tree."""
    server = scripted(files=many(40, "/d"), features=("SIZE", "EPSV"))
    server.on("DELE", lambda c, argument: (os.kill(process.pid, number), c.default("DELE", argument)), times=1)
    process = run_ftpcli.start("rm", "-r", server.url("d"), *options(*LONG))
    assert process.wait(LIMIT) == 128 + number
    assert server.verbs().count("DELE") < 20


def test_deadline_stops_in_order_and_the_next_run_resumes(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/f.bin": BIG})
    server.on("RETR", Course(chunk=20_000, pause=0.06), times=1)
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, "--deadline", "4", *options())
    assert result.code == 11, result.stderr
    assert "deadline" in result.stderr
    (part,) = parts(down)
    kept = part.stat().st_size
    assert kept > 0
    assert run_ftpcli("get", server.url("f.bin"), "-d", down, *options()).code == 0
    assert files_below(down) == {"f.bin": BIG}
    assert [int(command.argument) for command in server.sent("REST") if command.argument != "0"] == [kept - SEAM]


@pytest.mark.parametrize("tls", ["none", "explicit"])
def test_rate_limit_shared_by_four_workers(scripted: Start, run_ftpcli: Program, down: Path, tls: str) -> None:
    """2 MB at 1 MiB a second must take a while; only the lower bound is checked."""
    server = scripted(tls=tls, files={f"/d/{number}": BIG[:250_000] for number in range(8)})
    result = run_ftpcli("mirror", server.url("d"), down, "--limit-rate", "1M", "--parallel", "4", *options())
    assert result.code == 0, result.stderr
    assert len(files_below(down)) == 8
    assert result.seconds > 1.5


# Uploads ------------------------------------------------------------------------------------------------------------


@WITH_AND_WITHOUT_TLS
@pytest.mark.parametrize("reply_first", [True, False])
def test_upload_refused_for_lack_of_space(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, reply_first: bool
) -> None:
    server = scripted(tls=tls)
    server.on("STOR", Course(only=100_000, reply="452 Disk full, sorry.", reply_first=reply_first))
    local = tmp_path / "f.bin"
    local.write_bytes(BIG * 3)
    result = run_ftpcli("put", local, server.url("f.bin"), *options())
    assert result.code == 6, result.stderr
    assert "452" in result.stderr
    assert "Disk full, sorry" in result.stderr
    assert "/f.bin" not in server.files


def test_refused_stream_leaves_nothing(scripted: Start, run_ftpcli: Program) -> None:
    """No other run could resume it, and it takes up the space that was missing."""
    server = scripted()
    server.on("STOR", Course(only=100_000, reply="452 Disk full, sorry."))
    result = run_ftpcli("put", "-", server.url("f.bin"), *options(), input=BIG)
    assert result.code == 6, result.stderr
    assert "standard input cannot be sent again" in result.stderr
    assert server.files == {}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_upload_to_a_slow_reader_over_tls_arrives_whole(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, version: str
) -> None:
    server = scripted(
        tls="explicit", receive_buffer=4096, require_close_notify=True, tls_min=version, tls_max=version, tickets=4
    )
    server.on("STOR", Course(chunk=16_384, pause=0.003))
    local = tmp_path / "f.bin"
    local.write_bytes(BIG)
    result = run_ftpcli("put", local, server.url("f.bin"), *options())
    assert result.code == 0, result.stderr
    assert server.files == {"/f.bin": BIG}
    assert [transfer.ended for transfer in server.transfers if transfer.verb == "STOR"] == ["close_notify"]
    assert server.verbs().count("STOR") == 1


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_481])
@pytest.mark.parametrize("ending", ["fin", "hold"])
def test_server_that_never_sends_close_notify_after_an_upload(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, ending: Literal["fin", "hold"], size: int
) -> None:
    """IIS: "fin" waits for the client's FIN; "hold" sends 226 and leaves its side open."""
    server = scripted(tls="explicit", require_close_notify=True)
    server.on("STOR", Course(ending=ending))
    local = tmp_path / "f.bin"
    local.write_bytes(BIG[:size])
    result = run_ftpcli("put", local, server.url("f.bin"), *options(*LONG), timeout=LIMIT)
    assert result.code == 0, result.stderr
    assert server.files == {"/f.bin": BIG[:size]}


def test_upload_goes_to_a_part_name_and_is_renamed(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(tls="explicit", require_close_notify=True)
    local = tmp_path / "f.bin"
    local.write_bytes(SMALL)
    assert run_ftpcli("put", local, server.url("f.bin"), *options()).code == 0
    stored = server.sent("STOR")[0].argument
    assert re.search(r"(^|/)\.f\.bin\.[0-9a-f]{8}\.ftpcli-part$", stored)
    assert server.verbs().index("STOR") < server.verbs().index("RNFR") < server.verbs().index("RNTO")
    assert server.files == {"/f.bin": SMALL}


@WITH_AND_WITHOUT_TLS
@pytest.mark.parametrize("reply", ["451 Local error in processing.", "426 Failure reading network stream."])
def test_upload_with_a_negative_final_reply_is_an_error(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, reply: str
) -> None:
    """All bytes arrived, and the size is right."""
    server = scripted(tls=tls)
    server.on("STOR", Course(reply=reply))
    local = tmp_path / "f.bin"
    local.write_bytes(SMALL)
    result = run_ftpcli("put", local, server.url("f.bin"), *options())
    assert result.code not in (0, 1, 130)
    assert reply in result.stderr
    assert "/f.bin" not in server.files


def test_full_size_on_the_server_after_a_426_proves_nothing(
    scripted: Start, run_ftpcli: Program, tmp_path: Path
) -> None:
    """The server kept a file of the right size whose tail never reached its disk, and reported that."""
    server = scripted(tls="explicit")

    def spoil(c: Connection, argument: str) -> None:
        c.course = Course(reply=None)
        c.default("STOR", argument)
        path = c.path(argument)
        server.tree.write(path, server.files[path][:-5000] + bytes(5000))
        c.reply("426 Failure writing to the disk.")

    server.on("STOR", spoil, times=1)
    local = tmp_path / "f.bin"
    local.write_bytes(SMALL)
    result = run_ftpcli("put", local, server.url("f.bin"), *options())
    assert result.code != 0 or server.files == {"/f.bin": SMALL}, "a false success: the tail is zeros"


@WITH_AND_WITHOUT_TLS
@pytest.mark.parametrize("drop", ["fin", "rst", None])
@pytest.mark.parametrize("direction", ["get", "put"])
def test_final_reply_that_never_comes(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, drop: str | None, direction: str
) -> None:
    """What a NAT box does to the idle control connection: all data arrived, the 226 did not."""
    server = scripted(tls=tls, files={"/f.bin": SMALL} if direction == "get" else {})
    server.on("RETR" if direction == "get" else "STOR", Course(reply=None, drop=drop), times=1)
    local = tmp_path / "f.bin"
    patience = options(*LONG, "--final-reply-timeout", "1")
    if direction == "get":
        result = run_ftpcli("get", server.url("f.bin"), "-o", local, *patience, timeout=LIMIT)
    else:
        local.write_bytes(SMALL)
        result = run_ftpcli("put", local, server.url("f.bin"), *patience, timeout=LIMIT)
    assert result.code == 0, result.stderr
    assert local.read_bytes() == SMALL
    assert server.files == {"/f.bin": SMALL}


# Replies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "hook"),
    [
        ("RETR", Course(reply="226 Done.\r\n226 Done again.")),
        ("RETR", Course(opening="150 Wait.\r\n150 Wait more.")),
        ("EPSV", beforehand("226 Stale.")),
        ("TYPE", afterwards("200 TYPE is still I.")),
    ],
    ids=["226-twice", "150-twice", "226-before-229", "200-twice"],
)
def test_stray_reply_does_not_shift_the_answers(
    scripted: Start, run_ftpcli: Program, down: Path, verb: str, hook: object
) -> None:
    files = many(8)
    server = scripted(files=dict(files))
    server.on(verb, hook, times=1)  # type: ignore[arg-type]
    result = run_ftpcli("mirror", server.url(), down, *options("--parallel", "1", "--retries", "3"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)


@pytest.mark.parametrize("greeting", ["SSH-2.0-OpenSSH_9.2", "\x00\x01\x7f\x00", "999 What?", "<html>"])
def test_garbage_for_a_greeting(scripted: Start, run_ftpcli: Program, greeting: str) -> None:
    server = scripted(greeting=greeting)
    result = run_ftpcli("ls", server.url(), *options())
    assert result.code == 12, result.stderr
    assert "PASS" not in server.verbs()


@pytest.mark.parametrize("tls", ["none", "explicit", "implicit"])
def test_ssh_server_is_recognized_at_once(run_ftpcli: Program, tls: str) -> None:
    """A retry cannot help: another protocol is spoken on this port."""
    with talker(b"SSH-2.0-OpenSSH_9.2\r\n") as (port, clients):
        scheme = {"none": "ftp", "explicit": "ftpes", "implicit": "ftps"}[tls]
        result = run_ftpcli("ls", f"{scheme}://anna@127.0.0.1:{port}/", "--retries", "5", "--retry-wait", "0.1")
    assert result.code == 12, result.stderr
    assert "this is an SSH server and not an FTP server; sftp:// is for that" in result.stderr
    assert len(clients) == 1


@pytest.mark.parametrize("block", [b"x", b"220-more\r\n"], ids=["line", "reply"])
def test_greeting_without_end_is_cut_off(scripted: Start, run_ftpcli: Program, block: bytes) -> None:
    sent: list[int] = []

    def flood(c: Connection, _: str) -> None:
        data = block * (65536 // len(block))
        for _unused in range(8192):
            c.send(data)
            sent.append(len(data))

    server = scripted()
    server.on("CONNECT", flood)
    result = run_ftpcli("ls", server.url(), *options())
    assert result.code == 12, result.stderr
    assert sum(sent) < 64 << 20  # it stopped reading, so it cannot have kept much


def test_multi_line_replies_in_odd_forms(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/f.bin": SMALL})
    server.greeting = "220-Hello\r\n220-\r\n331 not the end\r\n 220 neither\r\n2200 nor this\r\n\r\n220 at last"

    def split_reply(c: Connection, argument: str) -> None:
        c.logged_in = argument == server.password
        c.send_slowly(b"230-Limits:\r\n100 files\r\n530 MB\r\n230-230 x\r\n230 Welcome.\r\n", chunk=7)

    server.on("PASS", split_reply)
    server.on("TYPE", "200-\r\n200\r\n200 ", times=1)
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options())
    assert result.code == 0, result.stderr
    assert files_below(down) == {"f.bin": SMALL}


# TLS and login ------------------------------------------------------------------------------------------------------


def test_bytes_after_the_234_are_an_injection(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted(tls="explicit", behind_234=b"331 Password, please.\r\n230 Come in.\r\n")
    result = run_ftpcli("ls", server.url(), *options())
    assert result.code in (4, 12), result.stderr
    assert not {"USER", "PASS"} & set(server.verbs())


def unprotected(c: Connection, _: str) -> None:
    """PROT P is taken, and not done."""
    c.server.require_prot = False
    c.protected = False
    c.reply("200 Protection level set to P.")


@pytest.mark.parametrize("payload", [SMALL, b"", b"x", b"\x16\x03\x01\x00", b"type=file;size=1; a\r\n"])
@pytest.mark.parametrize("verb", ["get", "ls", "mirror"])
def test_data_in_clear_after_prot_p(
    scripted: Start, run_ftpcli: Program, down: Path, payload: bytes, verb: str
) -> None:
    server = scripted(tls="explicit", files={"/f.bin": payload}, features=("SIZE",))
    server.on("PROT", unprotected)
    for transfer in ("RETR", "MLSD", "LIST"):
        server.on(transfer, Course(payload=payload))
    arguments = {"get": ("f.bin", "-d", down), "ls": ("",), "mirror": ("", down)}[verb]
    result = run_ftpcli(verb, server.url(str(arguments[0])), *arguments[1:], *options("--retries", "3"))
    assert result.code == 4, result.stderr
    assert "PROT P" in result.stderr
    assert files_below(down) == {}
    assert server.verbs().count("PASS") == 1, "no retry"


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("words", [b"Go ahead.\r\n", b"x", b""])
def test_an_upload_to_a_server_that_does_no_tls_after_prot_p(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, words: bytes
) -> None:
    """It writes in clear, or waits for the file in clear."""

    def store(c: Connection, _: str) -> None:
        channel = c.port.connect()
        c.reply("150 Go on.")
        channel.send(words)
        if words:
            channel.close()
        c.read_line()

    server = scripted(tls=tls)
    server.on("PROT", unprotected)
    server.on("STOR", store)
    (tmp_path / "f").write_bytes(SMALL)
    more = options("--timeout", "2", "--retries", "0")
    result = run_ftpcli("put", tmp_path / "f", server.url(), *more)
    assert result.code == 4, result.stderr
    assert "PROT P" in result.stderr
    assert server.files == {}


@pytest.mark.parametrize("reply", ["500 AUTH not understood", "502 Not implemented", "530 Log in first", "431 No TLS"])
def test_no_silent_fallback_to_clear_text(scripted: Start, run_ftpcli: Program, reply: str) -> None:
    server = scripted()
    server.on("AUTH", reply)
    result = run_ftpcli("ls", server.url().replace("ftp://", "ftpes://"), *options())
    assert result.code == 4, result.stderr
    assert "TLS" in result.stderr
    assert not {"USER", "PASS"} & set(server.verbs())


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("kind", ["foreign", "expired", "wrong_host"])
def test_untrusted_certificate(scripted: Start, run_ftpcli: Program, tls: str, kind: str) -> None:
    server = scripted(tls=tls, certificate=getattr(session_certificates(), kind))
    result = run_ftpcli("ls", server.url(), *options())
    assert result.code == 4, result.stderr
    clear = {"foreign": r"trust|issuer|CA\b|authority", "expired": r"expired", "wrong_host": r"127\.0\.0\.1|host ?name"}
    assert "certificate" in result.stderr.lower()
    assert re.search(clear[kind], result.stderr, re.IGNORECASE), result.stderr
    assert not {"USER", "PASS"} & set(server.verbs())
    insecure = run_ftpcli("ls", server.url(), *options("--insecure"))
    assert insecure.code == 0, insecure.stderr
    assert "certificate" in insecure.stderr.lower()


def test_peer_without_tls(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted()
    result = run_ftpcli("ls", server.url().replace("ftp://", "ftps://"), *options())
    assert result.code == 4, result.stderr
    assert not {"USER", "PASS"} & set(server.verbs())


@pytest.mark.parametrize("command", ["ls", "mirror"])
@ANY_TLS
def test_wrong_password_is_tried_once(scripted: Start, run_ftpcli: Program, down: Path, command: str, tls: str) -> None:
    server = scripted(tls=tls, files=many(3))
    target = () if command == "ls" else (down, "--parallel", "8")
    result = run_ftpcli(command, server.url(), *target, *options("--retries", "3"), env={"FTPCLI_PASSWORD": "wrong"})
    assert result.code == 5, result.stderr
    assert server.verbs().count("PASS") == 1
    assert "Login incorrect" in result.stderr


def test_unknown_host_and_closed_port(run_ftpcli: Program) -> None:
    assert run_ftpcli("ls", "ftp://tester@no-such-host.invalid/", *options()).code == 3
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert run_ftpcli("ls", f"ftp://tester@127.0.0.1:{port}/", *options()).code == 3


def test_server_that_never_greets(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted()
    server.on("CONNECT", silence)
    result = run_ftpcli("ls", server.url(), *options("--timeout", "1"))
    assert result.code == 3, result.stderr
    assert result.seconds < 10


def test_missing_paths(scripted: Start, run_ftpcli: Program, tmp_path: Path, down: Path) -> None:
    server = scripted(files={"/f.bin": SMALL})
    assert run_ftpcli("ls", server.url("nowhere/"), *options()).code == 6
    assert run_ftpcli("get", server.url("nothing"), "-d", down, *options()).code == 6
    assert run_ftpcli("mirror", server.url("nowhere"), down, *options()).code == 6
    local = tmp_path / "x"
    local.write_bytes(b"x")
    assert run_ftpcli("put", local, server.url("no/such/folder/x"), *options()).code == 6
    assert run_ftpcli("put", tmp_path / "not there", server.url("x"), *options()).code in (6, 7)
    assert server.files == {"/f.bin": SMALL}
    assert files_below(down) == {}


@pytest.mark.parametrize("verbose", ["-v", "-vv"])
@WITH_AND_WITHOUT_TLS
def test_no_password_in_any_output(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str, verbose: str
) -> None:
    server = scripted(tls=tls, files=many(2))
    log = tmp_path / "log"
    url = server.url().replace("tester@", f"tester:{server.password}@")
    good = run_ftpcli("ls", url, verbose, *options("--log-file", log), env={"FTPCLI_PASSWORD": ""})
    assert good.code == 0, good.stderr
    server.password = "another"
    bad = run_ftpcli("ls", url, verbose, *options("--log-file", log), env={"FTPCLI_PASSWORD": ""})
    assert bad.code == 5
    assert "secret-Pw1" not in good.said + bad.said + (log.read_text() if log.exists() else "")
    if verbose == "-vv":
        assert "USER tester" in good.stderr
        assert "PASS" in good.stderr


# Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a\r\nDELE victim", "a\nDELE victim", "a\rb"])
def test_line_ends_in_a_local_name_never_reach_the_control_connection(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, name: str
) -> None:
    server = scripted(files={"/victim": b"alive"})
    local = tmp_path / name
    local.write_bytes(b"x")
    result = run_ftpcli("put", local, server.url(), *options())
    assert result.code not in (0, 130), result.stderr
    assert result.stderr.strip()
    assert not {"DELE", "STOR"} & set(server.verbs())
    assert server.files == {"/victim": b"alive"}


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "..", "sub/../../outside", "a\\..\\b/c"])
def test_listed_names_cannot_leave_the_folder(
    scripted: Start, run_ftpcli: Program, down: Path, tmp_path: Path, name: str
) -> None:
    server = scripted(files={"/tree/good": b"good", "/outside": b"evil", "/etc/outside": b"evil"})
    lines = ["type=file;size=4;modify=20260101000000; good", f"type=file;size=4;modify=20260101000000; {name}"]
    server.on("MLSD", Course(payload="".join(f"{line}\r\n" for line in lines).encode()), match="")
    (down / "tree").mkdir()
    (down / "tree" / "extra").write_bytes(b"mine")
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    result = run_ftpcli("mirror", server.url("tree/"), down / "tree", "--delete", *options())
    assert (down / "tree" / "good").read_bytes() == b"good"
    assert (down / "tree" / "extra").read_bytes() == b"mine", "deleted on the word of a listing that is not whole"
    after = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    assert after - before == {down / "tree" / "good"}
    assert name in result.stderr or repr(name)[1:-1] in result.stderr
    assert result.code != 0


def test_unreadable_listing_line_blocks_deletes(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(features=("SIZE",), files={"/good": b"good"})
    server.on("MLSD", "500 unknown")
    server.on("LIST", Course(payload=b"-rw-r--r-- 1 a b 4 Jan 01  2026 good\r\n?? what is this ??\r\n"))
    (down / "extra").write_bytes(b"mine")
    result = run_ftpcli("mirror", server.url(), down, "--delete", *options())
    assert "what is this" in result.stderr
    assert files_below(down) == {"good": b"good", "extra": b"mine"}


def test_directory_in_place_of_a_downloaded_file(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/a": b"file", "/b": b"other"})
    (down / "a").mkdir()
    (down / "a" / "inside").write_bytes(b"mine")
    result = run_ftpcli("mirror", server.url(), down, *options())
    assert result.code not in (0, 130)
    assert files_below(down) == {"a/inside": b"mine", "b": b"other"}


def test_directory_in_place_of_an_uploaded_file(scripted: Start, run_ftpcli: Program, tmp_path: Path) -> None:
    server = scripted(files={"/a/inside": b"theirs"})
    local = local_tree(tmp_path / "up", {"a": b"file", "b": b"other"})
    result = run_ftpcli("mirror", local, server.url(), *options())
    assert result.code not in (0, 130)
    assert server.files == {"/a/inside": b"theirs", "/b": b"other"}


# Lost connections, and too many of them ----------------------------------------------------------------


@ANY_TLS
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_drop_after_every_third_command_down(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str, how: str
) -> None:
    files = {**many(11), "/sub/big.bin": BIG}
    server = scripted(tls=tls, files=dict(files), drop_every=3, drop_with=how)
    result = run_ftpcli("mirror", server.url(), down, *options("--retries", "3"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert server.connections > 3


@ANY_TLS
def test_drop_after_every_third_command_up(scripted: Start, run_ftpcli: Program, tmp_path: Path, tls: str) -> None:
    files = {**many(11), "/sub/big.bin": BIG}
    server = scripted(tls=tls, drop_every=3)
    local = local_tree(tmp_path / "up", files)
    result = run_ftpcli("mirror", local, server.url(), *options("--retries", "3"))
    assert result.code == 0, result.stderr
    assert server.files == files
    assert server.connections > 3


@ANY_TLS
@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("connect", "421 Too many connections from your address."),
        ("login", "421 Too many users."),
        ("login", "530 Too many connections from your address."),
    ],
)
def test_fewer_connections_than_asked_for_are_enough(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str, where: str, answer: str
) -> None:
    files = many(48)
    server = scripted(tls=tls, files=dict(files), limit=4, limit_at=where, limit_answer=answer)
    server.on("RETR", Course(late=0.05))
    result = run_ftpcli("mirror", server.url(), down, *options("--parallel", "16"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert len([line for line in result.stderr.splitlines() if re.search("connection", line)]) == 1, result.stderr
    assert server.connections <= 40


def test_max_connections_is_never_exceeded(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    files = many(30)
    server = scripted(files=dict(files))
    server.on("RETR", Course(late=0.02))
    result = run_ftpcli("mirror", server.url(), down, *options("--parallel", "16", "--max-connections", "3"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert server.max_open <= 3


# Data connections ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["500 EPSV not understood", "522 Network protocol not supported, use (1)", "502 No"])
def test_refused_epsv_is_remembered(scripted: Start, run_ftpcli: Program, down: Path, answer: str) -> None:
    files = many(8)
    server = scripted(files=dict(files))
    server.on("EPSV", answer)
    result = run_ftpcli("mirror", server.url(), down, *options("--parallel", "2"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert server.verbs().count("EPSV") <= server.connections


def test_no_way_to_a_data_connection(scripted: Start, run_ftpcli: Program) -> None:
    server = scripted()
    for verb in ("EPRT", "PORT", "EPSV", "PASV"):
        server.on(verb, "500 Illegal command.")
    for address, helps in (
        ([], "drop --active"),
        (["--active-address", "127.0.0.1"], "drop --active, or check --active-a"),
    ):
        result = run_ftpcli("ls", server.url(), "--active", *address, *options())
        assert result.code == 3
        assert f"this server does not take PORT; {helps}" in result.stderr
    for mode, last in ("eprt", "EPRT"), ("auto", "PASV"):
        result = run_ftpcli("ls", server.url(), "--data-mode", mode, *options())
        assert f"does not take {last}; --data-mode and --active choose another way" in result.stderr


@pytest.mark.parametrize(
    ("hook", "patience"),
    [(silence, 20), (black_hole, 20), (black_hole, 1)],
    ids=["no-reply", "no-connection", "no-connection-then-425"],
)
def test_epsv_that_hangs_gives_way_to_pasv(
    scripted: Start, run_ftpcli: Program, down: Path, hook: Callable[[Connection, str], None], patience: float
) -> None:
    files = many(4)
    server = scripted(files=dict(files), patience=patience)
    server.on("EPSV", hook)
    result = run_ftpcli("mirror", server.url(), down, *options("--timeout", "2", "--parallel", "1", "--retries", "2"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert server.verbs().count("EPSV") == 1  # one wait of --timeout, not one per file


@pytest.mark.parametrize("address", ["10.255.255.1", "0.0.0.0", "192.168.77.1"])
def test_wrong_address_in_the_227_is_repaired(scripted: Start, run_ftpcli: Program, down: Path, address: str) -> None:
    files = many(4)
    server = scripted(files=dict(files), pasv_address=address)
    result = run_ftpcli("mirror", server.url(), down, *options("--data-mode", "pasv"))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)


@pytest.mark.parametrize("choice", ["auto", "peer"])
@pytest.mark.parametrize("verb", ["get", "put", "ls"])
def test_a_third_host_named_in_the_227_is_never_contacted(
    scripted: Start, run_ftpcli: Program, tmp_path: Path, verb: str, choice: str
) -> None:
    """The server's own port is closed, and somebody else listens on that port."""
    server = scripted(files={"/f.bin": SMALL})
    with socket.create_server(("127.0.0.9", 0)) as third:
        third.settimeout(0)
        port = third.getsockname()[1]
        server.on("PASV", f"227 Entering Passive Mode (127,0,0,9,{port >> 8},{port & 255}).")
        (tmp_path / "new").write_bytes(SMALL)
        arguments = {"get": (server.url("f.bin"), "-d", tmp_path), "put": (tmp_path / "new", server.url())}
        more = options("--data-mode", "pasv", "--pasv-address", choice)
        result = run_ftpcli(verb, *arguments.get(verb, (server.url(),)), *more)
        with pytest.raises(BlockingIOError):
            third.accept()
    assert result.code == 3, result.stderr
    assert "the server named 127.0.0.9, which --pasv-address reply connects to" in result.stderr


def test_the_address_in_the_227_where_that_is_asked_for(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/f.bin": SMALL}, pasv_address="127.0.0.9")
    arguments = (server.url("f.bin"), "-d", down, *options("--data-mode", "pasv", "--pasv-address", "reply"))
    assert run_ftpcli("get", *arguments).code == 3
    server.pasv_address = "127.0.0.1"
    result = run_ftpcli("get", *arguments)
    assert result.code == 0, result.stderr


@pytest.mark.parametrize("mode", ["eprt", "port", "auto"])
@WITH_AND_WITHOUT_TLS
def test_active_mode(scripted: Start, run_ftpcli: Program, down: Path, tls: str, mode: str) -> None:
    files = many(4)
    server = scripted(tls=tls, files=dict(files))
    result = run_ftpcli("mirror", server.url(), down, *options("--active", "--data-mode", mode))
    assert result.code == 0, result.stderr
    assert files_below(down) == relative(files)
    assert not {"EPSV", "PASV"} & set(server.verbs())


def test_foreign_connection_in_active_mode_is_rejected(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/f.bin": SMALL}, intruder="127.0.0.2")
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options("--active"))
    assert result.code == 0, result.stderr
    assert files_below(down) == {"f.bin": SMALL}


def test_data_connection_from_a_foreign_address_is_not_used(scripted: Start, run_ftpcli: Program, down: Path) -> None:
    server = scripted(files={"/f.bin": SMALL}, active_source="127.0.0.2")
    result = run_ftpcli("get", server.url("f.bin"), "-d", down, *options("--active", "--timeout", "2"))
    assert result.code not in (0, 130)
    assert files_below(down) == {}


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("kind", ["1.2", "1.3", "one ticket a reply"])
def test_every_data_connection_resumes_its_own_session(
    scripted: Start, run_ftpcli: Program, down: Path, tls: str, kind: str
) -> None:
    version = "1.2" if kind == "1.2" else "1.3"
    if kind == "one ticket a reply" and not can_queue_tickets():
        pytest.skip("OpenSSL is out of reach of ctypes here")
    files = {**many(30, "/a"), **many(30, "/b")}
    server = scripted(
        tls=tls,
        files=dict(files),
        require_resumption=True,
        require_close_notify=True,
        tls_min=version,
        tls_max=version,
        ticket_per_reply=kind == "one ticket a reply",
    )
    first = run_ftpcli("mirror", server.url(), down, "-v", *options("--parallel", "8"))
    assert first.code == 0, first.stderr
    assert files_below(down) == relative(files)
    _assert_all_resumed(server, first.stderr)
    for path in list(server.files):
        server.tree.remove(path)
    server.transfers.clear()
    second = run_ftpcli("mirror", down, server.url(), "-v", *options("--parallel", "8"))
    assert second.code == 0, second.stderr
    assert server.files == files
    _assert_all_resumed(server, second.stderr)


def _assert_all_resumed(server: ScriptedServer, stderr: str) -> None:
    counts = re.search(r"TLS data connections resumed (\d+) of (\d+)", stderr)
    assert counts, stderr
    assert counts.group(1) == counts.group(2) == str(server.data_connections)
    assert server.resumed == server.data_connections
    assert all(transfer.ended in ("", "close_notify") for transfer in server.transfers)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_refused_download_with_a_bare_fin_leaves_tls_sessions_usable(
    scripted: Start, run_ftpcli: Program, down: Path, version: str
) -> None:
    """After such an end OpenSSL drops the session that all data connections of TLS 1.2 share."""
    files = many(6, "/a")
    server = scripted(tls="explicit", files=dict(files), require_resumption=True, tls_min=version, tls_max=version)
    server.on("RETR", Course(only=1, ending="fin", reply="550 Bad disk.", reply_first=True, late=0.2), match="f00")
    result = run_ftpcli("mirror", server.url(), down, "-v", *options("--parallel", "1", "--retries", "0"))
    assert result.code == 1, result.stderr
    del files["/a/f00.bin"]
    assert relative(files).items() <= files_below(down).items()
    assert server.resumed == server.data_connections


@pytest.mark.parametrize(
    ("refusal", "handshake_first"),
    [
        ("425 TLS session of data connection not resumed.", False),
        ("522 SSL connection failed; session reuse required: see require_ssl_reuse option", True),
    ],
)
def test_impossible_resumption_is_reported(
    scripted: Start, run_ftpcli: Program, down: Path, refusal: str, handshake_first: bool
) -> None:
    server = scripted(
        tls="explicit", files=many(2), require_resumption=True, tickets=0, tls_min="1.3", resumption_refusal=refusal
    )
    for verb in ("MLSD", "RETR"):
        server.on(verb, Course(handshake_first=handshake_first))
    result = run_ftpcli("mirror", server.url(), down, *options())
    assert result.code == 4, result.stderr
    assert re.search("resum|reuse", result.stderr)
    assert files_below(down) == {}
