"""Options become the engine's values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from ftpcli.cli.app import cli
from ftpcli.cli.options.config_file import known_keys
from ftpcli.cli.options.types import Charset, Duration, IpAddress, Pin, PortRange, PositiveDuration
from ftpcli.cli.server.targets import Targets
from ftpcli.errors import UsageError
from ftpcli.model import Endpoint, SshSettings, TlsMode, TlsSettings
from tests.cli.command_tree import all_commands

HEX = "0123456789abcdef" * 4
BASE64 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO+/"


def context(command: str, *arguments: str) -> click.Context:
    root = click.Context(cli, info_name="ftpcli")
    found = cli.get_command(root, command)
    assert found is not None
    return found.make_context(command, list(arguments), parent=root)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the config, netrc and login of the user who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("FTPCLI_USER", raising=False)
    monkeypatch.delenv("FTPCLI_PASSWORD", raising=False)


def endpoint(*options: str, url: str = "ftp://localhost/x") -> Endpoint:
    targets = Targets(context("ls", *options, url))
    return targets.endpoint(targets.remote(url), lambda _message: None)


def warnings(*options: str, url: str) -> list[str]:
    said: list[str] = []
    targets = Targets(context("ls", *options, url))
    targets.endpoint(targets.remote(url), said.append)
    return said


def test_defaults() -> None:
    found = endpoint()
    password = found.password
    assert password is not None
    assert found == Endpoint("ftp", "localhost", 21, password=password)
    assert (found.user, password.reveal()) == ("anonymous", "anonymous@")


@pytest.mark.parametrize(
    ("url", "options", "scheme", "port", "tls"),
    [
        ("ftp://h/", [], "ftp", 21, TlsMode.NONE),
        ("ftpes://h/", [], "ftpes", 21, TlsMode.EXPLICIT),
        ("ftps://h/", [], "ftps", 990, TlsMode.IMPLICIT),
        ("ftp://h/", ["--tls", "explicit"], "ftpes", 21, TlsMode.EXPLICIT),
        ("ftp://h/", ["--tls", "implicit"], "ftps", 990, TlsMode.IMPLICIT),
        ("ftp://h:2121/", ["--tls", "implicit"], "ftps", 2121, TlsMode.IMPLICIT),
        ("ftpes://h/", ["--tls", "explicit"], "ftpes", 21, TlsMode.EXPLICIT),
    ],
)
def test_scheme_and_tls(url: str, options: list[str], scheme: str, port: int, tls: TlsMode) -> None:
    found = endpoint(*options, url=url)
    assert (found.scheme, found.port, found.tls) == (scheme, port, tls)


def test_data_options() -> None:
    data = endpoint(
        "--active", "--active-ports", "5000-5010", "--active-address", "10.0.0.1", "--pasv-address", "peer"
    ).data
    assert (data.active, data.active_ports, data.active_address, data.pasv_address) == (
        True, (5000, 5010), "10.0.0.1", "peer",
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "active"), [("port", True), ("eprt", True), ("pasv", False), ("epsv", False)])
def test_data_mode_implies_active_or_passive(mode: str, active: bool) -> None:
    assert (endpoint("--data-mode", mode).data.active, endpoint("--data-mode", mode).data.mode) == (active, mode)


def test_timing_family_and_tls_settings() -> None:
    found = endpoint(
        "--timeout", "2m", "--final-reply-timeout", "5", "--keepalive", "0", "--keepalive-in-transfer", "off", "-6",
        "--pin", f"SHA256:{HEX.upper()}", "--pin", f"sha256:{HEX}", "--tls-min", "1.3", "--encoding", "latin-1",
        url="ftpes://h/",
    )  # fmt: skip
    assert (found.timing.idle, found.timing.final_reply, found.timing.keepalive) == (120, 5, 0)
    assert (found.timing.keepalive_in_transfer, found.family, found.encoding) == ("off", 6, "latin-1")
    assert (found.tls_settings.pins, found.tls_settings.minimum) == ((f"sha256:{HEX}",) * 2, "1.3")


def test_ssh_options(tmp_path: Path) -> None:
    for name in ("id", "known", "conf"):
        (tmp_path / name).touch()
    files = {name: f"{tmp_path}/{name}" for name in ("id", "known", "conf")}
    found = endpoint(
        "--identity", files["id"], "--identity", files["id"], "--known-hosts", files["known"], "--no-agent", "-4",
        "--ssh-config", files["conf"], "--pin", f"SHA256:{BASE64}", "--pin", f"sha256:{HEX}", "--keepalive", "5",
        url="sftp://bob@h:2222/x",
    )  # fmt: skip
    assert (found.scheme, found.port, found.user, found.tls) == ("sftp", 2222, "bob", TlsMode.NONE)
    assert found.tls_settings == TlsSettings()
    assert found.ssh == SshSettings(
        identities=(files["id"],) * 2, known_hosts=files["known"], config=files["conf"], agent=False,
        pins=(f"SHA256:{BASE64}",),
    )  # fmt: skip
    assert endpoint("--cafile", "/nowhere", url="sftp://h/").ssh.unstated == {"user", "port", "family", "keepalive"}
    assert endpoint("--ssh-config", "none", url="sftp://h/").ssh.config == "none"
    assert endpoint("--known-hosts", "/new", "--accept-new-host-key", url="sftp://h/").ssh.accept_new_host_key
    assert endpoint("--identity", "/nowhere", url="ftpes://h/").ssh == SshSettings()


def test_sftp_warnings() -> None:
    assert warnings(url="sftp://bob@example.org/") == []
    (said,) = warnings("--insecure", url="sftp://bob@example.org/")
    assert "HOST KEY OF example.org IS NOT VERIFIED" in said


@pytest.mark.parametrize(
    ("url", "options", "complaint"),
    [
        ("sftp://h/", ["--identity", "/nowhere"], "--identity: there is no file /nowhere"),
        ("sftp://h/", ["--known-hosts", "/nowhere"], "--known-hosts: there is no file /nowhere"),
        ("sftp://h/", ["--ssh-config", "/nowhere"], "--ssh-config: there is no file /nowhere"),
        ("sftp://h/", ["--pin", f"sha256:{HEX}"], "a host key's fingerprint is SHA256:"),
        ("ftpes://h/", ["--pin", f"SHA256:{BASE64}"], "a certificate's digest is sha256:"),
        ("sftp://h/", ["--tls", "explicit"], "--tls explicit contradicts sftp://"),
    ],
)
def test_invalid_ssh_options(url: str, options: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        endpoint(*options, url=url)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["-4", "-6"], "contradict"),
        (["--active", "--data-mode", "pasv"], "contradicts"),
        (["--passive", "--data-mode", "port"], "contradicts"),
        (["--tls", "none"], "contradicts ftpes"),
        (["--tls", "implicit"], "contradicts ftpes"),
        (["--tls-min", "1.3", "--tls-max", "1.2"], "above"),
        (["--cafile", "/does/not/exist"], "no file"),
        (["--key", "/dev/null"], "no file"),
        (["--profile", "nowhere"], "no profile"),
        (["--config", "/does/not/exist"], "no such config"),
    ],
)
def test_contradictions(options: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        endpoint(*options, url="ftpes://h/")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Duration(), "1.5", 1.5),
        (Duration(), "0", 0),
        (Duration(), ".5s", 0.5),
        (Duration(), "250ms", 0.25),
        (Duration(), "30m", 1800),
        (Duration(), "2h", 7200),
        (Duration(), "1d", 86400),
        (PortRange(), "50000-50100", (50000, 50100)),
        (PortRange(), "2121", (2121, 2121)),
        (Pin(), "sha256:" + ":".join(re.findall("..", HEX)), f"sha256:{HEX}"),
        (Pin(), f"SHA256:{BASE64}", f"SHA256:{BASE64}"),
        (Pin(), f"sha256:{BASE64}=", f"SHA256:{BASE64}"),
        (IpAddress(), "::0001", "::1"),
        (Charset(), "cp1252", "cp1252"),
    ],
)
def test_values(kind: click.ParamType, text: str, value: Any) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Duration(), "-1"),
        (Duration(), "nan"),
        (Duration(), "soon"),
        (Duration(), "1y"),
        (Duration(), ""),
        (PositiveDuration(), "0"),
        (PortRange(), "9-8"),
        (PortRange(), "0-8"),
        (PortRange(), "1-65536"),
        (PortRange(), "a-b"),
        (Pin(), HEX),
        (Pin(), "sha1:" + HEX),
        (Pin(), "sha256:" + HEX[1:]),
        (Pin(), "SHA256:" + BASE64[1:]),
        (Pin(), "SHA256:" + BASE64 + "x"),
        (IpAddress(), "example.com"),
        (IpAddress(), "1.2.3"),
        (Charset(), "klingon"),
        (Charset(), "utf-16"),
        (Charset(), "base64"),
    ],
)
def test_refused_values(kind: click.ParamType, text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("ftp://bob@example.invalid/", [], ["in clear"]),
        ("ftp://bob@localhost/", [], []),
        ("ftp://bob@127.8.9.1/", [], []),
        ("ftp://bob@[::1]/", [], []),
        ("ftp://example.invalid/", [], []),
        ("ftpes://bob@example.invalid/", [], []),
        ("ftpes://bob:x@example.invalid/", [], ["other users"]),
        ("ftpes://bob@example.invalid/", ["--insecure"], ["NOT VERIFIED"]),
    ],
)
def test_warnings(monkeypatch: pytest.MonkeyPatch, url: str, options: list[str], words: list[str]) -> None:
    monkeypatch.setenv("FTPCLI_PASSWORD", "secret")
    said = warnings(*options, url=url)
    assert len(said) == len(words)
    assert all(word in message for word, message in zip(words, said, strict=True))
    assert "secret" not in "".join(said)


# All commands together


def test_options_of_one_name_have_one_meaning() -> None:
    """A profile's key reaches every command that has the option, so its type must be the same there."""
    seen: dict[str, tuple[object, ...]] = {}
    for _, command in all_commands():
        for key, found in known_keys([command]).items():
            option = found.option
            shape = (type(option.type), option.is_flag, option.multiple, option.name, found.inverted)
            assert seen.setdefault(key, shape) == shape, key


def test_every_option_can_be_set_in_a_profile() -> None:
    """All but those that choose the config itself, and the demo's, which reads no config."""
    keys = known_keys(command for _, command in all_commands())
    missing = {
        f"{page} {parameter.opts[-1]}"
        for page, command in all_commands()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and parameter.opts[-1].lstrip("-").replace("-", "_") not in keys
        and parameter.opts[-1] not in ("--help", "--version", "--config", "--profile")
    }
    assert missing == {"ftpcli-demo --files", "ftpcli-demo --keep"}
