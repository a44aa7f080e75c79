"""The value of every option of a command: command line over profile over ``[defaults]`` over the built-in value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import click
from click.core import ParameterSource

from ftpcli.cli.options.base import TYPED
from ftpcli.cli.options.config_file import Config, Table
from ftpcli.errors import UsageError

LOGIN_NAMES = frozenset({"user", "password", "password_file", "password_command"})


class Origin(IntEnum):
    """Where a value comes from; the greater origin wins."""

    BUILT_IN = 0
    DEFAULTS = 1
    PROFILE = 2
    COMMAND_LINE = 3


@dataclass(frozen=True)
class Choices:
    """Values by parameter name, one layer for each origin.

    ``password`` is in the profile's layer only, as a Secret; there is no such option. ``typed``: the names of the
    parameters on the command line, in its order and repeated as there.
    """

    layers: Mapping[Origin, Mapping[str, Any]]
    typed: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.layers[self.origin(name)][name]

    def get(self, name: str, default: Any = None) -> Any:
        layer = self.layers[self.origin(name)]
        return layer.get(name, default)

    def origin(self, name: str) -> Origin:
        return max((origin for origin, layer in self.layers.items() if name in layer), default=Origin.BUILT_IN)

    def one_of(self, first: str, second: str) -> str | None:
        """Which of two contradictory options is on; the greater origin wins. Raises UsageError for equal ones."""
        if not (self[first] and self[second]):
            return first if self[first] else second if self[second] else None
        if self.origin(first) == self.origin(second):
            raise UsageError(f"--{_long(first)} and --{_long(second)} contradict each other")
        return first if self.origin(first) > self.origin(second) else second

    def with_typed(self, name: str, value: object) -> Choices:
        """As if an option was on the command line."""
        return replace(
            self, layers={**self.layers, Origin.COMMAND_LINE: {**self.layers[Origin.COMMAND_LINE], name: value}}
        )

    def without_profile_login(self) -> Choices:
        """The choices for a server other than the profile's, which must not get its login."""
        kept = {name: value for name, value in self.layers[Origin.PROFILE].items() if name not in LOGIN_NAMES}
        return replace(self, layers={**self.layers, Origin.PROFILE: kept})


def choose(ctx: click.Context, config: Config, profile: Table | None) -> Choices:
    """The options of the command that runs in ``ctx``, with ``config`` and its ``profile`` taken into account."""
    layers: dict[Origin, dict[str, Any]] = {origin: {} for origin in Origin}
    for parameter in ctx.command.params:
        name = parameter.name
        if name is None or not isinstance(parameter, click.Option):
            continue
        layers[Origin.BUILT_IN][name] = ctx.params.get(name)
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            layers[Origin.COMMAND_LINE][name] = ctx.params[name]
        if getattr(parameter, "in_profile", False):
            _put(layers[Origin.DEFAULTS], name, config.defaults.options)
            if profile is not None:
                _put(layers[Origin.PROFILE], name, profile.options)
    if profile is not None:
        _add_place_login(layers[Origin.PROFILE], profile)
    return Choices(layers, ctx.meta[TYPED])


def _put(layer: dict[str, Any], name: str, values: Mapping[str, Any]) -> None:
    if name in values:
        layer[name] = values[name]


def _add_place_login(layer: dict[str, Any], profile: Table) -> None:
    """The login that a profile's url and ``password`` key bring."""
    if profile.place is not None and profile.place.user is not None:
        layer.setdefault("user", profile.place.user)
    if profile.password is not None:
        layer["password"] = profile.password


def _long(name: str) -> str:
    return name.replace("_", "-")
