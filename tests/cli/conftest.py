"""Runs the program as its users do: a process of its own, with a home folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.scripted.server import scripted

__all__ = ["scripted"]
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "secret-Pw1"  # what the test servers want


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


class Program:
    """Starts ``python -m ftpcli``; call it to run to the end, or use `start` and `finish`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._home = folder / "home"
        self._home.mkdir()

    def __call__(
        self,
        *args: object,
        env: dict[str, str] | None = None,
        input: bytes | None = None,  # noqa: A002
        timeout: float = 60,
        cwd: Path | None = None,
    ) -> Result:
        """`env` is on top of a small environment that holds the test servers' password."""
        return self.finish(self.start(*args, env=env, stdin=input is not None, cwd=cwd), input=input, timeout=timeout)

    def start(
        self,
        *args: object,
        env: dict[str, str] | None = None,
        stdin: bool = False,
        cwd: Path | None = None,
        pipes: tuple[int, int] | None = None,
    ) -> subprocess.Popen[bytes]:
        """`pipes`: descriptors for its standard input and output."""
        its_input, its_output = pipes or (subprocess.PIPE if stdin else subprocess.DEVNULL, subprocess.PIPE)
        process = subprocess.Popen(
            [sys.executable, "-m", "ftpcli", *map(str, args)],
            stdin=its_input,
            stdout=its_output,
            stderr=subprocess.PIPE,
            env=self._environment(env or {}),
            cwd=cwd or self.folder,
        )
        self._running.append(process)
        return process

    def finish(
        self,
        process: subprocess.Popen[bytes],
        *,
        input: bytes | None = None,  # noqa: A002
        timeout: float = 60,
    ) -> Result:
        started = time.monotonic()
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout} s: {process.args!r}\n{err.decode()}") from None
        result = Result(
            process.returncode,
            out.decode("utf-8", "surrogateescape"),
            err.decode("utf-8", "surrogateescape"),
            time.monotonic() - started,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        home = self._home
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "TMPDIR")}
        folders = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".state", "XDG_CACHE_HOME": ".cache"}
        return {
            **kept,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "PYTHONPATH": str(ROOT),
            "FTPCLI_PASSWORD": PASSWORD,
            # Never the keyring of the user who runs the tests.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            **{name: str(home / folder) for name, folder in folders.items()},
            **extra,
        }


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever environment a test starts the program in: it never writes to the user's own state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def run_ftpcli(tmp_path: Path) -> Iterator[Program]:
    """``run_ftpcli("get", url, "-o", path)`` → code, stdout, stderr; never a traceback."""
    program = Program(tmp_path)
    yield program
    program.stop()
