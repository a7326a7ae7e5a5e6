"""Made-up bars for the data tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

START = datetime(2020, 1, 2, 21, tzinfo=UTC)


def instants(count: int, first: datetime = START) -> list[datetime]:
    return [first + timedelta(days=i) for i in range(count)]


def make_bars(name: str = "ACME", count: int = 5, **columns: Any) -> pl.DataFrame:
    """A valid table; `columns` replace whole columns."""
    close = 100.0 + np.arange(count)
    table = {
        "symbol": [name] * count,
        "bar_close": instants(count),
        "open": close - 1.0,
        "high": close + 2.0,
        "low": close - 2.0,
        "close": close,
        "volume": 1000.0 + np.arange(count),
    }
    frame = pl.DataFrame(table | columns)
    return frame.with_columns(pl.col("bar_close").cast(pl.Datetime("us", "UTC")))


def ragged_bars(seed: int, symbols: int = 4, days: int = 60, *, adjusted: bool = True) -> pl.DataFrame:
    """Random bars with late starts, early ends and gaps; splits and dividends in `adj_factor`."""
    rng = np.random.default_rng(seed)
    at = np.array([d.replace(tzinfo=None) for d in instants(days)], dtype="datetime64[us]")
    parts = []
    for n in range(symbols):
        here = np.zeros(days, dtype=bool)
        first, last = sorted(rng.choice(days, 2, replace=False))
        here[first : last + 1] = True
        here &= rng.random(days) > 0.2
        here[first] = True
        t = np.flatnonzero(here)
        close = 50.0 * np.exp(np.cumsum(0.02 * rng.standard_normal(t.size)))
        span = close * 0.01 * (1.0 + rng.random(t.size))
        ratio = np.where(rng.random(t.size) < 0.1, rng.choice([2.0, 1.004, 1.011, 0.1, 1.5], t.size), 1.0)
        part = pl.DataFrame(
            {
                "symbol": [f"S{n}"] * t.size,
                "bar_close": at[t],
                "open": close - span / 2,
                "high": close + span,
                "low": close - span,
                "close": close,
                "volume": np.floor(1e6 * rng.random(t.size)),
                "adj_factor": np.cumprod(ratio) * 0.37,
            }
        )
        parts.append(part)
    table = pl.concat(parts).with_columns(pl.col("bar_close").dt.replace_time_zone("UTC"))
    return table if adjusted else table.drop("adj_factor")
