"""A sample tree to mirror, and the check that two trees are equal, byte for byte."""

from __future__ import annotations

import filecmp
import os
import random
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20
LARGE_SIZES = (MIB, 2 * MIB + 1, 3 * MIB - 1)
TLS_SIZES = (0, 1, 16383, 16384, 16385, 32745, 65471)  # around the sizes of TLS records, where TLS stacks have had bugs
ODD_NAMES = (
    "two words.txt",
    " leading space",
    "-rf",
    "100% #1?.txt",
    "[brackets]*.txt",
    "quote\"s and 'such'.txt",
    "ümläut Ω 漢字 🙂.txt",
    ".hidden",
    "semi;colon=type=dir; x",
)


def make_sample(root: Path, files: int) -> None:
    """``files`` files under ``root``: small ones in folders of 25, a few large ones, odd names, an empty folder."""
    numbers = random.Random(2228)  # the RFC of FTP security extensions
    (root / "empty folder").mkdir(parents=True)
    for place, path in enumerate(_paths(root, files)):
        path.parent.mkdir(parents=True, exist_ok=True)
        size = _size(place, numbers)
        path.write_bytes(numbers.randbytes(size))
        os.utime(path, (1_600_000_000 + place * 86_461,) * 2)


def _paths(root: Path, files: int) -> Iterator[Path]:
    for place in range(files):
        if place < len(LARGE_SIZES):
            yield root / "large" / f"{place}.bin"
        elif place < len(LARGE_SIZES) + len(ODD_NAMES):
            yield root / "odd names" / ODD_NAMES[place - len(LARGE_SIZES)]
        else:
            yield root / "small" / f"{place // 25:03}" / f"{place:05}.dat"


def _size(place: int, numbers: random.Random) -> int:
    if place < len(LARGE_SIZES):
        return LARGE_SIZES[place]
    if place % 10 == 0:
        return numbers.choice(TLS_SIZES)
    return numbers.randrange(4096)


def differences(first: Path, second: Path) -> list[str]:
    """The differences between two trees in names, kinds and contents, a sentence each."""
    mine, other = _tree(first), _tree(second)
    found = [f"{name} is in one of the two only" for name in sorted(mine.keys() ^ other.keys())]
    for name in sorted(mine.keys() & other.keys()):
        if mine[name] != other[name]:
            found.append(f"{name} is a directory in one of the two only")
        elif not mine[name] and not filecmp.cmp(first / name, second / name, shallow=False):
            found.append(f"{name} differs")
    return found


def _tree(root: Path) -> dict[str, bool]:
    """Every path below ``root``, and whether it is a directory."""
    return {str(path.relative_to(root)): path.is_dir() for path in root.rglob("*")}
