"""The config file: its keys, their precedence, and its error messages."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from ftpcli.cli import app
from ftpcli.cli.options.config_file import Config, all_commands, load
from ftpcli.cli.server.targets import Target, Targets
from ftpcli.errors import UsageError
from ftpcli.model import DataSettings, Endpoint, TlsMode


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("FTPCLI_PASSWORD", "from the environment")
    monkeypatch.delenv("FTPCLI_USER", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def context(*arguments: str, command: str = "ls") -> click.Context:
    root = click.Context(app.cli, info_name="ftpcli")
    found = app.cli.get_command(root, command)
    assert found is not None
    return found.make_context(command, list(arguments), parent=root)


def read(file: Path, text: str) -> Config:
    file.write_text(text)
    file.chmod(0o600)
    return load(str(file), all_commands(click.Context(app.cli)))


def complaint(file: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(file, text)
    return str(caught.value).removeprefix(str(file))


def resolve(file: Path, text: str, place: str, *options: str) -> tuple[Target, Endpoint, list[str]]:
    file.write_text(text)
    file.chmod(0o600)
    targets = Targets(context("--config", str(file), *options, place))
    said: list[str] = []
    target = targets.remote(place)
    return target, targets.endpoint(target, said.append), said


def test_missing_default_file_is_an_empty_config() -> None:
    assert load(None, []).profiles == {}


def test_named_file_must_exist(file: Path) -> None:
    with pytest.raises(UsageError, match="no such config file"):
        load(str(file), [])


EVERYTHING = """
[profiles.w]
url = "ftpes://bob@ftp.example.com:2121/base/dir"
password_command = "echo secret"
netrc = false
tls_min = "1.3"
pin = "sha256:{hex}"
passive = false
active_ports = "5000-5010"
timeout = 5
keepalive = "2m"
retries = 7
ipv6 = true
verbose = 1
parallel = 9
"""


def test_profile_sets_options(file: Path) -> None:
    target, endpoint, said = resolve(file, EVERYTHING.format(hex="ab" * 32), "w:x/y")
    assert (target.path, target.choices["retries"], target.choices["verbose"]) == ("base/dir/x/y", 7, 1)
    assert (endpoint.host, endpoint.port, endpoint.user, endpoint.tls) == (
        "ftp.example.com", 2121, "bob", TlsMode.EXPLICIT,
    )  # fmt: skip
    assert endpoint.tls_settings.pins == ("sha256:" + "ab" * 32,)
    assert endpoint.data == DataSettings(active=True, active_ports=(5000, 5010))
    assert (endpoint.timing.idle, endpoint.timing.keepalive, endpoint.family) == (5.0, 120.0, 6)
    assert endpoint.password is not None
    assert endpoint.password.reveal() == "from the environment"
    assert said == []


def test_command_line_over_profile_over_defaults(file: Path) -> None:
    text = "[defaults]\nretries = 1\nparallel = 2\n[profiles.w]\nhost = 'h'\nretries = 5\nipv4 = true\n"
    target, endpoint, _ = resolve(file, text, "w:", "-6", "--retry-wait", "9")
    values = [target.choices[name] for name in ("retries", "retry_wait")]
    assert (values, endpoint.family) == ([5, 9], 6)
    assert resolve(file, text, "w:", "--retries", "3")[0].choices["retries"] == 3
    assert resolve(file, text, "ftp://h/")[0].choices["retries"] == 1


def test_built_in_value_typed_on_the_command_line_wins(file: Path) -> None:
    target, _, _ = resolve(file, "[profiles.w]\nhost = 'h'\nretries = 5", "w:", "--retries", "3")
    assert target.choices["retries"] == 3


@pytest.mark.parametrize(
    ("url", "typed", "path", "trailing_slash"),
    [
        ("ftp://h", "w:x", "x", False),
        ("ftp://h", "w:", "", True),
        ("ftp://h", "w:x/", "x", True),
        ("ftp://h/base", "w:", "base", True),
        ("ftp://h/base/", "w:x", "base/x", False),
        ("ftp://h/base", "w:/x", "/x", False),
        ("ftp://h/base", "w:~/x", "x", False),
        ("ftp://h/base", "w:100%25", "base/100%25", False),
        ("ftp://h//abs", "w:x", "/abs/x", False),
        ("ftp://h/sp%20ace", "w:x", "sp ace/x", False),
    ],
)
def test_profile_paths(file: Path, url: str, typed: str, path: str, trailing_slash: bool) -> None:
    target, _, _ = resolve(file, f'[profiles.w]\nurl = "{url}"', typed)
    assert (target.path, target.location.trailing_slash) == (path, trailing_slash)


@pytest.mark.parametrize(
    ("keys", "scheme", "port"),
    [
        ("", "ftpes", 21),
        ("scheme = 'ftp'", "ftp", 21),
        ("scheme = 'ftps'", "ftps", 990),
        ("tls = 'none'", "ftp", 21),
        ("tls = 'implicit'", "ftps", 990),
        ("tls = 'explicit'\nport = 2121", "ftpes", 2121),
        ("scheme = 'ftp'\ntls = 'explicit'", "ftpes", 21),
        ("scheme = 'ftpes'\ntls = 'none'", "ftpes", 21),
    ],
)
def test_profiles_by_host(file: Path, keys: str, scheme: str, port: int) -> None:
    _, endpoint, _ = resolve(file, f"[profiles.w]\nhost = '::1'\npath = '/a b'\n{keys}", "w:x")
    assert (endpoint.scheme, endpoint.host, endpoint.port) == (scheme, "::1", port)


def test_profile_option_with_a_bare_path_and_with_a_url(file: Path) -> None:
    text = "[profiles.w]\nurl = 'ftpes://ann@h/base'\npassword = 'hush'\nretries = 8\n"
    target, endpoint, _ = resolve(file, text, "x", "--profile", "w")
    assert (target.path, endpoint.user) == ("base/x", "ann")
    target, endpoint, said = resolve(file, text, "ftpes://h/x", "--profile", "w")
    assert (target.path, endpoint.user, target.choices["retries"], said) == ("x", "ann", 8, [])


def test_profile_login_is_not_sent_to_another_host(file: Path) -> None:
    text = "[profiles.w]\nurl = 'ftpes://ann@h/'\npassword = 'hush'\nretries = 8\n"
    target, endpoint, said = resolve(file, text, "ftpes://elsewhere/x", "--profile", "w")
    assert (endpoint.user, target.choices["retries"]) == ("anonymous", 8)
    assert endpoint.password is None or endpoint.password.reveal() != "hush"
    assert any("not sent to elsewhere" in message for message in said)


def test_two_profiles_for_one_place_are_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="contradicts"):
        resolve(file, "[profiles.a]\nhost='h'\n[profiles.b]\nhost='h'\n", "a:x", "--profile", "b")


def test_unknown_profile_error_explains_local_files(file: Path) -> None:
    with pytest.raises(UsageError, match=r"no profile 'wrok'.*nearest: work .*\./wrok:"):
        resolve(file, "[profiles.work]\nhost = 'h'", "wrok:x")
    with pytest.raises(UsageError, match=r"no profile 'wrok'.*nearest: work$"):  # an option means no file
        resolve(file, "[profiles.work]\nhost = 'h'", "x", "--profile", "wrok")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "[profiles.w]\nurl = 'ftp://h'\nretires = 3\n",
            3,
            "unknown key 'retires'; the nearest known key is 'retries'",
        ),
        ("# c\n\n[profiles.w]\n# d\n\npasswrd = 'x'\n", 6, "'password'"),
        ("[defaults]\npassword = 'x'\n", 2, "unknown key 'password'"),
        ("[defaults]\nurl = 'ftp://h'\n", 2, "unknown key 'url'"),
        ("[defaults]\nconfig = 'x'\n", 2, "unknown key"),
        ("[default]\nretries = 1\n", 1, "unknown key 'default'; the nearest known key is 'defaults'"),
        ("top = 1\n", 1, "unknown key 'top'"),
        ("[profiles]\nw = 3\n", 2, "must be a table"),
        ("profiles = 3\n", 1, "must be a table"),
        ("[profiles.'a b']\nhost = 'h'\n", 1, "cannot be a profile's name"),
        ("[profiles.w]\nretries = '3'\n", 2, "retries must be a whole number, not a text"),
        ("[profiles.w]\nretries = true\n", 2, "whole number, not true or false"),
        ("[profiles.w]\nretries = -1\n", 2, "retries"),
        ("[profiles.w]\nactive = 'yes'\n", 2, "active must be true or false"),
        ("[profiles.w]\nverbose = true\n", 2, "verbose must be a whole number"),
        ("[profiles.w]\ntimeout = 'soon'\n", 2, "not a duration"),
        ("[profiles.w]\ntimeout = [1]\n", 2, "a number of seconds"),
        ("[profiles.w]\ntls_min = 1.2\n", 2, "tls_min must be a text in quotes"),
        ("[profiles.w]\ntls = 'maybe'\n", 2, "tls"),
        ("[profiles.w]\npin = [\n  'sha256:12',\n]\n", 2, "64 hexadecimal digits"),
        ("[profiles.w]\npin = [3]\n", 2, "text in quotes, or a list"),
        ("[profiles.w]\nurl = 'http://h'\n", 2, "ftp, ftpes, ftps and sftp only"),
        ("[profiles.w]\nurl = 'ftp://h'\nhost = 'h'\n", 3, "beside url"),
        ("[profiles.w]\nurl = 3\n", 2, "url must be a text"),
        ("[profiles.w]\nport = 21\n", 2, "without host or url"),
        ("[profiles.w]\nhost = 'h'\nport = 70000\n", 3, "1-65535"),
        ("[profiles.w]\nhost = 'h'\nscheme = 'scp'\n", 3, "this version speaks"),
        ("[profiles.w]\nhost = 'h h'\n", 2, "cannot be a host name"),
        ("[profiles.a]\nhost = 'h'\n[profiles.b]\nretries = 1\nx.y = 1\n", 5, "unknown key 'x'"),
    ],
)
def test_config_errors_name_file_and_line(file: Path, text: str, line: int, words: str) -> None:
    said = complaint(file, text)
    assert said.startswith(f":{line}: ")
    assert words in said


def test_invalid_toml(file: Path) -> None:
    assert "not valid TOML" in complaint(file, "[profiles.w\n")
    assert "line 1" in complaint(file, "[profiles.w\n")


@pytest.mark.parametrize("key", ["password = 'x'", "url = 'ftp://u:x@h'"])
def test_warning_for_a_readable_password(file: Path, key: str) -> None:
    text = f"[profiles.w]\n{key}\n"
    assert read(file, text).warnings == ()
    file.chmod(0o644)
    (warning,) = load(str(file), all_commands(click.Context(app.cli))).warnings
    assert f"chmod 600 {file}" in warning


def test_tilde_in_file_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    table = read(file, "[defaults]\nlog_file = '~/ftp.log'\npassword_file = '/etc/pw'\n").defaults
    assert table.options == {"log_file": "/home/ann/ftp.log", "password_file": "/etc/pw"}


def test_profile_commands(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(
        file,
        "[defaults]\nretries = 9\n[profiles.work]\nurl = 'ftpes://ann:hush@h:2121/base'\n"
        "password_command = 'pass hush'\n[profiles.x]\nhost = 'i'\npassword = 'hush'\n",
    )
    assert app.main(["profile", "list", "--config", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == ["work  ftpes://ann:***@h:2121/base", "x     ftpes://i/"]
    assert app.main(["profile", "show", "work", "--config", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "[profiles.work]",
        "retries = 9",
        'url = "ftpes://ann:***@h:2121/base"',
        'password_command = "pass ***"',
    ]
    assert app.main(["profile", "show", "x", "--config", str(file)]) == 0
    assert "hush" not in capsys.readouterr().out
    assert app.main(["profile", "path", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert app.main(["profile", "show", "nope", "--config", str(file)]) == 2


def test_profile_show_prints_toml(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[profiles.w]\nhost = "h"\nretries = 3\nretry_wait = 1.5\nnetrc = false\npin = ["sha256:' + "0" * 64 + '"]\n'
    read(file, text)
    assert app.main(["profile", "show", "w", "--config", str(file)]) == 0
    assert capsys.readouterr().out == text
