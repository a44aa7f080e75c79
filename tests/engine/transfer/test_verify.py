"""Digests of local files."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib
from pathlib import Path

import pytest

from ftpcli.engine.transfer.verify import digest_of
from ftpcli.engine.trees.folder_handle import Place
from ftpcli.engine.trees.local import open_source
from ftpcli.errors import LocalFileError, Stopped
from ftpcli.stop import StopToken

PIECE = 1024 * 1024


def digest(path: Path, algorithm: str, stop: StopToken) -> str:
    with open_source(Place.of(str(path))) as source:
        return digest_of(source, algorithm, stop)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5", "crc32"])
def test_digests(tmp_path: Path, stop: StopToken, algorithm: str, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    known = (
        f"{zlib.crc32(data[:size]):08x}" if algorithm == "crc32" else hashlib.new(algorithm, data[:size]).hexdigest()
    )
    assert digest(tmp_path / "a", algorithm, stop) == known


def test_crc_has_its_leading_zeros(tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert digest(tmp_path / "a", "crc32", stop) == "00000000"


def test_a_stop_ends_it(tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "a").write_bytes(b"content")
    stop.request(130)
    with pytest.raises(Stopped):
        digest(tmp_path / "a", "sha256", stop)


@pytest.mark.parametrize("name", ["absent", ""])
def test_what_cannot_be_read(tmp_path: Path, stop: StopToken, name: str) -> None:
    with pytest.raises(LocalFileError):
        digest(tmp_path / name, "sha256", stop)


def test_memory_stays_flat(tmp_path: Path, stop: StopToken) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(64 * PIECE)
    tracemalloc.start()
    try:
        digest(tmp_path / "sparse", "crc32", stop)
        assert tracemalloc.get_traced_memory()[1] < 2 * PIECE
    finally:
        tracemalloc.stop()
