"""``ftpcli get``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.arguments import RemoteArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import (
    ascii_option,
    attribute_options,
    connecting_options,
    filter_options,
    json_options,
    no_glob_option,
    resume_option,
    work_options,
)

if TYPE_CHECKING:
    from ftpcli.cli.running.context import CommandContext
    from ftpcli.cli.server.targets import Target, Targets
    from ftpcli.engine.job import Job


@command("get")
@click.argument("urls", nargs=-1, required=True, type=RemoteArgument(), metavar="URL...")
@option("-o", "--output", type=click.Path(path_type=str), metavar="FILE",
        help="Write to FILE; - is standard output. With one URL only.")  # fmt: skip
@option("-d", "--directory", type=click.Path(path_type=str), metavar="DIR",
        help="Write into DIR, which is made if it is missing [.].")  # fmt: skip
@option("-r", "--recursive", is_flag=True, help="Directories too, with all that is in them.")
@ascii_option()
@resume_option()
@no_glob_option()
@attribute_options()
@filter_options()
@work_options()
@connecting_options()
@json_options()
@click.pass_context
def get(ctx: click.Context, /, urls: tuple[str, ...], **_options: Any) -> int:
    """Download each URL. The client expands * ? [...] in the path; quote them for the shell."""
    from ftpcli.cli.running.context import command_context
    from ftpcli.cli.server.targets import Targets

    targets = Targets(ctx)
    hint = "; -d DIR or -o FILE tells where to write"  # with scp and sftp the last argument does
    places = [targets.remote(url, hint) for url in urls]
    output: str | None = places[0].choices["output"]
    if output is not None:
        _check_output(places, output)
    with command_context(places[0].choices, targets.config.warnings, ctx.obj) as context:
        if output == "-":
            return _to_stdout(context, targets, places)
        return _to_files(context, targets, places, output)


def _check_output(places: list[Target], output: str) -> None:
    from ftpcli.errors import UsageError

    if places[0].choices["directory"] is not None:
        raise UsageError("-o and -d contradict each other")
    if output == "-" and places[0].choices["json"]:
        raise UsageError("-o - and --json both want standard output; --report FILE leaves it free")
    if len(places) > 1 or places[0].pattern is not None:
        raise UsageError("-o FILE goes with one URL without a glob; use -d DIR for several files")


def _to_stdout(context: CommandContext, targets: Targets, places: list[Target]) -> int:
    import sys

    from ftpcli.cli.running.context import for_each
    from ftpcli.cli.running.stdio import fetch_to_stdout

    progress = context.progress if sys.stdout is not None and not sys.stdout.isatty() else "none"
    endpoint = targets.endpoint(places[0], context.warn)
    return for_each(context, places, lambda place: fetch_to_stdout(context, endpoint, place, progress))


def _to_files(context: CommandContext, targets: Targets, places: list[Target], output: str | None) -> int:
    """One run for each server, one after the other."""
    from ftpcli.cli.running.context import transfer
    from ftpcli.exit_codes import combined

    if places[0].choices["directory"] is not None:
        _make_directory(places[0].choices["directory"])
    servers: dict[tuple[object, ...], list[Target]] = {}
    for place in places:
        servers.setdefault(place.server, []).append(place)
    codes = []
    for group in servers.values():
        if context.stop.requested:
            break
        codes.append(transfer(context, _job(context, targets, group, output)).exit_code)
    return context.stop.exit_code or combined(codes)


def _make_directory(path: str) -> None:
    import os

    from ftpcli.errors import LocalFileError

    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise LocalFileError(f"cannot make {path}: {error.strerror}") from None


def _job(context: CommandContext, targets: Targets, group: list[Target], output: str | None) -> Job:
    from ftpcli.cli.options.filters import filter_rules
    from ftpcli.engine.job import Direction, Job, Root, Rules

    choices = group[0].choices
    directory: str | None = choices["directory"]
    roots = tuple(
        Root(place.path, output, into=False)
        if output is not None
        else Root(place.pattern or place.path, directory or ".", into=place.has_name, glob=place.pattern is not None)
        for place in group
    )
    rules = Rules(
        compare="always",
        recursive=choices["recursive"],
        resume=choices["resume"],
        symlinks=choices["symlinks"],
        perms=choices["perms"],
        filters=filter_rules(choices),
    )
    return Job(
        Direction.DOWNLOAD,
        targets.endpoint(group[0], context.warn),
        roots,
        rules,
        parallel=choices["parallel"],
        max_connections=choices["max_connections"],
        retries=choices["retries"],
        retry_wait=choices["retry_wait"],
        limit_rate=choices["limit_rate"],
    )
