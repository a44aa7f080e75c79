"""A program's run, with what memory it took."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path


def run_measured(command: list[str], env: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], int]:
    """The finished process with the last of what it said, and its peak resident memory in KiB.

    That is VmHWM, looked at while the process runs: the kernel's ru_maxrss would count this process's own pages, which
    the child has until it executes the command.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=os.environ | env)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _high_water(process.pid))
            time.sleep(0.01)
        out.seek(0)
        err.seek(0)
        result = subprocess.CompletedProcess(command, process.returncode, out.read()[-4000:], err.read()[-4000:])
    return result, peak


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
