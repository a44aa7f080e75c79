"""The system's keyring: a stand-in for the library, and the library itself with a keyring in a file."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.cli.server.keyring import SystemKeyring
from ftpcli.errors import Stopped
from ftpcli.stop import StopToken
from tests.cli.sftp.side import QUICK
from tests.cli.sftp.test_trust import make_key
from tests.servers.real import Setup, started

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Get = Callable[[str, str], "str | None"]


class KeyringError(Exception):
    pass


def install(patch: pytest.MonkeyPatch, get: Get, get_keyring: Callable[[], object] | None = None) -> None:
    """A library whose only backend looks up with ``get``."""
    library = ModuleType("keyring")
    vars(library).update(
        get_keyring=get_keyring or (lambda: SimpleNamespace(get_password=get)),
        errors=SimpleNamespace(KeyringError=KeyringError),
    )
    patch.setitem(sys.modules, "keyring", library)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "ftpcli")
    return caplog


def test_stored_passphrases(monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture) -> None:
    asked: list[tuple[str, str]] = []

    def get(service: str, user: str) -> str | None:
        asked.append((service, user))
        return {"/k/a": "hush-hush", "/k/empty": ""}.get(user)

    install(monkeypatch, get)
    keyring = SystemKeyring()
    for _ in range(2):
        found = keyring.passphrase("/k/a")
        assert found is not None
        assert found.reveal() == "hush-hush"
        assert keyring.passphrase("/k/b") is None
        assert keyring.passphrase("/k/empty") is None
    assert asked == [("ftpcli", "/k/a"), ("ftpcli", "/k/b"), ("ftpcli", "/k/empty")]
    assert "has no passphrase for /k/b" in told.text
    assert "hush" not in told.text


def _raise(error: BaseException) -> Callable[..., object]:
    def fail(*_: str) -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyringError("Failed to unlock the collection!"), "Failed to unlock the collection!"),
        (KeyringError(), "KeyringError"),
        (ValueError("cannot decode 'hush-hush'"), "ValueError"),
        (SystemExit(1), "SystemExit"),
    ],
)
def test_keyring_is_not_asked_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture, error: BaseException, words: str
) -> None:
    install(monkeypatch, _raise(error))  # type: ignore[arg-type]
    keyring = SystemKeyring()
    assert keyring.passphrase("/k/a") is None
    assert told.messages == [f"cannot use the system's keyring: {words}"]
    install(monkeypatch, lambda *_: "hush-hush")
    assert keyring.passphrase("/k/b") is None
    assert "hush" not in told.text


def test_broken_or_missing_library(monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture) -> None:
    install(monkeypatch, lambda *_: None, _raise(RuntimeError("no such backend: x.Y")))
    assert SystemKeyring().passphrase("/k/a") is None
    monkeypatch.setitem(sys.modules, "keyring", None)  # as if it were not there
    assert SystemKeyring().passphrase("/k/a") is None
    told_of = "cannot use the system's keyring: "
    assert told.messages == [
        f"{told_of}no such backend: x.Y",
        f"{told_of}the Python library keyring is not installed",
    ]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A locked keyring that waits for a user who never answers."""
    over = threading.Event()

    def get(_service: str, _user: str) -> str | None:
        over.wait()
        return None

    install(monkeypatch, get)
    yield
    over.set()


@pytest.mark.usefixtures("silent")
def test_keyring_timeout(told: pytest.LogCaptureFixture) -> None:
    keyring = SystemKeyring(timeout=0.05)
    assert keyring.passphrase("/k/a") is None
    assert keyring.passphrase("/k/b") is None
    assert told.messages == ["cannot use the system's keyring: it gave no answer for 0.05 seconds"]


@pytest.mark.usefixtures("silent")
def test_stop_ends_the_wait() -> None:
    stop = StopToken()
    stop.request(130)
    with TERMINAL.stopped_by(stop), pytest.raises(Stopped):
        SystemKeyring().passphrase("/k/a")
    stop.close()


BACKEND = """
import pathlib
from keyring import backend, errors
FILE = pathlib.Path(__file__).with_name("stored")
class Keyring(backend.KeyringBackend):
    priority = 1
    def set_password(self, service, username, password):
        FILE.write_text(repr((service, username, password)))
    def get_password(self, service, username):
        return eval(FILE.read_text())[2] if eval(FILE.read_text())[:2] == (service, username) else None
class Locked(Keyring):
    def get_password(self, service, username):
        raise errors.KeyringLocked("the collection is locked")
"""


def test_the_library_itself(run_ftpcli: Program, tmp_path: Path) -> None:
    """A passphrase stored as the manual page says."""
    library = Path(pytest.importorskip("keyring").__file__).parents[1]
    (tmp_path / "filed.py").write_text(BACKEND)
    home = tmp_path / "home"
    (home / ".ssh").mkdir(mode=0o700)
    key = make_key(home / ".ssh/id_ed25519", "right-Pp3")
    environment = {"PYTHON_KEYRING_BACKEND": "filed.Keyring", "HOME": str(home)}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path), str(library)])

    def store(passphrase: bytes) -> None:
        command = ["sh", "-c", f"{sys.executable} -m keyring set ftpcli ~/.ssh/id_ed25519"]
        subprocess.run(command, input=passphrase, env={**os.environ, **environment}, check=True)

    with started(Setup("sshd", tls="ssh")) as server:
        (server.root.parent / "authorized_keys").write_text(key.with_name("id_ed25519.pub").read_text())
        command = ("ls", server.url, *QUICK, "--known-hosts", server.known_hosts, "-vv")
        store(b"right-Pp3")
        right = run_ftpcli(*command, env=environment)
        assert right.code == 0, right.stderr
        store(b"wrong-Pp4")
        wrong = run_ftpcli(*command, env=environment)
        assert wrong.code == 5
        assert f"the passphrase in the system's keyring does not fit the key {key}" in wrong.stderr
        locked = run_ftpcli(*command, env=environment | {"PYTHON_KEYRING_BACKEND": "filed.Locked"})
        assert locked.code == 5
        assert "cannot use the system's keyring: the collection is locked" in locked.stderr
        assert f"there is no passphrase for the key {key}" in locked.stderr
        for backend in ("nowhere.Keyring", "keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"):
            without = run_ftpcli(*command, env=environment | {"PYTHON_KEYRING_BACKEND": backend})
            assert without.code == 5
            assert "the system's keyring" in without.stderr
        said = right.said + wrong.said + locked.said
    assert "Pp3" not in said
    assert "Pp4" not in said
