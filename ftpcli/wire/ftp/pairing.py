"""Which reply can answer which command, as far as its code tells.

A server that answers one command twice shifts every later answer by one. Where the spare reply comes too late to be
seen before the next command goes out, its code may still tell: nothing but a PASV is answered by 227.
"""

from __future__ import annotations

LOGIN = frozenset({"USER", "PASS", "ACCT"})
TRANSFERS = frozenset({"RETR", "STOR", "APPE", "LIST", "MLSD"})

# Codes that mean one thing (RFC 959 §4.2.2, RFC 2228 §3, RFC 2428 §3), and the commands that they answer. The others
# (200 and 250, which servers do not tell apart, and every refusal) may answer anything.
_ONLY: dict[int, frozenset[str]] = {
    211: frozenset({"FEAT"}),
    213: frozenset({"SIZE", "MDTM", "MFMT", "MFF", "MLST"}),
    220: frozenset(),
    225: TRANSFERS,
    226: TRANSFERS,
    227: frozenset({"PASV", "EPSV"}),
    228: frozenset({"PASV", "EPSV"}),
    229: frozenset({"PASV", "EPSV"}),
    230: LOGIN,
    232: LOGIN,
    234: frozenset({"AUTH"}),
    257: frozenset({"PWD", "MKD"}),
    331: LOGIN,
    332: LOGIN,
    350: frozenset({"RNFR", "REST"}),
}
# Commands that succeed with these codes only.
_SUCCESS: dict[str, frozenset[int]] = {
    "PASV": frozenset({227, 228, 229}),
    "RNFR": frozenset({350}),
    "SIZE": frozenset({213}),
}
# What these are answered with is up to the server.
_FREE = frozenset({"SITE", "OPTS", "STAT", "HELP", "SYST", "HASH", "QUIT"})


def tells_its_command(code: int) -> bool:
    """Whether a reply with this code shows by itself what it answers."""
    return code in _ONLY


def can_answer(code: int, verb: str) -> bool:
    """False where a reply with this code cannot be the answer to ``verb``."""
    if verb in _FREE or verb.startswith("X") or code < 200 or code >= 400:
        return True
    if verb in _SUCCESS:
        return code in _SUCCESS[verb]
    return verb in _ONLY.get(code, (verb,))
