"""What servers make of names: which are one and the same there, and how they are stored.

scripted(files={"/Logo.png": b"1"}, names=IGNORES_CASE)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial


def _same(name: str) -> str:
    return name


@dataclass(frozen=True)
class NameRules:
    """``stored``: how a new name is written down. ``key``: equal for names that are one (of names as stored).

    ``keeps_spelling``: a file that is renamed onto another spelling of an existing name gets the spelling that is there
    (ext4 with casefold, Samba over it), not the one of the command (NTFS).
    """

    stored: Callable[[str], str] = _same
    key: Callable[[str], str] = _same
    keeps_spelling: bool = False

    def one(self, name: str) -> str:
        """Equal for names that are one."""
        return self.key(self.stored(name))

    def find(self, name: str, there: Iterable[str]) -> str | None:
        """The name under which this one exists in a directory."""
        return next((other for other in there if self.one(other) == self.one(name)), None)

    def place(self, name: str, there: Iterable[str]) -> str:
        """The name that this one means in a directory, whether it exists or not."""
        found = self.find(name, there)
        return self.stored(name) if found is None else found

    def place_all(self, path: str, names_in: Callable[[str], Iterable[str]]) -> str:
        """The same for each name of an absolute path."""
        placed = ""
        for name in path.split("/"):
            if name:
                placed = f"{placed}/{self.place(name, names_in(placed or '/'))}"
        return placed or "/"


def _simple_upper(name: str) -> str:
    """NTFS: one character for one, so that ß is not SS."""
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in name)


def _turkish(name: str) -> str:
    return name.replace("İ", "i").replace("I", "ı").lower()


def _without_tail(name: str) -> str:
    return name.rstrip(". ")


_nfc, _nfd = partial(unicodedata.normalize, "NFC"), partial(unicodedata.normalize, "NFD")

EXACT = NameRules()
IGNORES_CASE = NameRules(key=_simple_upper)  # NTFS and IIS
IGNORES_CASE_KEEPS_SPELLING = NameRules(key=_simple_upper, keeps_spelling=True)
LOWER = NameRules(stored=str.lower)
UPPER = NameRules(stored=str.upper)
NFC = NameRules(stored=_nfc)
NFD = NameRules(stored=_nfd)
HFS = NameRules(stored=_nfd, key=lambda name: _nfd(name.casefold()))
APFS = NameRules(key=lambda name: _nfd(_nfd(name).casefold()))
WINDOWS = NameRules(stored=_without_tail, key=_simple_upper)
TURKISH = NameRules(key=_turkish)

# By name, for tests that try all of them.
FOLDING = {
    "ignores case": IGNORES_CASE,
    "ignores case, keeps spelling": IGNORES_CASE_KEEPS_SPELLING,
    "lower": LOWER,
    "upper": UPPER,
    "nfc": NFC,
    "nfd": NFD,
    "hfs": HFS,
    "apfs": APFS,
    "windows": WINDOWS,
    "turkish": TURKISH,
}
