"""Resolves arguments that name a place on a server: the place, the options that apply to it, and its Endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import click

from ftpcli.cli.options.choices import Choices, choose
from ftpcli.cli.options.config_file import Table, load_config
from ftpcli.cli.server.credentials import Warn, find_login
from ftpcli.cli.server.endpoint import endpoint, endpoint_warnings
from ftpcli.cli.urls import Location, ProfilePath, default_port, has_magic, join, literal, parse, remote_path
from ftpcli.errors import UsageError
from ftpcli.model import Endpoint


@dataclass(frozen=True)
class Target:
    """A place on a server, the options that apply to it, and warnings to show before it is used."""

    location: Location
    choices: Choices
    profile: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return self.location.path

    @property
    def has_name(self) -> bool:
        """False for the login directory, the root, ``.`` and ``..``: they cannot be deleted or moved."""
        return self.path.rpartition("/")[2] not in ("", ".", "..")

    @property
    def pattern(self) -> str | None:
        """The path with its wildcards, if it has any that count."""
        return None if self.choices.get("no_glob") else self.location.pattern

    @property
    def server(self) -> tuple[object, ...]:
        """A key: equal for two targets that one login serves."""
        place, password = self.location, self.location.password
        secret = password and password.reveal()
        return place.scheme, place.host, place.port, place.user, secret, self.profile, self.choices.get("ascii")

    def same_server(self, other: Target) -> bool:
        """Whether ``other`` names the same server and no other user."""
        mine, its = self.location, other.location
        ports = [place.port or default_port(place.scheme) for place in (mine, its)]
        same_place = mine.scheme == its.scheme and mine.host.lower() == its.host.lower() and ports[0] == ports[1]
        return same_place and its.user in (None, mine.user)


class Targets:
    """Reads the config once and resolves the arguments of one command."""

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx
        self.config = load_config(ctx)
        self._profile: str | None = ctx.params.get("profile")
        self._endpoints: dict[tuple[object, ...], Endpoint] = {}
        if self._profile is not None:
            self.config.profile(self._profile)

    def remote(self, text: str, hint: str = "") -> Target:
        """The place that an argument names, which must be remote; with --profile it may be a bare path.

        Raises UsageError for a local path; ``hint`` is appended to its message.
        """
        place = parse(text)
        if place is None:
            if self._profile is None:
                shown = re.sub(r":[^:@/]*@", ":***@", text)  # a mistyped URL may hold a password
                forms = "ftp://host/path, ftpes://..., ftps://..., sftp://... or PROFILE:path"
                raise UsageError(f"{shown!r} is not a URL: {forms}{hint}")
            place = ProfilePath(self._profile, text)
        if isinstance(place, ProfilePath):
            return self._by_profile(place)
        return self._by_url(place)

    def endpoint(self, target: Target, warn: Warn) -> Endpoint:
        """The endpoint of the target's server; asks for a password at most once per server."""
        if target.server not in self._endpoints:
            login = find_login(target.location, target.choices, warn)
            found = endpoint(target.location, target.choices, login)
            for message in (*target.warnings, *endpoint_warnings(found)):
                warn(message)
            self._endpoints[target.server] = found
        return self._endpoints[target.server]

    def _table(self, name: str | None) -> Table | None:
        return None if name is None else self.config.profile(name)

    def _by_profile(self, place: ProfilePath) -> Target:
        if self._profile is not None and self._profile != place.profile:
            raise UsageError(f"--profile {self._profile} contradicts {place.profile}:{place.path}")
        table = self.config.profile(place.profile, as_place=self._profile is None)
        if table.place is None:
            raise UsageError(f"profile {place.profile} names no server: url or host is missing in {self.config.path}")
        path, trailing_slash = self._profile_path(table.place.path, place.path)
        pattern = self._profile_path(literal(table.place.path), place.path)[0] if has_magic(place.path) else None
        location = replace(
            table.place, path=path, trailing_slash=trailing_slash, pattern=pattern, user=None, password=None
        )
        return Target(location, choose(self._ctx, self.config, table), place.profile)

    @staticmethod
    def _profile_path(base: str, typed: str) -> tuple[str, bool]:
        """``typed`` is taken as it is, never percent-decoded; ``~/x`` starts at the login directory."""
        path, trailing_slash = remote_path(typed)
        if typed == "~" or typed.startswith("~/"):
            return path, trailing_slash
        return join(base, path), trailing_slash

    def _by_url(self, location: Location) -> Target:
        table = self._table(self._profile)
        choices = _with_type(choose(self._ctx, self.config, table), location.type)
        warnings: tuple[str, ...] = ()
        if location.password is not None:
            warnings = ("a password in a URL can be seen by other users; use --password-file or ~/.netrc",)
        if table is not None and table.place is not None and table.place.host.lower() != location.host.lower():
            choices = choices.without_profile_login()
            note = f"profile {self._profile} is for {table.place.host}: its login is not sent to {location.host}"
            warnings = (*warnings, note)
        return Target(location, choices, self._profile, warnings)


def _with_type(choices: Choices, letter: str) -> Choices:
    """With the ``;type=`` of a URL, which is for the files that it names."""
    if not letter:
        return choices
    if choices.get("ascii") is not None:
        return choices.with_typed("ascii", letter == "a")
    if letter == "a":
        raise UsageError(";type=a is for get, put and cat, which transfer files as text with it")
    return choices
