"""Mirrors of large imaginary trees: entries a second and peak memory, for trees of growing size.

    python -m tests.benchmarks.scale [--entries 100000,300000,1000000] [--only download,upload] [--listen]

The server is scripted and makes its listings up (tests/servers/scripted/imaginary.py); the local tree has empty files
on /dev/shm, where a million of them take 1 GB. ``plan`` is a dry run into an empty target; ``dry`` a dry run of a
mirror that has nothing to do, ``download`` and ``upload`` are such mirrors; ``wide`` and ``wide-up`` are the same with
everything in one directory. ``chain`` is 1,000 directories deep, whatever --entries says. Time should grow as entries
do; memory, which is that of ftpcli alone, should not, but for the wide ones. With --listen every entry is told to a
report. Figures depend on the machine, and the server is busy on it too.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.measured import run_measured
from tests.servers.scripted.imaginary import Chain, Forest, Shape, Wide, make_tree, serving

WORKS = ("plan", "dry", "download", "upload", "wide", "wide-up", "chain")
DEEP = 1000


def shape_of(work: str, entries: int) -> Shape:
    if work == "chain":
        return Chain(DEEP)
    return Wide(entries) if work.startswith("wide") else Forest(entries)


def measure(work: str, shape: Shape, folder: Path, options: list[str]) -> tuple[float, float, int, str]:
    """Seconds, seconds of CPU time, KiB at the peak, and what went wrong."""
    local = folder / "tree"
    if work != "plan" and not local.exists():
        make_tree(local, shape)
    with serving(shape) as server:
        there, here = server.url(), str(folder / "nothing" if work == "plan" else local)
        sides = [here, there] if work in ("upload", "wide-up") else [there, here]
        dry = ["--dry-run"] if work in ("plan", "dry") else []
        command = [sys.executable, "-m", "ftpcli", "mirror", "-q", "--delete", *dry, *options, *sides]
        began, worked = time.perf_counter(), cpu_time()
        ended, peak = run_measured(command, {"FTPCLI_PASSWORD": server.password})
        seconds, busy = time.perf_counter() - began, cpu_time() - worked
        # A tree that is like its own directories is tried for containing the target, with a file of that name.
        done = [command.verb for command in server.sent() if "ftpcli-here" not in command.argument]
        unexpected = {"RETR", "STOR", "DELE", "RMD", "MKD"} & set(done)
    trouble = f"exit {ended.returncode}: {ended.stderr.strip()[-200:]}" if ended.returncode else ""
    return seconds, busy, peak, trouble or ", ".join(unexpected)


def cpu_time() -> float:
    """Of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", default="100000,300000,1000000")
    parser.add_argument("--only", default=",".join(WORKS))
    parser.add_argument("--listen", action="store_true", help="write a report")
    options = parser.parse_args()
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    chosen = [work for work in WORKS if work in options.only.split(",")]
    print(f"{'work':10} {'entries':>9} {'seconds':>8} {'CPU':>7} {'entries/s':>10} {'peak MiB':>9}", flush=True)
    for group in (("plan", "dry", "download", "upload"), ("wide", "wide-up"), ("chain",)):
        for entries in [DEEP] if group == ("chain",) else map(int, options.entries.split(",")):
            with tempfile.TemporaryDirectory(prefix="ftpcli-scale-", dir=memory) as folder:
                extra = ["--report", f"{folder}/report"] if options.listen else []
                for work in chosen:
                    if work in group:
                        shape = shape_of(work, entries)
                        seconds, busy, peak, trouble = measure(work, shape, Path(folder), extra)
                        figures = f"{seconds:8.2f} {busy:7.2f} {entries / seconds:10,.0f} {peak / 1024:9.0f}"
                        print(f"{work:10} {entries:9,} {figures}  {trouble}", flush=True)
                subprocess.run(["rm", "-rf", *Path(folder).iterdir()], check=True)  # shutil's would recurse too deep


if __name__ == "__main__":
    main()
