"""How equal is equal: 1e-9 relative, above a floor for values that cancel towards zero.

A value is right when |value − expected| ≤ 1e-9 · max(|expected|, floor).

The floor says what "relative" means where terms cancel. A feature made of terms of size `SIZE`
(1 for ratios and logarithms, 100 for the 0-100 oscillators) carries rounding of about 1e-15·SIZE,
so below 1e-4·SIZE a relative error is an error of that rounding: `floor = 1e-4 · SIZE`, an
absolute tolerance of 1e-13·SIZE.

A recursive feature starts from a seed, TA-Lib's not always ours, and stops being NaN when the error that
this leaves is 1e-9 in the unit of its output. Until it has seen that many bars once more the
difference of the seeds is part of the truth, so there the floor is 1; after it, as above.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.features.oracles.reversion import regress_on_past
from tests.features.oracles.trend import log_slope
from tests.features.oracles.windows import (
    Bars,
    Series,
    highest,
    lag,
    log_returns,
    ratio,
    std,
    trailing,
    typical,
)

__all__ = ["RELATIVE", "disagreements", "floor", "undecided"]

RELATIVE = 1e-9

SIZE: dict[str, float] = {
    # Oscillators and scores of 0-100 or ±100, and percentages.
    **dict.fromkeys(
        ["rsi_2", "rsi_14", "stoch_k", "stoch_d", "willr_14", "cmo_14", "mfi_14", "aroonosc_14"], 100.0
    ),
    **dict.fromkeys(["adx_14", "di_diff_14", "roc_10", "roc_20", "trix_15"], 100.0),
    **dict.fromkeys(["trend_score", "risk_score"], 100.0),
    # Scores divide by a deviation: their terms are p, ln c or r over σ, thousands and tens.
    **dict.fromkeys(["z_20", "z_60", "cci_20", "momentum_score"], 1000.0),
    **dict.fromkeys(["skew_63", "autocorr1_63", "variance_ratio_5_63", "adaptive_mom"], 10.0),
    # A slope per bar is a price change over a window: its terms are 1/20 of ln c's.
    "slope_20": 0.1,
    # 10⁶·|r|/dollars: nothing cancels, and a large stock's is 1e-8.
    "amihud_21": 0.0,
}
"""Magnitude of a feature's terms where it is not 1."""


def floor(name: str, bars: int, settled: int = 0) -> Series:
    """(bars,) floors; `settled` is the bar from which the seed no longer counts."""
    size = SIZE.get(name, 1.0)
    return np.where(np.arange(bars) < settled, 1.0, 1e-4 * size)


def disagreements(name: str, value: Series, expected: Series, settled: int = 0) -> NDArray[np.bool_]:
    """(T,) True where one is NaN and the other not, or the error passes the tolerance."""
    allowed = RELATIVE * np.maximum(np.abs(expected), floor(name, len(expected), settled))
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(value - expected) <= allowed)
    return np.where(np.isnan(expected), ~np.isnan(value), far)


# --- bars on which rounding decides ------------------------------------------------------------------------
# Comparisons and counts jump. Where two sides agree to 1e-12 without being equal by construction, either
# answer is right and the bar is left out; windows of equal values are never left out.


def near(a: Series, b: Series) -> NDArray[np.bool_]:
    """True where a and b differ, but by rounding only."""
    return (a != b) & (np.abs(a - b) <= 1e-12 * np.maximum(np.abs(a), np.abs(b)))


def averages_touch(close: Series, fast: int, slow: int) -> NDArray[np.bool_]:
    """True where two averages meet although the window is not flat."""
    moved = trailing(close, slow, lambda w: w.max(axis=1) > w.min(axis=1)) == 1

    def gap(w: NDArray[np.longdouble]) -> NDArray[np.longdouble]:
        shifted = w - w[:, -1:]
        return np.abs(shifted[:, -fast:].mean(axis=1) - shifted.mean(axis=1)) / w[:, -1]

    return moved & (trailing(close, slow, gap) < 1e-12)


def cross(bars: Bars) -> NDArray[np.bool_]:
    """Averages that touch, on this bar or the one before."""
    touch = averages_touch(bars.close, 20, 50)
    return touch | np.concatenate([[False], touch[:-1]])


def trend(bars: Bars) -> NDArray[np.bool_]:
    """Close on its average, averages that touch, a level regression line."""
    x = np.log(bars.close)
    moved = trailing(x, 20, lambda w: w.max(axis=1) > w.min(axis=1)) == 1
    level = moved & (np.abs(log_slope(20)(bars)) < 1e-15)
    return averages_touch(bars.close, 1, 50) | averages_touch(bars.close, 50, 200) | level


def percentile(bars: Bars) -> NDArray[np.bool_]:
    """A volatility of the past year that equals today's but for rounding; standing still is exact."""

    def tied(w: NDArray[np.longdouble]) -> NDArray[np.bool_]:
        today = w[:, -1:]
        return (np.abs(w[:, :-1] - today) <= 1e-12 * today).any(axis=1) & (today[:, 0] > 0)

    return trailing(std(log_returns(bars.close), 21, 1), 252, tied) == 1


def money_flow(bars: Bars) -> NDArray[np.bool_]:
    """A typical price of the window that moved by rounding only."""
    price = typical(bars)
    return highest(near(price, lag(price, 1)).astype(np.float64), 14) > 0


def significance(bars: Bars) -> NDArray[np.bool_]:
    """t(b) on −2 or b on a bound."""
    b, t = regress_on_past(bars.close, 60)
    return (np.abs(t + 2) < 1e-9) | (np.abs(b + 1) < 1e-12) | (np.abs(b) < 1e-12)


def half_bar(bars: Bars) -> NDArray[np.bool_]:
    """An adaptive length halfway between two whole numbers."""
    sigma = std(log_returns(bars.close), 21, 1)
    length = 63 * ratio(trailing(sigma, 252, lambda w: np.median(w, axis=1)), sigma)
    return np.abs(length - np.floor(length) - 0.5) < 1e-9


_RULES: dict[str, Callable[[Bars], NDArray[np.bool_]]] = {
    "sma_cross_20_50": cross,
    "trend_score": trend,
    "risk_score": percentile,
    "mfi_14": money_flow,
    "ou_halflife_60": significance,
    "adaptive_mom": half_bar,
}


def undecided(name: str, bars: Bars) -> NDArray[np.bool_]:
    """(T,) True on the bars where rounding, not the definition, decides the feature."""
    if name not in _RULES:
        return np.zeros(len(bars.close), dtype=np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _RULES[name](bars)
