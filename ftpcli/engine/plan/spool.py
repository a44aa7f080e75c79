"""A list of paths that may not fit in memory: kept in a temporary file, read from its end."""

from __future__ import annotations

import contextlib
import json
import tempfile
from array import array
from collections.abc import Iterator
from typing import IO

from ftpcli.engine.trees.local import translated


class Spool:
    """Append, then iterate backwards. Entries are tuples of strings; the unnamed file vanishes with the process.

    Both raise LocalFileError; a failed write may show only when the file is read.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._starts = array("Q")
        self._end = 0

    def append(self, *entry: str) -> None:
        line = json.dumps(entry).encode("ascii")
        with translated("write", "a temporary file"):
            if self._file is None:
                self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115  (closed by close)
            self._file.write(line)
        self._starts.append(self._end)
        self._end += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def __reversed__(self) -> Iterator[tuple[str, ...]]:
        if self._file is None:
            return
        end = self._end
        for start in reversed(self._starts):
            with translated("use", "a temporary file"):
                self._file.seek(start)
                line = self._file.read(end - start)
            yield tuple(json.loads(line))
            end = start

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a failed flush does not matter: the content is no longer needed
                self._file.close()
