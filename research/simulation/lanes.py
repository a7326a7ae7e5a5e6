"""Lanes: one symbol's bars, features and span, in which all cells of a sweep run.

In: a request, bars, and the features that the cells read. Out: a `Lane` per symbol.
Each symbol of a cell is an account of its own, so a lane is cut exactly as a
backtest of that symbol alone would be: its own bars, its own first tradable bar,
its own bars per year. Each distinct row that features are made of is computed once, over all symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data import Panel
from research.errors import NotEnoughHistory
from research.kernels.bars import BARS
from research.kernels.signals import N_SIGNALS
from research.request import Prepared, Request
from research.simulation.computed import AT_ONCE, computed
from research.simulation.held import Held
from research.simulation.needs import Reads, Rows
from research.strategies import Strategy

__all__ = ["Cells", "Lane", "Lanes", "Words", "lay_out"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lane:
    """One symbol's own bars from the first that may trade.

    Attributes
    ----------
    symbol : str
    bar_close : (T,) datetime64[us], UTC
    bars : dict of str to (T,) float64
        open, high, low, close (raw USD), split, dividend.
    base : dict
        The strategy's parameters for this symbol, before a cell's own are put in.
    bars_per_year : float
    own_bars : int
        How many bars the symbol has, those before the traded span included.
    panel : Panel
        All of these bars: what a model learns from.
    features : Held
        The features that are held at the moment.
    """

    symbol: str
    bar_close: NDArray[np.datetime64]
    bars: dict[str, F64]
    base: dict[str, float]
    bars_per_year: float
    own_bars: int
    panel: Panel
    features: Held = field(default_factory=Held)

    def __len__(self) -> int:
        return len(self.bar_close)

    def head(self, n_bars: int) -> Lane:
        """Return the first bars of this lane."""
        return replace(
            self,
            bar_close=self.bar_close[:n_bars],
            bars={name: values[:n_bars] for name, values in self.bars.items()},
            features=self.features.cut(0, n_bars),
        )

    @cached_property
    def rows(self) -> F64:
        """The bars as the kernels of a sweep take them, (N_BARS, T)."""
        return np.stack([self.bars[name] for name in BARS])

    @property
    def lead(self) -> int:
        """Bars before the first that may trade which features are held of, 0 or 1."""
        return min(1, self.own_bars - len(self))

    def signals(self, cells: Cells) -> F64:
        """Return the signal rows of some cells, (S, C, T) float64."""
        names = tuple(cells.rule.parameters)
        out = np.empty((N_SIGNALS, len(cells), len(self)))
        for c, (read, vector) in enumerate(zip(cells.reads, cells.vectors.tolist(), strict=True)):
            params = dict(zip(names, vector, strict=True))
            rows = np.stack([self.features[name] for name in read])
            heard = None if cells.words is None else cells.words[c].over(self.bar_close)
            out[:, c] = cells.rule.signals(rows, params, heard)
        return out


class Words(NamedTuple):
    """What a model said at each close of a lane: rows of `research.kernels.belief`."""

    bar_close: NDArray[np.datetime64]
    rows: F64

    def over(self, bar_close: NDArray[np.datetime64]) -> F64:
        """Return what it said at closes that follow each other in the lane: a piece of it, or all."""
        begin = int(np.searchsorted(self.bar_close, bar_close[0]))
        return self.rows[:, begin : begin + len(bar_close)]


@dataclass(frozen=True, eq=False)
class Cells:
    """Some cells of a sweep, as one lane runs them.

    Attributes
    ----------
    rule : Strategy
    vectors : (C, P) float64
        All parameters of each cell, in the order of the strategy's kernels.
    reads : Reads
        The features that each reads, in that order too.
    words : sequence of Words, optional
        What the model of each says, of a strategy that has one.
    """

    rule: Strategy
    vectors: F64
    reads: Reads
    words: Sequence[Words] | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, part: slice) -> Cells:
        """Return some of them."""
        words = None if self.words is None else self.words[part]
        return Cells(self.rule, self.vectors[part], self.reads[part], words)


@dataclass(frozen=True, eq=False)
class Lanes:
    """The lanes of a sweep, and the features that they hold at the moment.

    Attributes
    ----------
    panel : Panel
        All symbols, from the first bar that is known.
    lanes : tuple of Lane
        One per symbol that has bars enough for at least one cell.
    notes : tuple of str
        Which symbols have none, and why.
    jobs : int, optional
        Cores that features are computed on; default: all.
    """

    panel: Panel
    lanes: tuple[Lane, ...]
    notes: tuple[str, ...]
    jobs: int | None = None

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.int64]]:
        """The panel's rows of each lane's bars, and of the one before them."""
        column = {symbol: n for n, symbol in enumerate(self.panel.symbols)}
        return {
            lane.symbol: np.flatnonzero(~np.isnan(self.panel.close[:, column[lane.symbol]]))[
                -(lane.lead + len(lane)) :
            ]
            for lane in self.lanes
        }

    def feature_bytes(self) -> int:
        """Return the memory that one row takes while it is computed and kept."""
        kept = 2 * sum(len(lane) for lane in self.lanes)  # twice while rows of another chunk are kept
        return 8 * (min(len(self.panel), AT_ONCE) * len(self.panel.symbols) + kept)

    def hold(self, names: Iterable[str]) -> None:
        """Compute those rows of the features that no lane holds yet, in one pass, and drop the others."""
        self.hold_rows(Rows.of(names))

    def hold_rows(self, rows: Rows) -> None:
        """Do what `hold` does for features that are made of these rows.

        How rows stand among each other says nothing of one more: then all of these are computed again.
        """
        held = self.lanes[0].features
        names, standing = [row.name for row in rows.values], [row.name for row in rows.standing]
        missing = [row for row in rows.values if row.name not in held.rows]
        stand = list(rows.standing) if set(standing) - set(held.standing) else []
        same = len(names) == len(held.rows) and bool(standing) == bool(held.standing)
        if same and not missing and not stand:
            return
        column = {symbol: n for n, symbol in enumerate(self.panel.symbols)}
        places = [(column[lane.symbol], self._rows[lane.symbol]) for lane in self.lanes]
        made = computed(self.panel, places, missing, stand)
        for lane, (values, places_of) in zip(self.lanes, made, strict=True):
            kept = lane.features
            if stand and len(missing) == len(names):
                kept.take(names, values, standing, places_of, lane.lead)
                continue
            new = dict(zip([row.name for row in missing], values, strict=True))
            stood = (
                dict(zip(standing, places_of, strict=True)) if stand else kept.standing if standing else {}
            )
            size = lane.lead + len(lane)
            kept.change(
                {name: new[name] if name in new else _last(kept.rows[name], size) for name in names},
                lane.lead,
                stood,
            )

    def small(self, rows: Rows, n_bars: int) -> Lane:
        """Return the first bars of the first lane, with rows of bars that are as few."""
        lane = replace(self.lanes[0].head(n_bars), own_bars=n_bars)
        made = computed(self.panel[: len(lane)], [(0, np.arange(len(lane)))], rows.values, rows.standing)
        held = Held()
        ((values, places),) = made
        held.take([row.name for row in rows.values], values, [row.name for row in rows.standing], places, 0)
        return replace(lane, features=held)


def _last(row: F64, size: int) -> F64:
    """Return the last bars of a row; the row itself where it has no more."""
    return row if row.size == size else row[-size:]


def lay_out(request: Request, bars: pl.DataFrame) -> Lanes:
    """Cut one lane per symbol.

    Parameters
    ----------
    request : Request
        With the parameters of the cell that needs the fewest bars.
    bars : DataFrame
        A bar table.

    Raises
    ------
    UnknownName, BadValue, NotEnoughHistory
        As `Request.prepare` says; `NotEnoughHistory` only if no symbol has bars enough.
    """
    together = request.prepare(bars, account_symbols=1)
    symbols = together.panel.symbols
    of = {
        part["symbol"][0]: part
        for part in bars.filter(pl.col("symbol").is_in(symbols)).partition_by("symbol", maintain_order=True)
    }
    lanes, notes = [], []
    for symbol in symbols:
        try:
            alone = together
            if len(symbols) > 1:
                alone = replace(request, symbols=[symbol]).prepare(of[symbol], account_symbols=1)
        except NotEnoughHistory as short:
            notes.append(f"{symbol} has no figures (NaN): {short}")
            continue
        lanes.append(_lane(symbol, alone))
    if not lanes:
        raise NotEnoughHistory(notes[0])
    return Lanes(together.panel, tuple(lanes), tuple(notes), request.jobs)


def _lane(symbol: str, prepared: Prepared) -> Lane:
    block = prepared.panel[prepared.trade_from :]
    names = ("open", "high", "low", "close", "split", "dividend")
    return Lane(
        symbol=symbol,
        bar_close=block.bar_close,
        bars={name: np.ascontiguousarray(getattr(block, name)[:, 0]) for name in names},
        base=prepared.params,
        bars_per_year=prepared.bars_per_year,
        own_bars=len(prepared.panel),
        panel=prepared.panel,
    )
