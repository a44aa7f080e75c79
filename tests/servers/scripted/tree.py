"""The scripted server's file tree, in memory: plain dicts that a test fills and looks at."""

from __future__ import annotations

import posixpath
import threading
import time
from datetime import datetime, timezone

from tests.servers.scripted.clock import Clock
from tests.servers.scripted.name_rules import EXACT, NameRules


class Tree:
    """Absolute paths to contents. Parents of a file need not be named: they exist because the file does.

    Paths are those that ``place`` gives; only ``rename`` takes the new name as it was typed.
    """

    def __init__(
        self, files: dict[str, bytes] | None = None, names: NameRules = EXACT, clock: Clock | None = None
    ) -> None:
        self.names = names
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.files: dict[str, bytes] = {}
        self.mtimes: dict[str, float] = {}
        self.made: set[str] = {"/"}
        for path, content in (files or {}).items():
            self.write(path, content)

    def write(self, path: str, content: bytes, mtime: float | None = None) -> None:
        with self.lock:
            self.files[path] = content
            self.mtimes[path] = self.clock.arrival() if mtime is None else mtime
            self._keep_parents(path)

    def set_time(self, path: str, given: float) -> None:
        """As far as the server's clock keeps it."""
        kept = self.clock.kept(given)
        if kept is not None:
            self.mtimes[path] = kept

    def remove(self, path: str) -> None:
        with self.lock:
            del self.files[path]
            self.mtimes.pop(path, None)

    def place(self, path: str) -> str:
        """The absolute path that this one means here, whether there is something or not."""
        if self.names is EXACT:
            return path
        with self.lock:
            return self.names.place_all(path, self.children)

    def rename(self, old: str, new: str) -> None:
        """A file, or a directory with all that is below it. A file in its place is replaced."""
        with self.lock:
            there = self.place(new)
            folder, name = posixpath.split(new)
            if there in self.files and there != old:
                self.remove(there)
            elif not self.exists(there):
                there = ""
            spelled = posixpath.basename(there) if there and self.names.keeps_spelling else self.names.stored(name)
            new = posixpath.join(self.place(folder), spelled)
            moved = [path for path in self.files if path == old or path.startswith(old + "/")]
            for path in moved:
                target = new + path[len(old) :]
                self.files[target] = self.files.pop(path)
                self.mtimes[target] = self.mtimes.pop(path, 0.0)
            self.made = {new + path[len(old) :] if (path + "/").startswith(old + "/") else path for path in self.made}
            self._keep_parents(new)

    def is_dir(self, path: str) -> bool:
        with self.lock:
            below = path.rstrip("/") + "/"
            return path in self.made or any(name.startswith(below) for name in self.files)

    def exists(self, path: str) -> bool:
        return path in self.files or self.is_dir(path)

    def children(self, folder: str) -> list[str]:
        """Names directly in `folder`, sorted."""
        below = folder.rstrip("/") + "/"
        with self.lock:
            inside = [path[len(below) :] for path in (*self.files, *self.made) if path.startswith(below)]
        return sorted({name.split("/")[0] for name in inside if name})

    def facts(self, path: str, name: str | None = None) -> str:
        """One line of MLSD or MLST, without the line's end."""
        shown = posixpath.basename(path) if name is None else name
        modify = stamp(self.mtimes.get(path, 0.0))
        if path in self.files:
            return f"type=file;size={len(self.files[path])};modify={modify};perm=adfrw; {shown}"
        return f"type=dir;modify={modify};perm=cdeflmp; {shown}"

    def long_line(self, path: str) -> str:
        """One line of LIST, as a Unix server prints it."""
        when = datetime.fromtimestamp(self.mtimes.get(path, 0.0), timezone.utc)
        late = time.time() - when.timestamp() > 180 * 86400
        date = when.strftime("%b %d  %Y" if late else "%b %d %H:%M")
        mode, size = ("-rw-r--r--", len(self.files[path])) if path in self.files else ("drwxr-xr-x", 4096)
        return f"{mode}    1 ftp      ftp      {size:>10} {date} {posixpath.basename(path)}"

    def _keep_parents(self, path: str) -> None:
        while path != "/":
            path = posixpath.dirname(path)
            self.made.add(path)


def stamp(mtime: float) -> str:
    return datetime.fromtimestamp(mtime, timezone.utc).strftime("%Y%m%d%H%M%S")


def unstamp(text: str) -> float:
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).timestamp()
