"""backtesting.py's time per cell, if it is installed: the sweep's moving averages, trailing stop and target.

Not a dependency, and no oracle: it decides and fills by other rules (a trailing stop is its strategy's own
loop, protection lies on the decision's close), so only its time is shown. Each cell is one `Backtest.run`;
its `optimize` runs the same, in processes.
"""

from __future__ import annotations

import io
import statistics
import time
import warnings
from contextlib import redirect_stderr
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import pandas as pd
import polars as pl

NAME = "backtesting"
CELLS = ((5, 20), (5, 50), (10, 50), (20, 100), (50, 100))


def installed() -> bool:
    """Say whether it can be imported."""
    return find_spec(NAME) is not None


def pairs(library: Any) -> Any:
    """Return its strategy: long from a cross up to a cross down, a trailing stop or a target."""
    crossed = import_module(f"{NAME}.lib").crossover

    def init(self: Any) -> None:
        close = self.data.Close.s
        self.quick = self.I(lambda: close.rolling(self.fast).mean())
        self.calm = self.I(lambda: close.rolling(self.slow).mean())

    def next_bar(self: Any) -> None:
        for trade in self.trades:
            trade.sl = max(trade.sl or 0.0, self.data.High[-1] * (1.0 - self.trail))
        close = self.data.Close[-1]
        if crossed(self.quick, self.calm) and not self.position:
            self.buy(size=0.95, sl=close * (1.0 - self.trail), tp=close * (1.0 + self.target))
        elif crossed(self.calm, self.quick):
            self.position.close()

    given = {"fast": 10, "slow": 50, "trail": 0.08, "target": 0.15}
    return type("Pairs", (library.Strategy,), {**given, "init": init, "next": next_bar})


class PerCell(NamedTuple):
    """Medians of a cell's seconds: passed, and of processors."""

    seconds: float
    spent: float
    version: str


def per_cell(bars: pl.DataFrame) -> PerCell:
    """Time some cells over some bars, after one that nobody times."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):  # where it draws a bar for each cell
        warnings.simplefilter("ignore")  # its own, of trades that are open at the end
        library = import_module(NAME)
        names = ("open", "high", "low", "close", "volume")
        columns = {name.capitalize(): bars[name].to_numpy() for name in names}
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(bars["bar_close"].to_numpy()))
        test = library.Backtest(frame, pairs(library), cash=100_000, commission=0.001)
        seconds, spent, traded = [], [], 0
        for fast, slow in (CELLS[0], *CELLS):
            began, busy = time.perf_counter(), time.process_time()
            traded += int(test.run(fast=fast, slow=slow)["# Trades"])
            seconds.append(time.perf_counter() - began)
            spent.append(time.process_time() - busy)
    if not traded:
        raise RuntimeError("backtesting.py made no trade, so its time means nothing")
    return PerCell(statistics.median(seconds[1:]), statistics.median(spent[1:]), str(library.__version__))
