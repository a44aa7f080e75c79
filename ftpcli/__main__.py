"""``ftpcli`` and ``python -m ftpcli``."""

from __future__ import annotations

import signal
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

    code = run()
    _let_nothing_change_it()
    return code


def _let_nothing_change_it() -> None:
    """The exit code stands. As the interpreter shuts down it gives every signal that Python handles its default action
    back, and a second SIGTERM would end the process by signal in these last milliseconds."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
