"""ssh_config: which settings hold for a host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import UsageError
from ftpcli.wire.ssh.config import Evaluation, Settings, Who, expand

WHO = Who("backup", None, "me")


def settings(
    *texts: str, who: Who = WHO, files: dict[str, str] | None = None, told: list[str] | None = None
) -> Settings:
    def include(pattern: str) -> Iterator[tuple[str, str]]:
        for name, text in (files or {}).items():
            if name == pattern or pattern == "*":
                yield text, name

    evaluation = Evaluation(who, include, (told if told is not None else []).append)
    for text in texts:
        evaluation.read(text, "config")
    return evaluation.settings


def test_the_first_value_counts() -> None:
    found = settings(
        "Host x\n Port 1\nHost backup\n  Port 2\n  User a\nHost *\n Port 3\n Hostname h\n", "Port 4\nUser b"
    )
    assert (found.word("port"), found.word("user"), found.word("hostname")) == ("2", "a", "h")
    assert found.word("identityfile") is None


def test_key_files_add_up() -> None:
    found = settings("IdentityFile a\nHost backup\nIdentityFile b\nHost x\nIdentityFile c", "IdentityFile d")
    assert found.words("identityfile") == ("a", "b", "d")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Port 22", ("22",)),
        ("\tPORT=22 ", ("22",)),
        ("port  =  22", ("22",)),
        ("Port 22 # why", ("22",)),
        ('Port "a b" c', ("a b", "c")),
        (r'Port "a\"b"', ('a"b',)),
        ("Port a#b", ("a#b",)),
    ],
)
def test_how_a_line_is_read(line: str, words: tuple[str, ...]) -> None:
    assert settings(line).words("port") == words


def test_a_proxy_command_is_the_whole_line() -> None:
    command = 'nc -X connect -x "a b" %h %p # not a comment'
    assert settings(f"ProxyCommand {command}").word("proxycommand") == command


@pytest.mark.parametrize(("first", "second"), [("ProxyJump", "ProxyCommand"), ("ProxyCommand", "ProxyJump")])
def test_the_first_way_wins(first: str, second: str) -> None:
    found = settings(f"{first} a\n{second} b")
    assert (found.word(first.lower()), found.word(second.lower())) == ("a", None)


@pytest.mark.parametrize("line", ["Port", "=22", "<<<", 'Port "22', "Match", "Match host", "Port ="])
def test_a_line_that_makes_no_sense_is_named(line: str) -> None:
    with pytest.raises(UsageError, match=r"config:2: "):
        settings(f"# one\n{line}\n")


def test_negated_hosts() -> None:
    assert settings("Host * !backup\nPort 1\nHost *up\nPort 2").word("port") == "2"


@pytest.mark.parametrize(
    ("criteria", "user", "holds"),
    [
        ("all", None, True),
        ("host backup", None, True),
        ("host=backup", None, True),
        ("host 10.*", None, False),
        ("originalhost backup", None, True),
        ("user root", "root", True),
        ("user root", "other", False),
        ("user me", None, True),
        ("localuser me,you", None, True),
        ("!host backup", None, False),
        ("!host x", None, True),
        ("host backup user root", "root", True),
        ("host backup user root", None, False),
    ],
)
def test_match(criteria: str, user: str | None, holds: bool) -> None:
    found = settings(f"Match {criteria}\nPort 1\n", who=Who("backup", user, "me"))
    assert found.word("port") == ("1" if holds else None)


def test_match_sees_what_was_set_before() -> None:
    assert settings("Host backup\nHostname h.org\nUser u\nMatch host h.org user u\nPort 1").word("port") == "1"


@pytest.mark.parametrize(
    "criteria", ["exec true", "!exec false", "canonical", "final all", "all exec true", "tagged x"]
)
def test_what_is_not_understood_never_holds(criteria: str) -> None:
    told: list[str] = []
    found = settings(f"Match {criteria}\nProxyCommand evil\nHost *\nPort 1", told=told)
    assert (found.word("proxycommand"), found.word("port")) == (None, "1")
    assert len(told) == 1


def test_include_keeps_the_block_around_it() -> None:
    files = {"f": "User inner\nHost x\nPort 1\n"}
    found = settings("Host backup\nInclude f\nPort 2\n", files=files)
    assert (found.word("user"), found.word("port")) == ("inner", "2")
    assert settings("Host other\nInclude f\n", files=files).word("user") is None
    assert settings("Include *\n", files={"a": "Port 1", "b": "Port 2"}).word("port") == "1"
    assert settings("Include missing\nPort 3").word("port") == "3"


def test_a_circle_of_includes_ends() -> None:
    with pytest.raises(UsageError, match="deep"):
        settings("Include f", files={"f": "Include f"})


def test_expansion() -> None:
    assert expand("nc %h %p 100%%", {"h": "host", "p": "22"}) == "nc host 22 100%"
    assert expand("${HOME}/%h", {"h": "%%"}, {"HOME": "%h"}) == "%h/%%"
    assert expand("${HOME}", {}) == "${HOME}"
    with pytest.raises(UsageError, match="%x"):
        expand("%x", {})
    with pytest.raises(UsageError, match="NOWHERE"):
        expand("${NOWHERE}", {}, {})


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = settings(text, files={"f": "Port 1"})
    except UsageError:
        return
    assert isinstance(found.words("port"), tuple)
