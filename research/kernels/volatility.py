"""Volatility kernels with a finite window: deviations, range estimators, bands, skew, drawdown.

Window kernels, in the convention of `research.kernels.program`. Volatilities are stated per year
of 252 bars, whatever the bar.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.codes import CLOSE, LN_CLOSE, LN_HIGH, LN_LOW, LN_OPEN, RETURN
from research.kernels.jit import inlined
from research.kernels.windows import Array

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

_BARS_PER_YEAR = 252.0
_LN2 = math.log(2.0)


@inlined
def load_change_nb(
    x: Array, later: int, earlier: int, lag: np.uint64, low: np.uint64, stop: np.uint64, s: Array
) -> None:
    """Load the difference of two columns, the earlier one `lag` places before; low ≥ lag."""
    for i in range(low, stop):
        s[0, 0, i] = x[later, i] - x[earlier, i - lag]


@inlined
def load_downside_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the square of negative returns, 0 for others."""
    for i in range(low, stop):
        s[0, 0, i] = x[RETURN, i] * x[RETURN, i] if x[RETURN, i] < 0.0 else 0.0


@inlined
def load_ranges_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the variance that each bar shows by its range: Parkinson, Garman-Klass, Rogers-Satchell.

    ln²(h/l)/(4 ln 2); ½ ln²(h/l) − (2 ln 2 − 1) ln²(c/o); ln(h/c) ln(h/o) + ln(l/c) ln(l/o).
    """
    park = 1.0 / (4.0 * _LN2)
    body = 2.0 * _LN2 - 1.0
    for i in range(low, stop):
        span = x[LN_HIGH, i] - x[LN_LOW, i]
        s[0, 0, i] = park * (span * span)
    for i in range(low, stop):
        span = x[LN_HIGH, i] - x[LN_LOW, i]
        r = x[LN_CLOSE, i] - x[LN_OPEN, i]
        s[0, 1, i] = 0.5 * (span * span) - body * (r * r)
    for i in range(low, stop):
        o = x[LN_OPEN, i]
        h = x[LN_HIGH, i]
        l = x[LN_LOW, i]
        c = x[LN_CLOSE, i]
        s[0, 2, i] = (h - c) * (h - o) + (l - c) * (l - o)


@inlined
def annual_nb(rows: Array, variance: int, scale: float, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Volatility per year from a variance per bar, √(252·scale·variance); 0 on a flat window."""
    year = _BARS_PER_YEAR * scale
    for i in range(begin, stop):
        rows[out, i] = math.sqrt(year * rows[variance, i])


@inlined
def ranges_nb(
    rows: Array,
    park: int,
    klass: int,
    rogers: int,
    begin: np.uint64,
    stop: np.uint64,
    parkinson: int,
    garman_klass: int,
    rogers_satchell: int,
) -> None:
    """Range estimators per year from their mean variances per bar; 0 on bars without a range.

    Rounding may leave the mean of the latter two below 0 on bars without a range; that is 0.
    """
    annual_nb(rows, park, 1.0, begin, stop, parkinson)
    for i in range(begin, stop):
        rows[garman_klass, i] = math.sqrt(_BARS_PER_YEAR * max(rows[klass, i], 0.0))
    for i in range(begin, stop):
        rows[rogers_satchell, i] = math.sqrt(_BARS_PER_YEAR * max(rows[rogers, i], 0.0))


@inlined
def yang_zhang_nb(
    rows: Array,
    overnight: int,
    session: int,
    rogers: int,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Yang-Zhang volatility per year: overnight, open-to-close and range variance, best weighted.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    overnight, session : int
        Rows of the population variance of ln(o/c[1]) and of ln(c/o) over n bars.
    rogers : int
        Row of the mean Rogers-Satchell variance of the bars.
    n : int
        Window; k = 0.34/(1.34 + (n+1)/(n−1)) weighs the session.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of √(252·(σ²overnight + k·σ²session + (1−k)·σ²RS)), sample variances; 0 on bars that
        stand still.
    """
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    sample = n / (n - 1.0)
    for i in range(begin, stop):
        variance = sample * (rows[overnight, i] + k * rows[session, i]) + (1.0 - k) * rows[rogers, i]
        rows[out, i] = math.sqrt(_BARS_PER_YEAR * max(variance, 0.0))


@inlined
def bands_nb(
    x: Array,
    rows: Array,
    mean: int,
    variance: int,
    begin: np.uint64,
    stop: np.uint64,
    width: int,
    pctb: int,
) -> None:
    """Bollinger bands at ±2 population σ: their width over the mean, and the place of the close.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    mean, variance : int
        Rows of the moments of the window's closes.
    begin, stop : uint64
        Bars to fill.
    width : int
        Row of 4σ/mean; 0 on a flat window.
    pctb : int
        Row of (c − lower)/(upper − lower), 0.5 at the mean; NaN on a flat window.
    """
    for i in range(begin, stop):
        full = 4.0 * math.sqrt(rows[variance, i])
        rows[width, i] = full / rows[mean, i]
        rows[pctb, i] = (x[CLOSE, i] - rows[mean, i]) / full + 0.5 if full > 0.0 else np.nan


@inlined
def skew_nb(rows: Array, variance: int, third: int, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Skewness g1 = m3/m2^1.5 from population moments; NaN on a flat window."""
    for i in range(begin, stop):
        cube = rows[variance, i] * math.sqrt(rows[variance, i])
        rows[out, i] = rows[third, i] / cube if cube > 0.0 else np.nan


@inlined
def less_nb(rows: Array, a: int, minus: float, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Subtract a constant; a smallest ratio of later to earlier price becomes the drawdown, ≤ 0."""
    for i in range(begin, stop):
        rows[out, i] = rows[a, i] - minus
