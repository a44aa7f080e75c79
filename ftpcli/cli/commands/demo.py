"""``ftpcli demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ftpcli.cli.options.base import command, option
from ftpcli.cli.options.shared import output_options

if TYPE_CHECKING:
    from pathlib import Path

    from ftpcli.cli.running.context import CommandContext
    from ftpcli.demo.server import DemoServer
    from ftpcli.engine.job import Job


@command("demo")
@option("--files", type=click.IntRange(min=1, max=100_000), default=200, metavar="N", in_profile=False,
        help="Size of the sample tree [200].")  # fmt: skip
@option("--parallel", type=click.IntRange(min=1, max=256), default=4, metavar="N", in_profile=False,
        help="Transfer N files at a time [4].")  # fmt: skip
@option("--keep", is_flag=True, in_profile=False, help="Leave the two trees for a look at them.")
@output_options()
@click.pass_context
def demo(ctx: click.Context, /, files: int, parallel: int, keep: bool, **_options: Any) -> int:
    """Start an FTPS server on loopback that insists on TLS session resumption, mirror a sample tree from it over
    several connections at once, and compare the copy byte by byte. Nothing leaves this computer."""
    import shutil
    import tempfile
    from pathlib import Path

    from ftpcli.cli.options.choices import choose
    from ftpcli.cli.options.config_file import Config
    from ftpcli.cli.output.screen import emit
    from ftpcli.cli.running.context import command_context

    folder = Path(tempfile.mkdtemp(prefix="ftpcli-demo-"))
    try:
        with command_context(choose(ctx, Config(Path()), None)) as context:
            return _show(context, folder, files, parallel)
    finally:
        if keep:
            emit(f"the trees are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _show(context: CommandContext, folder: Path, files: int, parallel: int) -> int:
    from ftpcli.cli.output.render import connections_line, summary_line
    from ftpcli.cli.output.screen import emit
    from ftpcli.cli.running.context import run_job
    from ftpcli.demo.sample import differences, make_sample
    from ftpcli.exit_codes import VERIFY_MISMATCH

    source, copy = folder / "server", folder / "copy"
    with _server(source) as server:
        make_sample(source, files)
        emit(f"FTPS server on 127.0.0.1:{server.port}; it refuses data connections that do not resume their session")
        report = run_job(context, _job(server, copy, parallel))
        emit(summary_line(report))
        emit(connections_line(report))
    if report.exit_code:
        return report.exit_code
    differing = differences(source, copy)
    for difference in differing:
        context.screen.fail(difference)
    emit(f"the copy is {'NOT ' if differing else ''}equal, byte for byte")
    return VERIFY_MISMATCH if differing else 0


def _server(root: Path) -> DemoServer:
    from ftpcli.errors import UsageError

    try:
        import pyftpdlib  # noqa: F401 - only to see whether it is installed
    except ImportError:
        raise UsageError("the demo needs pyftpdlib: pip install '.[demo]'") from None
    from ftpcli.demo.server import DemoServer

    root.mkdir()
    return DemoServer(root)


def _job(server: DemoServer, copy: Path, parallel: int) -> Job:
    from ftpcli.engine.job import Direction, Job, Root, Rules
    from ftpcli.model import Endpoint, Secret, TlsMode, TlsSettings

    endpoint = Endpoint(
        "ftpes",
        "127.0.0.1",
        server.port,
        server.user,
        Secret(server.password),
        TlsMode.EXPLICIT,
        TlsSettings(cafile=server.cafile),
    )
    root = Root("", str(copy), into=False, tree=True)
    return Job(Direction.DOWNLOAD, endpoint, (root,), Rules(make_parents=True), parallel=parallel)
