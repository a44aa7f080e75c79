"""``ftpcli mirror``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.arguments import EitherArgument
from ftpcli.cli.options import (
    attribute_options,
    command,
    connecting_options,
    filter_options,
    in_place_option,
    option,
    record_options,
    resume_option,
    work_options,
)
from ftpcli.cli.parameters import MaxDelete

if TYPE_CHECKING:
    from ftpcli.cli.targets import Target
    from ftpcli.model import Direction, Endpoint, FilterRules, Job


@command("mirror")
@click.argument("source", type=EitherArgument())
@click.argument("target", type=EitherArgument())
@option("--delete", is_flag=True, help="Delete from TARGET what is not in SOURCE.")
@option(
    "--max-delete",
    type=MaxDelete(),
    default=50.0,
    metavar="N|P%",
    help="Delete nothing if more than N entries, or P% of TARGET's, would go [50%].",
)
@option("--allow-empty-source", is_flag=True, help="With --delete: an empty SOURCE may empty TARGET.")
@option("-n", "--dry-run", is_flag=True, help="Only print what would be done.")
@in_place_option()
@resume_option()
@option("--times/--no-times", default=True, help="Give copies the modification times of their sources [times].")
@option("--compare", type=click.Choice(["auto", "size", "time", "checksum"]), default="auto",
        help="What tells that a file is up to date [auto: size and time].")  # fmt: skip
@option("--newer-only", is_flag=True, help="Copy only what is newer in SOURCE.")
@option("--verify", type=click.Choice(["auto", "size", "checksum", "none"]), default="auto",
        help="What is asked of the server before a copy counts, besides its bytes [auto].")  # fmt: skip
@attribute_options()
@filter_options()
@work_options()
@connecting_options()
@record_options()
@click.pass_context
def mirror(ctx: click.Context, /, source: str, target: str, **_options: Any) -> int:
    """Make the tree TARGET like the tree SOURCE. The one that is a URL or PROFILE:path is on the server."""
    from ftpcli.cli.filtering import filter_rules
    from ftpcli.cli.targets import Targets
    from ftpcli.cli.urls import is_remote
    from ftpcli.cli.work import surroundings, transfer
    from ftpcli.errors import UsageError
    from ftpcli.model import Direction

    down, up = is_remote(source), is_remote(target)
    if down == up:
        found = "both SOURCE and TARGET are" if down else "neither SOURCE nor TARGET is"
        raise UsageError(f"{found} a URL or PROFILE:path; mirror works between this computer and a server")
    targets = Targets(ctx)
    place = targets.remote(source if down else target)
    with surroundings(place.choices, targets.config.warnings, ctx.obj) as around:
        filters = filter_rules(place.choices)
        endpoint = targets.endpoint(place, around.warn)
        direction, local = (Direction.DOWNLOAD, target) if down else (Direction.UPLOAD, source)
        return transfer(around, _job(endpoint, direction, place, local, filters)).exit_code


def _job(endpoint: Endpoint, direction: Direction, place: Target, local: str, filters: FilterRules) -> Job:
    from ftpcli.model import Direction, Job, Root, Rules

    choices = place.choices
    source, target = (place.path, local) if direction is Direction.DOWNLOAD else (local, place.path)
    limit = choices["max_delete"]
    rules = Rules(
        compare=choices["compare"],
        newer_only=choices["newer_only"],
        verify=choices["verify"],
        delete=choices["delete"],
        max_delete=limit if isinstance(limit, int) else None,
        max_delete_percent=limit if isinstance(limit, float) else 100.0,
        allow_empty_source=choices["allow_empty_source"],
        dry_run=choices["dry_run"],
        in_place=choices["in_place"],
        resume=choices["resume"],
        symlinks=choices["symlinks"],
        perms=choices["perms"],
        times=choices["times"],
        make_parents=True,
        filters=filters,
    )
    return Job(
        direction,
        endpoint,
        (Root(source, target, into=False, tree=True),),
        rules,
        parallel=choices["parallel"],
        max_connections=choices["max_connections"],
        retries=choices["retries"],
        retry_wait=choices["retry_wait"],
        limit_rate=choices["limit_rate"],
    )
