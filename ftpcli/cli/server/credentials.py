"""Finds the user and the password. Secrets never get into a message.

The order is: option, URL, environment, profile, netrc, prompt. A password counts only together with the user it was
given for: ``--user bob`` never sends the password that the URL holds for alice.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from ftpcli.cli.options.choices import Choices, Origin
from ftpcli.cli.output.terminal import asker
from ftpcli.cli.server.environment import PASSPHRASE, PASSWORD, USER, variable
from ftpcli.cli.server.first_line import first_line
from ftpcli.cli.urls import Location
from ftpcli.errors import UsageError, cause_of
from ftpcli.model import Question, Secret

Warn = Callable[[str], None]

ANONYMOUS = ("anonymous", "ftp")


@dataclass(frozen=True)
class Login:
    """A user and a password. ``stated``: the user was named, and is not a default such as ``anonymous``.

    For SSH the password may be None: keys are tried first, and the login asks for a password if they are refused.
    """

    user: str
    password: Secret | None
    stated: bool = True


@dataclass(frozen=True)
class Source:
    """One place that may name a user and hold a password: for that user, or for any if it names none."""

    user: str | None = None
    password: Callable[[], Secret] | None = None


def find_login(location: Location, choices: Choices, warn: Warn) -> Login:
    """Look through the sources in order. A file, command or prompt is used only if those before it have no password.

    Raises UsageError, Stopped.
    """
    sources = _stated_sources(location, choices, warn)
    user = next((source.user for source in sources if source.user), None)
    password = _first_password(sources, user)
    if location.scheme == "sftp":
        return _ssh_login(location, choices, user, password)
    if choices["netrc"] and (user is None or (password is None and user not in ANONYMOUS)):
        found = _from_netrc(location.host, user)
        if found is not None:
            user, password = found.user, password or found.password
    user = user or "anonymous"
    if password is None:
        password = Secret("anonymous@") if user in ANONYMOUS else _prompt(user, location.host)
    _refuse_control_characters(user, password)
    return Login(user, password)


def _ssh_login(location: Location, choices: Choices, user: str | None, password: Secret | None) -> Login:
    """By default the local user, which ssh_config may still override.

    ~/.netrc, whose entries are for FTP, gives no user here, only a password for one that was named.
    """
    import getpass

    if choices["netrc"] and user is not None and password is None:
        found = _from_netrc(location.host, user)
        password = found.password if found is not None else None
    name = user or getpass.getuser()
    _refuse_control_characters(name, password)
    return Login(name, password, stated=user is not None)


def _stated_sources(location: Location, choices: Choices, warn: Warn) -> list[Source]:
    """The sources that somebody wrote for this program, the strongest first."""
    timeout = choices["timeout"]
    return [
        _from_options(choices.layers[Origin.COMMAND_LINE], timeout, warn),
        Source(location.user, _known(location.password)),
        _from_environment(),
        _from_options(choices.layers[Origin.PROFILE], timeout, warn),
        _from_options(choices.layers[Origin.DEFAULTS], timeout, warn),
    ]


def _from_environment() -> Source:
    password = variable(PASSWORD)
    known = _refuse_empty if password == "" else _known(None if password is None else Secret(password))
    return Source(variable(USER) or None, known)


def _refuse_empty() -> Secret:
    """In CI an unset secret becomes an empty variable."""
    raise UsageError("FTPCLI_PASSWORD is set, but empty; unset it, or give it the password")


def _from_options(layer: Mapping[str, Any], timeout: float, warn: Warn) -> Source:
    """The login options of one origin."""
    file, command = layer.get("password_file"), layer.get("password_command")
    ways = [
        _known(layer.get("password")),
        partial(password_from_file, file, timeout, warn) if file else None,
        partial(password_from_command, command, timeout) if command else None,
    ]
    stated = [way for way in ways if way is not None]
    if len(stated) > 1:
        raise UsageError("more than one of password, password file and password command is given: one is enough")
    return Source(layer.get("user"), stated[0] if stated else None)


def _known(password: Secret | None) -> Callable[[], Secret] | None:
    return None if password is None else lambda: password


def _first_password(sources: list[Source], user: str | None) -> Secret | None:
    for source in sources:
        if source.password is not None and source.user in (None, user):
            return source.password()
    return None


def password_from_file(path: str, timeout: float, warn: Warn) -> Secret:
    """The first line of the file, or of standard input for ``-``. Raises UsageError, Stopped."""
    try:
        if path == "-":
            return _secret(_line_of_stdin(timeout))
        # A named pipe that nobody writes must not block us here.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
                warn(f"others can read the password file {path}: chmod 600 {path}")
            return _secret(first_line(descriptor, timeout, f"the password file {path}"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(f"the password file {path} cannot be read: {cause_of(error)}") from None


def _line_of_stdin(timeout: float) -> bytes:
    """Read one line, byte by byte: what follows may be the data of ``put -``."""
    if sys.stdin is None:
        raise UsageError("--password-file -: standard input is closed")
    return first_line(sys.stdin.fileno(), timeout, "standard input (--password-file -)", at_once=1)


def password_from_command(command: str, timeout: float, what: str = "password") -> Secret:
    """The first line that the command prints. Raises UsageError, Stopped."""
    import shlex

    from ftpcli.cli.server.helper_command import first_line_of_command

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--{what}-command cannot be split into words: {error}") from None
    if not words:
        raise UsageError(f"--{what}-command is empty")
    return _secret(first_line_of_command(words, timeout, f"the {what} command {words[0]}"))


def passphrase_source(choices: Choices) -> Callable[[], Secret] | None:
    """A function that returns the passphrase of encrypted keys, running its command once and only if called."""
    command, passphrase = choices["passphrase_command"], variable(PASSPHRASE)
    if passphrase and choices.origin("passphrase_command") is not Origin.COMMAND_LINE:
        return _known(Secret(passphrase))
    return cache(partial(password_from_command, command, choices["timeout"], "passphrase")) if command else None


def _secret(line: bytes) -> Secret:
    return Secret(line.decode("utf-8", "surrogateescape"))


def _from_netrc(host: str, user: str | None) -> Login | None:
    """The netrc entry for this host, and for ``user`` if given. ``NETRC`` names another file, as for curl."""
    import netrc

    path = os.environ.get("NETRC") or str(Path.home() / ".netrc")
    try:
        # Without a file name, netrc refuses a ~/.netrc with passwords that others can read.
        entries = netrc.netrc(os.environ.get("NETRC") or None)
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:
        where = f"{path}:{error.lineno}" if error.lineno else path
        raise UsageError(f"{where}: {_netrc_error(error.msg)} (--no-netrc ignores the file)") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason} (--no-netrc ignores the file)") from None
    found = entries.authenticators(host)
    if found is None or user not in (None, found[0]):
        return None
    login, _, password = found
    return Login(login or "anonymous", Secret(password) if password else None)


def _netrc_error(message: str) -> str:
    """The parser's message without the word it quotes, which may be a part of a password."""
    import re

    return re.sub(r"'[^']*'", "(a word)", message)


def _prompt(user: str, host: str) -> Secret:
    ask = asker()
    if ask is None:
        raise UsageError(
            f"there is no password for {user} on {host}: use --password-file, --password-command, "
            "FTPCLI_PASSWORD or ~/.netrc (there is no terminal to ask on)"
        )
    answer = ask(Question("password", f"Password for {user} on {host}: "))
    if answer is None:
        raise UsageError(f"no password for {user} on {host} was entered")
    return answer


def _refuse_control_characters(user: str, password: Secret | None) -> None:
    if any(character in user + (password.reveal() if password else "") for character in "\r\n\0"):
        raise UsageError("the user name and the password must not hold line ends or NUL")
