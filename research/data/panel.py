"""From the bar table to aligned arrays: the one door between Polars and NumPy.

In: a validated bar table (`symbol, bar_close, open, high, low, close, volume`, optional `adj_factor`).
Out: a `Panel`: one (T, N) array per field, in memory one contiguous row per symbol.

Each symbol is adjusted from its own bars only, and what the adjustment must remember (last close, last
`adj_factor`, factor so far) is carried, so blocks pushed one by one give the bits of one push of everything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.adjust import corporate_actions
from research.data.aligned import Panel
from research.data.bars import conform, require_known, validate_bars
from research.data.pushed import FIELDS, columns_of, require_later, require_plausible, sound, typed
from research.errors import BadValue, DataError, SnapshotMismatch, UnknownName

__all__ = ["Panel", "PanelBuilder", "to_panel"]

F64 = NDArray[np.float64]
_NEVER = np.datetime64("NaT", "us")
_KIND = "PanelBuilder 1"


class PanelBuilder:
    """Build panels block by block; the adjustment of each symbol is carried between blocks.

    Parameters
    ----------
    symbols : sequence of str
        The columns of every panel, in this order.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> bars = load_sample(["FB"])
    >>> builder = PanelBuilder(["FB"])
    >>> len(builder.push(bars[:100])), len(builder.push(bars[100:101]))
    (100, 1)
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        if isinstance(symbols, str):
            raise BadValue(f"`symbols` must be a list such as [{symbols!r}], was the text {symbols!r}")
        self.symbols = tuple(symbols)
        if not self.symbols:
            raise BadValue("`symbols` must name at least one symbol, was empty")
        if len(set(self.symbols)) != len(self.symbols):
            twice = next(s for i, s in enumerate(self.symbols) if s in self.symbols[:i])
            raise BadValue(f"`symbols` must differ, {twice!r} is named twice; drop one")
        n = len(self.symbols)
        self._last_bar = _NEVER
        self._bar = np.full(n, _NEVER)  # each symbol's last bar
        self._close = np.full(n, np.nan)  # NaN: no bar seen yet
        self._adj = np.full(n, np.nan)
        self._factor = np.ones(n)
        self._adjusted: bool | None = None  # whether bars come with adj_factor; None: no bar seen yet

    @property
    def last_bar(self) -> np.datetime64 | None:
        """`bar_close` of the last bar pushed; None before the first."""
        return None if np.isnat(self._last_bar) else self._last_bar

    def push(self, bars: pl.DataFrame) -> Panel:
        """Turn the next bars into a panel.

        Parameters
        ----------
        bars : DataFrame
            Bars of this builder's symbols, all later than everything pushed before.

        Returns
        -------
        Panel
            Only the new instants.

        Raises
        ------
        UnknownName
            A symbol that is none of this builder's.
        DataError
            Bars that break a rule of the table, are not later than those before, come in several versions, or
            were known only after their close.
        """
        n = len(self.symbols)
        bars = typed(bars)
        adjusted = "adj_factor" in bars.columns
        if self._adjusted is not None and adjusted != self._adjusted:
            was, now = ("with", "without") if self._adjusted else ("without", "with")
            raise DataError(f"bars came {was} adj_factor before and come {now} it now; push all one way")
        at = columns_of(bars, self.symbols)
        closes = bars["bar_close"].to_numpy()
        # Stable: within a symbol the order of the table is kept, and must be the order of time.
        given = bars
        if at.size and np.any(at[1:] < at[:-1]):
            order = np.argsort(at, kind="stable")
            at, closes, bars = at[order], closes[order], bars[order]
        first = np.ones(at.size, dtype=bool)
        first[1:] = at[1:] != at[:-1]
        values = {name: bars[name].to_numpy() for name in FIELDS}
        adj = bars["adj_factor"].cast(pl.Float64).to_numpy() if adjusted else np.ones(at.size)
        late = bool(np.any(~first[1:] & (closes[1:] <= closes[:-1])))
        if late or not sound(values, adj):
            # The rules and their words live in one place; this is only the quick look that asks for it.
            validate_bars(given)
            raise DataError(
                "the table holds several versions of a bar; choose with as_known_at(bars, instant) what "
                "was known"
            )
        require_known(given)
        require_later(closes, self._last_bar, self.symbols, at)

        instants = np.unique(closes)
        t = np.searchsorted(instants, closes)
        cell = at * len(instants) + t
        previous_close, previous_adj = np.empty(at.size), np.empty(at.size)
        previous_close[1:], previous_adj[1:] = values["close"][:-1], adj[:-1]
        previous_close[first], previous_adj[first] = self._close[at[first]], self._adj[at[first]]
        ratio = np.where(np.isnan(previous_close), 1.0, adj / previous_adj)
        require_plausible(ratio, closes, self.symbols, at)
        growth, split, dividend = corporate_actions(ratio, previous_close)

        out = {name: _scatter(n, len(instants), cell, v, np.nan) for name, v in values.items()}
        # Symbol by symbol in order of time: the running product of (carried factor, growth, growth, …).
        steps = np.ones((n, len(instants) + 1))
        steps[:, 0] = self._factor
        steps[at, t + 1] = growth
        factor = np.multiply.accumulate(steps, axis=1)[:, 1:]
        last = np.ones(at.size, dtype=bool)
        last[:-1] = first[1:]
        if at.size:
            self._last_bar, self._adjusted = instants[-1], adjusted
            self._bar[at[last]] = closes[last]
            self._close[at[last]] = values["close"][last]
            self._adj[at[last]] = adj[last]
            self._factor = factor[:, -1].copy()
        factor = np.where(np.isnan(out["close"].T), np.nan, factor)
        return Panel(
            symbols=self.symbols,
            bar_close=instants,
            **out,
            factor=factor.T,
            split=_scatter(n, len(instants), cell, split, 1.0),
            dividend=_scatter(n, len(instants), cell, dividend, 0.0),
        )

    def reanchor(self, bars: pl.DataFrame) -> None:
        """Tell that the vendor has re-based `adj_factor`; nothing that was pushed changes.

        Vendors set the factor of their last bar to 1 and change all earlier ones, so after a dividend a newly
        fetched bar does not continue the column that was pushed before. Hand in the fetched history that ends
        with bars already seen, then `push` the new ones.

        Parameters
        ----------
        bars : DataFrame
            Fetched bars with `adj_factor`. Only each symbol's last pushed bar is looked at.

        Raises
        ------
        DataError
            No `adj_factor`, a symbol's last pushed bar is not among them, or its close is another one.
        """
        if "adj_factor" not in bars.columns:
            raise DataError(
                "re-anchoring needs bars with adj_factor; without it there is nothing to re-anchor"
            )
        bars = typed(bars)
        at = columns_of(bars, self.symbols)
        closes, factor = bars["close"].to_numpy(), bars["adj_factor"].to_numpy()
        last = bars["bar_close"].to_numpy() == self._bar[at]
        found = np.unique(at)
        adj = self._adj.copy()
        for i in found[~np.isnan(self._close[found])]:
            row = np.flatnonzero(last & (at == i))
            if row.size == 0:
                raise DataError(
                    f"{self.symbols[i]}: its last pushed bar, {self._bar[i]}, is not among the bars to "
                    f"re-anchor to; "
                    f"fetch a longer history"
                )
            if closes[row[-1]] != self._close[i]:
                raise DataError(
                    f"{self.symbols[i]}: the close of {self._bar[i]} was pushed as {self._close[i]} and "
                    f"is now "
                    f"{closes[row[-1]]}; a corrected history needs a new builder"
                )
            adj[i] = factor[row[-1]]
        self._adj = adj

    def snapshot(self) -> bytes:
        """Return everything carried between pushes; `restore` brings it back."""
        last = int(self._last_bar.astype(np.int64))
        head = {"kind": _KIND, "symbols": self.symbols, "last_bar": last, "adjusted": self._adjusted}
        state = np.stack(
            [self._bar.view(np.float64), self._close, self._adj, self._factor]
        )  # bits, not values
        return json.dumps(head).encode() + b"\n" + state.astype("<f8").tobytes()

    @classmethod
    def restore(cls, data: bytes) -> PanelBuilder:
        """Return the builder that made a snapshot."""
        head, _, body = data.partition(b"\n")
        try:
            told = json.loads(head)
            kind = told["kind"]
        except (ValueError, KeyError, TypeError):
            kind = None
        if kind != _KIND:
            raise SnapshotMismatch(f"these bytes are not a snapshot of {_KIND}; take one with snapshot()")
        builder = cls(told["symbols"])
        state = np.frombuffer(body, dtype="<f8")
        if state.size != 4 * len(builder.symbols):
            raise SnapshotMismatch(f"the snapshot of {_KIND} is cut short; take a new one")
        builder._adjusted = told["adjusted"]
        builder._last_bar = np.datetime64(told["last_bar"], "us")
        bar, builder._close, builder._adj, builder._factor = state.reshape(4, -1).astype(np.float64)
        builder._bar = bar.view("datetime64[us]")
        return builder


def to_panel(bars: pl.DataFrame, symbols: Sequence[str] | None = None) -> Panel:
    """Align a whole bar table.

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    symbols : sequence of str, optional
        Columns of the panel; others in the table are left out. Default: all of the table, sorted.

    Returns
    -------
    Panel

    Raises
    ------
    UnknownName
        A symbol that has no bar in the table.
    DataError
        As in `PanelBuilder.push`.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> to_panel(load_sample(["AAPL", "FB"])).close.shape
    (3270, 2)
    """
    bars = conform(bars)
    known = bars["symbol"].unique().sort().to_list()
    if symbols is None:
        return PanelBuilder(known).push(bars)
    for name in symbols:
        if name not in known:
            raise UnknownName("symbol", name, known)
    return PanelBuilder(symbols).push(bars.filter(pl.col("symbol").is_in(list(symbols))))


def _scatter(n: int, t: int, cell: NDArray[np.int64], values: F64, empty: float) -> F64:
    """Put values into their cells of an (N, T) array and return its (T, N) view."""
    out = np.full(n * t, empty)
    out[cell] = values
    return out.reshape(n, t).T
