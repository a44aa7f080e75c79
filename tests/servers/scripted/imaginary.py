"""A server whose tree is nowhere: its listings are made up when they are asked for.

with serving(Forest(1_000_000)) as server:
    run_client(server.url())
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from tests.servers.scripted.data import GOOD, send_data
from tests.servers.scripted.server import Connection, ScriptedServer
from tests.servers.scripted.tree import stamp

FILES = 100  # in each directory of a Forest that has any
MODIFIED = 1_700_000_000


class Shape(Protocol):
    """A tree, directory by directory. Paths have no slash at either end; "" is the root."""

    def folders(self, path: str) -> list[str]: ...
    def files(self, path: str) -> list[str]: ...


@dataclass(frozen=True)
class Forest:
    """``entries`` empty files, a hundred to a directory, in directories three deep: n × 10 × 10."""

    entries: int

    def folders(self, path: str) -> list[str]:
        depth = path.count("/") + 1 if path else 0
        if depth == 3:
            return []
        return [f"d{number:03}" for number in range(10 if depth else self.entries // FILES // 100)]

    def files(self, path: str) -> list[str]:
        return _numbered(FILES) if path.count("/") == 2 else []


@dataclass(frozen=True)
class Wide:
    """``entries`` empty files in one directory."""

    entries: int

    def folders(self, path: str) -> list[str]:  # noqa: ARG002  (the face of a Shape)
        return []

    def files(self, path: str) -> list[str]:  # noqa: ARG002
        return _numbered(self.entries)


@dataclass(frozen=True)
class Chain:
    """Directories in one another, ``depth`` of them, with one file in each."""

    depth: int

    def folders(self, path: str) -> list[str]:
        return ["d"] if (path.count("/") + 1 if path else 0) < self.depth else []

    def files(self, path: str) -> list[str]:  # noqa: ARG002
        return ["f"]


@lru_cache(4)
def _numbered(count: int) -> list[str]:
    return [f"file-{number:07}.txt" for number in range(count)]


def make_tree(folder: Path, shape: Shape) -> None:
    """The same tree on disk."""
    pending = [""]
    while pending:
        path = pending.pop()
        (folder / path).mkdir()
        pending += [f"{path}/{name}" if path else name for name in shape.folders(path)]
        here = os.open(folder / path, os.O_RDONLY)
        for name in shape.files(path):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here))
            os.utime(name, (MODIFIED, MODIFIED), dir_fd=here)
        os.close(here)


@contextmanager
def serving(shape: Shape) -> Iterator[ScriptedServer]:
    """A scripted server that shows the tree; of what is written to it nothing is seen."""

    def listing(c: Connection, argument: str) -> None:
        path = c.path(argument).strip("/")
        folders = "".join(_line("dir", name) for name in shape.folders(path))
        send_data(c, folders.encode() + _file_lines(shape, path), GOOD, "MLSD", path)

    with ScriptedServer() as server:
        server.on("MLSD", listing)
        yield server


def _file_lines(shape: Shape, path: str) -> bytes:
    return _lines(tuple(shape.files(path)))


@lru_cache(4)
def _lines(names: tuple[str, ...]) -> bytes:
    return "".join(_line("file", name) for name in names).encode()


def _line(kind: str, name: str) -> str:
    """As ProFTPD writes it."""
    unix = "UNIX.group=1000;UNIX.mode=0755;UNIX.owner=1000"
    size = "size=0;" if kind == "file" else ""
    return f"modify={stamp(MODIFIED)};perm=adfr;{size}type={kind};unique=801U25;{unix}; {name}\r\n"
