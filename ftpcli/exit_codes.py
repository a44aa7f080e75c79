"""Every exit code of the program and what it means. Error classes, ``--help``, man page and README follow."""

from __future__ import annotations

from collections.abc import Iterable

SUCCESS = 0
SOME_FAILED = 1
USAGE = 2
NO_CONNECTION = 3
NOT_TRUSTED = 4
LOGIN_REFUSED = 5
REFUSED = 6
LOCAL_FILE = 7
VERIFY_MISMATCH = 8
DELETE_GUARD = 9
LOCKED = 10
DEADLINE_PASSED = 11
BROKEN_PROTOCOL = 12
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h
_BY_SIGNAL = 128  # how a shell shows a process that a signal ended: this and the signal's number
INTERRUPTED = _BY_SIGNAL + 2
BROKEN_PIPE = _BY_SIGNAL + 13
TERMINATED = _BY_SIGNAL + 15

MEANINGS = {
    SUCCESS: "all done, or nothing to do",
    SOME_FAILED: "some files failed, or deletes were held back; the rest is done",
    USAGE: "usage or config error",
    NO_CONNECTION: "cannot resolve or connect, or the connection was lost for good",
    NOT_TRUSTED: "TLS: certificate, handshake or resumption refused; SSH: host key refused",
    LOGIN_REFUSED: "login refused",
    REFUSED: "not found on the server, or the server refused it or has no room",
    LOCAL_FILE: "local file error: not found, full disk, permission",
    VERIFY_MISMATCH: "what arrived is not what was sent",
    DELETE_GUARD: "a guard against deleting too much refused",
    LOCKED: "another run is at work on the same source and target",
    DEADLINE_PASSED: "the deadline passed",
    BROKEN_PROTOCOL: "the server broke the protocol, or answered what cannot be worked with",
    INTERNAL_ERROR: "a defect of ftpcli",
    INTERRUPTED: "interrupted by SIGINT (Ctrl-C)",
    BROKEN_PIPE: "whoever read standard output went away (SIGPIPE)",
    TERMINATED: "interrupted by SIGTERM",
}
WHEN_SEVERAL_FAIL = "When every file fails for one reason, that reason's code; for different reasons, 1."


def by_signal(number: int) -> int:
    """The exit code of a run that the signal ``number`` ended."""
    return _BY_SIGNAL + number


def combined(codes: Iterable[int]) -> int:
    """The exit code for several parts of one command: the one that all share, else SOME_FAILED."""
    distinct = set(codes) or {SUCCESS}
    return distinct.pop() if len(distinct) == 1 else SOME_FAILED
