"""The config file: ``[defaults]`` for every run, ``[profiles.NAME]`` for one server.

Its keys are the long names of the commands' options, so each option is declared once. The whole file is checked when
it is read; a mistake anywhere is an error that names the file and the line.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import click

from ftpcli.cli.options.base import Option
from ftpcli.cli.options.others_access import changeable_by_others
from ftpcli.cli.options.types import Duration, MaxDelete, Size
from ftpcli.cli.urls import PROFILE_NAME, SCHEMES, Location, parse_url, remote_path
from ftpcli.errors import UsageError
from ftpcli.model import Secret

PLACE_KEYS = ("url", "scheme", "host", "port", "path", "password")


@dataclass(frozen=True)
class Key:
    """A config key: the option it sets, and whether it is the option's negative form (``no_netrc``)."""

    option: Option
    inverted: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the file. ``options``: parameter name → converted value. ``place``: where a profile points to."""

    options: Mapping[str, Any] = field(default_factory=dict)
    place: Location | None = None
    password: Secret | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """The content of the file; ``warnings`` are about the file itself and not shown yet."""

    path: Path
    defaults: Table = Table()
    profiles: Mapping[str, Table] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def profile(self, name: str, *, as_place: bool = False) -> Table:
        """The profile called ``name``. Raises UsageError.

        ``as_place``: it was typed as NAME:path, which may have been meant as a URL or a local file.
        """
        if name in self.profiles:
            return self.profiles[name]
        known = f"; nearest: {nearest(name, self.profiles)}" if self.profiles else ""
        hint = ""
        if as_place and name.lower() in SCHEMES:
            hint = f" (a URL begins with {name.lower()}://)"
        elif as_place:
            hint = f" (for a local file write ./{name}:...)"
        raise UsageError(f"there is no profile {name!r} in {self.path}{known}{hint}")


def default_path() -> Path:
    """``config.toml`` in the platform's folder for the user's settings."""
    import platformdirs

    return Path(platformdirs.user_config_dir("ftpcli", appauthor=False)) / "config.toml"


def known_keys(commands: Iterable[click.Command]) -> dict[str, Key]:
    """Every key that a table may hold besides ``PLACE_KEYS``, from the options of all ``commands``."""
    keys: dict[str, Key] = {}
    for command in commands:
        for parameter in command.params:
            if isinstance(parameter, Option) and parameter.in_profile:
                keys.update({_key(name): Key(parameter) for name in parameter.opts if name.startswith("--")})
                keys.update({_key(name): Key(parameter, inverted=True) for name in parameter.secondary_opts})
    return keys


def load(path: str | None, commands: Iterable[click.Command]) -> Config:
    """Read the file at ``path``, which must be there, or the default one, which need not."""
    place = Path(path) if path else default_path()
    try:
        with place.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().decode("utf-8")
    except FileNotFoundError:
        if path:
            raise UsageError(f"{place}: there is no such config file") from None
        return Config(place)
    except OSError as error:
        raise UsageError(f"{place}: the config file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{place}: the config file is not UTF-8") from None
    reader = _Reader(place, text, known_keys(commands))
    config = reader.config(readable_by_others=bool(mode & (stat.S_IRGRP | stat.S_IROTH)))
    if stat.S_ISREG(mode):  # and no pipe of the shell
        reader.check_who_wrote_commands()
    return config


def nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # for mistakes only

    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


def _key(option_name: str) -> str:
    return option_name.lstrip("-").replace("-", "_")


def _parse_toml(text: str) -> dict[str, Any]:
    """Raises ValueError. Many runs have no config file, and start sooner without the parser."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    document: dict[str, Any] = tomllib.loads(text)
    return document


