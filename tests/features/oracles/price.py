"""Price family: returns, gaps and the shape of the bar."""

from __future__ import annotations

import numpy as np

from tests.features.oracles.windows import Bars, Formula, Series, lag, table


def log_change(n: int) -> Formula:
    """ln(c / c[n])."""
    return lambda bars: np.log(bars.close / lag(bars.close, n))


def momentum(far: int, near: int) -> Formula:
    """ln(c[near] / c[far]): a year without its last month for (252, 21). Jegadeesh, Titman 1993."""
    return lambda bars: np.log(lag(bars.close, near) / lag(bars.close, far))


def per_range(numerator: Series, bars: Bars) -> Series:
    """`numerator` / (h − l), 0 on a flat bar."""
    span = bars.high - bars.low
    return np.where(span == 0, 0.0, numerator / np.where(span == 0, 1.0, span))


def clv(bars: Bars) -> Series:
    """Close location value, −1 at the low and 1 at the high. Chaikin."""
    return per_range((bars.close - bars.low) - (bars.high - bars.close), bars)


ORACLES = table(
    {
        **{f"ret_{n}": log_change(n) for n in (1, 2, 5, 10, 21, 63, 126, 252)},
        "mom_12_1": momentum(252, 21),
        "gap": lambda bars: np.log(bars.open / lag(bars.close, 1)),
        "intraday": lambda bars: np.log(bars.close / bars.open),
        "clv": clv,
        "range_pct": lambda bars: (bars.high - bars.low) / bars.close,
        "body": lambda bars: per_range(bars.close - bars.open, bars),
    }
)
