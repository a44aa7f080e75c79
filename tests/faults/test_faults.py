"""A sample of the fault matrix, the same in every run. The summary has its count: see ``tests/summary.py``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.cells import Cell, sample
from tests.matrix.law import REFUSED, RIGHT

CELLS = list(sample(300, seed=20_260_101))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(cell: Cell, record_property: Callable[[str, object], None]) -> None:
    verdict, said = cell.outcome()
    record_property("faults", [cell.step, cell.fault, verdict if verdict in (RIGHT, REFUSED) else "wrong"])
    if verdict not in (RIGHT, REFUSED):
        pytest.fail(f"{verdict}\n{said}", pytrace=False)
