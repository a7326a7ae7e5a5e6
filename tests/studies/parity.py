"""Two engines, the same orders: every cell of several grids through our scan and through vectorbt.

Orders are held side by side bit for bit, figures to 1e-10. Cells drawn at random over all grids are then run
as day-by-day backtests of their symbol alone; the last bars of each also as an engine that is given
one bar at a time, as a runner is.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from research.data import load_sample
from research.engine import UnifiedTradingEngine
from research.execution import Execution
from research.kernels import account as ac
from research.learning.settings import LearningSettings
from research.request import Request
from research.simulation.backtest import backtest
from research.simulation.figures import FIGURES
from research.simulation.sweep import SweepResult, sweep

# What vectorbt tells of an order.
_TOLD = [ac.O_SYMBOL, ac.O_BAR, ac.O_SIDE, ac.O_QTY, ac.O_PRICE, ac.O_FEE]


class Case(NamedTuple):
    """A grid and how it is executed."""

    strategy: str
    grid: dict[str, Any]
    params: dict[str, float]
    execution: Execution
    symbols: tuple[str, ...]
    learning: LearningSettings | None = None


class Counted(NamedTuple):
    """What was compared: cells (each symbol is one), orders, and cells that differ."""

    cells: int
    orders: int
    different: int


_PLAIN = Execution(dividends=False)
_WIDE = Execution(dividends=False, slippage=0.002, commission=0.0, fractional=True)
_SHORT = Execution(dividends=False, allow_short=True, slippage=0.001)
# Small models: parity asks whether two engines hear the same words, not whether these are wise.
_TWO = LearningSettings(
    learners=("random_forest", "lightgbm"),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20", "volume_ratio_20"),
    max_rows=300,
    min_labels=100,
    tuning={"lightgbm": {"trees": 12}, "random_forest": {"trees": 12}},
)
_ONE = LearningSettings(
    learners=("lightgbm",), features=_TWO.features, max_rows=300, min_labels=100, retrain_every=84,
    tuning={"lightgbm": {"trees": 8}},
)  # fmt: skip


def _cases(some: bool) -> dict[str, Case]:
    """Return the grids, or a part of each axis."""
    momentum = {"threshold": np.arange(0, 1, 0.1), "min_trend": [40, 50, 60, 70]}
    stops = {"stop_atr": [0, 1.5, 3], "risk_aversion": [0, 1]}
    pairs = {"fast": range(3, 40, 3), "slow": range(20, 140, 10)}
    learning = _ONE if some else _TWO
    cases = {
        "stops": Case("adaptive_momentum", {**momentum, "stop_atr": [0, 1, 2, 4], "vol_target": [0.1, 0.4]},
                      {}, _PLAIN, ("AAPL", "IBM")),
        "targets": Case("adaptive_momentum", {**momentum, "stop": [0.04, 0.1], "target": [0.06, 0.2],
                                              "max_weight": [0.3, 0.9]},
                        {"stop_atr": 0, "risk_cap": 0}, _WIDE, ("GOOG", "MSFT")),
        "both ways": Case("adaptive_momentum", {**momentum, **stops}, {"allow_short": 1}, _SHORT,
                          ("MSFT", "IBM")),
        "time limits": Case("adaptive_momentum", {"threshold": [0, 0.3, 0.6], "min_trend": [40, 60],
                                                  "time_limit": [1, 2, 5, 21, 250], "trail_atr": [0, 2.5]},
                            {"stop_atr": 3}, _WIDE, ("AAPL", "MSFT")),
        "windows": Case("ma_crossover", {**pairs, "trail": [0, 0.08], "risk_cap": [0, 0.01]}, {}, _SHORT,
                        ("AAPL", "GOOG", "IBM")),
        "trail and target": Case("ma_crossover", {**pairs, "trail": [0.05, 0.12], "target": [0.08, 0.3]}, {},
                                 _PLAIN, ("GOOG", "IBM", "MSFT")),
        "gates": Case("ml_driven", {"min_confidence": [0, 0.3, 0.6, 0.8], "kelly_fraction": [0.1, 0.25, 1],
                                    "min_trend": [30, 50, 70], "exit_trend": [10, 30],
                                    "vol_target": [0.1, 0.4], "stop_atr": [2, 4], "time_limit": [10, 20]},
                      {}, _PLAIN, ("AAPL", "IBM"), learning),
        "reversals": Case("mean_reversion_ml", {"entry": [1, 1.25, 1.5, 2], "kelly_fraction": [0.25, 1],
                                                "max_weight": [0.3, 0.9], "risk_aversion": [0, 1],
                                                "exit": [0, 0.5], "trail": [0, 0.04], "target": [0, 0.06]},
                          {"stop_atr": 0, "stop": 0.1}, _WIDE, ("MSFT", "IBM"), learning),
    }  # fmt: skip
    if some:
        for case in cases.values():
            for name, values in case.grid.items():
                if len(values) > 4:
                    case.grid[name] = list(values)[:: 1 + len(values) // 6]
        for name in ("kelly_fraction", "min_trend", "stop_atr", "time_limit"):
            cases["gates"].grid[name] = cases["gates"].grid[name][:1]
        for name in ("exit", "trail", "target"):
            cases["reversals"].grid[name] = cases["reversals"].grid[name][1:]
    return cases


SMALL = {
    name: case for name, case in _cases(True).items() if name in {"targets", "windows", "gates", "reversals"}
}


def run(case: Case, engine: str) -> SweepResult:
    """Sweep a case, counting its cells nowhere."""
    return sweep(
        load_sample(list(case.symbols)), case.strategy, case.grid, params=case.params,
        execution=case.execution, learning=case.learning, engine=engine, progress=False, ledger=None,
    )  # fmt: skip


def held_against(ours: SweepResult, theirs: SweepResult) -> Counted:
    """Compare two sweeps of one case, cell by cell; a cell that failed in either differs."""
    cells, orders = 0, 0
    different = (ours.metrics["failed"].is_not_null() | theirs.metrics["failed"].is_not_null()).to_numpy()
    different = different.copy()
    for name in FIGURES:
        different |= ~_close(ours.metrics[name].to_numpy(), theirs.metrics[name].to_numpy())
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


def _close(mine: np.ndarray | float, its: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.isclose(mine, its, rtol=1e-10, atol=1e-10, equal_nan=True))


def drawn(sweeps: Mapping[str, SweepResult], count: int, seed: int) -> list[tuple[str, int, str]]:
    """Draw accounts over all sweeps, each as likely as any other: case, cell, symbol."""
    every = [(name, cell, symbol) for name, swept in sweeps.items()
             for cell in range(len(swept.grid)) for symbol in swept.symbols]  # fmt: skip
    return [every[k] for k in np.random.default_rng(seed).choice(len(every), count, replace=False)]


def by_day(case: Case, swept: SweepResult, cell: int, symbol: str, days: int) -> Counted:
    """Run one account as a backtest, and its last `days` bars one at a time, and compare."""
    bars = load_sample([symbol])
    request = Request(
        strategy=case.strategy, symbols=[symbol], params=swept.grid.params(cell), execution=case.execution,
        learning=case.learning,
    )  # fmt: skip
    whole = backtest(request, bars)
    lane, cells = swept.study.one(symbol, dict(zip(swept.grid.names, swept.grid.cells[cell], strict=True)))
    rows = swept.study.executor.orders(lane, cells).rows[:, _TOLD]
    rows[:, 1] += lane.own_bars - len(lane)
    assert whole.run is not None, "a backtest keeps its run"
    row = swept.metrics.row(cell * len(swept.symbols) + swept.symbols.index(symbol), named=True)
    same = row["symbol"] == symbol and rows.tobytes() == whole.run.orders[:, _TOLD].tobytes()
    same = same and all(_close(row[name], whole.stats[name]) for name in FIGURES)
    engine, panel = UnifiedTradingEngine.of(request, whole.prepared), whole.prepared.panel
    first = len(panel) - days
    blocks = [panel[:first], *(panel[t : t + 1] for t in range(first, len(panel)))]
    told = np.concatenate([engine.advance(block).orders[:, _TOLD] for block in blocks])
    return Counted(1, len(rows), int(not (same and rows.tobytes() == told.tobytes())))


def main(arguments: list[str]) -> None:
    """Print cells, orders and differences of every case, and of the accounts that were drawn."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies parity", description=__doc__)
    parser.add_argument("--cells", type=int, default=50, help="accounts run day by day (default 50)")
    parser.add_argument("--days", type=int, default=250, help="last bars given one at a time (default 250)")
    parser.add_argument("--seed", type=int, default=20261122, help="of the draw (default 20261122)")
    asked = parser.parse_args(arguments)
    cases, sweeps = _cases(False), {}
    total = np.zeros(3, dtype=np.int64)
    for name, case in cases.items():
        began = time.perf_counter()
        sweeps[name] = run(case, "fused")
        counted = held_against(sweeps[name], run(case, "vectorbt"))
        total += counted
        _print(name, case.strategy, counted, time.perf_counter() - began)
    _print("all", "", Counted(*total.tolist()), None)
    began, total, of = time.perf_counter(), np.zeros(3, dtype=np.int64), Counter[str]()
    for name, cell, symbol in drawn(sweeps, asked.cells, asked.seed):
        total += by_day(cases[name], sweeps[name], cell, symbol, asked.days)
        of[cases[name].strategy] += 1
    _print("day by day", "", Counted(*total.tolist()), time.perf_counter() - began)
    print("  of these: " + ", ".join(f"{count} {strategy}" for strategy, count in sorted(of.items())))


def _print(name: str, strategy: str, counted: Counted, seconds: float | None) -> None:
    took = "" if seconds is None else f"{seconds:7.1f} s"
    print(f"{name:18} {strategy:18} {counted.cells:6} cells {counted.orders:8} orders "
          f"{counted.different:4} differ {took}", flush=True)  # fmt: skip
