"""Types of option values: durations, port ranges, certificate pins, IP addresses."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # generic since click 8.2 only
    ParamType = click.ParamType

_ASCII = "".join(map(chr, range(32, 127)))
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d|)\Z")
_SIZE = re.compile(r"(\d{1,18}(?:\.\d*)?|\.\d+)\s*([kmgt]?)\Z", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?\Z", re.ASCII)


class Text(ParamType):
    """Any text but an empty one, which most likely is an unset variable of a script."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value):
            self.fail("it is empty", param, ctx)
        return str(value)


class File(click.Path):
    """A file's name; the file need not exist."""

    def __init__(self) -> None:
        super().__init__(path_type=str)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("it is empty, and names no file", param, ctx)
        return super().convert(value, param, ctx)


class Count(click.IntRange):
    """A number of things."""

    name = "whole number"


class Duration(ParamType):
    """Seconds as a number, or with a unit: ``1.5``, ``30m``, ``2h``. Converted to a float."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            seconds = float(value)
        else:
            match = _DURATION.match(str(value).strip())
            if match is None:
                self.fail(f"{value!r} is not a duration: seconds, or a number with s, m, h or d", param, ctx)
            seconds = float(match[1]) * _UNITS[match[2]]
        if not math.isfinite(seconds) or seconds < 0:
            self.fail(f"{value!r} is not a duration: it must be 0 or more", param, ctx)
        return seconds


class PositiveDuration(Duration):
    """A duration above 0: with a timeout of 0 everything would fail."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if seconds == 0:
            self.fail("must be more than 0", param, ctx)
        return seconds


class MaxDelete(ParamType):
    """``N`` entries (converted to an int) or ``P%`` of the target's (a float)."""

    name = "n|p%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value) if isinstance(value, int) else f"{value}%"
        text = str(value).strip()
        if re.fullmatch(r"\d{1,18}", text, re.ASCII):
            return int(text)
        if not re.fullmatch(r"\d{1,3}(?:\.\d+)?%", text, re.ASCII) or float(text[:-1]) > 100:
            self.fail(f"{value!r} is neither a number of entries nor a percentage such as 20%", param, ctx)
        return float(text[:-1])


class Size(ParamType):
    """Bytes as a number, or with k, M, G or T, which are powers of 1024: ``1000``, ``10k``, ``1.5G``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SIZE.match(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a size: bytes, or a number with k, M, G or T", param, ctx)
        return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


class Moment(ParamType):
    """How long ago, ``7d`` or ``12h``, or a date with or without a time. Converted to seconds since 1970."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else moment(str(value).strip(), time.time())
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a duration such as 7d or 12h nor a date such as 2026-01-31", param, ctx)


def moment(text: str, now: float) -> float:
    """Seconds since 1970. A date is the local one unless it names its zone. Raises ValueError or OverflowError."""
    from datetime import datetime

    duration = _DURATION.match(text)
    if duration is not None and duration[2]:
        return now - float(duration[1]) * _UNITS[duration[2]]
    if not _DATE.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Pattern(ParamType):
    """A pattern in the syntax of gitignore."""

    name = "pattern"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ftpcli.engine.compare.filters import parse

        try:
            parse(str(value))
        except ValueError as error:
            self.fail(f"'{value}' is not a pattern: {error}", param, ctx)
        return str(value)


class PortRange(ParamType):
    """``LO-HI``, or one port. Converted to a pair."""

    name = "lo-hi"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", str(value).strip(), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a range of ports such as 50000-50100", param, ctx)
        low, high = int(match[1]), int(match[2] or match[1])
        if not 0 < low <= high < 65536:
            self.fail(f"{value!r} is not a range of ports within 1-65535, the lower first", param, ctx)
        return low, high


class Pin(ParamType):
    """A certificate's digest, ``sha256:HEX`` with 64 hexadecimal digits, colons allowed among them; or an SSH host
    key's, ``SHA256:BASE64`` with 43 characters, as ssh-keygen shows it. Converted to ``sha256:`` and lower-case
    digits without colons, or to ``SHA256:`` and the base64."""

    name = "sha256:digest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        kind, _, digest = str(value).strip().partition(":")
        if kind.lower() == "sha256" and re.fullmatch(r"[A-Za-z0-9+/]{43}=?", digest):
            return f"SHA256:{digest[:43]}"
        digits = digest.replace(":", "").lower()
        if kind.lower() != "sha256" or re.fullmatch(r"[0-9a-f]{64}", digits) is None:
            self.fail(
                f"{value!r} is neither sha256: followed by 64 hexadecimal digits (TLS) "
                "nor SHA256: followed by 43 characters of base64 (SSH)",
                param,
                ctx,
            )
        return f"sha256:{digits}"


class IpAddress(ParamType):
    """An IPv4 or IPv6 address; names are not looked up."""

    name = "ip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_address(str(value).strip()))
        except ValueError:
            self.fail(f"{value!r} is not an IP address", param, ctx)


class Charset(ParamType):
    """A character encoding that Python knows and that file names can be written in."""

    name = "charset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            if _ASCII.encode(str(value)) != _ASCII.encode("ascii"):
                self.fail(f"{value!r} does not keep ASCII as it is", param, ctx)
        except (LookupError, UnicodeError):
            self.fail(f"{value!r} is not a character encoding that Python knows", param, ctx)
        return str(value)
