"""Runs the program within the test process: a cell takes milliseconds, where a process of its own takes a third of a
second."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpcli.cli.app import main
from tests.servers.certificates import session_certificates

PASSWORD = "secret-Pw1"
COMMON = ("--retries", "2", "--retry-wait", "0", "--timeout", "5", "--progress", "none")


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: bytes
    stderr: str


def run(folder: Path, *arguments: str, password: str = PASSWORD) -> Ran:
    """``folder`` holds the program's own home: its config, which there is none of, and its state."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        for name, inside in {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "HOME": "home"}.items():
            patch.setenv(name, str(folder / inside))
        if password:  # else there is a key
            patch.setenv("FTPCLI_PASSWORD", password)
        else:
            patch.delenv("FTPCLI_PASSWORD", raising=False)
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        # A file each: `cat` writes to the descriptor of standard output.
        out, err = (stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(2))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        command, *rest = arguments
        code = main([command, *COMMON, "--cafile", str(session_certificates().ca), *rest])
        patch.undo()
        out.flush()
        out.buffer.seek(0)
        err.flush()
        err.buffer.seek(0)
        return Ran(code, out.buffer.read(), err.buffer.read().decode("utf-8", "replace"))
