"""``ftpcli cat``."""

from __future__ import annotations

from typing import Any

import click

from ftpcli.cli.arguments import RemoteArgument
from ftpcli.cli.options import command, connecting_options, report_option


@command("cat")
@click.argument("urls", nargs=-1, required=True, type=RemoteArgument(), metavar="URL...")
@connecting_options()
@report_option()
@click.pass_context
def cat(ctx: click.Context, /, urls: tuple[str, ...], **_options: Any) -> int:
    """Write each URL to standard output, one after the other. Names are taken as they are: no globs."""
    from ftpcli.cli.streams import fetch_to_stdout
    from ftpcli.cli.targets import Target, Targets
    from ftpcli.cli.work import each, surroundings

    targets = Targets(ctx)
    places = [targets.remote(url) for url in urls]
    with surroundings(places[0].choices, targets.config.warnings, ctx.obj) as around:

        def write(place: Target) -> int:
            return fetch_to_stdout(around, targets.endpoint(place, around.warn), place, "none")

        return each(around, places, write)
