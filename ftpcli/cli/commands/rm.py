"""``ftpcli rm``."""

from __future__ import annotations

from typing import Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import connecting_options, json_options, no_glob_option


@command("rm")
@click.argument("urls", nargs=-1, required=True, type=RemoteArgument(), metavar="URL...")
@option("-r", "--recursive", is_flag=True, in_profile=False, help="Directories too, with all that is in them.")
@no_glob_option()
@connecting_options()
@json_options()
@click.pass_context
def rm(ctx: click.Context, /, urls: tuple[str, ...], recursive: bool, **_options: Any) -> int:
    """Delete each URL on its server. The client expands * ? [...] in the path; quote them for the shell."""
    from ftpcli.cli.running.context import command_context, for_each
    from ftpcli.cli.server.targets import Target, Targets
    from ftpcli.errors import UsageError
    from ftpcli.exit_codes import SOME_FAILED

    targets = Targets(ctx)
    places = [targets.remote(url) for url in urls]
    if not all(place.has_name for place in places):
        raise UsageError("rm does not delete the login directory, the root, . or ..")
    with command_context(places[0].choices, targets.config.warnings, ctx.obj) as context:

        def delete(place: Target) -> int:
            from ftpcli.engine.verbs import remove

            endpoint = targets.endpoint(place, context.warn)
            with context.solo(endpoint, place.choices) as solo:
                gaps = remove(solo, place.pattern or place.path, recursive=recursive, glob=place.pattern is not None)
            for folder, error in gaps.items():
                context.json_writer.failed(folder, error, error.exit_code)
                context.screen.fail(str(error))
            return SOME_FAILED if gaps else 0

        return for_each(context, places, delete)
