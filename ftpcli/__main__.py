"""``ftpcli`` and ``python -m ftpcli``."""

from __future__ import annotations

import sys

from ftpcli.exit_codes import INTERRUPTED


def main() -> int:
    """The console script's entry point."""
    try:
        from ftpcli.cli.output.streams import guard_standard_streams

        guard_standard_streams()
        from ftpcli.cli.app import main as run
    except KeyboardInterrupt:
        return INTERRUPTED

    return run()


if __name__ == "__main__":
    sys.exit(main())
