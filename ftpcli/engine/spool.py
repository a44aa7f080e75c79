"""A list of paths that may be longer than memory is wide: kept in a temporary file, read once, in order."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator

from ftpcli.local import translated


class Spool:
    """Append, then iterate. Entries are tuples of strings; the file has no name and goes with the process."""

    def __init__(self) -> None:
        with translated("make a temporary file in", tempfile.gettempdir()):
            self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115  (closed by close)
        self.count = 0

    def append(self, *entry: str) -> None:
        with translated("write a temporary file in", tempfile.gettempdir()):
            self._file.write(json.dumps(entry) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        self._file.seek(0)
        for line in self._file:
            yield tuple(json.loads(line))

    def close(self) -> None:
        self._file.close()
