"""Parses the places on a server that users type: a URL, or ``NAME:path`` with a profile's name. Pure.

A *remote path*, as the engine takes it, has no leading slash when it is relative to the login directory ("" is that
directory itself), and begins with "/" when it is absolute. It never ends in a slash, but for "/" itself. In an sftp URL
a path is absolute, as in other clients; ``/~/x`` is relative there.

A *pattern* is such a path for ``engine.trees.glob``: only ``*``, ``?`` and ``[...]`` that were typed as they are act as
wildcards. One that was percent-encoded stands for itself, as ``[*]`` does in the pattern.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ftpcli.errors import UsageError
from ftpcli.model import DEFAULT_PORTS, Secret

SCHEMES = ("ftp", "ftpes", "ftps", "sftp")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z", re.DOTALL)
PROFILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PROFILE = re.compile(rf"({PROFILE_NAME.pattern}):(.*)\Z", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TYPE_SUFFIX = re.compile(r";type=([^/;]*)\Z", re.IGNORECASE)
_WILDCARD = re.compile(r"[*?[]")
_PATTERN_PARTS = re.compile(r"\[!?\]?[^]/]*\]|[^*?[]+|.", re.DOTALL)
_NOT_IN_HOST = re.compile(r"[\x00-\x20\x7f/\\?#%<>\"^`{|}\[\]:@]")


@dataclass(frozen=True)
class Location:
    """A place on a server. ``port`` is None if none was given. ``trailing_slash``: it was written as a directory.
    ``pattern``: the path as a pattern, None where it has no wildcards. ``type``: ``a`` or ``i`` where that was given
    (RFC 1738 §3.2.2), else empty."""

    scheme: str
    host: str
    path: str
    user: str | None = None
    password: Secret | None = None
    port: int | None = None
    trailing_slash: bool = False
    pattern: str | None = None
    type: str = ""


@dataclass(frozen=True)
class ProfilePath:
    """``NAME:path`` as it was typed, not looked up in the config yet."""

    profile: str
    path: str


def is_remote(text: str) -> bool:
    """True for a URL or ``NAME:path``. As in scp, a colon before the first slash makes it remote."""
    return bool(_URL.match(text) or _PROFILE.match(text))


def parse(text: str) -> Location | ProfilePath | None:
    """What ``text`` names on a server, or None when it is a local path."""
    if _URL.match(text):
        return parse_url(text)
    if match := _PROFILE.match(text):
        return ProfilePath(match[1], match[2])
    return None


def parse_url(text: str) -> Location:
    """Parse a URL; percent-decoding happens here and nowhere else. Raises UsageError."""
    match = _URL.match(text)
    if match is None:
        raise UsageError(f"{_without_password(text)!r} is not a URL: scheme://host/path is expected")
    scheme = match[1].lower()
    if scheme not in SCHEMES:
        raise UsageError(f"{scheme}://: this version speaks {', '.join(SCHEMES[:-1])} and {SCHEMES[-1]} only")
    authority, slash, raw_path = match[2].partition("/")
    login, at, place = authority.rpartition("@")
    user, password = _login(login) if at else (None, None)
    host, port = _host_and_port(place, text)
    raw_path, type_ = _without_type(raw_path, scheme)
    raw_path = slash + raw_path
    path, trailing_slash = remote_path(_from_root(scheme, _percent_decoded(raw_path)))
    pattern = _pattern(raw_path)
    if pattern is not None:
        pattern, _ = remote_path(_from_root(scheme, pattern))
    return Location(scheme, host, path, user, password, port, trailing_slash, pattern, type_)


def _without_type(raw: str, scheme: str) -> tuple[str, str]:
    """A path without its ``;type=``, and that. Raises UsageError for one that says what cannot be done."""
    found = _TYPE_SUFFIX.search(raw)
    if found is None or (scheme == "sftp" and found[1].lower() != "a"):
        return raw, ""
    literal_form = "in a name it is written %3Btype="
    if scheme == "sftp":
        raise UsageError(f"{found[0]} is for FTP; SFTP transfers bytes as they are ({literal_form})")
    kind = found[1].lower()
    if kind == "d":
        raise UsageError(f"{found[0]} asks for a listing, which ftpcli ls shows ({literal_form})")
    if kind not in ("a", "i"):
        raise UsageError(f"{found[0]} is none of ;type=a (text) and ;type=i (bytes) ({literal_form})")
    return raw[: found.start()], kind


def _from_root(scheme: str, path: str) -> str:
    """What a URL's path stands for: in an sftp URL it is absolute, except ``/~/x`` and a URL without a path."""
    if scheme == "sftp" and path != "/~" and not path.startswith("/~/"):
        return path
    return path.removeprefix("/")


