"""One run at a time: two real processes, an owner that is killed, and a lock file that goes away."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpcli.engine.journal import lock as lock_module
from ftpcli.engine.journal.lock import RunLock, acquire_lock
from ftpcli.errors import Locked, Stopped
from ftpcli.stop import StopToken

HOLD = """
import sys
from ftpcli.engine.journal.lock import RunLock
lock = RunLock(sys.argv[1])
assert lock.take()
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_POLL", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "key")


@pytest.fixture
def other(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def nobody(message: str) -> None:
    raise AssertionError(message)


def test_fail_names_the_owner_and_what_to_do(folder: str, stop: StopToken, other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(Locked) as caught:
        acquire_lock(folder, "fail", stop, nobody)
    assert f"process {other.pid} on " in caught.value.message
    assert "--lock wait" in caught.value.message
    assert "--lock skip" in caught.value.message
    assert caught.value.exit_code == 10


def test_skip_says_so_in_one_line(folder: str, stop: StopToken, other: subprocess.Popen[bytes]) -> None:
    said: list[str] = []
    assert acquire_lock(folder, "skip", stop, said.append) is None
    assert len(said) == 1
    assert f"process {other.pid}" in said[0]


def test_wait_says_so_once_and_goes_on_when_the_other_is_done(
    folder: str, stop: StopToken, other: subprocess.Popen[bytes]
) -> None:
    said: list[str] = []
    waiting = threading.Event()
    got: list[RunLock | None] = []

    def say(message: str) -> None:
        said.append(message)
        waiting.set()

    thread = threading.Thread(target=lambda: got.append(acquire_lock(folder, "wait", stop, say)))
    thread.start()
    assert waiting.wait(10)
    thread.join(0.1)
    assert thread.is_alive()
    assert other.stdin is not None
    other.stdin.close()
    other.wait()
    other.stdin = None
    thread.join(10)
    (lock,) = got
    assert lock is not None
    assert len(said) == 1
    lock.release()


def test_a_stop_ends_the_wait(folder: str, stop: StopToken, other: subprocess.Popen[bytes]) -> None:
    assert other.poll() is None
    with pytest.raises(Stopped) as caught:
        acquire_lock(folder, "wait", stop, lambda _: stop.request(11))
    assert caught.value.exit_code == 11


def test_the_lock_of_a_killed_owner_is_free(folder: str, stop: StopToken, other: subprocess.Popen[bytes]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert "lock" in os.listdir(folder)
    lock = acquire_lock(folder, "fail", stop, nobody)
    assert lock is not None
    assert f"process {os.getpid()} on " in lock.owner()
    lock.release()


def test_nothing_stays_behind_and_what_others_keep_does(folder: str, stop: StopToken) -> None:
    lock = acquire_lock(folder, "fail", stop, nobody)
    assert lock is not None
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.dirname(folder)).st_mode) == 0o700
    lock.release()
    assert not os.path.exists(folder)

    lock = acquire_lock(folder, "fail", stop, nobody)
    assert lock is not None
    Path(folder, "journal").write_bytes(b"")
    lock.release()
    assert os.listdir(folder) == ["journal"]


def test_a_lock_file_that_was_unlinked_meanwhile_counts_for_nothing(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner gave it back between our opening and locking it, and a third process has made another."""
    first, second, third = RunLock(folder), RunLock(folder), RunLock(folder)
    assert first.take()
    real = lock_module.fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        monkeypatch.undo()
        first.release()
        assert third.take()
        real(descriptor, how)

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    assert not second.take()
    third.release()
    assert second.take()
    second.release()


def test_the_folder_may_go_while_the_lock_is_being_taken(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def vanishing(path: str, *more: int) -> int:
        monkeypatch.undo()
        os.rmdir(folder)
        return real(path, *more)

    lock = RunLock(folder)
    monkeypatch.setattr(os, "open", vanishing)
    assert lock.take()
    lock.release()


ORPHAN = """
import subprocess, sys
from ftpcli.engine.journal.lock import RunLock
lock = RunLock(sys.argv[1])
assert lock.take()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin, close_fds=False)
print(child.pid, flush=True)
child.wait()
"""


def test_a_child_that_outlives_the_owner_does_not_hold_it(folder: str, stop: StopToken) -> None:
    """Such as a password command that went into the background."""
    owner = subprocess.Popen([sys.executable, "-c", ORPHAN, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdin is not None
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    try:
        lock = acquire_lock(folder, "fail", stop, nobody)
        assert lock is not None
        lock.release()
        os.kill(child, 0)  # it lives
    finally:
        owner.stdin.close()  # which ends the child
        owner.stdout.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 5000])
def test_an_owner_that_has_not_signed_yet(folder: str, content: bytes) -> None:
    os.makedirs(folder)
    Path(folder, "lock").write_bytes(content)
    assert RunLock(folder).owner() == "a process that has not said which"


def test_a_link_in_its_place_is_not_followed(folder: str, tmp_path: Path) -> None:
    os.makedirs(folder)
    precious = tmp_path / "precious"
    precious.write_bytes(b"x")
    Path(folder, "lock").symlink_to(precious)
    with pytest.raises(OSError, match=r"."):
        RunLock(folder).take()
    assert precious.read_bytes() == b"x"


def test_a_folder_that_is_a_link_to_nowhere_is_an_error_and_no_endless_wait(folder: str, tmp_path: Path) -> None:
    os.mkdir(tmp_path / "state")
    os.symlink(tmp_path / "nowhere", folder)
    with pytest.raises(FileNotFoundError):
        RunLock(folder).take()


def test_on_a_full_disk_the_lock_holds_all_the_same(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    first = RunLock(folder)
    assert first.take()
    assert not RunLock(folder).take()
    assert RunLock(folder).owner() == "a process that has not said which"
    first.release()
    assert not os.path.exists(folder)


@pytest.mark.parametrize("planted", ["writable", "foreign"])
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, folder: str, planted: str) -> None:
    """They may have put a link to somebody's file there under the name of the lock or the journal."""
    if planted == "foreign" and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.makedirs(folder, 0o700)
    (tmp_path / "precious").write_bytes(b"precious")
    os.link(tmp_path / "precious", os.path.join(folder, "lock"))
    if planted == "foreign":
        os.chown(folder, 4321, 4321)
    else:
        os.chmod(folder, 0o770)
    with pytest.raises(PermissionError, match="others may write to it"):
        RunLock(folder).take()
    assert (tmp_path / "precious").read_bytes() == b"precious"
