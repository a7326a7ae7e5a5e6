"""The outcome of a sweep: one row of figures per cell and symbol, and the way back to any single cell.

In: the study that was run and its figures. Out: a Polars table, which can be kept in a folder, and the orders
or vectorbt portfolio of a cell, made again on demand, since keeping all of them would need memory that grows
with bars × cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from research.kernels import account as ac
from research.simulation.findings import Findings
from research.simulation.grid import Grid
from research.simulation.study import Study

__all__ = ["Outcome"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The figures of a sweep.

    Attributes
    ----------
    strategy : str
    grid : Grid
    symbols : tuple of str
    metrics : DataFrame
        One row per finished cell and symbol, in the order of the cells: the varied parameters,
        symbol, and figures by the names of `research.evidence.metrics`: returns, rates,
        drawdown, exposure as fractions, not percent. NaN where a symbol never came out of
        the cell's warm-up, or where a figure has no data (the win rate without a trade). The last
        column, `failed`, says why a cell could not be run, and is null where it could; the
        figures of a failed one are NaN.
    complete : bool
        False after Ctrl-C.
    notes : tuple of str
        What the figures do not say by themselves.
    engine : str
        What ran: "vectorbt, rust", "vectorbt, numba" or "fused".
    seconds : float
        Wall time of features, signals, orders and figures, compilation excluded.
    peak_mb : float
        Peak resident memory above the bars; NaN where the system does not tell.
    ledger : Path or None
        Where its cells are counted as trials; None: nowhere.
    """

    strategy: str
    grid: Grid
    symbols: tuple[str, ...]
    metrics: pl.DataFrame
    complete: bool
    notes: tuple[str, ...]
    engine: str
    seconds: float
    peak_mb: float
    study: Study = field(repr=False)
    ledger: Path | None = None

    @classmethod
    def of(cls, study: Study, found: Findings, seconds: float, peak_mb: float) -> Self:
        """Make the result of a study from what its chunks found."""
        return cls(
            strategy=study.request.strategy,
            grid=study.grid,
            symbols=study.symbols,
            metrics=found.metrics(),
            complete=bool(found.finished.all()),
            notes=tuple(found.notes()),
            engine=study.executor.engine,
            seconds=seconds,
            peak_mb=peak_mb,
            study=study,
        )

    @property
    def cells_per_second(self) -> float:
        """Finished cells per second, all symbols of a cell together."""
        return self.metrics.height / len(self.symbols) / self.seconds

    def save(self, folder: str | Path) -> Path:
        """Keep this result in a folder: figures, grid, bars, and what was asked.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there; an earlier result in it is replaced.

        Returns
        -------
        Path
            The folder, with metrics.parquet, cells.parquet, bars.parquet and manifest.json.

        Raises
        ------
        OutputError
            It cannot be written, such as on a full disk; what was there before is whole.
        BadValue
            Its manifest.json is of something else.
        """
        from research.simulation.kept import save

        return save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a result that `save` has kept; orders and portfolios of any cell can be made from it.

        Raises
        ------
        BadValue
            There is none, or a file of it is damaged; the file is named.

        Examples
        --------
        >>> import tempfile
        >>> from research import SweepResult, load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": 50})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = SweepResult.load(swept.save(folder))
        >>> again.metrics.equals(swept.metrics, null_equal=True)
        True
        """
        from research.simulation.kept import load

        return load(cls, folder)

    def portfolio(self, symbol: str | None = None, **params: float) -> Any:
        """Return one account as a vectorbt Portfolio.

        Parameters
        ----------
        symbol : str, optional
            Needed where there are several.
        **params : float
            A value of every varied parameter; one with a single value may be left out.

        Returns
        -------
        vectorbt.Portfolio
            On one row per bar of the traded span. Its sizes and prices are in units of the last
            bar's shares, since it knows no splits; money is money.

        Raises
        ------
        UnknownName, BadValue
            A symbol, parameter or value that was not swept; the nearest values are named.
        NotEnoughHistory
            The symbol never came out of this cell's warm-up.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": 50})
        >>> portfolio = swept.portfolio(threshold=0.5)
        >>> bool(abs(portfolio.total_return() - swept.metrics["total_return"][1]) < 1e-10)
        True
        """
        return self.study.executor.portfolio(*self.study.one(symbol, dict(params)))

    def orders(self, symbol: str | None = None, **params: float) -> pl.DataFrame:
        """Return the orders of one account; parameters as of `portfolio`.

        Returns
        -------
        DataFrame
            bar_close, symbol, side ("buy", "sell"), quantity (raw shares), price (USD, slippage
            included), fee (USD).
        """
        lane, cell = self.study.one(symbol, dict(params))
        rows = self.study.executor.orders(lane, cell).rows
        return pl.DataFrame(
            {
                "bar_close": lane.bar_close[rows[:, ac.O_BAR].astype(np.int64)],
                "symbol": [lane.symbol] * len(rows),
                "side": np.where(rows[:, ac.O_SIDE] > 0.0, "buy", "sell"),
                "quantity": rows[:, ac.O_QTY],
                "price": rows[:, ac.O_PRICE],
                "fee": rows[:, ac.O_FEE],
            },
            schema_overrides={"bar_close": pl.Datetime("us"), "symbol": pl.String, "side": pl.String},
        ).with_columns(pl.col("bar_close").dt.replace_time_zone("UTC"))