def _pattern(raw: str) -> str | None:
    """A path that is percent-encoded as a pattern; None where no wildcard stands in it unencoded."""
    parts = _PATTERN_PARTS.findall(raw)
    if not any(part in ("*", "?") or _is_set(part) for part in parts):
        return None
    return "".join(
        part if part in ("*", "?") else _set(part) if _is_set(part) else literal(_percent_decoded(part))
        for part in parts
    )


def _is_set(part: str) -> bool:
    return part.startswith("[") and part.endswith("]")


def _set(part: str) -> str:
    """``[...]`` with its characters decoded; a closing bracket among them must come first."""
    inner = _percent_decoded(part[1:-1].removeprefix("!"))
    bracket = "]" if "]" in inner else ""
    return f"[{'!' * part.startswith('[!')}{bracket}{inner.replace(']', '')}]"


def has_magic(path: str) -> bool:
    """Whether a path that is not percent-encoded has wildcards."""
    return bool(_WILDCARD.search(path))


def literal(path: str) -> str:
    """The pattern that matches this path alone."""
    return _WILDCARD.sub(r"[\g<0>]", path)


def remote_path(path: str) -> tuple[str, bool]:
    """The engine's form of a decoded path, and whether it was written as a directory. Raises UsageError."""
    if _CONTROL.search(path):
        raise UsageError(f"{path!r}: a path must not hold control characters")
    if path == "~" or path.startswith("~/"):
        path = path[1:].lstrip("/")
    path = re.sub(r"/{2,}", "/", path)
    trailing_slash = not path or path.endswith("/")
    return (path.rstrip("/") or path[:1]), trailing_slash


def written_path(scheme: str, path: str) -> str:
    """The path as it stands in a URL, not percent-encoded: the inverse of ``parse_url`` for people to read."""
    if scheme != "sftp":
        return f"/{path}"
    return path if path.startswith("/") else f"/~/{path}"


def join(base: str, path: str) -> str:
    """``path`` relative to the remote directory ``base``; an absolute path is returned as it is."""
    if not base or path.startswith("/"):
        return path
    if not path:
        return base
    return f"{base.rstrip('/')}/{path}"


def default_port(scheme: str) -> int:
    """The port of a scheme when the URL gives none."""
    return DEFAULT_PORTS[scheme]


def _login(text: str) -> tuple[str | None, Secret | None]:
    name, colon, secret = text.partition(":")
    user, password = _percent_decoded(name), _percent_decoded(secret)
    if _CONTROL.search(user + password):
        raise UsageError("a URL's user and password must not hold control characters")
    return user or None, Secret(password) if colon else None


def _host_and_port(place: str, text: str) -> tuple[str, int | None]:
    if place.startswith("["):
        inside, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UsageError(f"{_without_password(text)}: an IPv6 address stands in brackets: [::1] or [::1]:2121")
        return _ipv6(inside), _port(rest[1:], text)
    host, _, port = place.partition(":")
    if ":" in port:
        raise UsageError(f"{_without_password(text)}: an IPv6 address must stand in brackets, as in [::1]")
    if not host:
        raise UsageError(f"{_without_password(text)}: no host is named")
    if _NOT_IN_HOST.search(host):
        raise UsageError(f"{_without_password(text)}: {host!r} cannot be a host name")
    return host, _port(port, text)


def _ipv6(text: str) -> str:
    """An address, with its zone if it has one: ``%25eth0`` by RFC 6874, ``%eth0`` as people type it."""
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise UsageError(f"[{text}] is not an IPv6 address") from None
    zone = zone.removeprefix("25") or zone
    return f"{address}%{zone}" if percent else address


def _port(text: str, url: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise UsageError(f"{_without_password(url)}: what follows the host's colon must be a port, 1 to 65535")
    return int(text)


def _percent_decoded(text: str) -> str:
    """Bytes that are not UTF-8 become surrogate escapes, as everywhere in this program."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _without_password(text: str) -> str:
    """``text`` for a message, without what could be the password of a mistyped URL."""
    return re.sub(r"//.*@", "//***@", text, flags=re.DOTALL)
