"""Digests of local files."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib
from pathlib import Path

import pytest

from ftpcli.engine.transfer.verify import digest_of
from ftpcli.errors import LocalFileError, Stopped
from ftpcli.stop import StopToken

PIECE = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5", "crc32"])
def test_digests(tmp_path: Path, stop: StopToken, algorithm: str, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    known = (
        f"{zlib.crc32(data[:size]):08x}" if algorithm == "crc32" else hashlib.new(algorithm, data[:size]).hexdigest()
    )
    assert digest_of(str(tmp_path / "a"), algorithm, stop) == known


def test_crc_has_its_leading_zeros(tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert digest_of(str(tmp_path / "a"), "crc32", stop) == "00000000"


def test_a_stop_ends_it(tmp_path: Path, stop: StopToken) -> None:
    (tmp_path / "a").write_bytes(b"content")
    stop.request(130)
    with pytest.raises(Stopped):
        digest_of(str(tmp_path / "a"), "sha256", stop)


@pytest.mark.parametrize("name", ["absent", ""])
def test_what_cannot_be_read(tmp_path: Path, stop: StopToken, name: str) -> None:
    with pytest.raises(LocalFileError):
        digest_of(str(tmp_path / name), "sha256", stop)


def test_memory_stays_flat(tmp_path: Path, stop: StopToken) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(64 * PIECE)
    tracemalloc.start()
    try:
        digest_of(str(tmp_path / "sparse"), "crc32", stop)
        assert tracemalloc.get_traced_memory()[1] < 2 * PIECE
    finally:
        tracemalloc.stop()
