"""What a sweep asks of whatever executes it, and the figures that every executor gives.

In: a `Lane` and some `Cells`. Out: the orders of each cell's account, and its figures. Every
executor makes the same orders, so the figures are taken from orders in one place
(`research.kernels.settle`), by the formulas of `research.evidence.metrics`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from research.evidence.metrics import all_figures
from research.simulation.lanes import Cells, Lane

__all__ = ["FIGURES", "Executor", "Orders", "figures_of", "of_one", "year"]

F64 = NDArray[np.float64]

# Figures of one account, in the order of the table's columns: fractions, ratios, USD, counts.
FIGURES = (
    "total_return", "annual_return", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "max_drawdown", "max_drawdown_bars", "trades", "win_rate", "profit_factor", "expectancy",
    "average_trade", "average_bars_held", "exposure", "time_in_market", "turnover",
)  # fmt: skip


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

    most_cells: int
    """Cells of a chunk: more are no faster, and Ctrl-C would lose more."""

    most_features: int
    """Features held at once, if there is a choice."""

    jobs: int
    """Cores that it may use, if it knows how to use more than one; they change no bit."""

    @property
    def engine(self) -> str:
        """What ran, in words."""

    def orders(self, lane: Lane, cells: Cells) -> Orders:
        """Return the orders of C accounts."""

    def figures(self, lane: Lane, cells: Cells) -> dict[str, F64]:
        """Return `FIGURES` of C accounts, each (C,) float64."""

    def portfolio(self, lane: Lane, cells: Cells) -> Any:
        """Return vectorbt's `Portfolio` of one account, on one row per bar of the traded span.

        Its year is set to the lane's bars per year, so that its annual figures are ours.
        """

    def bytes_per_bar(self, *, targets: bool) -> int:
        """Return the memory that one bar of one account takes at the peak, signals included."""

    def warm_up(self, lane: Lane, cells: Cells) -> None:
        """Run a few bars, so that compilation counts neither as time nor as memory."""


def figures_of(sums: F64, lane: Lane) -> dict[str, F64]:
    """Return `FIGURES` of C accounts from their sums, (C, N_SUMS)."""
    figures = all_figures(sums, lane.bars_per_year)
    return {name: figures[name] for name in FIGURES}


def year(lane: Lane) -> str:
    """Return the length of a bar that makes vectorbt's year the lane's."""
    # vectorbt annualises by a year of 365 days over `freq`; a bar takes its share of that year.
    return f"{round(365 * 86_400e9 / lane.bars_per_year)}ns"


def of_one(frame: Any) -> Any:
    """Return a portfolio of one column such that its figures are numbers."""
    return frame.iloc[0]
