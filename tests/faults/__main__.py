"""Runs cells in as many processes as there are processors, and prints those that are wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.faults.cells import judged, sample
from tests.matrix.law import REFUSED, RIGHT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    with ProcessPoolExecutor(chosen.processes, get_context("spawn")) as pool:
        for cell, verdict, said in pool.map(judged, sample(chosen.cells, chosen.seed)):
            short = verdict if verdict in (RIGHT, REFUSED) else "wrong"
            counts[short] += 1
            if short == "wrong":
                print(f"WRONG {cell}\n{verdict}\n{said}", flush=True)
    told = ", ".join(f"{counts[name]} {name}" for name in (RIGHT, REFUSED, "wrong"))
    print(f"faults: {sum(counts.values())} cells: {told}")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
