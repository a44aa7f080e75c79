"""The commands of the program, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ftpcli.cli.app import COMMANDS, cli


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command under its manual page's name, the groups' subcommands too."""
    root = click.Context(cli)
    yield "ftpcli", cli
    for name in COMMANDS:
        found = cli.get_command(root, name)
        assert found is not None
        yield f"ftpcli-{name}", found
        if isinstance(found, click.Group):
            yield from ((f"ftpcli-{name}", inner) for inner in found.commands.values())
