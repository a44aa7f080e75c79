"""The demo and its server, which must be strict in TLS 1.2 and 1.3; and every command once against it."""

from __future__ import annotations

import contextlib
import ftplib
import io
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftpcli.demo.sample import differences, make_sample
from ftpcli.demo.server import READ_WRITE, DemoServer

HERE = Path(__file__).parents[3]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


class Resuming(ftplib.FTP_TLS):
    """ftplib, taught to offer the session of ``donor``'s control connection on data connections."""

    donor: ftplib.FTP_TLS | None = None

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        raw, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = None
        if self.donor is not None:
            assert isinstance(self.donor.sock, ssl.SSLSocket)
            session = self.donor.sock.session
        return self.context.wrap_socket(raw, server_hostname="localhost", session=session), size


def logged_in(server: DemoServer, context: ssl.SSLContext) -> Resuming:
    client = Resuming(context=context)
    client.connect("127.0.0.1", server.port, timeout=10)
    client.host = "localhost"
    client.login(server.user, server.password)
    client.prot_p()
    return client


@pytest.fixture(params=["1.2", "1.3"])
def strict(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DemoServer]:
    (tmp_path / "f").write_bytes(b"content" * 10_000)
    with DemoServer(tmp_path, tls_maximum=request.param, permissions=READ_WRITE) as server:
        yield server


@pytest.fixture
def context(strict: DemoServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=strict.cafile)


def fetch(client: ftplib.FTP_TLS) -> bytes:
    out = io.BytesIO()
    client.retrbinary("RETR f", out.write)
    return out.getvalue()


def test_resumed_data_connection_is_served(strict: DemoServer, context: ssl.SSLContext) -> None:
    client = logged_in(strict, context)
    client.donor = client
    for _ in range(3):
        assert fetch(client) == b"content" * 10_000
    client.storbinary("STOR g", io.BytesIO(b"x" * 100_000))
    assert (strict.data_connections, strict.data_resumed, strict.refused) == (4, 4, 0)
    client.close()


def test_full_handshake_is_refused(strict: DemoServer, context: ssl.SSLContext) -> None:
    client = logged_in(strict, context)
    with pytest.raises((ftplib.error_perm, OSError)):
        fetch(client)
    assert (strict.data_connections, strict.data_resumed, strict.refused) == (1, 0, 1)
    client.close()


def test_session_of_another_control_connection_is_refused(strict: DemoServer, context: ssl.SSLContext) -> None:
    """The bug of FluentFTP: TLS state shared between connections."""
    client, other = logged_in(strict, context), logged_in(strict, context)
    client.donor = other
    with pytest.raises((ftplib.error_perm, OSError)):
        fetch(client)
    assert strict.refused == 1
    other.donor = other
    assert fetch(other) == b"content" * 10_000
    client.close()
    other.close()


def test_upload_without_resumption_is_refused(strict: DemoServer, context: ssl.SSLContext) -> None:
    client = logged_in(strict, context)
    with contextlib.suppress(OSError), pytest.raises(ftplib.error_perm, match="522"):
        client.storbinary("STOR g", io.BytesIO(b""))
    assert strict.refused == 1
    client.close()


def test_lenient_server_counts_too(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    with DemoServer(tmp_path, require_resumption=False) as server:
        client = logged_in(server, ssl.create_default_context(cafile=server.cafile))
        assert fetch(client) == b"content"
        client.close()
        assert (server.data_connections, server.data_resumed, server.refused) == (1, 0, 0)


def test_no_clear_data_connections(tmp_path: Path) -> None:
    with DemoServer(tmp_path) as server:
        client = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=server.cafile))
        client.connect("127.0.0.1", server.port, timeout=10)
        client.host = "localhost"
        client.login(server.user, server.password)
        with pytest.raises(ftplib.error_perm, match="TLS required"):
            client.retrlines("LIST")
        client.close()


