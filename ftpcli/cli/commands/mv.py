"""``ftpcli mv``."""

from __future__ import annotations

from typing import Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command
from ftpcli.cli.options.shared import connecting_options, json_options


@command("mv")
@click.argument("source", type=RemoteArgument())
@click.argument("target", type=RemoteArgument())
@connecting_options()
@json_options()
@click.pass_context
def mv(ctx: click.Context, /, source: str, target: str, **_options: Any) -> int:
    """Rename SOURCE to TARGET, both on one server. A TARGET that ends in / is a directory to move into."""
    from ftpcli.cli.running.context import command_context, for_each
    from ftpcli.cli.server.targets import Target, Targets
    from ftpcli.cli.urls import join
    from ftpcli.errors import UsageError

    targets = Targets(ctx)
    old, new = targets.remote(source), targets.remote(target)
    if not old.same_server(new):
        raise UsageError("mv works on one server; SOURCE and TARGET name two (or two logins)")
    if not old.has_name:
        raise UsageError("mv cannot move the login directory or the root")
    name = old.path.rpartition("/")[2]
    path = join(new.path, name) if new.location.trailing_slash else new.path
    with command_context(old.choices, targets.config.warnings, ctx.obj) as context:

        def move(place: Target) -> int:
            from ftpcli.engine.events import Finished
            from ftpcli.engine.verbs import rename

            endpoint = targets.endpoint(place, context.warn)
            with context.solo(endpoint, place.choices) as solo:
                rename(solo, place.path, path)
            context.json_writer(Finished(place.path, "rename", 0, target=path))
            return 0

        return for_each(context, [old], move)
