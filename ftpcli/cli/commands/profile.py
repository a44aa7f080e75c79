"""``ftpcli profile list|show|path``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.arguments import ProfileArgument
from ftpcli.cli.options.base import CONTEXT, command, help_without_subcommand
from ftpcli.cli.options.shared import config_option

if TYPE_CHECKING:
    from ftpcli.cli.urls import Location

MASK = "***"


@click.group("profile", context_settings=CONTEXT, invoke_without_command=True)
@click.pass_context
def profile(ctx: click.Context, /) -> None:
    """Show the profiles of the config file; secrets are masked."""
    help_without_subcommand(ctx)


@command("list", short_help="Names of the profiles, and their servers.")
@config_option()
@click.pass_context
def list_profiles(ctx: click.Context, /, **_options: Any) -> int:
    """Print each profile's name and server, one a line."""
    from ftpcli.cli.options.config_file import load_config
    from ftpcli.cli.output.screen import Screen, emit

    config = load_config(ctx)
    for warning in config.warnings:
        Screen().warn(warning)
    width = max((len(name) for name in config.profiles), default=0)
    for name, table in config.profiles.items():
        emit(f"{name.ljust(width)}  {masked_url(table.place)}".rstrip())
    return 0


@command("show", short_help="One profile's settings.")
@click.argument("name", type=ProfileArgument())
@config_option()
@click.pass_context
def show(ctx: click.Context, /, name: str, **_options: Any) -> int:
    """Print what profile NAME sets, [defaults] included, as TOML with secrets masked."""
    from ftpcli.cli.options.config_file import load_config
    from ftpcli.cli.output.screen import emit

    config = load_config(ctx)
    table = config.profile(name.removesuffix(":"))
    settings = {**config.defaults.raw, **table.raw}
    emit(f"[profiles.{toml_key(name.removesuffix(':'))}]")
    for key, value in masked(settings, table.place).items():
        emit(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return 0


@command("path", short_help="Where the config file is.")
@config_option()
@click.pass_context
def path(ctx: click.Context, /, **_options: Any) -> int:
    """Print the path of the config file, which need not exist."""
    from ftpcli.cli.options.config_file import default_path
    from ftpcli.cli.output.screen import emit

    emit(ctx.params["config"] or str(default_path()))
    return 0


for _command in (list_profiles, show, path):
    profile.add_command(_command)


def masked(settings: Mapping[str, Any], place: Location | None) -> dict[str, Any]:
    """``settings`` without passwords. Of a password command only the program is shown, for an argument may be one."""
    shown = dict(settings)
    if "password" in shown:
        shown["password"] = MASK
    if "url" in shown:
        shown["url"] = masked_url(place)
    if "password_command" in shown:
        words = str(shown["password_command"]).split(maxsplit=1)
        shown["password_command"] = " ".join([*words[:1], *([MASK] if len(words) > 1 else [])])
    return shown


def masked_url(place: Location | None) -> str:
    """A profile's server as a URL without its password."""
    from ftpcli.cli.urls import written_path

    if place is None:
        return ""
    host = f"[{place.host}]" if ":" in place.host else place.host
    password = f":{MASK}" if place.password is not None else ""
    login = f"{place.user or ''}{password}@" if place.user or password else ""
    port = f":{place.port}" if place.port else ""
    return f"{place.scheme}://{login}{host}{port}{written_path(place.scheme, place.path)}"


def toml_key(name: str) -> str:
    return json.dumps(name) if "." in name else name
