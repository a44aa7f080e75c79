"""The program: subcommands loaded when they are needed, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from ftpcli import __version__
from ftpcli.cli.options.base import CONTEXT, help_without_subcommand
from ftpcli.cli.output.screen import Screen, discard_stdout
from ftpcli.cli.server.environment import withdraw
from ftpcli.errors import FtpcliError
from ftpcli.exit_codes import BROKEN_PIPE, INTERNAL_ERROR, INTERRUPTED, LOCAL_FILE, MEANINGS, WHEN_SEVERAL_FAIL

COMMANDS = {
    "ls": "List a directory on a server.",
    "get": "Download files, or trees with -r.",
    "put": "Upload files, or trees with -r.",
    "mirror": "Make one tree like another, either direction.",
    "rm": "Delete files, or trees with -r.",
    "mkdir": "Make directories.",
    "mv": "Rename or move on one server.",
    "cat": "Write files to standard output.",
    "profile": "Show what the config file says.",
    "demo": "Show it at work, against a server of its own.",
}


class LazyGroup(click.Group):
    """Imports a command's module when that command is run; the list of commands imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"ftpcli.cli.commands.{cmd_name}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS.items()])
        formatter.write_paragraph()
        formatter.write_text(WHEN_SEVERAL_FAIL)


@click.group(cls=LazyGroup, context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(__version__, prog_name="ftpcli", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /) -> None:
    """Transfer files by FTP, FTPS and SFTP: parallel, resumable, and never a false success.

    A place on a server is ftp://, ftpes:// (explicit TLS), ftps:// (implicit TLS) or sftp:// (SSH) with
    [user@]host[:port]/path, or PROFILE:path with a profile of the config file.
    """
    help_without_subcommand(ctx)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the process's exit code."""
    withdraw()
    code = 0
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        discard_stdout()
        return BROKEN_PIPE
    except OSError as error:
        discard_stdout()
        if code != LOCAL_FILE:  # that code says that the failed write was reported already
            Screen().fail(f"standard output: {error.strerror}")
        return LOCAL_FILE


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="ftpcli", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        _usage_error(error)
        return error.exit_code
    except FtpcliError as error:
        Screen().fail(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit:  # how click ends for a broken pipe, whatever its mode
        raise BrokenPipeError from None
    except OSError:  # --help and the like: click prints them, and a command translates its own
        raise
    except Exception as error:
        Screen().fail(f"internal error: {type(error).__name__}: {error} (please report it; -vv shows where)")
        return INTERNAL_ERROR


def _usage_error(error: click.ClickException) -> None:
    Screen().fail(error.format_message())
    context = getattr(error, "ctx", None)
    if context is not None:
        Screen().line(f"Try '{context.command_path} --help'.")
