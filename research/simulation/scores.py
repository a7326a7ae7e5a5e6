"""Scores of a sweep's cells: which cells are finished, what they scored, and which lie one grid step away.

In: a sweep. Out: arrays by cell, in the order of its grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.simulation.lanes import Lane

if TYPE_CHECKING:
    from research.simulation.grid import Grid
    from research.simulation.swept import SweepResult

__all__ = ["CHOICES", "Neighbours", "check_metric", "finished_cells", "lane_of", "neighbours", "scores"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# Figures of which more is better, so that there is a best; drawdowns are negative.
CHOICES: Final = (
    "sharpe_ratio", "sortino_ratio", "calmar_ratio", "total_return", "annual_return", "max_drawdown",
    "win_rate", "profit_factor", "expectancy", "average_trade",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The cells one grid step from a winner, in each direction of each parameter.

    Attributes
    ----------
    table : DataFrame
        parameter, value, score; NaN where the neighbour never traded. Neighbours that the strategy's rule
        forbids are not there, nor is one beyond the end of an axis.
    score : float
        The winner's.
    """

    table: pl.DataFrame
    score: float

    @property
    def median(self) -> float:
        """Of the neighbours that have a score; NaN if none has."""
        return self._of(np.median)

    @property
    def least(self) -> float:
        """Of the neighbours that have a score; NaN if none has."""
        return self._of(np.min)

    def _of(self, reduce: object) -> float:
        known = self.table["score"].drop_nans().to_numpy()
        return float(reduce(known)) if known.size and callable(reduce) else float("nan")

    @property
    def share(self) -> float:
        """Median ÷ winner's score, or the inverse where both are below 0; NaN where it says nothing."""
        if self.score > 0.0:
            return self.median / self.score
        return self.score / self.median if self.median < 0.0 else float("nan")

    @property
    def shape(self) -> str:
        """What it stands on: "plateau" from a share of 0.8, "peak" below 0.5, between them "slope"."""
        if np.isnan(self.share):
            return "unknown"
        return "plateau" if self.share >= 0.8 else "slope" if self.share >= 0.5 else "peak"


def check_metric(metric: str) -> None:
    """Refuse a figure that does not exist, or of which more is not better."""
    from research.simulation.figures import FIGURES

    if metric not in FIGURES:
        raise UnknownName("metric", metric, CHOICES)
    if metric not in CHOICES:
        raise BadValue(
            f"`metric` must be one of which more is better, was {metric!r}; choose one of "
            f"{', '.join(CHOICES)}"
        )


def lane_of(swept: SweepResult, symbol: str | None) -> Lane:
    """Return the lane of one symbol, which must be named where there are several."""
    if symbol is None:
        if len(swept.symbols) > 1:
            raise BadValue(
                f"a winner needs a `symbol`, had none; choose one of {', '.join(swept.symbols[:8])}"
            )
        symbol = swept.symbols[0]
    if symbol not in swept.symbols:
        raise UnknownName("symbol", symbol, swept.symbols)
    for lane in swept.study.lanes.lanes:
        if lane.symbol == symbol:
            return lane
    raise NotEnoughHistory(f"{symbol} never came out of warm-up in any cell; bring earlier bars")


def finished_cells(swept: SweepResult) -> I64:
    """Return the cell of each of the table's rows, N symbols being one row."""
    rows = swept.metrics.height // len(swept.symbols)
    if rows == len(swept.grid):
        return np.arange(rows)
    of = {tuple(cell): i for i, cell in enumerate(swept.grid.cells.tolist())}
    table = swept.metrics.gather_every(len(swept.symbols)).select(
        pl.col(name).cast(pl.Float64) for name in swept.grid.names
    )
    return np.array([of[row] for row in table.iter_rows()], dtype=np.int64)


def scores(swept: SweepResult, metric: str, symbol: str) -> F64:
    """Return a figure of every cell of the grid, (C,); NaN where it is not finished or has none."""
    out = np.full(len(swept.grid), np.nan)
    n, symbols = swept.symbols.index(symbol), len(swept.symbols)
    out[finished_cells(swept)] = swept.metrics[metric].to_numpy().reshape(-1, symbols)[:, n]
    return out


def neighbours(grid: Grid, cell: int, score: F64) -> tuple[Neighbours, I64]:
    """Return the cells one step from a cell, and their numbers.

    Parameters
    ----------
    grid : Grid
    cell : int
    score : (C,) float64
        Of every cell of the grid.
    """
    own = grid.cells[cell]
    rows: list[tuple[str, float, float]] = []
    found: list[int] = []
    for p, (name, values) in enumerate(grid.axes.items()):
        ordered = np.sort(values)
        at = int(np.searchsorted(ordered, own[p]))
        line = np.flatnonzero(np.all(np.delete(grid.cells, p, axis=1) == np.delete(own, p), axis=1))
        for step in (at - 1, at + 1):
            if not 0 <= step < ordered.size:
                continue
            for i in line[grid.cells[line, p] == ordered[step]].tolist():
                rows.append((name, float(ordered[step]), float(score[i])))
                found.append(i)
    schema = {"parameter": pl.String, "value": pl.Float64, "score": pl.Float64}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return Neighbours(table, float(score[cell])), np.array(found, dtype=np.int64)
