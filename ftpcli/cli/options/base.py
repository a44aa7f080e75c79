"""click's Option and Command, with headings in ``--help`` and with what the config file needs to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ftpcli.exit_codes import USAGE

F = TypeVar("F", bound=Callable[..., Any])

OWN = "Options"
TYPED = "ftpcli.typed"
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Option(click.Option):
    """An option with its heading in ``--help`` (``section``) and whether a profile may set it.

    ``runs_command``: its value names a command to run here, or a file that may.
    """

    def __init__(
        self,
        *declarations: Any,
        section: str = OWN,
        in_profile: bool = True,
        runs_command: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(*declarations, **attributes)
        self.section = section
        self.in_profile = in_profile
        self.runs_command = runs_command


class Command(click.Command):
    """A command whose ``--help`` shows its own options first and the shared ones under headings.

    A command with a --report option finds a JsonWriter in ``ctx.obj``, to pass on to ``command_context``.
    ``ctx.meta[TYPED]`` holds the names of its parameters in the order in which they were typed: click keeps the order
    of one option's values, but not that among several options.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[TYPED] = tuple(parameter.name for parameter in order)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if "report" not in ctx.params:
            return super().invoke(ctx)
        from ftpcli.cli.output.json_lines import run_with_json

        return run_with_json(ctx, super().invoke)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {OWN: []}
        for parameter in self.get_params(ctx):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", OWN), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def help_without_subcommand(ctx: click.Context) -> None:
    """A group without a subcommand shows its help, as an error."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(USAGE)


def option(*declarations: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*declarations, cls=Option, **attributes)


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare a subcommand that takes its arguments, and its options through ``ctx.params``."""
    return click.command(name, cls=Command, context_settings=CONTEXT, **attributes)
