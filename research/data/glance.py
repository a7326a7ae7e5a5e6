"""Whether a bar table is plainly sound, at a glance.

In: a table with the bar table's types. Out: True, or "not to be seen so". The rules themselves, in
`research.data.schema`, tell what is wrong, and take ten milliseconds of a table of any size.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from research.data.bars import PRICES

__all__ = ["plainly_sound"]


def plainly_sound(table: pl.DataFrame) -> bool:
    """Return whether no row breaks a rule; False may only mean that one has to look closer."""
    if "available_at" in table.columns or not table.height:
        return False
    return all(table.select(_glance("adj_factor" in table.columns)).row(0))


@cache
def _glance(factor: bool) -> list[pl.Expr]:
    """Return what all has to hold, each as one truth; null where a value is missing."""
    symbol, close = pl.col("symbol"), pl.col("bar_close")
    begins = symbol != symbol.shift(1)  # null in the first row
    found = [
        (pl.col(name) > 0.0) & pl.col(name).is_finite() for name in (*PRICES, *(["adj_factor"] * factor))
    ]
    found += [
        (pl.col("volume") >= 0.0) & pl.col("volume").is_finite(),
        pl.col("high") >= pl.max_horizontal("open", "low", "close"),
        pl.col("low") <= pl.min_horizontal("open", "close"),
        symbol.str.len_bytes() > 0,
        close.is_not_null(),
    ]
    told = [one.all(ignore_nulls=False) for one in found]
    told += [
        (begins | (close > close.shift(1))).all(),
        begins.sum() + 1 == symbol.n_unique(),  # each symbol's rows are together
    ]
    return [one.alias(str(i)) for i, one in enumerate(told)]
