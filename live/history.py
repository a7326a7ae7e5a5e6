"""The bars there are now beside those that a journal holds, on one grid.

In: a journal's bars and a bar table. Out: a `Known`: what both sides have, what differs, and a panel of any
mixture of the two, which is what `live.whatif` runs over.

Raw numbers and splits are held against each other to the bit, dividends to what re-based adjusted closes in
cents explain (`live.continuation`). Where both sides agree the journal's numbers are taken.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from live.continuation import digest_of, rounding_of
from live.journalled import Journalled
from live.rows import BAR_FIELDS
from research.data.panel import Panel, PanelBuilder
from research.saved import Saved

__all__ = ["Known", "joined", "known_bars"]

F64 = NDArray[np.float64]
Cells = NDArray[np.bool_]
_RAW = ("open", "high", "low", "close", "volume", "split")


@dataclass(frozen=True)
class Known:
    """Bars before a journal's span, and both sides' bars of it.

    Attributes
    ----------
    symbols : tuple of str
    instants : (T,) datetime64
        Of the span; either side has a bar there.
    before : Panel
        The bars there are now before the span, from the first one known or the last one a model has seen.
    tail : Panel or None
        Its last ones, if the journal's warm-up was exactly those.
    journal, now : dict of str to (T, N) float64
        Each side's bars, `live.rows.BAR_FIELDS`.
    covered : (T, N) bool
        Whether the bars there are now reach so far.
    revised : (T, N) bool
    growth : (T, N) float64
        What a bar of now does to all later adjustment factors that the journal's does not; mostly 1.
    anchor : (N,) float64
        The factor that the bars before the span end with now, over the journal's.
    """

    symbols: tuple[str, ...]
    instants: NDArray[np.datetime64]
    before: Panel
    tail: Panel | None
    journal: dict[str, F64] = field(repr=False)
    now: dict[str, F64] = field(repr=False)
    covered: Cells = field(repr=False)
    revised: Cells = field(repr=False)
    growth: F64 = field(repr=False)
    anchor: F64 = field(repr=False)

    @property
    def journal_there(self) -> Cells:
        """Where the journal has a bar."""
        return ~np.isnan(self.journal["close"])

    @property
    def there(self) -> Cells:
        """Where there is a bar now; the journal's own beyond what is covered."""
        return np.where(self.covered, ~np.isnan(self.now["close"]), self.journal_there)

    @property
    def extra(self) -> Cells:
        """Where only the journal has a bar."""
        return self.journal_there & ~self.there

    def change(self, t: int, k: int) -> str:
        """Return what differs in a revised bar."""
        told = [
            f"{name} {self.journal[name][t, k]:.10g}, now {self.now[name][t, k]:.10g}"
            for name in (*_RAW, "dividend")
            if self.journal[name][t, k] != self.now[name][t, k]
        ]
        return "; ".join(told)

    def panel(
        self, flipped: Collection[tuple[int, int]], *, anchored: bool
    ) -> tuple[Panel, NDArray[np.intp]]:
        """Return the span's bars as they are now, but some as the journal has them.

        Parameters
        ----------
        flipped : collection of (row, column)
            Bars to be taken from the journal.
        anchored : bool
            Continue the adjustment of the bars before the span as they are now; False: the journal's own.

        Returns
        -------
        Panel, (T',) intp
            Only instants at which there is a bar, and their rows of the grid.
        """
        mine = ~(self.covered & (self.revised | (self.there != self.journal_there)))
        for cell in flipped:
            mine[cell] = True
        values = {name: np.where(mine, self.journal[name], self.now[name]) for name in BAR_FIELDS}
        factor = np.where(np.isnan(self.journal["factor"]), self.now["factor"], self.journal["factor"])
        factor = factor * np.multiply.accumulate(np.where(mine, 1.0, self.growth), axis=0)
        if anchored:
            factor = factor * self.anchor
        there = ~np.isnan(values["close"])
        values["factor"] = np.where(there, factor, np.nan)
        values["split"] = np.where(there, values["split"], 1.0)
        values["dividend"] = np.where(there, values["dividend"], 0.0)
        rows = np.flatnonzero(there.any(axis=1))
        columns = {name: np.asfortranarray(array[rows]) for name, array in values.items()}
        return Panel(self.symbols, self.instants[rows], **columns), rows


def joined(first: Panel, second: Panel) -> Panel:
    """Return two panels of the same symbols as one, in time."""
    names = BAR_FIELDS
    fields = {n: np.concatenate((getattr(first, n).T, getattr(second, n).T), axis=1).T for n in names}
    return Panel(first.symbols, np.concatenate((first.bar_close, second.bar_close)), **fields)


