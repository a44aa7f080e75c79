"""``ftpcli mirror``."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.arguments import EitherArgument
from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import (
    attribute_options,
    connecting_options,
    filter_options,
    in_place_option,
    json_options,
    resume_option,
    work_options,
)
from ftpcli.cli.options.types import Duration, MaxDelete, PositiveDuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftpcli.cli.options.choices import Choices
    from ftpcli.cli.server.targets import Target, Targets
    from ftpcli.engine.job import Direction, FilterRules, Job, Root, Rules, Side
    from ftpcli.model import Endpoint


@command("mirror")
@click.argument("source", type=EitherArgument())
@click.argument("target", type=EitherArgument())
@option("--delete", is_flag=True, help="Delete from TARGET what is not in SOURCE.")
@option(
    "--max-delete",
    type=MaxDelete(),
    default=50.0,
    metavar="N|P%",
    help="With --delete: delete nothing if more than N entries, or P% of TARGET's, would go [50%].",
)
@option("--delete-before", is_flag=True, help="With --delete: delete before anything is copied, to make room.")
@option("--allow-empty-source", is_flag=True, help="With --delete: an empty SOURCE may empty TARGET.")
@option(
    "--backup-dir",
    metavar="DIR",
    help="Keep what is deleted or replaced under DIR, on TARGET's side, in a folder named by date and time.",
)
@option("--track-renames", is_flag=True, help="With --delete: rename on TARGET what only has a new name in SOURCE.")
@option("-n", "--dry-run", is_flag=True, help="Only print what would be done.")
@in_place_option()
@resume_option()
@option("--times/--no-times", default=True, help="Give copies the modification times of their sources [times].")
@option("--compare", type=click.Choice(["auto", "size", "time", "checksum"]), default="auto",
        help="What tells that a file is up to date [auto: size and time].")  # fmt: skip
@option("--modify-window", type=Duration(), metavar="S",
        help="Times within S seconds are the same, whatever the server does with them.")  # fmt: skip
@option("--strict-compare", is_flag=True,
        help="With checksum for --compare or --verify: fail where the server has no digest.")  # fmt: skip
@option("--newer-only", is_flag=True, help="Copy only what is newer in SOURCE.")
@option("--verify", type=click.Choice(["auto", "size", "checksum", "none"]), default="auto",
        help="What is asked of the server before a copy counts, besides its bytes [auto].")  # fmt: skip
@option("--lock", type=click.Choice(["fail", "wait", "skip"]), default="fail",
        help="What to do while another run is at work on the same SOURCE and TARGET [fail].")  # fmt: skip
@option("--watch", is_flag=True, help="Then keep going: mirror what changes in SOURCE, until stopped.")
@option("--watch-interval", type=PositiveDuration(), default=60.0, metavar="S",
        help="With --watch: seconds from one look at a server to the next, or after a failure [60].")  # fmt: skip
@attribute_options()
@filter_options()
@work_options()
@connecting_options()
@json_options()
@click.pass_context
def mirror(ctx: click.Context, /, source: str, target: str, **_options: Any) -> int:
    """Make the tree TARGET like the tree SOURCE. The one that is a URL or PROFILE:path is on the server."""
    from ftpcli.cli.options.filters import filter_rules
    from ftpcli.cli.running.context import command_context, transfer
    from ftpcli.cli.running.mirror_lock import hold_lock
    from ftpcli.cli.server.targets import Targets
    from ftpcli.cli.urls import is_remote
    from ftpcli.engine.job import Direction, Root
    from ftpcli.errors import UsageError

    down, up = is_remote(source), is_remote(target)
    if down == up:
        found = "both SOURCE and TARGET are" if down else "neither SOURCE nor TARGET is"
        raise UsageError(f"{found} a URL or PROFILE:path; mirror works between this computer and a server")
    direction = Direction.DOWNLOAD if down else Direction.UPLOAD
    targets = Targets(ctx)
    place = targets.remote(source if down else target)
    _check_combinations(place.choices)
    backup = _backup(targets, place, direction.target, target)
    with command_context(place.choices, targets.config.warnings, ctx.obj) as context:
        rules = _rules(place.choices, filter_rules(place.choices), backup())
        root = Root(place.path, target, tree=True) if down else Root(source, place.path, tree=True)
        job = _job(direction, targets.endpoint(place, context.warn), root, rules, place.choices)
        with hold_lock(context, job, place.choices["lock"]) as lock:
            if lock is None:
                return 0
            if place.choices["watch"]:
                from ftpcli.cli.running.watch import keep_mirroring

                return keep_mirroring(context, job, place.choices["watch_interval"], lock, backup)
            with lock.journal(job) as journal:
                return transfer(context, job, journal).exit_code


def _check_combinations(choices: Choices) -> None:
    """Raises UsageError for an option without the one it depends on, and for two that contradict each other.

    In the config such an option is no error: it applies to those runs that use it.
    """
    from ftpcli.cli.options.choices import Origin
    from ftpcli.errors import UsageError

    if choices.origin("track_renames") is Origin.COMMAND_LINE and not choices["delete"]:
        raise UsageError(
            "--track-renames needs --delete: a file whose name is gone is renamed where it would be deleted"
        )
    if choices.origin("delete_before") is Origin.COMMAND_LINE and not choices["delete"]:
        raise UsageError("--delete-before needs --delete: without it nothing is deleted")
    if choices["delete_before"] and choices["track_renames"]:
        raise UsageError(
            "--delete-before and --track-renames contradict each other: one deletes what the other renames"
        )
    if choices.origin("max_delete") is Origin.COMMAND_LINE and not choices["delete"]:
        raise UsageError("--max-delete needs --delete: without it nothing is deleted")
    if choices.origin("strict_compare") is Origin.COMMAND_LINE and "checksum" not in (
        choices["compare"],
        choices["verify"],
    ):
        raise UsageError("--strict-compare needs --compare checksum or --verify checksum: else no digest is asked for")
    if choices.origin("watch_interval") is Origin.COMMAND_LINE and not choices["watch"]:
        raise UsageError("--watch-interval needs --watch: without it there is one round only")
    if choices["watch"] and choices["dry_run"]:
        raise UsageError("--watch and --dry-run contradict each other: one never ends, the other never begins")


def _backup(targets: Targets, place: Target, side: Side, target: str) -> Callable[[], str | None]:
    """Returns a function that names the folder, dated now, for what a run deletes or replaces; None without one.

    On a server --backup-dir is parsed as the target's path is. Raises UsageError for one that cannot be used.
    """
    from ftpcli.cli.options.choices import Origin
    from ftpcli.cli.urls import ProfilePath, parse, remote_path
    from ftpcli.engine.backup.folder import backup_folder
    from ftpcli.engine.job import Side
    from ftpcli.errors import UsageError

    directory = place.choices["backup_dir"]
    if directory is None:
        return lambda: None
    if "://" in directory:
        raise UsageError(f"--backup-dir {directory}: a path on TARGET's side is expected, not a URL")
    if side is Side.LOCAL:
        root = target
        if place.choices.origin("backup_dir") is not Origin.COMMAND_LINE:
            directory = os.path.expanduser(directory)  # the shell did not see it
    else:
        root, named = place.path, parse(target)
        if isinstance(named, ProfilePath):
            directory = targets.remote(f"{named.profile}:{directory}").path
        else:
            directory = remote_path(directory)[0]

    def dated() -> str:
        return backup_folder(side, directory, root, time.time())

    dated()
    return dated


def _rules(choices: Choices, filters: FilterRules, backup: str | None) -> Rules:
    from ftpcli.engine.job import Rules

    limit = choices["max_delete"]
    return Rules(
        compare=choices["compare"],
        modify_window=choices["modify_window"],
        strict_compare=choices["strict_compare"],
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
        backup=backup,
        delete_before=choices["delete"] and choices["delete_before"],
        track_renames=choices["delete"] and choices["track_renames"],
    )


def _job(direction: Direction, endpoint: Endpoint, root: Root, rules: Rules, choices: Choices) -> Job:
    from ftpcli.engine.job import Job

    return Job(
        direction,
        endpoint,
        (root,),
        rules,
        parallel=choices["parallel"],
        max_connections=choices["max_connections"],
        retries=choices["retries"],
        retry_wait=choices["retry_wait"],
        limit_rate=choices["limit_rate"],
    )
