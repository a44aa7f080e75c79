"""Finding the login: the order of the sources, and that no secret is sent or shown where it does not belong."""

from __future__ import annotations

import getpass
import io
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from ftpcli.cli import app
from ftpcli.cli.server import credentials
from ftpcli.cli.server.targets import Targets
from ftpcli.errors import UsageError
from ftpcli.model import Question, Secret

SECRETS = ("optsecret", "urlsecret", "envsecret", "profsecret", "netsecret", "typed")


class Person:
    """Sits at the terminal and types the same answer to every question."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str = "typed") -> None:
        self.asked: list[str] = []
        self._answer = answer
        monkeypatch.setattr(credentials, "asker", lambda: self.answer)

    def answer(self, question: Question) -> Secret:
        assert question.hidden
        self.asked.append(question.text)
        return Secret(self._answer)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NETRC", "FTPCLI_USER", "FTPCLI_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def write(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def login(place: str, *options: str) -> tuple[str, str | None]:
    root = click.Context(app.cli, info_name="ftpcli")
    found = app.cli.get_command(root, "ls")
    assert found is not None
    targets = Targets(found.make_context("ls", [*options, place], parent=root))
    endpoint = targets.endpoint(targets.remote(place), lambda _message: None)
    return endpoint.user, endpoint.password and endpoint.password.reveal()


def test_anonymous_by_default() -> None:
    assert login("ftpes://h/") == ("anonymous", "anonymous@")
    assert login("ftpes://ftp@h/") == ("ftp", "anonymous@")
    assert login("ftpes://h/", "--user", "anonymous") == ("anonymous", "anonymous@")


def test_order_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources are removed one by one, the strongest first."""
    config = write(tmp_path / "c.toml", '[profiles.w]\nurl = "ftpes://h/"\nuser = "prof"\npassword = "profsecret"\n')
    write(tmp_path / ".netrc", "machine h login net password netsecret\n")
    password_file = write(tmp_path / "pw", "optsecret\nmore\n")
    monkeypatch.setenv("FTPCLI_USER", "env")
    monkeypatch.setenv("FTPCLI_PASSWORD", "envsecret")
    options = ["--profile", "w", "--config", config]
    url = "ftpes://url:urlsecret@h/"
    assert login(url, *options, "--user", "opt", "--password-file", password_file) == ("opt", "optsecret")
    assert login(url, *options) == ("url", "urlsecret")
    assert login("ftpes://h/", *options) == ("env", "envsecret")
    monkeypatch.delenv("FTPCLI_USER")
    monkeypatch.delenv("FTPCLI_PASSWORD")
    assert login("ftpes://h/", *options) == ("prof", "profsecret")
    assert login("w:x", "--config", config) == ("prof", "profsecret")
    assert login("ftpes://h/") == ("net", "netsecret")
    assert login("ftpes://h/", "--no-netrc") == ("anonymous", "anonymous@")


def test_password_is_used_with_its_own_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / ".netrc", "machine h login net password netsecret\n")
    config = write(tmp_path / "c.toml", '[profiles.w]\nurl = "ftpes://prof:profsecret@h/"\n')
    monkeypatch.setenv("FTPCLI_USER", "env")
    monkeypatch.setenv("FTPCLI_PASSWORD", "envsecret")
    with pytest.raises(UsageError, match="no password for bob on h"):
        login("ftpes://url:urlsecret@h/", "--user", "bob", "--profile", "w", "--config", config)


def test_password_without_a_user_serves_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTPCLI_PASSWORD", "envsecret")
    assert login("ftpes://bob@h/") == ("bob", "envsecret")


def test_netrc_completes_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "other", "default login d password netsecret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "other"))
    assert login("ftpes://d@h/") == ("d", "netsecret")
    assert login("ftpes://h/") == ("d", "netsecret")


def test_two_logins_of_one_profile_and_the_defaults(tmp_path: Path) -> None:
    config = write(
        tmp_path / "c.toml",
        f'[defaults]\npassword_file = "{write(tmp_path / "pw", "defsecret")}"\n'
        '[profiles.w]\nhost = "h"\nuser = "prof"\n[profiles.v]\nhost = "h"\nuser = "v"\npassword_command = "echo v"\n',
    )
    assert login("w:", "--config", config) == ("prof", "defsecret")
    assert login("v:", "--config", config) == ("v", "v")


