"""Volatility kernels with a finite window: deviations, range estimators, bands, skew, drawdown.

Window kernels, in the convention of `research.kernels.program`. Volatilities are stated per year
of 252 bars, whatever the bar.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = [
    "annual_nb",
    "bands_nb",
    "less_nb",
    "load_change_nb",
    "load_downside_nb",
    "load_ranges_nb",
    "ranges_nb",
    "skew_nb",
    "yang_zhang_nb",
]

BARS_PER_YEAR = 252.0
_LN2 = math.log(2.0)


@njit
def load_change_nb(x: Array, y: Array, n: int, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load x − y[n]; begin ≥ n."""
    lag = U(n)
    for i in range(begin, stop):
        s[0, 0, i] = x[i] - y[i - lag]


@njit
def load_downside_nb(r: Array, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the square of negative returns, 0 for others."""
    for i in range(begin, stop):
        s[0, 0, i] = r[i] * r[i] if r[i] < 0.0 else 0.0


@njit
def load_ranges_nb(
    ln_open: Array,
    ln_high: Array,
    ln_low: Array,
    ln_close: Array,
    begin: np.uint64,
    stop: np.uint64,
    s: Array,
) -> None:
    """Load the variance that each bar shows by its range: Parkinson, Garman-Klass, Rogers-Satchell.

    ln²(h/l)/(4 ln 2); ½ ln²(h/l) − (2 ln 2 − 1) ln²(c/o); ln(h/c) ln(h/o) + ln(l/c) ln(l/o).
    """
    park = 1.0 / (4.0 * _LN2)
    body = 2.0 * _LN2 - 1.0
    for i in range(begin, stop):
        o = ln_open[i]
        h = ln_high[i]
        l = ln_low[i]
        c = ln_close[i]
        square = (h - l) * (h - l)
        s[0, 0, i] = park * square
        s[0, 1, i] = 0.5 * square - body * ((c - o) * (c - o))
        s[0, 2, i] = (h - c) * (h - o) + (l - c) * (l - o)


@njit
def annual_nb(x: Array, scale: float, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Volatility per year from a variance per bar, √(252·scale·x); 0 on a flat window.

    Rounding may leave the mean of a range estimator below 0 on bars without a range; that is 0.
    """
    year = BARS_PER_YEAR * scale
    for i in range(begin, stop):
        # NaN compares false and passes through.
        out[i] = 0.0 if x[i] < 0.0 else math.sqrt(year * x[i])


@njit
def ranges_nb(
    park: Array,
    klass: Array,
    rogers: Array,
    begin: np.uint64,
    stop: np.uint64,
    parkinson: Array,
    garman_klass: Array,
    rogers_satchell: Array,
) -> None:
    """Range estimators per year from their mean variances per bar; 0 on bars without a range."""
    for i in range(begin, stop):
        parkinson[i] = math.sqrt(BARS_PER_YEAR * park[i])
    for i in range(begin, stop):
        garman_klass[i] = 0.0 if klass[i] < 0.0 else math.sqrt(BARS_PER_YEAR * klass[i])
    for i in range(begin, stop):
        rogers_satchell[i] = 0.0 if rogers[i] < 0.0 else math.sqrt(BARS_PER_YEAR * rogers[i])


@njit
def yang_zhang_nb(
    overnight: Array, session: Array, rogers: Array, n: int, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Yang-Zhang volatility per year: overnight, open-to-close and range variance, best weighted.

    Parameters
    ----------
    overnight, session : (T,) float64
        Population variance of ln(o/c[1]) and of ln(c/o) over n bars.
    rogers : (T,) float64
        Mean Rogers-Satchell variance of the bars.
    n : int
        Window; k = 0.34/(1.34 + (n+1)/(n−1)) weighs the session.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        √(252·(σ²overnight + k·σ²session + (1−k)·σ²RS)), sample variances; 0 on bars that stand still.
    """
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    sample = n / (n - 1.0)
    for i in range(begin, stop):
        variance = sample * (overnight[i] + k * session[i]) + (1.0 - k) * rogers[i]
        out[i] = 0.0 if variance < 0.0 else math.sqrt(BARS_PER_YEAR * variance)


@njit
def bands_nb(
    close: Array, mean: Array, variance: Array, begin: np.uint64, stop: np.uint64, width: Array, pctb: Array
) -> None:
    """Bollinger bands at ±2 population σ: their width over the mean, and the place of the close.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    mean, variance : (T,) float64
        Of the window's closes.
    begin, stop : uint64
        Rows to fill.
    width : (T,) float64, changed in place
        4σ/mean; 0 on a flat window.
    pctb : (T,) float64, changed in place
        (c − lower)/(upper − lower), 0.5 at the mean; NaN on a flat window.
    """
    for i in range(begin, stop):
        full = 4.0 * math.sqrt(variance[i])
        width[i] = full / mean[i]
        pctb[i] = (close[i] - mean[i]) / full + 0.5 if full > 0.0 else np.nan


@njit
def skew_nb(variance: Array, third: Array, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Skewness g1 = m3/m2^1.5 from population moments; NaN on a flat window."""
    for i in range(begin, stop):
        cube = variance[i] * math.sqrt(variance[i])
        out[i] = third[i] / cube if cube > 0.0 else np.nan


@njit
def less_nb(x: Array, minus: float, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Subtract a constant; a smallest ratio of later to earlier price becomes the drawdown, ≤ 0."""
    for i in range(begin, stop):
        out[i] = x[i] - minus
