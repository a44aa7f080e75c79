"""URLs and profile paths."""

from __future__ import annotations

import fnmatch
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.cli.urls import Location, ProfilePath, is_remote, join, parse, parse_url, remote_path, written_path
from ftpcli.errors import UsageError
from ftpcli.model import Endpoint

SAFE = st.characters(blacklist_categories=("Cc", "Cs"))


@pytest.mark.parametrize(
    ("url", "path", "trailing_slash"),
    [
        ("ftp://host", "", True),
        ("ftp://host/", "", True),
        ("ftp://host/a/b", "a/b", False),
        ("ftp://host/a/b/", "a/b", True),
        ("ftp://host//a", "/a", False),
        ("ftp://host/%2Fa", "/a", False),
        ("ftp://host/%2fa/", "/a", True),
        ("ftp://host//", "/", True),
        ("ftp://host/%2F", "/", True),
        ("ftp://host///a//b", "/a/b", False),
        ("ftp://host/~/a", "a", False),
        ("ftp://host/~", "", True),
        ("ftp://host/~//a", "a", False),
        ("ftp://host/%7E/a", "a", False),
        ("ftp://host/./~/a", "./~/a", False),
        ("ftp://host/~user/a", "~user/a", False),
        ("ftp://host/a;type=i", "a", False),
        ("ftp://host/a;TYPE=A", "a", False),
        ("ftp://host/a%3Btype=i", "a;type=i", False),
        ("ftp://host/file?.txt", "file?.txt", False),
        ("ftp://host/a#1", "a#1", False),
        ("ftp://host/100%", "100%", False),
        ("ftp://host/100%25", "100%", False),
        ("ftp://host/[a-z]*", "[a-z]*", False),
        ("ftp://host/%E9", "\udce9", False),
        ("ftp://host/%C3%A9", "é", False),
        ("ftp://host/\udcc3%A9", "é", False),
        ("ftp://host/a@b:c", "a@b:c", False),
    ],
)
def test_paths(url: str, path: str, trailing_slash: bool) -> None:
    found = parse_url(url)
    assert (found.path, found.trailing_slash) == (path, trailing_slash)


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("a/b", None),
        ("report%5B1%5D.txt", None),
        ("what%3F.txt", None),
        ("%2A", None),
        ("%2a/%5b", None),
        ("a[b", None),
        ("*", "*"),
        ("a/*.txt", "a/*.txt"),
        ("%2A*", "[*]*"),
        ("%3F?%5b*", "[?]?[[]*"),
        ("[ab]%2A", "[ab][*]"),
        ("[%2A%3F]", "[*?]"),
        ("[!%2A]", "[!*]"),
        ("[a%5D]", "[]a]"),
        ("[]a]", "[]a]"),
        ("a[b*", "a[[]b*"),
        ("a[b/c]*", "a[[]b/c]*"),
        ("%E9*", "\udce9*"),
        ("%25*", "%*"),
        ("a//*/", "a/*"),
        ("a%2F*", "a/*"),
    ],
)
def test_only_what_stands_unencoded_is_a_wildcard(written: str, pattern: str | None) -> None:
    assert parse_url(f"ftp://host/{written}").pattern == pattern
    absolute = None if pattern is None else f"/{pattern}"
    assert parse_url(f"ftp://host//{written}").pattern == absolute
    assert parse_url(f"sftp://host/{written}").pattern == absolute
    assert parse_url(f"sftp://host/~/{written}").pattern == pattern


@given(name=st.text(SAFE, min_size=1).filter(lambda name: "/" not in name and "~" not in name))
def test_a_name_that_is_encoded_whole_is_never_a_pattern(name: str) -> None:
    assert parse_url(f"ftp://host/x/{quote(name, safe='')}").pattern is None
    pattern = parse_url(f"ftp://host/x/*/{quote(name, safe='')}").pattern
    assert pattern is not None
    assert fnmatch.fnmatchcase(name, pattern.removeprefix("x/*/"))


@pytest.mark.parametrize(
    ("url", "scheme", "user", "password", "host", "port"),
    [
        ("ftp://h", "ftp", None, None, "h", None),
        ("FTPES://h:2121/x", "ftpes", None, None, "h", 2121),
        ("ftps://bob@h/", "ftps", "bob", None, "h", None),
        ("ftp://bob:p%40ss@h", "ftp", "bob", "p@ss", "h", None),
        ("ftp://bob:@h", "ftp", "bob", "", "h", None),
        ("ftp://bob@corp:x@h", "ftp", "bob@corp", "x", "h", None),
        ("ftp://:pw@h", "ftp", None, "pw", "h", None),
        ("ftp://@h", "ftp", None, None, "h", None),
        ("ftp://h:", "ftp", None, None, "h", None),
        ("ftp://[::1]", "ftp", None, None, "::1", None),
        ("ftp://bob@[2001:db8::7]:21/x", "ftp", "bob", None, "2001:db8::7", 21),
        ("ftp://[fe80::1%25eth0]/", "ftp", None, None, "fe80::1%eth0", None),
        ("ftp://[fe80::1%eth0]/", "ftp", None, None, "fe80::1%eth0", None),
    ],
)
def test_login_host_and_port(
    url: str, scheme: str, user: str | None, password: str | None, host: str, port: int | None
) -> None:
    found = parse_url(url)
    word = None if found.password is None else found.password.reveal()
    assert (found.scheme, found.user, word, found.host, found.port) == (scheme, user, password, host, port)


