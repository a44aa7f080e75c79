"""paramiko, imported without what is not used of it.

Its reader of ssh_config imports invoke, and that asyncio and a YAML reader: a third of this program's start. The reader
takes well that there is no invoke, and nobody asks it anything.
"""

from __future__ import annotations

import sys


def load() -> None:
    if "invoke" in sys.modules or "paramiko" in sys.modules:
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        import paramiko  # noqa: F401 - the import is what this is about
    finally:
        del sys.modules["invoke"]


load()
