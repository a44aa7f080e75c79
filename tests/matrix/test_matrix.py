"""Every command against every profile. The last line of the summary counts the cells: see ``tests/summary.py``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.matrix.cell import outcome
from tests.matrix.commands import COMMANDS, Command
from tests.matrix.law import REFUSED, RIGHT
from tests.servers.profiles import PROFILES

BY_NAME = {command.name: command for command in COMMANDS}
CELLS = [(profile, command.name) for profile in PROFILES for command in COMMANDS]


@pytest.mark.parametrize(("profile", "command"), CELLS)
def test_cell(profile: str, command: str, record_property: Callable[[str, object], None]) -> None:
    verdict, said = outcome(PROFILES[profile], BY_NAME[command])
    record_property("matrix", [profile, command, verdict if verdict in (RIGHT, REFUSED) else "wrong"])
    if verdict not in (RIGHT, REFUSED):
        pytest.fail(f"{verdict}\n{said}", pytrace=False)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("profile", ["ordinary", "sftp: ordinary"])
def test_all_is_right_on_an_ordinary_server(profile: str, command: Command) -> None:
    """Else the law would have nothing to say: a program that refuses everything loses nothing."""
    verdict, said = outcome(PROFILES[profile], command)
    assert verdict == RIGHT, said
