"""The same grid through both engines of a sweep, end to end; ``--large``: a million cells through our own.

Each run is a process of its own: time of the whole call after a call with two cells, so without
compilation; peak memory above what the process held then.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

from research.data import load_sample
from research.simulation.sweep import sweep
from tests.benchmarks.market import machine

FASTER, LEANER, LARGE_SECONDS, LARGE_MB = 100.0, 20.0, 60.0, 1024.0
SYMBOL = "IBM"
FIVE = ("total_return", "sharpe_ratio", "max_drawdown", "win_rate", "profit_factor")


def one(engine: str, slow: int, ways: int, bars: int) -> dict[str, float]:
    """Run a grid in this process: all pairs fast < slow, each with `ways` trailing stops."""
    table = load_sample([SYMBOL]).tail(bars)
    fixed = {"target": 0.15}
    few = {"fast": [5], "slow": [20, 30], "trail": [0.08]}
    options: dict[str, Any] = {"params": fixed, "engine": engine, "progress": False, "train_fraction": 0.0}
    sweep(table, "ma_crossover", few, **options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    trails = [0.08] if ways == 1 else [0.02 + 0.001 * k for k in range(ways)]
    grid = {"fast": range(2, slow), "slow": range(3, slow + 1), "trail": trails}
    swept = sweep(table, "ma_crossover", grid, **options)
    seconds = time.perf_counter() - began
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0
    sums = {name: float(swept.metrics[name].fill_nan(None).sum()) for name in FIVE}
    return {"seconds": seconds, "mb": peak, "cells": len(swept.grid), "bars": table.height, **sums}


def measured(*what: object) -> dict[str, float]:
    """Run `one` in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.sweep", *map(str, what)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(told))


def shown(name: str, run: dict[str, float]) -> None:
    """Print a line of a run."""
    rate, each = run["cells"] / run["seconds"], 1e9 * run["seconds"] / run["cells"] / run["bars"]
    size = f"{run['cells']:9,.0f} cells × {run['bars']:,.0f} bars  {run['seconds']:8.2f} s"
    print(f"{name:9} {size}  {rate:9,.0f} cells/s  {each:7.1f} ns per bar and cell  {run['mb']:8.1f} MB")


def main(arguments: list[str] | None = None) -> None:
    """Print times, memory, and how far they are from what is asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep", description=__doc__)
    parser.add_argument("--large", action="store_true", help="1,000,000 cells × 2,520 bars, fused alone")
    parser.add_argument("--slow", type=int, default=100, help="longest window; fewer cells where it is less")
    chosen = parser.parse_args(arguments)
    print(machine())
    if chosen.large:
        # 4,851 pairs × 206 trailing stops are 999,306 cells; one more makes 1,004,157.
        run = measured("fused", chosen.slow, 207, 2520)
        shown("fused", run)
        print(f"asked: ≤ {LARGE_SECONDS:g} s, ≤ {LARGE_MB:g} MB")
        return
    ours, theirs = (measured(engine, chosen.slow, 1, 100_000) for engine in ("fused", "vectorbt"))
    shown("fused", ours)
    shown("vectorbt", theirs)
    differ = [name for name in FIVE if ours[name] != theirs[name]]
    print(f"figures: {'equal' if not differ else 'DIFFERENT ' + ', '.join(differ)}")
    print(f"{theirs['seconds'] / ours['seconds']:.0f} × faster (asked: {FASTER:g}), "
          f"1/{theirs['mb'] / max(ours['mb'], 0.1):.0f} of the memory (asked: 1/{LEANER:g})")  # fmt: skip


if __name__ == "__main__":
    asked = sys.argv[1:]
    sys.stdout.write(json.dumps(one(asked[0], *(int(word) for word in asked[1:]))))
