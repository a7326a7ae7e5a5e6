"""What a sweep found: one row of figures per cell and symbol, and the way back to any single cell.

In: the study that was run and its figures. Out: a Polars table, a heatmap, and the orders or
vectorbt portfolio of a cell, made again on demand, since keeping all of them would
need memory that grows with bars × cells.

The best of many cells is the luckiest, and its figures say nothing without a correction for the
search; `best` gives no winner without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.features.matrix import FeatureStream
from research.kernels import account as ac
from research.request import Request
from research.simulation.executors import FIGURES, Executor
from research.simulation.grid import Grid
from research.simulation.lanes import Cells, Lane, Lanes
from research.strategies import Strategy

if TYPE_CHECKING:
    from research.evidence.sharpe import Convention
    from research.simulation.winner import Winner

__all__ = ["Study", "SweepResult"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that makes a cell's figures: what was asked, the grid, the lanes, the executor.

    Attributes
    ----------
    request : Request
    grid : Grid
    lanes : Lanes
    executor : Executor
    reads : sequence of tuple of str
        The features that each cell reads.
    lookback : (C,) int64
        Bars that each cell needs before its first decision.
    """

    request: Request
    grid: Grid
    lanes: Lanes
    executor: Executor
    reads: Sequence[tuple[str, ...]]
    lookback: NDArray[np.int64]

    @property
    def rule(self) -> Strategy:
        """The strategy's record."""
        return self.request.rule()

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, those without a lane included."""
        return self.lanes.panel.symbols

    def most(self, name: str) -> float:
        """Return the largest value of a parameter in any cell."""
        fixed = {**self.lanes.lanes[0].base, **self.grid.fixed}
        return float(np.max(self.grid.axes.get(name, fixed[name])))

    def cells(self, lane: Lane, cells: NDArray[np.int64]) -> Cells:
        """Return some cells as a lane runs them."""
        known = list(self.rule.parameters)
        vectors = np.repeat(self.rule.vector({**lane.base, **self.grid.fixed})[None], cells.size, axis=0)
        vectors[:, [known.index(name) for name in self.grid.names]] = self.grid.cells[cells]
        return Cells(self.rule, vectors, [self.reads[i] for i in cells.tolist()])

    def figures(self, lane: Lane, cells: NDArray[np.int64]) -> dict[str, F64]:
        """Return the figures of some cells, (C,) each, or refuse them naming the first that cannot be run."""
        try:
            return self.executor.figures(lane, self.cells(lane, cells))
        except BadValue as refusal:
            if cells.size == 1:
                said = ", ".join(f"{k}={v:g}" for k, v in self.grid.params(int(cells[0])).items())
                raise BadValue(f"{lane.symbol} with {said}: {refusal}") from refusal
            for cell in cells:
                self.figures(lane, np.array([cell]))
            raise

    def one(self, symbol: str | None, wanted: dict[str, object]) -> tuple[Lane, Cells]:
        """Return the lane of one symbol, which holds what the cell reads, and the cell."""
        if symbol is None:
            if len(self.symbols) > 1:
                raise BadValue(
                    f"an account needs a `symbol`, had none; choose one of {', '.join(self.symbols[:8])}"
                )
            symbol = self.symbols[0]
        if symbol not in self.symbols:
            raise UnknownName("symbol", symbol, self.symbols)
        cell = self.grid.find(wanted)
        lane = next((lane for lane in self.lanes.lanes if lane.symbol == symbol), None)
        if lane is None or self.lookback[cell] >= lane.own_bars:
            raise NotEnoughHistory(
                f"{symbol} never came out of warm-up in this cell, which needs {self.lookback[cell] + 1} "
                "bars, so it has no account; bring earlier bars or choose shorter windows"
            )
        self.lanes.hold(self.reads[cell])
        return lane, self.cells(lane, np.array([cell]))

    def warm_up(self) -> None:
        """Run a few bars through everything, so that compilation counts neither as time nor as memory."""
        lane = self.lanes.lanes[0].head(8)
        block = self.lanes.panel[: len(lane)]
        values = FeatureStream(block.symbols, self.reads[0]).advance(block)
        self.executor.warm_up(
            replace(lane, features=dict(zip(self.reads[0], values[:, 0], strict=True))),
            self.cells(lane, np.zeros(1, dtype=np.int64)),
        )


@dataclass(frozen=True, eq=False)
class SweepResult:
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
        the cell's warm-up, or where a figure has no data (the win rate without a trade).
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
    def of(
        cls,
        study: Study,
        table: dict[str, F64],
        finished: NDArray[np.bool_],
        seconds: float,
        peak_mb: float,
    ) -> SweepResult:
        """Make the result of a study from its figures, each (C, N), and which cells are finished."""
        cells, symbols = study.grid, study.symbols
        rows = np.flatnonzero(finished)
        columns: dict[str, object] = {}
        for p, name in enumerate(cells.names):
            values = np.repeat(cells.cells[rows, p], len(symbols))
            columns[name] = values.astype(np.int64) if study.rule.parameters[name].integer else values
        columns["symbol"] = list(symbols) * rows.size
        for name in FIGURES:
            columns[name] = table[name][rows].ravel()
        return cls(
            strategy=study.request.strategy,
            grid=cells,
            symbols=symbols,
            metrics=pl.DataFrame(columns, schema_overrides={"symbol": pl.String}),
            complete=bool(finished.all()),
            notes=tuple(_notes(study, finished)),
            engine=study.executor.engine,
            seconds=seconds,
            peak_mb=peak_mb,
            study=study,
        )

    @property
    def cells_per_second(self) -> float:
        """Finished cells per second, all symbols of a cell together."""
        return self.metrics.height / len(self.symbols) / self.seconds

    def heatmap(self, x: str, y: str, metric: str = "sharpe_ratio", symbol: str | None = None) -> Any:
        """Draw a metric over two parameters; a slider goes through the others, and the symbols.

        Parameters
        ----------
        x, y : str
            Varied parameters, not the same one.
        metric : str
            A figure of `metrics`.
        symbol : str, optional
            One symbol, or "mean" for the mean over all of them; default: each on the slider.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        UnknownName
            A parameter that was not varied, a metric or a symbol that does not exist.
        BadValue
            x and y are the same, or no cell is finished.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]})
        >>> swept.heatmap("threshold", "min_trend").data[0].z.shape
        (2, 3)
        """
        from research.report.figures import heatmap

        return heatmap(self, x, y, metric, symbol)

    def best(
        self,
        metric: str = "sharpe_ratio",
        symbol: str | None = None,
        *,
        sample: int = 2000,
        convention: Convention = "2014",
        reps: int = 2000,
        seed: int = 0,
    ) -> Winner:
        """Return the best cell with what says whether it is more than the luckiest of all.

        Parameters
        ----------
        metric : str
            A figure of `metrics` of which more is better.
        symbol : str, optional
            Needed where there are several.
        sample : int
            Cells whose returns are held and judged together; of a larger search, a random sample
            that holds the winner and its neighbours, and the winner says so.
        convention : {"2014", "2025"}
            Standard error of the Sharpe ratios, see `research.evidence.sharpe`.
        reps, seed : int
            Resamples of the bootstrap, and its seed.

        Returns
        -------
        Winner
            Parameters, figures, neighbours, and the verdict: probabilistic and deflated Sharpe ratio,
            PBO, SPA and StepM, the track record needed.

        Raises
        ------
        UnknownName, BadValue
            A metric or symbol that does not exist, a metric of which more is not better, or no cell that
            ever traded.
        SnapshotMismatch, OutputError
            The ledger is of another version, or damaged, or cannot be written.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]})
        >>> winner = swept.best("sharpe_ratio")
        >>> winner.params["min_trend"], winner.significant
        (70.0, False)
        """
        from research.simulation.winner import best

        return best(self, metric, symbol, sample=sample, convention=convention, reps=reps, seed=seed)

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


def _notes(study: Study, finished: NDArray[np.bool_]) -> list[str]:
    """Say what would otherwise stay silent."""
    cells, notes = study.grid, list(study.lanes.notes)
    if cells.subset:
        notes.append(f"these are {cells.subset}")
    if cells.left_out:
        notes.append(f"{cells.left_out} combinations were left out: {cells.complaint}")
    for lane in study.lanes.lanes:
        short = study.lookback >= lane.own_bars
        if short.any():
            notes.append(
                f"{lane.symbol}: NaN in {short.sum()} of {len(cells)} cells, which need up to "
                f"{study.lookback.max() + 1} bars before their first decision; it has {lane.own_bars}"
            )
    missing = int((~finished).sum())
    if missing:
        notes.append(f"interrupted: {missing} of {len(cells)} cells are missing; run it again for them")
    if len(cells) > 1:
        notes.append(f"the best of {len(cells)} cells is the luckiest; `best` says what it is worth")
    return notes
