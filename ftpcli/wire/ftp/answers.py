"""What stands inside single replies: FEAT, PASV, EPSV, PWD, SIZE, MDTM, MFMT; and how to write PORT and EPRT."""

from __future__ import annotations

import calendar
import ipaddress
import re
import time

from ftpcli.errors import PeerProtocolError
from ftpcli.wire.ftp.reply import Reply

_SIX_NUMBERS = re.compile(r"(?<!\d)" + ",".join([r"(\d{1,3})"] * 6) + r"(?!\d)", re.ASCII)
_EPSV = re.compile(r"\(([\x21-\x7e])\1\1(\d{1,5})\1\)", re.ASCII)
_MODIFY = re.compile(r"(?:^|[;\s])modify=(\d[^;\s]*)", re.ASCII | re.IGNORECASE)
_YEAR_10000 = 253_402_300_800  # a leap second may lead there, and no calendar goes on
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?", re.ASCII)


def parse_features(reply: Reply) -> dict[str, str]:
    """FEAT (RFC 2389 §3.2): feature name in capitals → its parameters, as the server wrote them."""
    features: dict[str, str] = {}
    for line in reply.lines[1:-1]:
        name, _, parameters = line.strip().partition(" ")
        if name:
            features[name.upper()] = parameters.strip()
    return features


def parse_pasv(reply: Reply) -> tuple[str, int]:
    """227: ``h1,h2,h3,h4,p1,p2`` with or without brackets (RFC 959 §4.1.2, RFC 1123 §4.1.2.6) → address, port."""
    found = _SIX_NUMBERS.search(" ".join(reply.lines))
    numbers = [int(number) for number in found.groups()] if found else []
    if not numbers or max(numbers) > 255 or numbers[4:] == [0, 0]:
        raise PeerProtocolError("the server's answer to PASV names no usable address", reply=reply.text)
    return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]


def parse_epsv(reply: Reply) -> int:
    """229: ``(|||port|)`` with any delimiter (RFC 2428 §3) → port; the address is the control connection's."""
    found = _EPSV.search(" ".join(reply.lines))
    port = int(found[2]) if found else 0
    if not 0 < port < 65536:
        raise PeerProtocolError("the server's answer to EPSV names no usable port", reply=reply.text)
    return port


def parse_quoted_path(reply: Reply) -> str | None:
    """257: the path in double quotes, doubled quotes within (RFC 959 appendix II); None where there is none."""
    text = reply.lines[-1]
    if not text.startswith('"'):
        start = text.find('"')
        if start < 0:
            return None
        text = text[start:]
    path: list[str] = []
    position = 1
    while position < len(text):
        if text[position] == '"':
            if text[position + 1 : position + 2] != '"':
                return "".join(path)
            position += 1
        path.append(text[position])
        position += 1
    return None


def parse_size(reply: Reply) -> int:
    """213 to SIZE (RFC 3659 §4): bytes."""
    text = reply.lines[-1].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise PeerProtocolError("the server's answer to SIZE is not a number", reply=reply.text)
    return int(text)


def parse_time(text: str) -> float | None:
    """``YYYYMMDDHHMMSS[.sss]`` in UTC (RFC 3659 §2.3) → seconds since 1970, None where it is no time."""
    found = _TIME.match(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60 and year >= 1):
        return None
    fraction = float("0." + found[7]) if found[7] else 0.0
    moment = calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
    return moment + fraction if moment < _YEAR_10000 else None


def parse_modify(reply: Reply) -> float | None:
    """213 to MFMT: ``Modify=YYYYMMDDHHMMSS; path`` (draft-somers-ftp-mfxx §3.1) → seconds since 1970.

    None where the server only says that it is done.
    """
    found = _MODIFY.search(reply.lines[-1])
    return parse_time(found[1]) if found else None


def write_time(seconds: float) -> str:
    """The form MFMT and MDTM take: whole seconds, UTC, rounded down."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(int(seconds // 1)))


def write_port(address: str, port: int) -> str:
    """PORT's argument (RFC 959 §4.1.2); IPv4 only."""
    return f"{address.replace('.', ',')},{port >> 8},{port & 255}"


def write_eprt(address: str, port: int) -> str:
    """EPRT's argument (RFC 2428 §2). A zone means something on this computer only."""
    address = address.partition("%")[0]
    family = 2 if ipaddress.ip_address(address).version == 6 else 1
    return f"|{family}|{address}|{port}|"
