"""The names of part files: files that are not complete yet. Pure."""

from __future__ import annotations

import hashlib
import re
from enum import IntEnum

PART_SUFFIX = ".ftpcli-part"
_LONGEST_NAME = 255
_PART = re.compile(r".*\.[0-9a-f]{8}" + re.escape(PART_SUFFIX), re.DOTALL)


class PartStyle(IntEnum):
    """How part files are named on a server, the best way first; NONE: files are written under their final names."""

    HIDDEN = 0
    PLAIN = 1
    NONE = 2


def part_name(name: str, *identity: object, style: PartStyle = PartStyle.HIDDEN) -> str:
    """The name of a file that is not complete yet: ``.NAME.HHHHHHHH.ftpcli-part``, a plain one without its first dot.

    ``identity`` (place, size, time) tells sources apart: another source gives another name, so that a part file is
    never resumed with bytes of something else.
    """
    digest = hashlib.sha256("\0".join(map(str, identity)).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    tail = f".{digest}{PART_SUFFIX}"
    room = _LONGEST_NAME - len(tail) - 1
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > room:
        name = encoded[:room].decode("utf-8", "ignore")
    return f"{name}{tail}" if style is PartStyle.PLAIN else f".{name}{tail}"


def is_part(name: str) -> bool:
    return name.endswith(PART_SUFFIX) and _PART.fullmatch(name) is not None


def part_stem(part: str) -> str:
    """A part name without the source's digest: the same for all part files of one target."""
    return part[: -len(f".00000000{PART_SUFFIX}")]
