"""Compares parts of a file on the server with a local one, where the server offers no digests."""

from __future__ import annotations

import os

from ftpcli.engine.trees.local import OpenSource, translated
from ftpcli.errors import Refused, Unsupported
from ftpcli.session.contract import Session

SAMPLE = 64 * 1024
# A file that ends soon is read to its end: over FTP that saves the session.
SOON = 512 * 1024


def telling_parts(size: int) -> list[tuple[int, int]]:
    """Start and length of what tells two files of one size apart: all of a small one, both ends of a large one."""
    return [(0, size)] if size <= SOON else [(0, SAMPLE), (size - SAMPLE, SAMPLE)]


def agree(session: Session, path: str, source: OpenSource, start: int, length: int) -> bool:
    """False also where the server does not let it be read. Over FTP this may cost the session."""
    try:
        return session.read_range(path, start, length) == read_local(source, start, length)
    except (Refused, Unsupported):
        return False


def read_local(source: OpenSource, start: int, length: int) -> bytes:
    with translated("read", source.path):
        return os.pread(source.file.fileno(), length, start)
