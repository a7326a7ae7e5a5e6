"""Two engines, the same orders: every cell of several grids through our scan and through vectorbt.

Orders are held side by side bit for bit, figures to 1e-10.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np

from research.data import load_sample
from research.execution import Execution
from research.kernels import account as ac
from research.simulation.figures import FIGURES
from research.simulation.sweep import sweep

# What vectorbt tells of an order.
_TOLD = [ac.O_SYMBOL, ac.O_BAR, ac.O_SIDE, ac.O_QTY, ac.O_PRICE, ac.O_FEE]


class Case(NamedTuple):
    """A grid and how it is executed."""

    strategy: str
    grid: dict[str, Any]
    params: dict[str, float]
    execution: Execution
    symbols: tuple[str, ...]


class Counted(NamedTuple):
    """What was compared: cells (each symbol is one), orders, and cells that differ."""

    cells: int
    orders: int
    different: int


_PLAIN = Execution(dividends=False)
_WIDE = Execution(dividends=False, slippage=0.002, commission=0.0, fractional=True)
_SHORT = Execution(dividends=False, allow_short=True, slippage=0.001)


def _cases(some: bool) -> dict[str, Case]:
    """Return the grids, or a part of each axis."""
    momentum = {"threshold": np.arange(0, 1, 0.1), "min_trend": [40, 50, 60, 70]}
    stops = {"stop_atr": [0, 1.5, 3], "risk_aversion": [0, 1]}
    pairs = {"fast": range(3, 40, 3), "slow": range(20, 140, 10)}
    cases = {
        "stops": Case("adaptive_momentum", {**momentum, "stop_atr": [0, 1, 2, 4], "vol_target": [0.1, 0.4]},
                      {}, _PLAIN, ("AAPL", "IBM")),
        "targets": Case("adaptive_momentum", {**momentum, "stop": [0.04, 0.1], "target": [0.06, 0.2],
                                              "max_weight": [0.3, 0.9]},
                        {"stop_atr": 0, "risk_cap": 0}, _WIDE, ("GOOG", "MSFT")),
        "both ways": Case("adaptive_momentum", {**momentum, **stops}, {"allow_short": 1}, _SHORT,
                          ("MSFT", "IBM")),
        "windows": Case("ma_crossover", {**pairs, "trail": [0, 0.08], "risk_cap": [0, 0.01]}, {}, _SHORT,
                        ("AAPL", "GOOG", "IBM")),
        "trail and target": Case("ma_crossover", {**pairs, "trail": [0.05, 0.12], "target": [0.08, 0.3]}, {},
                                 _PLAIN, ("GOOG", "IBM", "MSFT")),
    }  # fmt: skip
    if some:
        for case in cases.values():
            for name, values in case.grid.items():
                if len(values) > 4:
                    case.grid[name] = list(values)[:: 1 + len(values) // 6]
    return cases


SMALL = {name: case for name, case in _cases(True).items() if name in ("targets", "windows")}


def compare(case: Case) -> Counted:
    """Run a case through both engines."""
    bars = load_sample(list(case.symbols))
    ours, theirs = (
        sweep(bars, case.strategy, case.grid, params=case.params, execution=case.execution, engine=engine,
              progress=False)
        for engine in ("fused", "vectorbt")
    )  # fmt: skip
    cells, orders, different = 0, 0, np.zeros(ours.metrics.height, dtype=np.bool_)
    for name in FIGURES:
        pair = ours.metrics[name].to_numpy(), theirs.metrics[name].to_numpy()
        different |= ~np.isclose(*pair, rtol=1e-10, atol=1e-10, equal_nan=True)
    n_symbols = len(ours.symbols)
    for begin in range(0, len(ours.grid), 64):
        chunk = np.arange(begin, min(begin + 64, len(ours.grid)))
        for swept in (ours, theirs):
            swept.study.lanes.hold(
                dict.fromkeys(name for i in chunk.tolist() for name in swept.study.reads[i])
            )
        for mine, its in zip(ours.study.lanes.lanes, theirs.study.lanes.lanes, strict=True):
            a = ours.study.executor.orders(mine, ours.study.cells(mine, chunk))
            b = theirs.study.executor.orders(its, theirs.study.cells(its, chunk))
            for c, cell in enumerate(chunk):
                rows = [found.rows[found.starts[c] : found.starts[c + 1], _TOLD] for found in (a, b)]
                same = rows[0].tobytes() == rows[1].tobytes()
                different[cell * n_symbols + ours.symbols.index(mine.symbol)] |= not same
                cells, orders = cells + 1, orders + len(rows[0])
    return Counted(cells, orders, int(different.sum()))


def main(arguments: list[str]) -> None:
    """Print cells, orders and differences of every case."""
    argparse.ArgumentParser(prog="python -m tests.studies parity", description=__doc__).parse_args(arguments)
    total = np.zeros(3, dtype=np.int64)
    for name, case in _cases(False).items():
        began = time.perf_counter()
        counted = compare(case)
        total += counted
        seconds = time.perf_counter() - began
        print(f"{name:18} {case.strategy:18} {counted.cells:6} cells {counted.orders:8} orders "
              f"{counted.different:4} differ  {seconds:6.1f} s")  # fmt: skip
    print(f"{'all':37} {total[0]:6} cells {total[1]:8} orders {total[2]:4} differ")