@pytest.mark.parametrize(
    "url",
    [
        "http://host/x",
        "scp://host/x",
        "ftp://",
        "ftp:///x",
        "ftp://bob@/x",
        "ftp://h:0/",
        "ftp://h:65536/",
        "ftp://h:x/",
        "ftp://h:²/",
        "ftp://::1/",
        "ftp://[::1",
        "ftp://[::1]x/",
        "ftp://[hello]/",
        "ftp://ho st/",
        "ftp://h/a%00b",
        "ftp://h/a%0d%0aDELE%20x",
        "ftp://h/a\nb",
        "ftp://h/%7f",
        "ftp://bo%0ab@h/",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://bob:s3/cret@host/x", "ftp://bob:s3cret@ho st/x", "ftp://bob:s3cret@h:x/"])
def test_no_password_in_error_messages(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert "s3" not in str(caught.value)


def test_unknown_scheme_error_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="this version speaks ftp, ftpes, ftps and sftp only"):
        parse("scp://host/x")


@pytest.mark.parametrize(
    ("url", "path", "trailing_slash"),
    [
        ("sftp://host", "", True),
        ("sftp://host/", "/", True),
        ("sftp://host//", "/", True),
        ("sftp://host/a/b", "/a/b", False),
        ("sftp://host/a/b/", "/a/b", True),
        ("sftp://host//a/", "/a", True),
        ("sftp://host/%2Fa", "/a", False),
        ("sftp://host/~", "", True),
        ("sftp://host/~/", "", True),
        ("sftp://host/~/a/b", "a/b", False),
        ("sftp://host/%7E/a/", "a", True),
        ("sftp://host/~user/a", "/~user/a", False),
        ("sftp://host/./~/a", "/./~/a", False),
        ("sftp://host/a/~/b", "/a/~/b", False),
        ("sftp://host/a;type=i", "/a;type=i", False),
    ],
)
def test_sftp_paths_are_absolute(url: str, path: str, trailing_slash: bool) -> None:
    found = parse_url(url)
    assert (found.scheme, found.path, found.trailing_slash) == ("sftp", path, trailing_slash)
    assert parse_url(f"sftp://host{written_path('sftp', path)}").path == path


@pytest.mark.parametrize("path", ["", "/", "a/b", "/a/b"])
def test_shown_sftp_url_names_the_same_place(path: str) -> None:
    assert parse_url(Endpoint("sftp", "host", 2222).url(path)).path == path


@pytest.mark.parametrize("text", ["NAME:path", "x:path", "C:/x", "a.b-c_d:", "ftp:/x", "ftp://h"])
def test_remote(text: str) -> None:
    assert is_remote(text)


@pytest.mark.parametrize("text", ["./NAME:x", "/a:b", "dir/a:b", "plain", "", "-", ":x", "a b:c", "../x:y"])
def test_local(text: str) -> None:
    assert not is_remote(text)
    assert parse(text) is None


def test_profile_paths_are_not_decoded() -> None:
    assert parse("work:100%41 #x") == ProfilePath("work", "100%41 #x")


@pytest.mark.parametrize(
    ("base", "path", "whole"),
    [("", "a", "a"), ("/b", "a", "/b/a"), ("b", "/a", "/a"), ("/", "a", "/a"), ("b", "", "b"), ("", "", "")],
)
def test_join(base: str, path: str, whole: str) -> None:
    assert join(base, path) == whole


@given(st.text(SAFE.filter(lambda c: c != "/"), min_size=1).filter(lambda name: name not in ("~",)))
def test_quoted_names_come_back(name: str) -> None:
    assert parse_url(f"ftp://host/dir/{quote(name, safe='')}").path == f"dir/{name}"


@given(st.binary(min_size=1).filter(lambda raw: all(byte >= 32 and byte not in (0x7F, 0x2F) for byte in raw)))
def test_quoted_bytes_come_back(raw: bytes) -> None:
    path = parse_url(f"ftp://host/d/{quote_from_bytes(raw, safe='')}").path
    assert path.encode("utf-8", "surrogateescape") == b"d/" + raw


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for candidate in (text, f"ftp://{text}", f"ftp://host/{text}"):
        try:
            found = parse(candidate)
        except UsageError:
            continue
        if isinstance(found, Location):
            assert found.host
            assert not any(ord(character) < 32 for character in found.path)
            assert found.path in ("", "/") or not found.path.endswith("/")


@given(st.text(SAFE, max_size=30))
def test_remote_path_is_idempotent(path: str) -> None:
    once, _ = remote_path(path)
    if not once.startswith("~"):
        assert remote_path(once)[0] == once
    assert "//" not in once
