"""For every test: a stop token, and the check that whatever it opened or started is gone when it ends."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import hypothesis
import pytest

from ftpcli.stop import StopToken
from tests.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# A thread that was told to end, or a socket that another thread closes, may need a moment.
PATIENCE = 20.0

# An example may take long on a busy machine; by itself Hypothesis allows 200 ms.
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")


def descriptors() -> dict[int, str]:
    """Open descriptors, and what they are where the system tells (Linux)."""
    found = {}
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            os.fstat(int(name))  # the one that listed the folder is closed by now
            found[int(name)] = "?"
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def leftovers(threads: frozenset[threading.Thread], files: dict[int, str]) -> list[str]:
    """What is there now and was not before."""
    extra = [f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads]
    return extra + [f"descriptor {fd}: {what}" for fd, what in descriptors().items() if files.get(fd) != what]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fixtures of a wider scope are set up before this one, so what they hold does not count."""
    threads, files = frozenset(threading.enumerate()), descriptors()
    yield
    deadline = time.monotonic() + PATIENCE
    while (found := leftovers(threads, files)) and time.monotonic() < deadline:
        time.sleep(0.02)
    if found:
        pytest.fail("left behind: " + "; ".join(found))


@pytest.fixture
def stop() -> Iterator[StopToken]:
    token = StopToken()
    yield token
    token.close()
