"""The executors of a sweep by name, and the reference among them: vectorbt."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.settle import settle_all_nb
from research.kernels.sums import N_SUMS
from research.simulation.figures import FIGURES, Executor, Orders, figures_of, of_one, year
from research.simulation.fused import FusedExecutor
from research.simulation.lanes import Cells, Lane
from research.simulation.vectorbt_limits import guess, within_limits
from research.simulation.with_vectorbt import VectorbtRun, bytes_per_column, vectorbt_run

__all__ = ["EXECUTORS", "FIGURES", "Executor", "Orders", "VectorbtExecutor", "executor_named", "settle"]

F64 = NDArray[np.float64]

_SIGNALS = 8 * sg.N_SIGNALS  # bytes of one bar's signal rows


class VectorbtExecutor:
    """vectorbt on two-row bars, the reference; Rust where it is installed, else Numba.

    Parameters
    ----------
    execution : Execution
    initial_capital : float
        USD, of each account.

    Raises
    ------
    BadValue
        An execution with dividends.
    """

    def __init__(self, execution: Execution, initial_capital: float) -> None:
        self.most_cells = 64
        self.most_features = 1_000_000
        self.jobs = 1  # vectorbt knows no more
        self._execution = execution
        self._capital = initial_capital
        self._ran = "not yet run"
        if execution.dividends:
            raise BadValue(
                "cash dividends cannot be said in vectorbt's arrays, was `execution` with dividends=True; "
                "pass Execution(dividends=False), and the same to the backtest it is held against"
            )

    @property
    def engine(self) -> str:
        """Vectorbt's engine: the one that ran last."""
        return f"vectorbt, {self._ran}"

    def _run(self, lane: Lane, signals: F64) -> VectorbtRun:
        if np.isnan(signals[sg.LIMIT]).all():
            run = self._once(lane, signals)
        else:
            due = guess(lane.rows, signals, self._execution, self._capital)
            run = within_limits(partial(self._once, lane), signals, due)
        self._ran = run.engine
        # Portfolios hold themselves in a cycle; left alone, those of many chunks would lie in memory.
        gc.collect(1)
        return run

    def _once(self, lane: Lane, signals: F64) -> VectorbtRun:
        o, h, lo, c, split = (lane.bars[name][None] for name in ("open", "high", "low", "close", "split"))
        return vectorbt_run(
            o, h, lo, c, signals, self._execution, symbol_of=np.zeros(signals.shape[1], dtype=np.int64),
            split=split, initial_capital=self._capital, bar_close=lane.bar_close,
        )  # fmt: skip

    def orders(self, lane: Lane, cells: Cells) -> Orders:
        """Return the orders of C accounts; vectorbt knows neither their reasons nor who decided when."""
        return self._orders(lane, lane.signals(cells))

    def _orders(self, lane: Lane, signals: F64) -> Orders:
        found = self._run(lane, signals).orders
        rows = np.full((found.size, ac.N_ORDER), np.nan)
        of = {ac.O_BAR: "bar", ac.O_SYMBOL: "column", ac.O_SIDE: "side", ac.O_QTY: "size"}
        for field, name in {**of, ac.O_PRICE: "price", ac.O_FEE: "fee"}.items():
            rows[:, field] = found[name]
        return Orders(rows, np.searchsorted(found["column"], np.arange(signals.shape[1] + 1)))

    def figures(self, lane: Lane, cells: Cells) -> dict[str, F64]:
        """Return `FIGURES` of C accounts."""
        return settle(lane, self.orders(lane, cells), self._execution, self._capital)

    def portfolio(self, lane: Lane, cells: Cells) -> Any:
        """Return vectorbt's `Portfolio` of one account."""
        return of_one(self._run(lane, lane.signals(cells)).portfolio(0, freq=year(lane)))

    def bytes_per_bar(self, *, targets: bool) -> int:
        """Return the memory that one bar of one account takes at the peak."""
        # vectorbt_run takes a copy of the signals, by kind of column, and time limits take as much again.
        return 4 * _SIGNALS + bytes_per_column(1, targets=targets)

    def warm_up(self, lane: Lane, cells: Cells) -> None:
        """Run every kind of column."""
        lane.signals(cells)
        signals = np.zeros((sg.N_SIGNALS, 3, len(lane)))
        signals[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]] = np.nan
        signals[sg.ENTRY, :, 0], signals[sg.EXIT, :, len(lane) // 2], signals[sg.WEIGHT] = 1.0, 1.0, 0.5
        signals[sg.STOP, 0], signals[sg.TRAIL, 1], signals[sg.TARGET, 2] = 0.5, 0.5, 0.5
        settle(lane, self._orders(lane, signals), self._execution, self._capital)


def settle(lane: Lane, orders: Orders, execution: Execution, capital: float) -> dict[str, F64]:
    """Return `FIGURES` of C accounts from their orders, each (C,) float64.

    Parameters
    ----------
    lane : Lane
        T bars.
    orders : Orders
    execution : Execution
        Its rules of dividends and fractions.
    capital : float
        USD of each account at the first bar.
    """
    sums = np.zeros((len(orders.starts) - 1, N_SUMS))
    settle_all_nb(orders.rows, orders.starts, capital, lane.rows, execution.as_array(), sums)
    return figures_of(sums, lane)


EXECUTORS: dict[str, Callable[[Execution, float], Executor]] = {
    "vectorbt": VectorbtExecutor,
    "fused": FusedExecutor,
}


def executor_named(
    name: str, execution: Execution, initial_capital: float, jobs: int | None = None
) -> Executor:
    """Return the executor of that name, for so many cores, or refuse it with the nearest one."""
    if name not in EXECUTORS:
        raise UnknownName("sweep engine", name, EXECUTORS)
    executor = EXECUTORS[name](execution, initial_capital)
    executor.jobs = executor.jobs if jobs is None else jobs
    return executor
