"""Trend family: moving averages, regression lines, channels."""

from __future__ import annotations

import numpy as np
import talib

from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    deviations,
    highest,
    lag,
    lowest,
    mean,
    ratio,
    slope,
    table,
    trailing,
)


def dist_sma(n: int) -> Formula:
    """c / SMA − 1, as the mean of c − x over the average: no cancellation."""

    def formula(bars: Bars) -> Series:
        above = trailing(bars.close, n, lambda w: (w[:, -1:] - w).mean(axis=1))
        return above / mean(bars.close, n)

    return formula


def sma_over_sma(fast: int, slow: int) -> Formula:
    """SMA fast / SMA slow − 1."""
    return lambda bars: mean(bars.close, fast) / mean(bars.close, slow) - 1


def dist_ema(n: int) -> Formula:
    """c / EMA − 1, α = 2/(n+1), TA-Lib's EMA (seeded by the first SMA)."""
    return lambda bars: bars.close / talib.EMA(bars.close, n) - 1


def log_slope(n: int) -> Formula:
    """Least-squares slope of ln c per bar."""
    return lambda bars: slope(np.log(bars.close), n)


def r_squared(n: int) -> Formula:
    """Squared correlation of ln c with time; undefined on a flat window."""
    time = np.arange(n, dtype=np.longdouble) - (n - 1) / 2

    def share(w: Matrix) -> Matrix:
        d = deviations(w)
        explained = (d * time).sum(axis=1) ** 2 / (time**2).sum()
        return np.asarray(ratio(explained, (d**2).sum(axis=1)))

    return lambda bars: trailing(np.log(bars.close), n, share)


def hi_dist(n: int) -> Formula:
    """c / highest high − 1, ≤ 0, the current bar included. George, Hwang 2004 for 252."""
    return lambda bars: bars.close / highest(bars.high, n) - 1


def lo_dist(n: int) -> Formula:
    """c / lowest low − 1, ≥ 0."""
    return lambda bars: bars.close / lowest(bars.low, n) - 1


def donchian(n: int) -> Formula:
    """Place of the close in the channel of highs and lows, 0 to 1; undefined when flat."""

    def formula(bars: Bars) -> Series:
        bottom, top = lowest(bars.low, n), highest(bars.high, n)
        return ratio(bars.close - bottom, top - bottom)

    return formula


def sma_above(close: Series, fast: int, slow: int) -> Series:
    """Sign of SMA fast − SMA slow, exactly 0 on a flat window; NaN in the warm-up."""

    def sign(w: Matrix) -> Matrix:
        shifted = w - w[:, -1:]
        gap = shifted[:, -fast:].mean(axis=1) - shifted.mean(axis=1)
        noise = np.abs(shifted).max(axis=1) * 1e-13
        return np.where(np.abs(gap) <= noise, 0, np.sign(gap))

    return trailing(close, slow, sign)


def sma_cross(fast: int, slow: int) -> Formula:
    """+1 where SMA fast is above now and was not on the bar before, −1 below, else 0."""

    def formula(bars: Bars) -> Series:
        now = sma_above(bars.close, fast, slow)
        before = lag(now, 1)
        cross = ((now > 0) & (before <= 0)) * 1.0 - ((now < 0) & (before >= 0)) * 1.0
        return np.where(np.isnan(before), np.nan, cross)

    return formula


ORACLES = table(
    {
        **{f"dist_sma_{n}": dist_sma(n) for n in (5, 10, 20, 50, 200)},
        **{f"dist_ema_{n}": dist_ema(n) for n in (12, 26, 50)},
        "sma_20_50": sma_over_sma(20, 50),
        "sma_50_200": sma_over_sma(50, 200),
        "slope_20": log_slope(20),
        "r2_20": r_squared(20),
        "hi_dist_20": hi_dist(20),
        "lo_dist_20": lo_dist(20),
        "hi_dist_252": hi_dist(252),
        "donchian_pos_20": donchian(20),
        "sma_cross_20_50": sma_cross(20, 50),
    }
)
