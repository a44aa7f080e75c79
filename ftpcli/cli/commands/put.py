"""``ftpcli put``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.arguments import EitherArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import (
    ascii_option,
    attribute_options,
    connecting_options,
    filter_options,
    in_place_option,
    json_options,
    resume_option,
    work_options,
)

if TYPE_CHECKING:
    from ftpcli.cli.running.context import CommandContext
    from ftpcli.cli.server.targets import Target, Targets
    from ftpcli.engine.job import Job


@command("put")
@click.argument("places", nargs=-1, required=True, type=EitherArgument(), metavar="FILE... URL")
@option("-r", "--recursive", is_flag=True, help="Directories too, with all that is in them.")
@option("--mkdir", is_flag=True, help="Make the directories above the target that are missing.")
@in_place_option()
@ascii_option()
@resume_option()
@attribute_options()
@filter_options()
@work_options()
@connecting_options()
@json_options()
@click.pass_context
def put(ctx: click.Context, /, places: tuple[str, ...], **_options: Any) -> int:
    """Upload each FILE to URL. - is standard input. A URL that ends in / is a directory."""
    from ftpcli.cli.running.context import command_context, for_each, transfer
    from ftpcli.cli.running.stdio import send_from_stdin
    from ftpcli.cli.server.targets import Targets

    *files, url = places
    _check_files(files)
    targets = Targets(ctx)
    target = targets.remote(url)
    with command_context(target.choices, targets.config.warnings, ctx.obj) as context:
        if files == ["-"]:
            endpoint = targets.endpoint(target, context.warn)
            return for_each(context, [target], lambda place: send_from_stdin(context, endpoint, place))
        return transfer(context, _job(context, targets, files, target)).exit_code


def _check_files(files: list[str]) -> None:
    from ftpcli.cli.urls import is_remote
    from ftpcli.errors import UsageError

    if not files:
        raise UsageError("put needs one file or more, and then the URL to put them to")
    if "-" in files and len(files) > 1:
        raise UsageError("standard input (-) cannot be put together with files; a file of that name is ./-")
    for file in files:
        if is_remote(file):
            raise UsageError(f"{file!r} is on a server, and put takes local files; a file of that name is ./{file}")


def _job(context: CommandContext, targets: Targets, files: list[str], target: Target) -> Job:
    from ftpcli.cli.options.filters import filter_rules
    from ftpcli.engine.job import Direction, Job, Root, Rules

    choices = target.choices
    into = True if target.location.trailing_slash or len(files) > 1 else None
    rules = Rules(
        compare="always",
        recursive=choices["recursive"],
        in_place=choices["in_place"],
        resume=choices["resume"],
        symlinks=choices["symlinks"],
        perms=choices["perms"],
        make_parents=choices["mkdir"],
        filters=filter_rules(choices),
    )
    return Job(
        Direction.UPLOAD,
        targets.endpoint(target, context.warn),
        tuple(Root(file, target.path, into=into) for file in files),
        rules,
        parallel=choices["parallel"],
        max_connections=choices["max_connections"],
        retries=choices["retries"],
        retry_wait=choices["retry_wait"],
        limit_rate=choices["limit_rate"],
    )
