"""The lines that the suite adds to pytest's summary: how many cells of a matrix were right, refused, or wrong.

Tests record a cell as a property, [row, column, verdict]; properties travel with the reports of xdist's workers.
"""

from __future__ import annotations

import pytest

# The name of the property, and what its rows and columns are.
MATRICES = {"matrix": ("profiles", "commands"), "faults": ("steps", "faults")}
VERDICTS = ("right", "refused", "wrong")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, (rows, columns) in MATRICES.items():
        cells = _cells(terminalreporter, name)
        if cells:
            size = f"{len({cell[0] for cell in cells})} {rows} × {len({cell[1] for cell in cells})} {columns}"
            told = ", ".join(f"{sum(cell[2] == verdict for cell in cells)} {verdict}" for verdict in VERDICTS)
            terminalreporter.write_line(f"{name}: {size}, {len(cells)} cells: {told}")


def _cells(terminalreporter: pytest.TerminalReporter, name: str) -> list[list[str]]:
    reports = [report for several in terminalreporter.stats.values() for report in several]
    done = (report for report in reports if getattr(report, "when", "") == "call")
    return [value for report in done for property_, value in report.user_properties if property_ == name]
