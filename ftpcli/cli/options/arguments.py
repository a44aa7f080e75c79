"""Types of arguments: they check nothing and tell the shell what it may complete."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from ftpcli.cli.options.types import ParamType, Text


class RemoteArgument(ParamType):
    """A URL or ``NAME:path``; completes the names of profiles."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        names = [f"{name}:" for name in profile_names(ctx)]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class EitherArgument(RemoteArgument):
    """A URL, ``NAME:path`` or a local path; completes files where no profile fits."""

    name = "place"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        fitting = super().shell_complete(ctx, param, incomplete) if incomplete else []
        return fitting or [CompletionItem(incomplete, type="file")]


class ProfileArgument(Text):
    """A profile's name."""

    name = "name"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in profile_names(ctx) if name.startswith(incomplete)]


def profile_names(ctx: click.Context) -> list[str]:
    """The profiles' names; none where the config cannot be read, for completion must not fail."""
    from ftpcli.cli.options.config_file import load_config
    from ftpcli.errors import FtpcliError

    try:
        return sorted(load_config(ctx).profiles)
    except FtpcliError:
        return []
