"""What is remembered of the last complete run of a mirror to a server that does not simply keep times.

It is a small file in the state folder, replaced in one step. It never outweighs what the server shows: it decides where
two versions of a file would show the same time, and tells a dry run, which tries nothing out, what the server does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, replace

from ftpcli.engine.compare.timekeeping import Bounds, Timekeeping
from ftpcli.engine.job import Rules

_NAME = "last-run"
_VERSION = 1
_LONGEST = 4096


@dataclass(frozen=True)
class LastRun:
    """``began``: seconds since 1970."""

    began: float
    keeping: Timekeeping

    def save(self, folder: str, rules: Rules) -> None:
        """Raises OSError."""
        keeping = self.keeping
        record = {
            "ftpcli_last_run": _VERSION,
            "rules": _digest(rules),
            "began": self.began,
            "holds": keeping.holds,
            "precision": keeping.precision,
            "shift": keeping.shift,
            "ahead": list(keeping.ahead),
        }
        path = os.path.join(folder, _NAME)
        new = f"{path}.new"
        with open(new, "w", encoding="ascii") as file:
            json.dump(record, file)
        os.replace(new, path)


def load(folder: str, rules: Rules) -> LastRun | None:
    """None where there was none with the same rules, or nothing is known of it."""
    try:
        with open(os.path.join(folder, _NAME), "rb") as file:
            record = json.loads(file.read(_LONGEST))
        if record["ftpcli_last_run"] != _VERSION or record["rules"] != _digest(rules):
            return None
        least, most = map(float, record["ahead"])
        keeping = Timekeeping(
            bool(record["holds"]), float(record["precision"]), float(record["shift"]), Bounds(least, most)
        )
        return LastRun(float(record["began"]), keeping)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def forget(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, _NAME))


def _digest(rules: Rules) -> str:
    """Another choice of files may have left out what this one would take."""
    return hashlib.sha256(repr(replace(rules, dry_run=False, backup=None)).encode("utf-8", "replace")).hexdigest()
