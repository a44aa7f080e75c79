"""``--delete`` refused, with a server on this computer, where runs leave files of their own in the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.embedded import Embedded, embedded

if TYPE_CHECKING:
    from tests.cli.conftest import Program

LOGIN = {"FTPCLI_USER": "demo", "FTPCLI_PASSWORD": "demo"}
Mirror = Callable[..., int]


@pytest.fixture
def server() -> Iterator[Embedded]:
    with embedded() as server:
        yield server


@pytest.fixture(params=["up", "down"])
def sides(request: pytest.FixtureRequest, server: Embedded, tmp_path: Path) -> tuple[Path, Path]:
    """Source and target on the disk, whichever of them is the server's."""
    here, there = tmp_path / "here", server.root / "there"
    here.mkdir()
    there.mkdir()
    return (here, there) if request.param == "up" else (there, here)


@pytest.fixture
def mirror(server: Embedded, sides: tuple[Path, Path], run_ftpcli: Program) -> Mirror:
    def named(side: Path) -> object:
        return f"ftp://{server.host}:{server.port}/there" if side.is_relative_to(server.root) else side

    def run(*options: str) -> int:
        return run_ftpcli("mirror", "--delete", *options, *map(named, sides), env=LOGIN).code

    return run


def test_empty_source_is_refused_despite_the_runs_own_files(sides: tuple[Path, Path], mirror: Mirror) -> None:
    source, target = sides
    for name in ("a", "b"):
        (target / name).write_text("precious")
    assert mirror() == 9
    (source / ".a.0123abcd.ftpcli-part").write_text("of a run that was killed")
    assert mirror() == 9
    assert {path.name for path in target.iterdir()} == {"a", "b"}
    assert mirror("--allow-empty-source") == 0
    assert list(target.iterdir()) == []


def test_zero_percent_allows_no_delete(sides: tuple[Path, Path], mirror: Mirror) -> None:
    _, target = sides
    for side in sides:
        (side / "kept").write_text("kept")
    (target / "gone").write_text("precious")
    assert mirror("--max-delete", "0%") == 9
    assert (target / "gone").exists()
    assert mirror("--max-delete", "0.1%") == 0, "a handful may always go"
    assert {path.name for path in target.iterdir()} == {"kept"}