class _Reader:
    """Checks one file's text and turns it into a Config."""

    def __init__(self, path: Path, text: str, keys: dict[str, Key]) -> None:
        self.path = path
        self.text = text
        self.keys = keys
        self._commands: list[tuple[str, ...]] = []  # keys that name a command to run

    def check_who_wrote_commands(self) -> None:
        """Raises UsageError if the file names commands, and users other than this one could have written them."""
        if self._commands and (reason := changeable_by_others(str(self.path))):
            at = self._commands[0]
            self._fail(at, f"{at[-1]} can run a command, and {reason}")

    def config(self, *, readable_by_others: bool) -> Config:
        try:
            document = _parse_toml(self.text)
        except ValueError as error:
            raise UsageError(f"{self.path}: not valid TOML: {error}") from None
        for name in document:
            if name not in ("defaults", "profiles"):
                self._unknown((name,), ("defaults", "profiles"))
        defaults = self._table(("defaults",), self._dict(document, "defaults"), with_place=False)
        profiles = {}
        for name, values in self._dict(document, "profiles").items():
            at = ("profiles", name)
            if not PROFILE_NAME.fullmatch(name):
                self._fail(at, f"{name!r} cannot be a profile's name: letters, digits, '_', '-' and '.'")
            if not isinstance(values, dict):
                self._fail(at, f"profiles.{name} must be a table")
            profiles[name] = self._table(at, values, with_place=True)
        warnings: tuple[str, ...] = ()
        if readable_by_others and any(table.password for table in profiles.values()):
            warnings = (f"{self.path} holds a password and others can read it: chmod 600 {self.path}",)
        return Config(self.path, defaults, profiles, warnings)

    def _dict(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        value = document.get(name, {})
        if not isinstance(value, dict):
            self._fail((name,), f"{name} must be a table: [{name}]")
        return value

    def _table(self, at: tuple[str, ...], values: dict[str, Any], *, with_place: bool) -> Table:
        options: dict[str, Any] = {}
        for name, value in values.items():
            if with_place and name in PLACE_KEYS:
                continue
            if name not in self.keys:
                self._unknown((*at, name), [*self.keys, *(PLACE_KEYS if with_place else ())])
            key = self.keys[name]
            assert key.option.name is not None
            if key.option.runs_command:
                self._commands.append((*at, name))
            options[key.option.name] = self._value((*at, name), key, value)
        if not with_place:
            return Table(options, raw=values)
        place = self._place(at, values)
        password = Secret(values["password"]) if "password" in values else None
        return Table(options, place, password or (place.password if place else None), values)

    def _value(self, at: tuple[str, ...], key: Key, value: Any) -> Any:
        """``value``, converted as on the command line."""
        option = key.option
        types, wanted = _accepted(option)
        many = option.multiple and isinstance(value, list)
        for item in value if many else [value]:
            if type(item) not in types:
                self._fail(at, f"{at[-1]} must be {wanted}, not {_toml_type(item)}")
        try:
            if option.multiple:
                return tuple(_converted(option, item) for item in (value if many else [value]))
            converted = _converted(option, value)
        except click.BadParameter as error:
            self._fail(at, f"{at[-1]}: {error.message}")
        return not converted if key.inverted else converted

    def _place(self, at: tuple[str, ...], values: dict[str, Any]) -> Location | None:
        for name in PLACE_KEYS:
            if name in values and type(values[name]) is not (int if name == "port" else str):
                self._fail((*at, name), f"{name} must be {'a whole number' if name == 'port' else 'a text'}")
        if "url" in values:
            return self._place_by_url(at, values)
        if "host" not in values:
            for name in ("scheme", "port", "path"):
                if name in values:
                    self._fail((*at, name), f"{name} without host or url says nothing")
            return None
        scheme, port = values.get("scheme"), values.get("port")
        if scheme is not None and scheme not in SCHEMES:
            self._fail((*at, "scheme"), f"{scheme!r}: this version speaks {', '.join(SCHEMES)} only")
        if port is not None and not 0 < port < 65536:
            self._fail((*at, "port"), "port must be within 1-65535")
        path, _ = self._checked((*at, "path"), remote_path, values.get("path", ""))
        by_tls = {"none": "ftp", "implicit": "ftps"}.get(values.get("tls", ""), "ftpes")
        host = values["host"].removeprefix("[").removesuffix("]")
        written = f"{scheme or by_tls}://{f'[{host}]' if ':' in host else host}"
        checked = self._checked((*at, "host"), parse_url, written)
        return Location(checked.scheme, checked.host, path, port=port, trailing_slash=True)

    def _place_by_url(self, at: tuple[str, ...], values: dict[str, Any]) -> Location:
        for name in ("scheme", "host", "port", "path"):
            if name in values:
                self._fail((*at, name), f"{name} stands beside url, which says it already")
        place: Location = self._checked((*at, "url"), parse_url, values["url"])
        return place

    def _checked(self, at: tuple[str, ...], parse: Any, value: str) -> Any:
        try:
            return parse(value)
        except UsageError as error:
            self._fail(at, error.message)

    def _unknown(self, at: tuple[str, ...], known: Iterable[str]) -> NoReturn:
        self._fail(at, f"unknown key {at[-1]!r}; the nearest known key is {nearest(at[-1], known)!r}")

    def _fail(self, at: tuple[str, ...], message: str) -> NoReturn:
        raise UsageError(f"{self.path}:{self._line(at)}: {message}")

    def _line(self, at: tuple[str, ...]) -> int:
        """The line where the key at ``at`` begins: after the longest beginning of the file that parses without it.

        tomllib tells no positions.
        """
        lines = self.text.split("\n")
        without = 0
        for count in range(1, len(lines) + 1):
            try:
                found: Any = _parse_toml("\n".join(lines[:count]))
            except ValueError:
                continue
            for name in at:
                found = found.get(name) if isinstance(found, dict) else None
            if found is not None:
                break
            without = count
        return min(without + 1, len(lines))


def _accepted(option: Option) -> tuple[tuple[type, ...], str]:
    """The TOML types that an option takes, and their description for an error message."""
    if option.is_flag:
        return (bool,), "true or false"
    if option.count or isinstance(option.type, click.types.IntParamType):
        return (int,), "a whole number"
    if isinstance(option.type, Duration):
        return (int, float, str), 'a number of seconds, or a text such as "30m"'
    if isinstance(option.type, Size):
        return (int, str), 'a number of bytes, or a text such as "10k"'
    if isinstance(option.type, MaxDelete):
        return (int, str), 'a number of entries, or a text such as "20%"'
    if option.multiple:
        return (str,), "a text in quotes, or a list of such"
    return (str,), "a text in quotes"


def _converted(option: Option, value: Any) -> Any:
    converted = option.type.convert(value, option, None)
    return os.path.expanduser(converted) if isinstance(option.type, click.Path) else converted


def _toml_type(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def load_config(ctx: click.Context) -> Config:
    """The config that ``--config`` names, or the default one."""
    return load(ctx.params.get("config"), all_commands(ctx))


def all_commands(ctx: click.Context) -> Iterable[click.Command]:
    """Every subcommand of the program, imported one by one as the iterator is read: only if there is a config file."""
    root = ctx.find_root().command
    if isinstance(root, click.Group):
        for name in root.list_commands(ctx):
            found = root.get_command(ctx, name)
            if found is not None:
                yield found
