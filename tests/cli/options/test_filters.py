"""--include, --exclude and the other filters, typed or in a profile, become FilterRules; and their errors."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click
import pytest

from ftpcli.cli import app
from ftpcli.cli.options.filters import filter_rules
from ftpcli.cli.options.types import Moment, Pattern, Size, moment
from ftpcli.cli.server.targets import Targets
from ftpcli.engine.job import FilterRules
from ftpcli.errors import UsageError

NOW = 1_000_000.0
CONFIG = """
[defaults]
exclude = "*.default"
max_size = 5000
[profiles.w]
url = "ftp://h"
include = ["a", "b"]
exclude = ["*"]
min_size = "1.5k"
older_than = "2026-01-31T00:00Z"
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))


def rules(command: str, *arguments: str, place: str = "ftp://h/x") -> FilterRules:
    root = click.Context(app.cli, info_name="ftpcli")
    found = app.cli.get_command(root, command)
    assert found is not None
    typed = {"mirror": [place, "x"], "get": [place], "put": ["x", place]}[command]
    return filter_rules(Targets(found.make_context(command, [*arguments, *typed], parent=root)).remote(place).choices)


def patterns(*arguments: str) -> tuple[str, ...]:
    return rules("mirror", *arguments).patterns


@pytest.mark.parametrize("command", [["mirror"], ["get", "-r"], ["put", "-r"]])
def test_no_filters_by_default(command: list[str]) -> None:
    assert rules(*command) == FilterRules()


@pytest.mark.parametrize("command", [["mirror"], ["get", "-r"], ["put", "-r"]])
def test_all_options(command: list[str]) -> None:
    found = rules(
        *command, "--exclude", "x", "--min-size", "10k", "--max-size", "2G", "--newer-than", "2026-01-01T00:00Z",
        "--older-than", "2026-01-01T00:00:01+00:00",
    )  # fmt: skip
    start = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
    assert found == FilterRules(("x",), 10240, 2 << 30, start, start + 1)


def test_filters_keep_the_order_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "filter"
    file.write_bytes(b"\xef\xbb\xbf# comment\r\n\r\n   \n!f1\r\nf2\\ \n\\#f3\n\xff\n")
    inside = ("!f1", "f2\\ ", "\\#f3", "\udcff")
    assert patterns("--exclude=a", "--include", "b", "--exclude", "c") == ("a", "!b", "c")
    assert patterns("--include", "b", "--exclude", "a", "--include", "c") == ("!b", "a", "!c")
    assert patterns("--include", "b", "--filter-from", str(file), "--exclude", "a") == ("!b", *inside, "a")
    assert patterns("--filter-from", str(file), "--filter-from", str(file)) == (*inside, *inside)


def test_leading_exclamation_mark() -> None:
    assert patterns("--exclude", "!a", "--include", "!a") == ("!a", "!!a")


def test_profile(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    (tmp_path / "list").write_text("from a file\n")
    config = ("--config", str(tmp_path / "c.toml"))
    until = datetime(2026, 1, 31, tzinfo=timezone.utc).timestamp()
    assert rules("mirror", *config, place="w:") == FilterRules(("*", "!a", "!b"), 1536, 5000, None, until)
    assert rules("mirror", *config).patterns == ("*.default",)
    assert rules("mirror", *config, "--include", "c", place="w:").patterns == ("*", "!c")
    assert rules("mirror", *config, "--exclude", "c", place="w:").patterns == ("!a", "!b", "c")
    (tmp_path / "c.toml").write_text(CONFIG + 'filter_from = "~/list"\n')
    assert rules("mirror", *config, place="w:").patterns == ("from a file", "*", "!a", "!b")
    assert rules("get", *config, place="w:x") == FilterRules(), "without -r a profile's filters say nothing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('exclude = "a["', "c.toml:2: exclude: 'a[' is not a pattern: a [ has no ]"),
        ("exclude = [1]", "exclude must be a text in quotes, or a list of such, not a number"),
        ("min_size = 1.5", 'min_size must be a number of bytes, or a text such as "10k", not a number'),
        ('max_size = "big"', "'big' is not a size"),
        ("newer_than = 7", "newer_than must be a text in quotes"),
        ("newer_than = 2026-01-01", "newer_than must be a text in quotes, not a date or time"),
    ],
)
def test_config_errors(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(f"[defaults]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        rules("mirror", "--config", str(tmp_path / "c.toml"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mirror", "--exclude", "a[b", "ftp://h/x", "x"], "'a[b' is not a pattern: a [ has no ]"),
        (["mirror", "--exclude", "up\\cache", "ftp://h/x", "x"], "'up\\cache' is not a pattern: \\ only makes"),
        (["mirror", "--include", "", "ftp://h/x", "x"], "it matches nothing"),
        (["mirror", "--filter-from", "missing", "ftp://h/x", "x"], "cannot read missing: no such file"),
        (["mirror", "--filter-from", ".", "ftp://h/x", "x"], "cannot read .: is a directory"),
        (["mirror", "--filter-from", "bad", "ftp://h/x", "x"], "bad:3: '!a[b' is not a pattern: a [ has no ]"),
        (["mirror", "--min-size", "10q", "ftp://h/x", "x"], "'10q' is not a size"),
        (["mirror", "--newer-than", "7", "ftp://h/x", "x"], "'7' is neither a duration"),
        (["get", "--exclude", "a", "ftp://h/x"], "--exclude goes with -r"),
        (["put", "--min-size", "1", "bad", "ftp://h/x"], "--min-size goes with -r"),
    ],
)
def test_usage_errors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").write_text("# first\nfine\n!a[b\n")
    assert app.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("1000", 1000), ("10k", 10240), ("2M", 2 << 20), ("1.5G", 3 << 29), ("1 t", 1 << 40), (".5K", 512)],
)
def test_sizes(text: str, value: int) -> None:
    assert Size().convert(text, None, None) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7d", NOW - 7 * 86400),
        ("12h", NOW - 12 * 3600),
        ("1.5m", NOW - 90),
        ("1970-01-02T00:00Z", 86400),
        ("1970-01-02 01:00:01+01:00", 86401),
        ("2026-01-31", datetime(2026, 1, 31).timestamp()),
        ("2026-01-31T18:30:15", datetime(2026, 1, 31, 18, 30, 15).timestamp()),
    ],
)
def test_moments(text: str, value: float) -> None:
    assert moment(text, NOW) == value


@pytest.mark.parametrize("text", ["", "7", "-7d", "soon", "20260131", "2026-02-30", "2026-01-31T25:00", "2026-W01-1"])
def test_refused_moments(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "k", "-1", "1kb", "1e3", "9" * 400])
def test_refused_sizes(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Size().convert(text, None, None)


def test_pattern_is_kept_as_typed() -> None:
    assert Pattern().convert("a b ", None, None) == "a b "
