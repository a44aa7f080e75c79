"""Whether other users decide what a file says: one that names commands to run must be this user's own."""

from __future__ import annotations

import os
import shlex
import stat

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MOST_LINKS = 40


def changeable_by_others(path: str) -> str | None:
    """How users other than this one and root could change or replace the file ``path``, and what mends it; else None.

    Looks at the file, each directory above it and each symbolic link on the way. In a directory with the sticky bit,
    such as /tmp, nobody can replace what is another user's. Raises OSError.
    """
    todo, place, links = _names(os.path.join(os.getcwd(), path)), "/", 0
    while True:
        found = os.lstat(place)
        if found.st_uid not in (0, os.geteuid()):
            return f"{place} belongs to another user: chown {os.geteuid()} {shlex.quote(place)}, or use a copy"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return f"{place} leads through too many symbolic links"
            target = os.path.join(os.path.dirname(place), os.readlink(place))
            todo, place = [*_names(target), *todo], "/"
            continue
        is_shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_mode & _OTHERS_WRITE and not is_shared:
            return f"others can write {place}: chmod go-w {shlex.quote(place)}"
        if not todo:
            return None
        name = todo.pop(0)
        place = os.path.dirname(place) if name == ".." else os.path.join(place, name)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
