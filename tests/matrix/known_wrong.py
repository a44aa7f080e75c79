"""Cells that are wrong today, by profile and command. Empty when all is well."""

from __future__ import annotations

_BY_PROFILE: dict[str, tuple[str, ...]] = {
    "FEAT unknown": (
        "mirror down",
        "mirror down --delete",
    ),
    "MLSD announced and refused": ("put on a directory",),
    "RETR ignores REST": ("cat, cut once",),
    "SIZE of directories": (
        "ls",
        "ls -R",
        "put on a directory",
    ),
    "decomposed names": (
        "put -r twins",
        "mirror up --delete",
    ),
    "drops trailing dots": (
        "put -r twins",
        "mirror up --delete, new case",
    ),
    "ignores case": (
        "put -r twins",
        "mirror up --delete, new case",
    ),
    "keeps the old spelling": (
        "put -r twins",
        "mirror up --delete, new case",
    ),
    "lower case": (
        "put -r twins",
        "mirror up --delete",
    ),
    "rename over a file not done": (
        "put over a file",
        "put an empty file over a file",
        "put, cut once",
        "put -r",
        "mirror up",
        "mirror up --delete",
        "mirror up --delete, new case",
    ),
    "sends on": (
        "cat",
        "cat, cut once",
    ),
    "sftp: APFS": (
        "put -r twins",
        "mirror up --delete, new case",
    ),
    "sftp: ignores case": (
        "put -r twins",
        "mirror up --delete, new case",
    ),
    "sftp: lower case": (
        "put -r twins",
        "mirror up --delete",
    ),
    "sftp: no types": (
        "ls",
        "ls -R",
        "put on a directory",
    ),
    "sftp: no types, no lines": (
        "ls",
        "ls -R",
        "put on a directory",
    ),
    "sftp: reads on": (
        "cat",
        "cat, cut once",
    ),
    "two replies to DELE": ("rm glob",),
    "upper case": (
        "put -r twins",
        "mirror up --delete",
        "mirror up --delete, new case",
    ),
}
KNOWN_WRONG: frozenset[tuple[str, str]] = frozenset(
    (profile, command) for profile, commands in _BY_PROFILE.items() for command in commands
)
