"""Executors: what turns a lane's signals into orders, and orders into figures.

In: a `Lane` and the signal rows of C cells. Out: the orders of each cell's account, and
its figures. Every executor makes the same orders, so the figures are taken from orders in
one place (`settle`), by the formulas of `research.evidence.metrics`.
"""

from __future__ import annotations

import gc
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.evidence.metrics import activity_figures, equity_figures, trade_figures
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import settle as st
from research.kernels import signals as sg
from research.simulation.lanes import Lane
from research.simulation.with_vectorbt import VectorbtRun, bytes_per_column, vectorbt_run

__all__ = ["EXECUTORS", "FIGURES", "Executor", "Orders", "VectorbtExecutor", "executor_named", "settle"]

F64 = NDArray[np.float64]

# Figures of one account, in the order of the table's columns: fractions, ratios, USD, counts.
FIGURES = (
    "total_return", "annual_return", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "max_drawdown", "max_drawdown_bars", "trades", "win_rate", "profit_factor", "expectancy",
    "average_trade", "average_bars_held", "exposure", "time_in_market", "turnover",
)  # fmt: skip
_SIGNALS = 8 * sg.N_SIGNALS  # bytes of one bar's signal rows
# Bytes per bar and account at the peak of `settle`: equity, exposure, and what the formulas make of them.
_SETTLE = 72


class Orders(NamedTuple):
    """The orders of C accounts.

    Attributes
    ----------
    rows : (M, N_ORDER) float64
        Columns `account.O_*`, account by account; O_BAR counts from the lane's first bar,
        O_SYMBOL is the account. What an executor does not know of an order is NaN.
    starts : (C + 1,) int64
        Account c has the rows from starts[c] to starts[c + 1].
    """

    rows: F64
    starts: NDArray[np.int64]


class Executor(Protocol):
    """What a sweep needs of an engine."""

    @property
    def engine(self) -> str:
        """What ran, in words."""

    def orders(self, lane: Lane, signals: F64) -> Orders:
        """Return the orders of C accounts; signals (S, C, T)."""

    def figures(self, lane: Lane, signals: F64) -> dict[str, F64]:
        """Return `FIGURES` of C accounts, each (C,) float64."""

    def portfolio(self, lane: Lane, signals: F64) -> Any:
        """Return vectorbt's `Portfolio` of one account; signals (S, 1, T)."""

    def bytes_per_bar(self, params: dict[str, float]) -> int:
        """Return the memory that one bar of one account takes at the peak, signals included."""


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
        o, h, lo, c, split = (lane.bars[name][None] for name in ("open", "high", "low", "close", "split"))
        run = vectorbt_run(
            o, h, lo, c, signals, self._execution, symbol_of=np.zeros(signals.shape[1], dtype=np.int64),
            split=split, initial_capital=self._capital, bar_close=lane.bar_close,
        )  # fmt: skip
        self._ran = run.engine
        # Portfolios hold themselves in a cycle; left alone, those of many chunks would lie in memory.
        gc.collect(1)
        return run

    def orders(self, lane: Lane, signals: F64) -> Orders:
        """Return the orders of C accounts; vectorbt knows neither their reasons nor who decided when."""
        found = self._run(lane, signals).orders
        rows = np.full((found.size, ac.N_ORDER), np.nan)
        of = {ac.O_BAR: "bar", ac.O_SYMBOL: "column", ac.O_SIDE: "side", ac.O_QTY: "size"}
        for field, name in {**of, ac.O_PRICE: "price", ac.O_FEE: "fee"}.items():
            rows[:, field] = found[name]
        return Orders(rows, np.searchsorted(found["column"], np.arange(signals.shape[1] + 1)))

    def figures(self, lane: Lane, signals: F64) -> dict[str, F64]:
        """Return `FIGURES` of C accounts."""
        return settle(lane, self.orders(lane, signals), self._execution, self._capital)

    def portfolio(self, lane: Lane, signals: F64) -> Any:
        """Return vectorbt's `Portfolio` of one account, on one row per bar of the traded span.

        Its year is set to the lane's bars per year, so that its annual figures are ours.
        """
        # vectorbt annualises by a year of 365 days over `freq`; a bar takes its share of that year.
        nanoseconds = round(365 * 86_400e9 / lane.bars_per_year)
        frame = self._run(lane, signals).portfolio(0, freq=f"{nanoseconds}ns")
        return frame.iloc[0]  # of one column, so that its figures are numbers

    def bytes_per_bar(self, params: dict[str, float]) -> int:
        """Return the memory that one bar of one account takes at the peak."""
        targets = params["target"] > 0.0 or params["target_atr"] > 0.0
        # vectorbt_run takes a copy of the signals, by kind of column.
        return max(2 * _SIGNALS + bytes_per_column(1, targets=targets), _SIGNALS + _SETTLE)


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
    n, t = len(orders.starts) - 1, len(lane)
    equity, exposure, traded = np.empty((n, t)), np.empty((n, t)), np.empty(n)
    trips = np.empty((len(orders.rows), st.N_TRIP))
    bars = lane.bars
    count = st.settle_nb(
        orders.rows, orders.starts, capital, bars["open"], bars["close"], bars["split"], bars["dividend"],
        execution.as_array(), equity, exposure, traded, trips,
    )  # fmt: skip
    closed = trips[:count][trips[:count, st.R_CLOSED] > 0.0]
    activity = activity_figures(equity, exposure, traded, lane.bars_per_year)
    del exposure
    figures = {
        **equity_figures(equity, capital, lane.bars_per_year),
        **trade_figures(
            closed[:, st.R_PNL], closed[:, st.R_RETURN], closed[:, st.R_HELD],
            closed[:, st.R_ACCOUNT].astype(np.int64), n,
        ),
        **activity,
    }  # fmt: skip
    return {name: figures[name] for name in FIGURES}


EXECUTORS: dict[str, type[VectorbtExecutor]] = {"vectorbt": VectorbtExecutor}


def executor_named(name: str, execution: Execution, initial_capital: float) -> Executor:
    """Return the executor of that name, or refuse it with the nearest one."""
    if name not in EXECUTORS:
        raise UnknownName("sweep engine", name, EXECUTORS)
    return EXECUTORS[name](execution, initial_capital)
