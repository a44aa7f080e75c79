"""Names that a server may take for one another. Pure.

Some servers ignore case (IIS, Windows, most NAS), force one case, store another Unicode form (macOS), or drop trailing
dots and blanks (Windows). None says so, and which names are one cannot be computed: NTFS tells ß from SS, a Turkish
collation tells I from i, and on ext4 each directory may differ. So a rough comparison only finds the names in doubt,
and the server is asked: ``trees.name_aliases``.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ftpcli.engine.compare.decide import Decision, What
from ftpcli.model import Entry, Kind

# What servers replace by another character: Windows has no such names, and see ``names.rewritten``.
_REPLACED = re.compile(r'[\x00-\x1f\x7f\udc80-\udcff\ufffd"*:<>?|\\]')
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Aliases:
    """What a server said about the names in one directory. All are source names that its listing does not show.

    ``of``: the listed name of the same object. ``unsure``: the listed name of what may or may not be the same object.
    ``apart``: a similar listed name that belongs to another object. ``twins``: some of those that are neither listed
    nor the same as a listed one are similar to each other.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    unsure: Mapping[str, str] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)
    twins: bool = False

    def key(self, name: str) -> str:
        """Equal for names of the same object."""
        return self.of.get(name, name)

    def __bool__(self) -> bool:
        return bool(self.of)


def rough(name: str) -> str:
    """Equal for all names that some server may take for one another, and for a few others."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name.replace("ı", "i")).casefold().replace("i̇", "i")
        name = unicodedata.normalize("NFKC", name)  # casefold() may denormalise
    return _REPLACED.sub("_", name.lower()).rstrip(". ").lstrip(" ") or name


def manner(name: str, other: str) -> str:
    """In which way two names differ, if every two names that differ in this way are one on the same server, or none
    is; else an empty string."""
    if name == other:
        return ""
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other):
        return "form"
    if name.rstrip(". ") == other.rstrip(". "):
        return "tail"
    if name.translate(_LOWER) == other.translate(_LOWER):
        turkish = any(one != two and one in "iI" for one, two in zip(name, other, strict=True))
        return "case of i" if turkish else "case"
    return ""


def may_be(found: Entry, listed: Entry) -> bool:
    """Whether what was found under one name may be what is listed under another. A link may be looked at or through."""
    if listed.kind is Kind.LINK:
        return True
    if found.kind is not listed.kind:
        return False
    return found.kind is not Kind.FILE or found.size == listed.size or None in (found.size, listed.size)


def similar(names: Iterable[str]) -> Mapping[str, list[str]]:
    """The names that are roughly equal to another, in their order, by ``rough``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(rough(name), []).append(name)
    return {key: group for key, group in groups.items() if len(group) > 1}


def or_unsure(decision: Decision, unsure: Mapping[str, str]) -> Decision:
    """The decision, or a conflict if the server does not tell whether the name is another's."""
    if decision.name not in unsure or decision.what not in (What.COPY, What.LINK, What.DESCEND):
        return decision
    why = f"the server may not tell this name from {unsure[decision.name]}; rename one of the two"
    return decision._replace(what=What.CONFLICT, why=why)