def known_bars(journal: Journalled, bars: pl.DataFrame, trained: Saved | None) -> Known:
    """Lay out the bars there are now beside a journal's.

    Parameters
    ----------
    journal : Journalled
    bars : DataFrame
        A bar table: of the time before the journal's span, and of any part of the span.
    trained : Saved, optional
        A model that the run begins with: the bars it has seen are not given to it again.

    Raises
    ------
    DataError
        Bars that break a rule of the table, or do not continue those that the model has seen.
    """
    mine = journal.panel
    begin, end = mine.bar_close[0], mine.bar_close[-1]
    utc = [pl.lit(at).dt.replace_time_zone("UTC") for at in (begin, end)]
    bars = bars.filter(pl.col("symbol").is_in(list(mine.symbols)) & (pl.col("bar_close") <= utc[1]))
    builder = PanelBuilder(mine.symbols)
    last = None if trained is None else trained.last_bar
    if trained is not None and last is not None:
        builder = trained.builder()
        seen = pl.col("bar_close") <= pl.lit(last).dt.replace_time_zone("UTC")
        if "adj_factor" in bars.columns:
            builder.reanchor(bars.filter(seen))
        bars = bars.filter(~seen)
    whole = builder.push(bars)
    split = int(np.searchsorted(whole.bar_close, begin))
    now, before = whole[split:], whole[:split]
    instants = np.union1d(mine.bar_close, now.bar_close)
    sides = [_wide(panel, instants) for panel in (mine, now)]
    its = sides[1]
    covered = np.zeros((len(instants), len(mine.symbols)), dtype=bool)
    if len(now):
        covered[instants <= now.bar_close[-1]] = True
    tail, anchor = _tail(journal, bars, before, begin), np.ones(len(mine.symbols))
    rounding = _wide_array(rounding_of(whole)[split:], now.bar_close, instants)
    revised = _revised(sides[0], its, rounding, covered, fresh=journal.first != len(before))
    growth = np.ones(covered.shape)
    for k in range(len(mine.symbols)):
        both = np.flatnonzero(~np.isnan(sides[0]["factor"][:, k]) & ~np.isnan(its["factor"][:, k]))
        if not both.size:
            continue
        ratio = its["factor"][both, k] / sides[0]["factor"][both, k]
        anchor[k] = ratio[0]
        moved = np.flatnonzero(revised[both, k])
        for i in moved[moved > 0]:
            growth[both[i], k] = ratio[i] / ratio[i - 1]
        only_now = np.isnan(sides[0]["factor"][:, k]) & covered[:, k] & ~np.isnan(its["factor"][:, k])
        # Where the journal has no bar the adjustment is that of now, on the journal's scale.
        its["factor"][only_now, k] /= ratio[0]
    return Known(
        symbols=mine.symbols,
        instants=instants,
        before=before,
        tail=tail,
        journal=sides[0],
        now=its,
        covered=covered,
        revised=revised,
        growth=growth,
        anchor=anchor,
    )


def _wide_array(values: F64, at: NDArray[np.datetime64], instants: NDArray[np.datetime64]) -> F64:
    out = np.full((len(instants), values.shape[1]), np.nan)
    out[np.searchsorted(instants, at)] = values
    return out


def _wide(panel: Panel, instants: NDArray[np.datetime64]) -> dict[str, F64]:
    return {name: _wide_array(getattr(panel, name), panel.bar_close, instants) for name in BAR_FIELDS}


def _revised(
    mine: dict[str, F64], its: dict[str, F64], rounding: F64, covered: Cells, *, fresh: bool
) -> Cells:
    """Return which bars both sides have and that differ.

    What happened to a bar's shares is read against the bar before it: where that is one that only one side
    has, splits and dividends are not compared, for they differ because of it. So it is with the first bars
    of a run that knew others before them (`fresh`).
    """
    a, b = ~np.isnan(mine["close"]), ~np.isnan(its["close"])
    both = covered & a & b
    out = np.zeros(both.shape, dtype=bool)
    for name in ("open", "high", "low", "close", "volume"):
        out |= mine[name] != its[name]
    actions = (mine["split"] != its["split"]) | (np.abs(mine["dividend"] - its["dividend"]) > rounding)
    for k in range(both.shape[1]):
        rows = np.flatnonzero(a[:, k] | b[:, k])
        if rows.size:
            follows = rows[1:][~both[rows[:-1], k] & covered[rows[:-1], k]]
            actions[[*rows[:fresh], *follows], k] = False
    changed: Cells = both & (out | actions)
    return changed


def _tail(journal: Journalled, bars: pl.DataFrame, before: Panel, begin: np.datetime64) -> Panel | None:
    """Return the last bars before the span as a run that began with them had them, if the journal's did."""
    size = journal.first
    if not size < len(before):
        return None
    # The bar after an empty panel has no bar before it; so has a symbol's first.
    since = before.bar_close[-size] if size else begin
    part = bars.filter(
        (pl.col("bar_close") >= pl.lit(since).dt.replace_time_zone("UTC"))
        & (pl.col("bar_close") < pl.lit(begin).dt.replace_time_zone("UTC"))
    )
    panel = PanelBuilder(journal.panel.symbols).push(part)
    return panel if digest_of(panel) == journal.warmup_sha256 else None
