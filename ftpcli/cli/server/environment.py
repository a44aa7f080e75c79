"""The variables that a login can come from. They hold secrets, so no child process inherits them."""

from __future__ import annotations

import os

USER = "FTPCLI_USER"
PASSWORD = "FTPCLI_PASSWORD"
PASSPHRASE = "FTPCLI_PASSPHRASE"

_withdrawn: dict[str, str] = {}


def withdraw() -> None:
    """Take them out of the environment that password commands, a ProxyCommand and the programs that libraries start
    would get; ``variable`` still knows them."""
    _withdrawn.clear()
    for name in (USER, PASSWORD, PASSPHRASE):
        if name in os.environ:
            _withdrawn[name] = os.environ.pop(name)


def variable(name: str) -> str | None:
    return os.environ.get(name, _withdrawn.get(name))
