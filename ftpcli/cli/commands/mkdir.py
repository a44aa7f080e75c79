"""``ftpcli mkdir``."""

from __future__ import annotations

from typing import Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import connecting_options, json_options


@command("mkdir")
@click.argument("urls", nargs=-1, required=True, type=RemoteArgument(), metavar="URL...")
@option("-p", "--parents", is_flag=True, help="Also those above it; no error if it is there already.")
@connecting_options()
@json_options()
@click.pass_context
def mkdir(ctx: click.Context, /, urls: tuple[str, ...], **_options: Any) -> int:
    """Make each directory URL on its server."""
    from ftpcli.cli.running.context import command_context, for_each
    from ftpcli.cli.server.targets import Target, Targets

    targets = Targets(ctx)
    places = [targets.remote(url) for url in urls]
    with command_context(places[0].choices, targets.config.warnings, ctx.obj) as context:

        def make(place: Target) -> int:
            from ftpcli.engine.events import Finished
            from ftpcli.engine.verbs import make_directory

            endpoint = targets.endpoint(place, context.warn)
            with context.solo(endpoint, place.choices) as solo:
                make_directory(solo, place.path, parents=place.choices["parents"])
            context.json_writer(Finished(place.path, "mkdir", 0))
            return 0

        return for_each(context, places, make)
