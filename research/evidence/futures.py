"""Other futures for the same past: what an audit puts after an instant in place of what really came.

In: a bar table, an instant, a kind. Out: a bar table that keeps every rule of one, whose rows up to the
instant are the same. `adj_factor` alone may differ there by one constant, because vendors re-base the whole
column with each delivery; no decision may depend on that either.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.bars import PRICES
from research.errors import UnknownName

__all__ = ["KINDS", "replace_future"]

F64 = NDArray[np.float64]

KINDS = {
    "noise": "a leap up or down, a split or a dividend, then a random walk with more of them",
    "missing": "all symbols but one have no bars any more; that one leaps and walks at random",
    "truncated": "nothing: the bars end",
    "tenfold": "the same bars at ten times the price, in a delivery whose adj_factor is re-based",
}
_DAILY = 0.03  # volatility of a bar of noise
# Log return of its first bar. A leak that only a crash, a split or a dividend sets off must show, too.
_LEAP = 0.4
_REBASED = 1.0 / 7.0


def replace_future(
    bars: pl.DataFrame, instant: datetime, until: datetime, kind: str, rng: np.random.Generator
) -> pl.DataFrame:
    """Return bars up to `until` whose rows after `instant` are made up.

    Parameters
    ----------
    bars : DataFrame
        A valid bar table, sorted by symbol and bar_close.
    instant : datetime
        The last close that stays.
    until : datetime
        The last close that is given.
    kind : str
        One of `KINDS`.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        A valid bar table.

    Raises
    ------
    UnknownName
        Another kind.

    Examples
    --------
    >>> from research.data import load_sample
    >>> bars = load_sample(["FB"])
    >>> at, until = bars["bar_close"][99], bars["bar_close"][149]
    >>> other = replace_future(bars, at, until, "noise", np.random.default_rng(0))
    >>> other.height, bool((other["close"][:100] == bars["close"][:100]).all())
    (150, True)
    """
    past = bars.filter(pl.col("bar_close") <= instant)
    future = bars.filter(pl.col("bar_close").is_between(instant, until, closed="right"))
    if kind == "truncated":
        return past
    if kind == "tenfold":
        future = future.with_columns(pl.col(PRICES) * 10.0)
        both = pl.concat([past, future])
        if "adj_factor" in bars.columns:
            both = both.with_columns(pl.col("adj_factor") * _REBASED)
        return both.sort("symbol", "bar_close")
    if kind == "missing":
        names = future["symbol"].unique().sort().to_list()
        left = [str(rng.choice(names))] if names else []
        future = future.filter(pl.col("symbol").is_in(left))
    elif kind != "noise":
        raise UnknownName("kind of future", kind, KINDS)
    lots = future.partition_by("symbol", maintain_order=True)
    # Both ways where two symbols have bars; one falls, because it rises in the tenfold future.
    turn = rng.integers(2) if len(lots) > 1 else 0
    leaps = np.where((np.arange(len(lots)) + turn) % 2 == 0, -_LEAP, _LEAP).tolist()
    made = [_walk(rows, past, leap, rng) for rows, leap in zip(lots, leaps, strict=True)]
    return pl.concat([past, *made]).sort("symbol", "bar_close")


def _walk(rows: pl.DataFrame, past: pl.DataFrame, leap: float, rng: np.random.Generator) -> pl.DataFrame:
    """Return one symbol's bars as a leap from its last close and a random walk from there."""
    before = past.filter(pl.col("symbol") == rows["symbol"][0])[-1:]
    from_row = before if before.height else rows[:1]
    n = rows.height
    steps = rng.normal(0.0, _DAILY, n)
    steps[0] = leap
    close = float(from_row["close"][0]) * np.exp(np.cumsum(steps))
    open_ = close * np.exp(rng.normal(0.0, _DAILY / 2.0, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, _DAILY / 3.0, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, _DAILY / 3.0, n)))
    columns: dict[str, F64] = {"open": open_, "high": high, "low": low, "close": close}
    columns["volume"] = np.rint(float(from_row["volume"][0]) * rng.lognormal(0.0, 1.0, n))
    if "adj_factor" in rows.columns:
        ratio = rng.choice([1.0, 1.01, 2.0], n, p=[0.85, 0.1, 0.05])
        ratio[0] = rng.choice([1.01, 2.0])
        columns["adj_factor"] = float(from_row["adj_factor"][0]) * np.cumprod(ratio)
    return rows.with_columns(**{name: pl.Series(values) for name, values in columns.items()})
