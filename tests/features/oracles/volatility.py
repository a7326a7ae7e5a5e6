"""Volatility family. All standard deviations are annualised by √252, as the design's `vol` is."""

from __future__ import annotations

import math

import numpy as np
import talib

from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    deviations,
    lag,
    log_returns,
    mean,
    ratio,
    std,
    table,
    trailing,
)

YEAR = 252


def annual(variance: Series) -> Series:
    """√(252 · variance per bar)."""
    return np.sqrt(YEAR * variance)


def vol(n: int, ddof: int = 1) -> Formula:
    """Sample standard deviation of n log returns."""
    return lambda bars: annual(std(log_returns(bars.close), n, ddof) ** 2)


def vol_ratio(short: int, long: int, ddof: int = 1) -> Formula:
    """σ short / σ long."""

    def formula(bars: Bars) -> Series:
        r = log_returns(bars.close)
        return np.asarray(ratio(std(r, short, ddof), std(r, long, ddof)))

    return formula


def parkinson(n: int) -> Formula:
    """Mean of ln²(h/l) / (4 ln 2). Parkinson 1980."""
    return lambda bars: annual(mean(np.log(bars.high / bars.low) ** 2, n) / (4 * math.log(2)))


def garman_klass(n: int) -> Formula:
    """Mean of ½ ln²(h/l) − (2 ln 2 − 1) ln²(c/o). Garman, Klass 1980, the practical estimator."""

    def formula(bars: Bars) -> Series:
        high_low, body = np.log(bars.high / bars.low), np.log(bars.close / bars.open)
        return annual(mean(high_low**2 / 2 - (2 * math.log(2) - 1) * body**2, n))

    return formula


def rs_variance(bars: Bars) -> Series:
    """ln(h/c) ln(h/o) + ln(l/c) ln(l/o), per bar. Rogers, Satchell 1991."""
    up = np.log(bars.high / bars.close) * np.log(bars.high / bars.open)
    down = np.log(bars.low / bars.close) * np.log(bars.low / bars.open)
    return np.asarray(up + down)


def rogers_satchell(n: int) -> Formula:
    """Mean Rogers-Satchell variance; the bars' own are ≥ 0 but for rounding."""
    return lambda bars: annual(np.maximum(mean(rs_variance(bars), n), 0))


def yang_zhang(n: int, ddof: int = 1, alpha: float = 1.34) -> Formula:
    """σ²overnight + k σ²open-to-close + (1−k) σ²RS, k = (α−1)/(α+(n+1)/(n−1)). Yang, Zhang 2000, eq. 10."""
    k = (alpha - 1) / (alpha + (n + 1) / (n - 1))

    def formula(bars: Bars) -> Series:
        overnight = std(np.log(bars.open / lag(bars.close, 1)), n, ddof) ** 2
        session = std(np.log(bars.close / bars.open), n, ddof) ** 2
        return annual(overnight + k * session + (1 - k) * mean(rs_variance(bars), n))

    return formula


def bb_width(n: int, ddof: int = 0) -> Formula:
    """4 population σ of the close over its SMA. Bollinger 2002."""
    return lambda bars: 4 * std(bars.close, n, ddof) / mean(bars.close, n)


def bb_pctb(n: int, ddof: int = 0) -> Formula:
    """(c − lower band) / (upper − lower), bands at 2 population σ."""

    def formula(bars: Bars) -> Series:
        sigma = std(bars.close, n, ddof)
        return np.asarray(ratio(bars.close - mean(bars.close, n) + 2 * sigma, 4 * sigma))

    return formula


def ewma_vol(alpha: float) -> Formula:
    """√ of the exponential average of r², zero mean. RiskMetrics 1996, table 5.1."""

    def formula(bars: Bars) -> Series:
        r = log_returns(bars.close)
        variance, average = np.full(len(r), np.nan), r[1] ** 2
        for t in range(1, len(r)):
            average += alpha * (r[t] ** 2 - average)
            variance[t] = average
        return annual(variance)

    return formula


def downside_vol(n: int) -> Formula:
    """√ of the mean over all n bars of min(r, 0)², target 0. Sortino, Price 1994."""
    return lambda bars: annual(mean(np.minimum(log_returns(bars.close), 0) ** 2, n))


def skewness(n: int, bias: bool = True) -> Formula:
    """g1 = m3 / m2^1.5 with population moments; undefined on a flat window."""
    factor = 1.0 if bias else math.sqrt(n * (n - 1)) / (n - 2)

    def g1(w: Matrix) -> Matrix:
        d = deviations(w)
        return np.asarray(ratio((d**3).mean(axis=1), (d**2).mean(axis=1) ** 1.5))

    return lambda bars: factor * trailing(log_returns(bars.close), n, g1)


def max_drawdown(n: int) -> Formula:
    """Deepest c / running peak − 1 inside the n closes, ≤ 0."""

    def deepest(w: Matrix) -> Matrix:
        return np.asarray((w / np.maximum.accumulate(w, axis=1) - 1).min(axis=1))

    return lambda bars: trailing(bars.close, n, deepest)


ORACLES = table(
    {
        "atr_pct_14": lambda bars: talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close,
        **{f"vol_{n}": vol(n) for n in (10, 21, 63)},
        "parkinson": parkinson(21),
        "garman_klass": garman_klass(21),
        "rogers_satchell": rogers_satchell(21),
        "yang_zhang_21": yang_zhang(21),
        "bb_width_20": bb_width(20),
        "bb_pctb_20": bb_pctb(20),
        "vol_ratio_10_63": vol_ratio(10, 63),
        "ewma_vol_60": ewma_vol(2 / 61),
        "downside_vol_21": downside_vol(21),
        "skew_63": skewness(63),
        "maxdd_63": max_drawdown(63),
    }
)
