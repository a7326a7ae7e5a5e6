"""Bars in and out of the project's bar table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from research.data.panel import to_panel
from tests.features.oracles.windows import Bars

__all__ = ["bar_table", "own_bars"]


def bar_table(
    symbol: str, bars: Bars, first: datetime = datetime(2001, 1, 1, 21, tzinfo=UTC)
) -> pl.DataFrame:
    """`bars` as a bar table, one bar a day from `first` on."""
    stamps = [first + timedelta(days=t) for t in range(len(bars.close))]
    columns = {"symbol": [symbol] * len(stamps), "bar_close": stamps, **bars._asdict()}
    return pl.DataFrame(columns, schema_overrides={"bar_close": pl.Datetime("us", "UTC")})


def own_bars(table: pl.DataFrame) -> dict[str, Bars]:
    """Adjusted bars of each symbol, without the rows on which only others have one."""
    panel = to_panel(table)
    has_bar = ~np.isnan(panel.close)
    adjusted = panel.adjusted()
    return {
        symbol: Bars(*(np.ascontiguousarray(x[has_bar[:, j], j]) for x in adjusted))
        for j, symbol in enumerate(panel.symbols)
    }
