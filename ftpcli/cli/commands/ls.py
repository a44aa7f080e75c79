"""``ftpcli ls``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import connecting_options, no_glob_option

if TYPE_CHECKING:
    from ftpcli.cli.running.context import CommandContext
    from ftpcli.cli.server.targets import Target
    from ftpcli.model import Endpoint, Entry


@command("ls")
@click.argument("url", type=RemoteArgument())
@option("-l", "--long", is_flag=True, help="Mode, owner, group, size and time too.")
@option("-R", "--recursive", is_flag=True, help="Also what is below, as paths from URL.")
@option("-a", "--all", is_flag=True, help="Also names that begin with a dot.")
@option("--sort", type=click.Choice(["name", "size", "time"]), default="name", help="Order within a directory [name].")
@option("--json", is_flag=True, help="One JSON object a line.")
@no_glob_option()
@connecting_options()
@click.pass_context
def ls(ctx: click.Context, /, url: str, **_options: Any) -> int:
    """List the names in the directory URL, one a line; or the file URL; or what matches its glob."""
    from ftpcli.cli.running.context import command_context
    from ftpcli.cli.server.targets import Targets

    targets = Targets(ctx)
    target = targets.remote(url)
    with command_context(target.choices, targets.config.warnings) as context:
        return _list(context, targets.endpoint(target, context.warn), target)


def _list(context: CommandContext, endpoint: Endpoint, target: Target) -> int:
    from ftpcli.engine.browse import browse
    from ftpcli.exit_codes import SOME_FAILED

    choices, whole = target.choices, True
    with context.solo(endpoint, choices) as solo:
        place, glob = target.pattern or target.path, target.pattern is not None
        for directory, listing in browse(solo, place, recursive=choices["recursive"], glob=glob):
            _print(target, directory, listing.entries)
            for problem in listing.problems:
                context.screen.fail(f"{directory or '.'}: {problem}")
            if listing.doubt:
                context.warn(f"{directory or '.'}: {listing.doubt}")
            whole = whole and listing.whole
    return 0 if whole else SOME_FAILED


def _print(target: Target, directory: str, entries: Iterable[Entry]) -> None:
    """Without -a, hidden entries below the named path are left out; what was named itself is always shown."""
    from ftpcli.cli.output.listing import json_line, long_lines, ordered
    from ftpcli.cli.output.screen import emit

    choices = target.choices
    below = below_top(target.path, directory)
    if not choices["all"] and any(part.startswith(".") for part in (below or "").split("/")):
        return
    prefix = directory if target.pattern is not None else below or ""
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    hidden = choices["all"] or below is None
    named = [(prefix + entry.name, entry) for entry in ordered(entries, choices["sort"], hidden=hidden)]
    if choices["json"]:
        lines = [json_line(path, entry) for path, entry in named]
    else:
        lines = long_lines(named) if choices["long"] else [path for path, _ in named]
    for line in lines:
        emit(line)


def below_top(top: str, directory: str) -> str | None:
    """``directory`` relative to ``top``; None if it is not below it, as the parent of a named file."""
    if directory == top:
        return ""
    prefix = top if not top or top.endswith("/") else f"{top}/"
    return directory.removeprefix(prefix) if directory.startswith(prefix) else None
