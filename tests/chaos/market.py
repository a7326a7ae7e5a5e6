"""Markets made by chance: a quiet past that warms the strategy up, then the bars that are traded.

In: a generator of chance, how many bars. Out: a bar table of three symbols, daily or of one minute, and where
trading begins. Prices are on the cent and move enough for averages of one and two bars to cross all the time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from tests.fake_alpaca.sessions import Calendar

SYMBOLS = ("AAA", "BBB", "CCC")
PAST = 430  # bars: what the shared features need before the first decision is 412
FIRST = date(2021, 3, 1)
RATIOS = (2.0, 1.5, 0.1, 0.05)  # shares that one share becomes; of most positions a fraction is left over


@dataclass(frozen=True, eq=False)
class Market:
    """Bars, their length as Alpaca says it, and the closes of those that are traded (UTC)."""

    bars: pl.DataFrame
    timeframe: str
    calendar: Calendar
    start: datetime
    closes: list[datetime]


def market(draw: random.Random, bars: int, *, daily: bool, splits: bool) -> Market:
    """Make a market of `bars` bars after its past; with `splits`, each symbol's shares are split once."""
    calendar = Calendar.of()
    days = (PAST + bars) * 7 // 5 + 40 if daily else (PAST + bars) // 390 * 2 + 10
    sessions = calendar.between(FIRST, FIRST + timedelta(days=days))
    if daily:
        closes = [session.close for session in sessions]
    else:
        minute = timedelta(minutes=1)
        closes = [
            s.open + n * minute for s in sessions for n in range(1, int((s.close - s.open) / minute) + 1)
        ]
    closes = closes[: PAST + bars]
    tables = []
    for symbol in SYMBOLS:
        # Each symbol once, on a day of its own.
        split_at = draw.randrange(PAST + 1, PAST + bars - 1) if splits else None
        ratio = draw.choice(RATIOS) if splits else 1.0
        tables.append(_symbol(symbol, closes, draw, 0.012 if daily else 0.004, split_at, ratio))
    return Market(
        pl.concat(tables).sort("symbol", "bar_close"),
        "1Day" if daily else "1Min",
        calendar,
        closes[PAST - 1] + timedelta(seconds=1),
        closes[PAST:],
    )


def _symbol(
    symbol: str,
    closes: list[datetime],
    draw: random.Random,
    step: float,
    split_at: int | None,
    ratio: float,
) -> pl.DataFrame:
    chance = np.random.default_rng(draw.getrandbits(32))
    n = len(closes)
    # Drawn back to its level, so that no price wanders off in thousands of bars.
    level, path = 0.0, np.empty(n)
    for i, move in enumerate(chance.normal(0.0, step, n)):
        level = 0.98 * level + move
        path[i] = level
    close = 80.0 * np.exp(path)
    begin = np.concatenate([close[:1], close[:-1]]) * np.exp(chance.normal(0.0, step / 4, n))
    high = np.maximum(begin, close) * np.exp(np.abs(chance.normal(0.0, step / 2, n)))
    low = np.minimum(begin, close) * np.exp(-np.abs(chance.normal(0.0, step / 2, n)))
    factor = np.ones(n)
    if split_at is not None:
        factor[split_at:] = ratio  # adj_factor
        for values in (begin, high, low, close):
            values[split_at:] /= ratio
    begin, high, low, close = (np.round(values, 2) for values in (begin, high, low, close))
    return pl.DataFrame(
        {
            "symbol": [symbol] * n,
            "bar_close": pl.Series(closes, dtype=pl.Datetime("us", "UTC")),
            "open": begin,
            "high": np.maximum.reduce([begin, high, close]),
            "low": np.minimum.reduce([begin, low, close]),
            "close": close,
            "volume": 1_000.0 + np.arange(n) % 7,
            "adj_factor": factor,
        }
    )
