"""paramiko, imported without the dependencies that are not used here.

Its ssh_config parser imports invoke, which imports asyncio and a YAML parser: a third of this program's start-up time.
That parser works without invoke, and is not used here anyway.
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
