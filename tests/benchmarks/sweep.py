"""The same grid through both engines of a sweep, end to end; ``--large``: a million cells through our own.

Each run is a process of its own: time of the whole call after a call with two cells, so without
compilation; peak memory above what the process held then. Medians of runs that take turns; beside the time
that passed, the processor time of all cores, which other work on the machine stretches less. Neither
engine writes a trial ledger here; `--ledger` lets both. backtesting.py's time per cell, if it is installed.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from research.data import load_sample
from research.simulation.sweep import sweep
from tests.benchmarks._peers import CELLS, installed, per_cell
from tests.benchmarks.market import machine

FASTER, LEANER, LARGE_SECONDS, LARGE_MB = 100.0, 20.0, 60.0, 1024.0
SYMBOL = "IBM"
FIVE = ("total_return", "sharpe_ratio", "max_drawdown", "win_rate", "profit_factor")


def one(engine: str, slow: int, ways: int, bars: int, ledger: str) -> dict[str, float]:
    """Run a grid in this process: all pairs fast < slow, each with `ways` trailing stops."""
    table = load_sample([SYMBOL]).tail(bars)
    fixed = {"target": 0.15}
    few = {"fast": [5], "slow": [20, 30], "trail": [0.08]}
    options: dict[str, Any] = {"params": fixed, "engine": engine, "progress": False, "train_fraction": 0.0}
    options["ledger"] = ledger or None
    sweep(table, "ma_crossover", few, **options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, spent = time.perf_counter(), time.process_time()
    trails = [0.08] if ways == 1 else [0.02 + 0.001 * k for k in range(ways)]
    grid = {"fast": range(2, slow), "slow": range(3, slow + 1), "trail": trails}
    swept = sweep(table, "ma_crossover", grid, **options)
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0
    sums = {name: float(swept.metrics[name].fill_nan(None).sum()) for name in FIVE}
    return {
        "seconds": seconds,
        "spent": spent,
        "mb": peak,
        "cells": len(swept.grid),
        "bars": table.height,
        **sums,
    }


def measured(*what: object) -> dict[str, float]:
    """Run `one` in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.sweep", *map(str, what)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(told))


def shown(name: str, run: dict[str, float]) -> None:
    """Print a line of a run."""
    rate, each = run["cells"] / run["seconds"], 1e9 * run["seconds"] / run["cells"] / run["bars"]
    size = f"{run['cells']:9,.0f} cells × {run['bars']:,.0f} bars  {run['seconds']:8.2f} s"
    print(f"{name:9} {size} ({run['spent']:.2f} s of processors)  {rate:9,.0f} cells/s  "
          f"{each:7.1f} ns per bar and cell  {run['mb']:8.1f} MB")  # fmt: skip


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main(arguments: list[str] | None = None) -> None:
    """Print times, memory, and how far they are from what is asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep", description=__doc__)
    parser.add_argument("--large", action="store_true", help="1,000,000 cells × 2,520 bars, fused alone")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each engine, of which the median counts"
    )
    parser.add_argument("--ledger", action="store_true", help="write every cell into a trial ledger, too")
    parser.add_argument("--slow", type=int, default=100, help="longest window; fewer cells where it is less")
    chosen = parser.parse_args(arguments)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        compare(chosen, folder)


def compare(chosen: argparse.Namespace, folder: str) -> None:
    """Run what was chosen, with ledgers in a folder that is thrown away."""

    numbers = count()

    def run(name: str, ways: int, bars: int) -> dict[str, float]:
        at = Path(folder) / f"{next(numbers)}.sqlite" if chosen.ledger else ""
        return measured(name, chosen.slow, ways, bars, at)

    if chosen.large:
        # 4,851 pairs × 206 trailing stops are 999,306 cells; one more makes 1,004,157.
        shown("fused", median([run("fused", 207, 2520) for _ in range(chosen.repeat)]))
        print(f"asked: ≤ {LARGE_SECONDS:g} s, ≤ {LARGE_MB:g} MB")
        return
    runs: dict[str, list[dict[str, float]]] = {"fused": [], "vectorbt": []}
    for _ in range(chosen.repeat):
        for name, found in runs.items():
            found.append(run(name, 1, 100_000))
    ours, theirs = (median(found) for found in runs.values())
    shown("fused", ours)
    shown("vectorbt", theirs)
    peer(ours)
    differ = [name for name in FIVE if ours[name] != theirs[name]]
    print(f"figures: {'equal' if not differ else 'DIFFERENT ' + ', '.join(differ)}")
    print(f"{theirs['seconds'] / ours['seconds']:.0f} × faster (asked: {FASTER:g}), "
          f"1/{theirs['mb'] / max(ours['mb'], 0.1):.0f} of the memory (asked: 1/{LEANER:g})")  # fmt: skip


def peer(ours: dict[str, float]) -> None:
    """Print what backtesting.py takes for a cell, beside ours."""
    if not installed():
        print("backtesting.py is not installed, so its time per cell is not shown; pip install backtesting")
        return
    theirs, each = per_cell(load_sample([SYMBOL])), ours["seconds"] / ours["cells"]
    print(
        f"backtesting.py {theirs.version}: {1e3 * theirs.seconds:,.1f} ms per cell (of processors "
        f"{1e3 * theirs.spent:,.1f}; median of {len(CELLS)} cells, {SYMBOL}, the same rule); "
        f"fused: {1e3 * each:.3f} ms, 1/{theirs.seconds / each:,.0f} of it"
    )


if __name__ == "__main__":
    engine, slow, ways, bars, *at = sys.argv[1:]
    told = one(engine, int(slow), int(ways), int(bars), at[0] if at else "")
    sys.stdout.write(json.dumps(told))