def test_sample_and_its_comparison(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    make_sample(first, 40)
    make_sample(second, 40)
    assert differences(first, second) == []
    assert sum(path.is_file() for path in first.rglob("*")) == 40
    (second / "empty folder").rmdir()
    (second / "large" / "0.bin").write_bytes(b"other")
    (second / "new").write_bytes(b"")
    assert len(differences(first, second)) == 3


def ftpcli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(HERE), "XDG_CONFIG_HOME": "/nonexistent", **environment}
    command = [sys.executable, "-m", "ftpcli", *arguments]
    return subprocess.run(command, capture_output=True, env=env, stdin=subprocess.DEVNULL, check=False, timeout=60)


def test_demo(tmp_path: Path) -> None:
    done = ftpcli("demo", "--files", "40", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines[1].startswith("40 files, ")
    counts = re.search(r"TLS data connections resumed (\d+) of (\d+)", lines[2])
    assert counts is not None
    assert counts[1] == counts[2]
    assert int(counts[1]) >= 40
    assert "equal, byte for byte" in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_demo_keeps_its_trees_with_keep(tmp_path: Path) -> None:
    done = ftpcli("demo", "--files", "5", "--parallel", "1", "--keep", TMPDIR=str(tmp_path))
    folder = Path(done.stdout.decode().splitlines()[-1].removeprefix("the trees are in "))
    assert differences(folder / "server", folder / "copy") == []


def test_demo_without_pyftpdlib(tmp_path: Path) -> None:
    (tmp_path / "pyftpdlib.py").write_text("raise ImportError\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HERE}"}
    done = subprocess.run([sys.executable, "-m", "ftpcli", "demo"], capture_output=True, env=env, check=False, cwd="/")
    assert done.returncode == 2
    assert done.stderr == b"ftpcli: the demo needs pyftpdlib: pip install '.[demo]'\n"


# Every command


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "served"
    (path / "sub" / ".hidden").mkdir(parents=True)
    (path / "a.txt").write_text("hello\n")
    (path / "sub" / "b [1].txt").write_text("b")
    (path / "sub" / ".hidden" / "x").write_text("x")
    return path


@pytest.fixture
def run(root: Path) -> Iterator[Run]:
    """Runs a command; ``@path`` stands for a URL on the server."""
    with DemoServer(root, permissions=READ_WRITE) as server:
        url = f"ftpes://{server.user}@localhost:{server.port}/"

        def call(command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
            words = [url + word[1:] if word.startswith("@") else word for word in arguments]
            environment = {"FTPCLI_PASSWORD": server.password, **environment}
            return ftpcli(command, "--cafile", server.cafile, *words, **environment)

        yield call


def lines(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


def test_ls(run: Run) -> None:
    assert lines(run("ls", "@")) == ["a.txt", "sub"]
    assert lines(run("ls", "@sub/b%20[1].txt", "--no-glob")) == ["b [1].txt"]
    assert lines(run("ls", "-R", "@")) == ["a.txt", "sub", "sub/b [1].txt"]
    assert lines(run("ls", "-Ra", "@sub")) == [".hidden", "b [1].txt", ".hidden/x"]
    assert lines(run("ls", "@*.txt")) == ["a.txt"]
    assert lines(run("ls", "@sub/.hidden")) == ["x"]
    assert [json.loads(line)["path"] for line in lines(run("ls", "-R", "--json", "@"))][-1] == "sub/b [1].txt"
    missing = run("ls", "@nothing")
    assert missing.returncode == 6
    assert missing.stderr.startswith(b"ftpcli: ")


def test_cat_and_get_to_stdout(run: Run) -> None:
    assert run("cat", "@a.txt", "@a.txt").stdout == b"hello\nhello\n"
    assert run("get", "-o", "-", "@a.txt").stdout == b"hello\n"
    done = run("cat", "@a.txt", "@nothing", "@a.txt")
    assert (done.returncode, done.stdout) == (1, b"hello\nhello\n")


def test_get(run: Run, tmp_path: Path, root: Path) -> None:
    out = tmp_path / "out" / "deep"
    assert lines(run("get", "@a.txt", "@sub/b%20[1].txt", "--no-glob", "-d", str(out))) == []
    assert (out / "b [1].txt").read_text() == "b"
    refused = run("get", "@sub", "-d", str(out))
    assert (refused.returncode, b"-r" in refused.stderr) == (6, True)
    lines(run("get", "-r", "@sub", "-d", str(out)))
    assert differences(root / "sub", out / "sub") == []
    lines(run("get", "@*.txt", "-d", str(out)))
    lines(run("get", "@a.txt", "-o", str(out / "new name")))
    assert (out / "new name").read_text() == "hello\n"
    lines(run("get", "-r", "@", "-d", str(tmp_path / "all")))
    assert differences(root, tmp_path / "all") == []


def test_put(run: Run, tmp_path: Path, root: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2:x"
    first.write_text("one")
    second.write_text("two")
    lines(run("put", str(first), "@new"))
    lines(run("put", str(first), "@sub"))
    lines(run("put", "--mkdir", str(first), str(second), "@p/q/"))
    refused = run("put", str(root / "sub"), "@copy")
    assert (refused.returncode, b"-r" in refused.stderr) == (7, True)
    lines(run("put", "-r", str(root / "sub"), "@copy"))
    assert (root / "new").read_text() == (root / "sub" / "1").read_text() == (root / "p/q/1").read_text() == "one"
    assert (root / "p/q/2:x").read_text() == "two"
    assert differences(root / "sub", root / "copy") == []


def test_put_from_stdin_with_the_password_before_the_data(root: Path) -> None:
    with DemoServer(root, permissions=READ_WRITE) as server:
        command = [
            sys.executable, "-m", "ftpcli", "put", "-", f"ftpes://demo@localhost:{server.port}/from%20stdin",
            "--cafile", server.cafile, "--password-file", "-",
        ]  # fmt: skip
        env = {**os.environ, "PYTHONPATH": str(HERE)}
        data = f"{server.password}\n".encode() + b"data\n" * 100_000
        done = subprocess.run(command, input=data, capture_output=True, env=env, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (root / "from stdin").read_bytes() == b"data\n" * 100_000


def test_mirror(run: Run, tmp_path: Path, root: Path) -> None:
    copy = tmp_path / "copy"
    planned = lines(run("mirror", "--dry-run", "@", str(copy)))
    assert "download sub/b [1].txt" in planned
    assert not copy.exists()
    assert lines(run("mirror", "@", str(copy))) == []
    assert differences(root, copy) == []
    (copy / "extra").write_text("x")
    assert "delete extra" in lines(run("mirror", "--delete", "--dry-run", "@", str(copy)))
    lines(run("mirror", "--delete", "@", str(copy)))
    assert differences(root, copy) == []
    (copy / "up").write_text("up")
    lines(run("mirror", str(copy), "@"))
    assert (root / "up").read_text() == "up"


def test_small_verbs(run: Run, root: Path) -> None:
    assert run("mkdir", "@x/y/z").returncode == 6
    lines(run("mkdir", "-p", "@x/y/z"))
    lines(run("mv", "@a.txt", "@x/"))
    lines(run("mv", "@x/a.txt", "@x/y/b.txt"))
    assert (root / "x/y/b.txt").read_text() == "hello\n"
    assert run("rm", "@x").returncode == 6
    lines(run("rm", "@x/y/*.txt"))
    assert not (root / "x/y/b.txt").exists()
    lines(run("rm", "-r", "@x", "@sub"))
    assert list(root.iterdir()) == []
    assert run("rm", "@x").returncode == 6


def test_wrong_password_and_unknown_authority(run: Run) -> None:
    assert run("ls", "@", FTPCLI_PASSWORD="wrong").returncode == 5
    insecure = run("ls", "@", "--cafile", "/dev/null")
    assert insecure.returncode in (2, 4)
