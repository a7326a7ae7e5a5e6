"""The bar table as a dataframely schema: what each column holds and which rules its rows obey.

Imported only where a table is validated: dataframely costs a third of a second to import, which a live start
should not pay before its first bar is in doubt.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

__all__ = ["BarRows", "rule_text"]


class BarRows(dy.Schema):
    """Rows of the bar table, numbered, with the optional columns filled in."""

    row = dy.UInt32(nullable=False)
    symbol = dy.String(nullable=False, min_length=1)
    bar_close = dy.Datetime(nullable=False, time_unit="us", time_zone="UTC")
    open = dy.Float64(nullable=False, min_exclusive=0.0, allow_inf=False, allow_nan=False)
    high = dy.Float64(nullable=False, min_exclusive=0.0, allow_inf=False, allow_nan=False)
    low = dy.Float64(nullable=False, min_exclusive=0.0, allow_inf=False, allow_nan=False)
    close = dy.Float64(nullable=False, min_exclusive=0.0, allow_inf=False, allow_nan=False)
    volume = dy.Float64(nullable=False, min=0.0, allow_inf=False, allow_nan=False)
    adj_factor = dy.Float64(nullable=False, min_exclusive=0.0, allow_inf=False, allow_nan=False)
    available_at = dy.Datetime(nullable=False, time_unit="us", time_zone="UTC")

    @dy.rule()
    def high_not_below_low(cls) -> pl.Expr:  # noqa: N805  dataframely passes the schema
        """`high` ≥ `low`."""
        return pl.col("high") >= pl.col("low")

    @dy.rule()
    def open_in_range(cls) -> pl.Expr:  # noqa: N805
        """`open` between `low` and `high`; silent where high < low is already told."""
        return pl.col("open").is_between("low", "high") | (pl.col("high") < pl.col("low"))

    @dy.rule()
    def close_in_range(cls) -> pl.Expr:  # noqa: N805
        """`close` between `low` and `high`; silent where high < low is already told."""
        return pl.col("close").is_between("low", "high") | (pl.col("high") < pl.col("low"))

    @dy.rule()
    def known_after_close(cls) -> pl.Expr:  # noqa: N805
        """`available_at` ≥ `bar_close`: a bar is not known before it is complete."""
        return pl.col("available_at") >= pl.col("bar_close")

    @dy.rule()
    def in_order(cls) -> pl.Expr:  # noqa: N805
        """Within a symbol `bar_close` never goes back, nor `available_at` within one bar."""
        here, before = pl.col("bar_close"), pl.col("bar_close").shift(1).over("symbol")
        known, known_before = pl.col("available_at"), pl.col("available_at").shift(1).over("symbol")
        return ((here > before) | ((here == before) & (known >= known_before))).fill_null(value=True)

    @dy.rule()
    def not_twice(cls) -> pl.Expr:  # noqa: N805
        """No second row of a bar known at the same instant; in a table in order they are neighbours."""
        same = pl.col("bar_close") == pl.col("bar_close").shift(1).over("symbol")
        known = pl.col("available_at") == pl.col("available_at").shift(1).over("symbol")
        return (same & known).fill_null(value=False).not_()


_TEXT = {
    "high_not_below_low": "high must not be below low",
    "open_in_range": "open must lie between low and high",
    "close_in_range": "close must lie between low and high",
    "known_after_close": "available_at must not be before bar_close",
    "in_order": "bars must be in order of bar_close",
    "not_twice": "a bar must appear once",
}
_COLUMN_TEXT = {
    "nullability": "{} must not be missing",
    "nan": "{} must be a number, not NaN",
    "inf": "{} must be finite",
    "min_exclusive": "{} must be positive",
    "min": "{} must not be negative",
    "min_length": "{} must not be empty",
}


def rule_text(rule: str) -> str:
    """Return the words of a rule by the name dataframely gives it: "open|nan" → "open must be a number …"."""
    column, bar, check = rule.partition("|")
    return _COLUMN_TEXT[check].format(column) if bar else _TEXT[rule]