def test_two_password_sources_in_one_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than one"):
        login("ftpes://h/", "--password-file", write(tmp_path / "f", "x"), "--password-command", "echo x")


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("machine h login net password netsecret wrong netsecret\n", 0o600, ".netrc:1: "),
        ("machine h login net password netsecret\n", 0o644, "permissi"),
    ],
)
def test_netrc_errors_are_one_line_without_secrets(tmp_path: Path, text: str, mode: int, words: str) -> None:
    path = tmp_path / ".netrc"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UsageError) as caught:
        login("ftpes://net@h/")
    assert words in str(caught.value)
    assert "netsecret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert login("ftpes://h/", "--no-netrc") == ("anonymous", "anonymous@")


def test_prompt_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no terminal to ask on"):
        login("ftpes://bob@h/")
    person = Person(monkeypatch)
    assert login("ftpes://bob@h/") == ("bob", "typed")
    assert person.asked == ["Password for bob on h: "]


def test_one_prompt_per_server(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch)
    root = click.Context(app.cli, info_name="ftpcli")
    command: Any = app.cli.get_command(root, "get")
    urls = ["ftpes://bob@h/a", "ftpes://bob@h/b", "ftpes://bob@i/c"]
    targets = Targets(command.make_context("get", list(urls), parent=root))
    for url in urls:
        targets.endpoint(targets.remote(url), lambda _message: None)
    assert len(person.asked) == 2


@pytest.mark.parametrize("password", ["a\nDELE x", "a\rb", "a\0b"])
def test_line_ends_in_a_login_are_refused(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    Person(monkeypatch, password)
    with pytest.raises(UsageError, match="line ends or NUL"):
        login("ftpes://bob@h/")


def test_no_prompt_or_command_without_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    config = write(tmp_path / "c.toml", f'[profiles.w]\nhost = "h"\npassword_command = "touch {trace}"\n')
    write(tmp_path / ".netrc", "broken\n")
    monkeypatch.setenv("FTPCLI_PASSWORD", "envsecret")
    assert login("w:", "--config", config, "--user", "bob") == ("bob", "envsecret")
    assert not trace.exists()


def test_ssh_defaults_to_the_local_user_without_a_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys come first, and users in ~/.netrc are for FTP."""
    monkeypatch.setattr(getpass, "getuser", lambda: "local")
    monkeypatch.setattr(credentials, "asker", lambda: pytest.fail("asked"))
    write(tmp_path / ".netrc", "machine h login net password netsecret\ndefault login anonymous password x\n")
    assert login("sftp://h/") == ("local", None)
    assert login("sftp://net@h/") == ("net", "netsecret")
    assert login("sftp://net@h/", "--no-netrc") == ("net", None)
    assert login("sftp://bob@h/") == ("bob", None)
    monkeypatch.setenv("FTPCLI_PASSWORD", "envsecret")
    assert login("sftp://h/") == ("local", "envsecret")


def passphrase(*options: str) -> str | None:
    root = click.Context(app.cli, info_name="ftpcli")
    found = app.cli.get_command(root, "ls")
    assert found is not None
    targets = Targets(found.make_context("ls", [*options, "sftp://h/"], parent=root))
    source = targets.endpoint(targets.remote("sftp://h/"), lambda _message: None).ssh.passphrase
    if source is None:
        return None
    assert source().reveal() == source().reveal()
    return source().reveal()


def test_passphrase_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTPCLI_PASSPHRASE", raising=False)
    config = write(tmp_path / "c.toml", '[defaults]\npassphrase_command = "echo profsecret"\n')
    count = tmp_path / "count"
    assert passphrase() is None
    assert passphrase("--config", config) == "profsecret"
    monkeypatch.setenv("FTPCLI_PASSPHRASE", "envsecret")
    assert passphrase("--config", config) == "envsecret"
    command = f"sh -c 'echo x >> {count}; echo optsecret'"
    assert passphrase("--passphrase-command", command) == "optsecret"
    assert count.read_text() == "x\n"


def test_failing_passphrase_command() -> None:
    with pytest.raises(UsageError, match="the passphrase command false failed with exit status 1"):
        passphrase("--passphrase-command", "false")
