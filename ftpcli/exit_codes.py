"""Exit codes that no error class has: those of ``errors`` stand with the classes."""

from __future__ import annotations

DEADLINE_PASSED = 11
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h
BROKEN_PIPE = 128 + 13  # how a shell shows a process that SIGPIPE ended
