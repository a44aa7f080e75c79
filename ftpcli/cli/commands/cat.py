"""``ftpcli cat``."""

from __future__ import annotations

from typing import Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command
from ftpcli.cli.options.shared import ascii_option, connecting_options, report_option


@command("cat")
@click.argument("urls", nargs=-1, required=True, type=RemoteArgument(), metavar="URL...")
@ascii_option()
@connecting_options()
@report_option()
@click.pass_context
def cat(ctx: click.Context, /, urls: tuple[str, ...], **_options: Any) -> int:
    """Write each URL to standard output, one after the other. Names are taken as they are: no globs."""
    from ftpcli.cli.running.context import command_context, for_each
    from ftpcli.cli.running.stdio import fetch_to_stdout
    from ftpcli.cli.server.targets import Target, Targets

    targets = Targets(ctx)
    places = [targets.remote(url) for url in urls]
    with command_context(places[0].choices, targets.config.warnings, ctx.obj) as context:

        def write(place: Target) -> int:
            return fetch_to_stdout(context, targets.endpoint(place, context.warn), place, "none")

        return for_each(context, places, write)
