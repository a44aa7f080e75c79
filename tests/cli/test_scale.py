"""Memory does not grow with the tree. tests/benchmarks/scale.py has the figures for a million entries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.servers.imaginary import Chain, Forest, serving
from tests.servers.measured import run_measured

MIB = 1024
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells how much memory it took")


def planned(shape: Forest | Chain, folder: Path) -> tuple[int, int]:
    """The peak in KiB of a dry run into nothing, and how many lines it printed."""
    with serving(shape) as server:
        command = [
            sys.executable,
            "-m",
            "ftpcli",
            "mirror",
            "--dry-run",
            "--delete",
            server.url(),
            str(folder / "none"),
        ]
        ended, peak = run_measured(command, {"FTPCLI_PASSWORD": server.password})
        assert (ended.returncode, ended.stderr) == (0, "")
        listed = len(server.sent("MLSD"))
    assert "download" in ended.stdout
    return peak, listed


def test_memory_of_a_larger_tree(tmp_path: Path) -> None:
    """40,000 entries more would be 8 MiB and more, if their listings were kept."""
    small, few = planned(Forest(20_000), tmp_path)
    large, many = planned(Forest(60_000), tmp_path)
    assert (few, many) == (223, 667)
    assert large - small < 4 * MIB, (small, large)
    assert large < 100 * MIB


def test_a_thousand_directories_in_one_another(tmp_path: Path) -> None:
    peak, listed = planned(Chain(1000), tmp_path)
    assert listed == 1001
    assert peak < 100 * MIB
