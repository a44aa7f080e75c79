"""Names as the server lists them: read in the encoding that was chosen, and refused where they could lead elsewhere."""

from __future__ import annotations

import pytest

from ftpcli.model import Kind
from ftpcli.session.sftp.listing import listing_of
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.replies import Name


def listed(raw: bytes, encoding: str) -> tuple[list[str], int]:
    """Names, and how many problems."""
    listing = listing_of([Name(raw, Attributes(), Kind.FILE)], encoding)
    return [entry.name for entry in listing.entries], len(listing.problems)


@pytest.mark.parametrize("raw", [b"", b"a/b", b"../a", b"a\0b"])
def test_what_is_no_name(raw: bytes) -> None:
    assert listed(raw, "utf-8") == ([], 1)


@pytest.mark.parametrize("raw", [rb"..\u002f..\u002fa", rb"\u002e.", rb"a\u0000"])
def test_what_is_no_name_once_it_is_read(raw: bytes) -> None:
    assert listed(raw, "raw_unicode_escape") == ([], 1)


@pytest.mark.parametrize(("raw", "encoding"), [(b"\x1b$B!", "iso2022_jp"), (rb"\u1", "raw_unicode_escape")])
def test_what_the_encoding_cannot_read(raw: bytes, encoding: str) -> None:
    assert listed(raw, encoding) == ([], 1)


def test_a_byte_that_is_no_character_stays_what_it_is() -> None:
    assert listed(b"a\xff", "utf-8") == (["a\udcff"], 0)
